using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Exchange.Catalogue.Grants;
using Exchange.Local;
using Exchange.Local.Accounts;

namespace Exchange.Benchmarks;

/// <summary>The participants at work in a running stack.</summary>
internal sealed class Work : IDisposable
{
    private readonly ConcurrentDictionary<string, Participant> participants = new(StringComparer.Ordinal);

    public Work(Stack stack)
    {
        Stack = stack;
        Gateway = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { BaseAddress = stack.PublicAddress, Timeout = TimeSpan.FromSeconds(60) };
    }

    public Stack Stack { get; }

    public HttpClient Gateway { get; }

    private const string Scenario = "测量（示例）";

    /// <summary>States what the grants here are for.</summary>
    public static readonly string Purpose = PurposeCode.Of(Scenario);

    public Participant Who(string role, string city = "changsha") => participants.GetOrAdd($"{city} {role}", _ => new Participant(Gateway, Stack.Accounts.First(a =>
        a.City == city && a.Roles.Contains(role) && (role == "authority" || a.ClientId.Contains("-labour-", StringComparison.Ordinal)))) { Purpose = Purpose });

    /// <summary>An entry that only waits for its publication; answers its id and ETag.</summary>
    /// <param name="name">Its title.</param>
    /// <param name="personal">With a person's name in it.</param>
    /// <param name="fields">Other items than the usual ones.</param>
    /// <param name="format">What the data is: a table, or a file.</param>
    public async Task<(string Id, string Etag)> PrepareAsync(string name, bool personal = false, object[]? fields = null, string format = "table")
    {
        var officer = Who("officer");
        var draft = (await officer.PostAsync("/api/cities/changsha/datasets", new
        {
            Name = name,
            DepartmentCode = officer.Account.Department,
            Abstract = "用于测量的条目（示例）",
            Theme = "C0300",
            Format = format,
            UpdateFrequency = "monthly",
            SharingType = personal ? "conditional" : "unconditional",
            SharingConditions = personal ? "共享范围：人社部门；使用用途：测量" : null,
            SharingMethod = format == "table" ? "rows" : "file",
            Classification = "general",
            Grade = 1,
            Fields = fields ?? (personal
                ? [new { Name = "person", Title = "姓名", Type = "C", Length = 60, Personal = true }, new { Name = "code", Title = "代码", Type = "I" }]
                : [new { Name = "code", Title = "代码", Type = "C", Length = 20 }]),
        })).Succeeded("draft");
        var id = draft["dataset_id"].GetString()!;
        var assessed = (await officer.PostAsync($"/api/cities/changsha/datasets/{id}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = personal ? "passed" : "not_applicable" } }, draft.ETag)).Succeeded("assess");
        var approved = (await Who("department_head").PostAsync($"/api/cities/changsha/datasets/{id}/approve", etag: assessed.ETag)).Succeeded("approve");
        return (id, approved.ETag!);
    }

    /// <summary>Three rows of Changsha's granted to Zhuzhou's labour department; answers the grant and the dataset.</summary>
    public async Task<(string Grant, Guid Dataset)> GrantAsync()
    {
        var (id, etag) = await PrepareAsync($"交付测量{Guid.NewGuid():N}（示例）", personal: true);
        var published = await PublishAsync(id, etag);
        using var csv = new StringContent("person,code\r\n示例甲,1\r\n示例乙,2\r\n示例丙,3\r\n", Encoding.UTF8, "text/csv");
        (await Who("officer").PutAsync($"/api/cities/changsha/datasets/{id}/rows", csv, published.ETag)).Succeeded("load rows");
        return (await GrantAsync(id, ["person", "code"], new { Decision = "approve" }), Guid.Parse(id));
    }

    public async Task<Answer> PublishAsync(string id, string etag) => (await Who("authority").PostAsync($"/api/cities/changsha/datasets/{id}/publish", etag: etag)).Succeeded("publish");

    /// <summary>Asked for by Zhuzhou's labour department and answered with this decision; active once its data is there.</summary>
    public async Task<string> GrantAsync(string dataset, string[] fields, object decision)
    {
        var (officer, head) = (Who("officer", "zhuzhou"), Who("sharing_head", "zhuzhou"));
        var draft = await UntilAsync(() => officer.PostAsync("/api/cities/zhuzhou/requests", new
        {
            DatasetId = dataset,
            LegalBasis = "测量（示例）",
            Scenario,
            Scope = "测量（示例）",
            Fields = fields,
            UseUntil = DateOnly.FromDateTime(DateTime.UtcNow).AddYears(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        }), a => a.Status == 201);
        var request = draft["id"].GetString()!;
        var signed = (await head.PostAsync($"/api/cities/zhuzhou/requests/{request}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{request}/submit", etag: signed.ETag)).Succeeded("submit");
        var received = await UntilAsync(() => Who("reviewer").GetAsync($"/api/cities/changsha/approvals/{request}"), a => a.Status == 200);
        var decided = (await Who("reviewer").PostAsync($"/api/cities/changsha/approvals/{request}/decide", decision, received.ETag)).Succeeded("decide");
        (await Who("sharing_head").PostAsync($"/api/cities/changsha/approvals/{request}/sign-off", etag: decided.ETag)).Succeeded("sign off the reply");
        await UntilAsync(() => Who("integrator", "zhuzhou").GetAsync($"/api/cities/changsha/grants/{request}"), a => a.Status == 200 && a["state"].GetString() == "active");
        return request;
    }

    private static async Task<Answer> UntilAsync(Func<Task<Answer>> ask, Func<Answer, bool> holds)
    {
        for (var patience = 0; ; patience++)
        {
            var answer = await ask();
            if (holds(answer))
                return answer;
            if (patience == 200)
                throw new LocalFault(answer.Text);
            await Task.Delay(100);
        }
    }

    public void Dispose()
    {
        foreach (var participant in participants.Values)
            participant.Dispose();
        Gateway.Dispose();
    }

    public static string Milliseconds(IReadOnlyList<double> sorted, double quantile) =>
        sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(quantile * sorted.Count) - 1)].ToString("0.0", CultureInfo.InvariantCulture);
}
