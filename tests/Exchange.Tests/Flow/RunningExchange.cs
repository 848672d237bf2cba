using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Exchange.Catalogue.Grants;
using Exchange.Local;
using Exchange.Local.Accounts;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>Three cities, gateway and audit on private servers, as processes; shared by the tests that act as participants. They run one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class RunningExchange : ICollectionFixture<ExchangeFixture>
{
    public const string Name = "running exchange";
}

public class ExchangeFixture : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Participant> participants = new(StringComparer.Ordinal);

    internal Stack Stack { get; private set; } = null!;

    internal Collector Collector { get; private set; } = null!;

    internal HttpClient Gateway { get; private set; } = null!;

    public virtual async ValueTask InitializeAsync()
    {
        Collector = await Collector.StartAsync();
        Stack = await Stack.StartAsync(Options());
        Gateway = Connect();
    }

    private protected virtual StackOptions Options() => StackOptions.ForTests() with
    {
        // One person may hold several roles; the samples have none who does.
        MoreAccounts =
        [
            TwoRoles("changsha", "11430100EXAMPL020U", "reviewer"),
            TwoRoles("zhuzhou", "11430200EXAMPL0201", "officer"),
            TwoRoles("changsha", "11430100EXAMPL020U", "officer") with { ClientId = "changsha-labour-all", Roles = ["officer", "department_head", "authority"] },
        ],
        Settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Collector.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "200",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "2000",
            ["City__SweepEvery"] = "00:00:00.5",
            ["Gateway__RepairEvery"] = "00:00:01",
            ["Services__Networks__0"] = "127.0.0.0/8",
            ["Standing__Every"] = "00:00:00.1",
            ["Standing__FirstRetry"] = "00:00:00.2",
            ["Webhooks__Every"] = "00:00:00.1",
            ["Webhooks__FirstRetry"] = "00:00:00.1",
        },
    };

    private protected virtual HttpClient Connect() => new() { BaseAddress = Stack.PublicAddress, Timeout = TimeSpan.FromSeconds(60) };

    public virtual async ValueTask DisposeAsync()
    {
        Gateway.Dispose();
        await Stack.DisposeAsync();
        await Collector.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>The person or program of the city's labour department with this role; <c>authority</c> and <c>operator</c> are the city's.</summary>
    internal Participant Who(string city, string role, string department = "labour") => Who(Stack.Accounts.First(a =>
        a.City == city && a.Roles.Contains(role)
        && (role is "authority" or "operator" || a.ClientId.Contains($"-{department}-", StringComparison.Ordinal) || (department == "labour" && a.DepartmentName?.EndsWith("人力资源和社会保障局", StringComparison.Ordinal) == true))).ClientId);

    internal Participant Who(string clientId) => participants.GetOrAdd(clientId, id => new Participant(Gateway, Stack.Account(id)) { Purpose = PurposeCode.Of(Scenario) });

    /// <summary>Everyone signs in anew: tokens of before belong to another time.</summary>
    internal void SignOut() => participants.Clear();

    /// <summary>A published entry of the city's labour department, with three rows when it is a table.</summary>
    internal async Task<JsonElement> PublishAsync(string city, string sharing, string? name = null, bool standing = false, string[]? fields = null, bool rowsToo = true)
    {
        var officer = Who(city, "officer");
        var title = name ?? $"参保核验（示例）{Guid.NewGuid():N}";
        var draft = (await officer.PostAsync($"/api/cities/{city}/datasets", Draft(title, sharing, officer.Account.Department!, fields))).Succeeded("draft");
        var id = draft["dataset_id"].GetGuid();
        var published = await ReviewAsync(city, id, draft.ETag);
        if (!rowsToo)
        {
            return published.Json;
        }

        var rows = fields is null
            ? "person,months,remark\r\n示例甲,12,\r\n示例乙,240,\"=1+1,\"\"x\"\"\"\r\n示例丙,3,末\r\n"
            : $"{string.Join(',', fields)}\r\n{string.Join(',', fields.Select(f => $"示例{f}"))}\r\n";
        // A city that has just lost its database tells so once for each connection it kept.
        var loaded = (await Eventually.GetAsync(
            async () =>
            {
                using var csv = new StringContent(rows, Encoding.UTF8, "text/csv");
                return await officer.PutAsync($"/api/cities/{city}/datasets/{id}/rows", csv, published.ETag);
            },
            a => a.Status != 503,
            show: a => a.Text)).Succeeded("load rows");
        if (!standing)
        {
            return loaded.Json;
        }

        using var reply = new StringContent($$"""{"reply":"{{(sharing == "refused" ? "refuse" : "approve")}}"}""", Encoding.UTF8, "application/json");
        return (await Who(city, "sharing_head").PutAsync($"/api/cities/{city}/datasets/{id}/standing-sign-off", reply, loaded.ETag)).Succeeded("standing sign-off").Json;
    }

    /// <summary>A published entry of the city's labour department whose data is a file, or a service; none is there yet.</summary>
    internal async Task<(Guid Dataset, string ETag)> PublishFileEntryAsync(string city, string format = "document/pdf")
    {
        var officer = Who(city, "officer");
        var draft = (await officer.PostAsync($"/api/cities/{city}/datasets", Draft($"参保月报（示例）{Guid.NewGuid():N}", "conditional", officer.Account.Department!, null, format))).Succeeded("draft");
        var published = await ReviewAsync(city, draft["dataset_id"].GetGuid(), draft.ETag);
        return (published["dataset_id"].GetGuid(), published.ETag!);
    }

    /// <summary>Hands in a file as the city's labour department; the answer's ETag is the entry's.</summary>
    internal Task<Answer> HandInAsync(string city, Guid dataset, string name, HttpContent content, string etag) =>
        Who(city, "officer").PutAsync($"/api/cities/{city}/datasets/{dataset}/files/{Uri.EscapeDataString(name)}", content, etag);

    /// <summary>Another text of the entry, published in place of the one before.</summary>
    internal async Task<Answer> RepublishAsync(string city, Guid dataset, string sharing, string[]? fields = null)
    {
        var officer = Who(city, "officer");
        var now = (await officer.GetAsync($"/api/cities/{city}/datasets/{dataset}")).Succeeded("read");
        var text = Draft($"参保核验（示例）{Guid.NewGuid():N}", sharing, officer.Account.Department!, fields);
        var revised = (await officer.PutAsync($"/api/cities/{city}/datasets/{dataset}", text, now.ETag)).Succeeded("revise");
        return await ReviewAsync(city, dataset, revised.ETag);
    }

    internal async Task<Answer> ReviewAsync(string city, Guid dataset, string? etag)
    {
        var assessed = (await Who(city, "officer").PostAsync($"/api/cities/{city}/datasets/{dataset}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = "passed" } }, etag)).Succeeded("assess");
        var approved = (await Who(city, "department_head").PostAsync($"/api/cities/{city}/datasets/{dataset}/approve", etag: assessed.ETag)).Succeeded("approve");
        return (await Who(city, "authority").PostAsync($"/api/cities/{city}/datasets/{dataset}/publish", etag: approved.ETag)).Succeeded("publish");
    }

    /// <summary>A request of Zhuzhou's labour department, drafted once its city has heard of the dataset.</summary>
    internal async Task<Answer> DraftRequestAsync(Guid dataset, DateOnly? until = null, string[]? fields = null, string city = "zhuzhou") => await Eventually.GetAsync(
        () => Who(city, "officer").PostAsync($"/api/cities/{city}/requests", RequestBody(dataset, until, fields)),
        a => a.Status == 201 || !a.Text.Contains("unknown-dataset", StringComparison.Ordinal),
        show: a => a.Text);

    /// <summary>使用场景 of the requests below; every participant states it as the purpose of its calls.</summary>
    internal const string Scenario = "核验参保情况（示例）";

    internal static object RequestBody(Guid dataset, DateOnly? until = null, string[]? fields = null) => new
    {
        DatasetId = dataset,
        LegalBasis = "社会保险关系转移接续（示例）",
        Scenario,
        Scope = "经办人员（示例）",
        Fields = fields ?? ["person", "months"],
        UseUntil = (until ?? DateOnly.FromDateTime(DateTime.UtcNow).AddYears(1)).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };

    /// <summary>Signed and submitted; answers the id.</summary>
    internal async Task<string> SubmitAsync(Guid dataset, DateOnly? until = null, string[]? fields = null)
    {
        var draft = (await DraftRequestAsync(dataset, until, fields)).Succeeded("draft");
        var id = draft["id"].GetString()!;
        var signed = (await Who("zhuzhou", "sharing_head").PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: signed.ETag)).Succeeded("submit");
        return id;
    }

    internal Task<Answer> ReceivedAsync(string id) => Eventually.GetAsync(() => Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200, show: a => a.Text);

    internal Task<Answer> MirrorAsync(string id, string state) => Eventually.GetAsync(
        () => Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/requests/{id}"), a => a.Status == 200 && a["state"].GetString() == state, show: a => a.Text);

    /// <summary>Proposed by the reviewer and signed by the head of Changsha's sharing office.</summary>
    internal async Task<Answer> GrantAsync(string id, object? decision = null)
    {
        var received = await ReceivedAsync(id);
        var decided = (await Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/decide", decision ?? new { Decision = "approve" }, received.ETag)).Succeeded("decide");
        return (await Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag)).Succeeded("sign off the reply");
    }

    /// <summary>The exchange as Changsha has it, once it is so.</summary>
    internal Task<Answer> OwningAsync(string id, Func<Answer, bool> until) =>
        Eventually.GetAsync(() => Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200 && until(a), show: a => a.Text);

    /// <summary>An act of the labour department of Changsha, or of the city's authority.</summary>
    internal async Task OwnAsync(string id, string role, string act, object? body = null)
    {
        var now = await OwningAsync(id, _ => true);
        (await Who("changsha", role).PostAsync($"/api/cities/changsha/approvals/{id}/{act}", body, now.ETag)).Succeeded(act);
    }

    /// <summary>The leaves of an exchange once this many of each of these types are recorded.</summary>
    internal Task<Answer> TimelineAsync(string id, params string[] types) => Eventually.GetAsync(
        () => Who("zhuzhou", "officer").GetAsync($"/api/audit/exchanges/{id}"),
        a => a.Status == 200 && types.All(t => a["events"].EnumerateArray().Any(e => e.GetProperty("type").GetString() == t)),
        show: a => a.Text);

    /// <summary>Once nothing about the exchange is on its way any more, the report of gaps has nothing to say about it, not even at once.</summary>
    internal Task<Answer> PairedAsync(string id) => Eventually.GetAsync(
        () => Who("zhuzhou", "officer").GetAsync("/api/audit/gaps?settle=0&limit=500"),
        a => a.Status == 200 && !a["decisions"].EnumerateArray().Concat(a["deliveries"].EnumerateArray()).Any(gap => gap.GetProperty("exchange_id").GetString() == id),
        show: a => a.Text);

    private static Account TwoRoles(string city, string department, string role) => new()
    {
        ClientId = $"{city}-labour-deputy",
        Secret = Guid.NewGuid().ToString("N"),
        Type = SampleAccounts.Person,
        Name = "示例·一人两职",
        City = city,
        Department = department,
        Roles = [role, "sharing_head", .. role == "reviewer" ? ["authority"] : Array.Empty<string>()],
    };

    internal static object Draft(string name, string sharing, string department, string[]? fields, string format = "table") => new
    {
        Name = name,
        DepartmentCode = department,
        Abstract = "参保人员核验用表（示例）",
        Theme = "C0300",
        Format = format,
        UpdateFrequency = "monthly",
        SharingType = sharing,
        SharingConditions = sharing switch { "conditional" => "共享范围：人社部门；使用用途：转移接续", "refused" => "法律明确规定不予共享（示例）", _ => null },
        SharingMethod = format switch { "table" => "rows", "service" => "service", _ => "file" },
        RefusalLaw = sharing == "refused" ? "《示例法》第一条" : null,
        Classification = "general",
        Grade = 3,
        Fields = fields is not null ? [.. fields.Select(f => new { Name = f, Title = f, Type = "C", Length = 50, Personal = true })] : new object[]
        {
            new { Name = "person", Title = "姓名", Type = "C", Length = 50, Personal = true },
            new { Name = "months", Title = "缴费月数", Type = "I" },
            new { Name = "remark", Title = "备注", Type = "M" },
        },
    };
}
