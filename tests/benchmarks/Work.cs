using System.Collections.Concurrent;
using System.Globalization;
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

    public Participant Who(string role) => participants.GetOrAdd(role, r => new Participant(Gateway, Stack.Accounts.First(a =>
        a.City == "changsha" && a.Roles.Contains(r) && (r == "authority" || a.ClientId.Contains("-labour-", StringComparison.Ordinal)))));

    /// <summary>An entry that only waits for its publication; answers its id and ETag.</summary>
    public async Task<(string Id, string Etag)> PrepareAsync(string name)
    {
        var officer = Who("officer");
        var draft = (await officer.PostAsync("/api/cities/changsha/datasets", new
        {
            Name = name,
            DepartmentCode = officer.Account.Department,
            Abstract = "用于测量的条目（示例）",
            Theme = "C0300",
            Format = "table",
            UpdateFrequency = "monthly",
            SharingType = "unconditional",
            SharingMethod = "rows",
            Classification = "general",
            Grade = 1,
            Fields = new object[] { new { Name = "code", Title = "代码", Type = "C", Length = 20 } },
        })).Succeeded("draft");
        var id = draft["id"].GetString()!;
        var assessed = (await officer.PostAsync($"/api/cities/changsha/datasets/{id}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = "not_applicable" } }, draft.ETag)).Succeeded("assess");
        var approved = (await Who("department_head").PostAsync($"/api/cities/changsha/datasets/{id}/approve", etag: assessed.ETag)).Succeeded("approve");
        return (id, approved.ETag!);
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
