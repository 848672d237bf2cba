using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>Who used our data under a grant: what was delivered and acknowledged, what the asking department recorded of its use (art. 29), a kept copy, and the quota.</summary>
internal static class ShowUse
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/approvals/{id:guid}/use", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, FormFaults.None, StatusCodes.Status200OK, cancel)).ForSignedIn(ApprovalsPages.Readers);
        pages.MapForm("/approvals/{id:guid}/use", SetQuotaAsync).ForSignedIn(Roles.Reviewer, Roles.SharingHead);
    }

    private static async Task<IResult> SetQuotaAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var body = new JsonObject();
        List<(string?, string)> wrong = [];
        foreach (var name in new[] { "calls", "rows", "bytes" })
        {
            var written = visit.Form[$"quota-{name}"].ToString().Replace(",", "", StringComparison.Ordinal).Trim();
            if (written.Length > 0 && !long.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            {
                wrong.Add(($"quota-{name}", visit.T("请填写整数，不填即按本市设定。", "Write a whole number, or nothing for the city's setting.")));
            }

            body[name] = long.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var limit) ? limit : null;
        }

        if (wrong.Count > 0)
        {
            return await PageAsync(id, visit, api, new FormFaults { All = wrong }, StatusCodes.Status422UnprocessableEntity, cancel);
        }

        var answer = await api.PutAsync<QuotaState>($"/api/cities/{visit.Person!.City}/grants/{id}/quota", body, null, null, cancel);
        return answer.Problem is { } problem
            ? await PageAsync(id, visit, api, FormFaults.Of(problem, field => $"quota-{field}"), problem.Status, cancel)
            : visit.SeeOther($"/approvals/{id}/use?done=quota");
    }

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var answer = await api.GetAsync<RequestView>(ShowApproval.Path(visit, id), cancel);
        if (answer.Value is not { } view)
        {
            return visit.Refusal(answer.Problem!);
        }

        var grant = $"/api/cities/{city}/grants/{id}";
        var deliveries = api.GetAsync<IReadOnlyList<DeliveryReceipt>>($"{grant}/deliveries", cancel);
        var quota = api.GetAsync<QuotaState>($"{grant}/quota", cancel);
        var receiver = api.GetAsync<ReceiverState>($"{ShowApproval.Path(visit, id)}/standing", cancel);
        // The asking department keeps its records in its own city, and shows them to the provider there.
        var uses = api.GetAsync<UseRecordList>($"/api/cities/{view.Asking.City}/grants/{id}/use-records?limit=100", cancel);
        await Task.WhenAll(deliveries, quota, receiver, uses);
        return visit.Page<UsePage, UseModel>(new UseModel
        {
            View = view,
            Deliveries = deliveries.Result.Value,
            Quota = quota.Result.Value,
            Receiver = receiver.Result.Value,
            Uses = uses.Result.Value?.Items,
            UsesMore = uses.Result.Value?.Next is not null,
            UsesProblem = uses.Result.Problem,
            Faults = faults,
            Done = status == StatusCodes.Status200OK ? ApprovalAct.DoneWords(visit.Http.Request.Query["done"]) : null,
            LivePath = $"{grant}/deliveries",
        }, status);
    }
}

/// <summary>What the page of a grant's use shows. What is null could not be read, or is not there yet.</summary>
public sealed record UseModel
{
    public required RequestView View { get; init; }
    public IReadOnlyList<DeliveryReceipt>? Deliveries { get; init; }
    public QuotaState? Quota { get; init; }
    public ReceiverState? Receiver { get; init; }
    public IReadOnlyList<UseRecord>? Uses { get; init; }
    public bool UsesMore { get; init; }
    public Problem? UsesProblem { get; init; }
    public required FormFaults Faults { get; init; }
    public Text? Done { get; init; }
    public required string LivePath { get; init; }
}

/// <summary>One delivery under a grant.</summary>
public sealed record DeliveryReceipt
{
    public required Guid DeliveryId { get; init; }
    public required string Form { get; init; }
    public IReadOnlyList<string>? Fields { get; init; }
    public SentFile? File { get; init; }
    public required DateTimeOffset OpenedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>complete, aborted or failed; absent while it runs.</summary>
    public string? Outcome { get; init; }

    public long? Rows { get; init; }
    public long? Bytes { get; init; }
    public ReceivedState? Acknowledgement { get; init; }
}

/// <summary>A file that was sent.</summary>
public sealed record SentFile(string Name, int Version);

/// <summary>What the receiver says it got.</summary>
public sealed record ReceivedState
{
    /// <summary>equal or different.</summary>
    public required string Result { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>How a grant stands with its quotas.</summary>
public sealed record QuotaState
{
    public required DateTimeOffset ResetsAt { get; init; }
    public required int PeriodSeconds { get; init; }
    public IReadOnlyList<QuotaLimit> Limits { get; init; } = [];
}

/// <summary>One limit of a running period.</summary>
public sealed record QuotaLimit(string Name, string Unit, long Limit, long Used);

/// <summary>How far a department that keeps a copy has come.</summary>
public sealed record ReceiverState
{
    public SentChanges? LastDelivery { get; init; }
    public SentChanges? Acknowledged { get; init; }
    public DateTimeOffset? BehindSince { get; init; }
    public StandingExchangeProgressed? Receiver { get; init; }
    public Text? Reason { get; init; }
    public DateTimeOffset? HeardAt { get; init; }
}

/// <summary>A delivery of changes.</summary>
public sealed record SentChanges
{
    public required DateTimeOffset OpenedAt { get; init; }
    public string? Outcome { get; init; }
    public long? Rows { get; init; }
    public DateTimeOffset? AcknowledgedAt { get; init; }
}
