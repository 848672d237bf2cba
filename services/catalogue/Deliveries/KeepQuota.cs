using System.Globalization;
using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Deliveries;

/// <summary>The quotas of a grant: both parties see limits and use, the provider sets other limits than the city's. They hold from the next call on.</summary>
internal static class KeepQuota
{
    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapGet("/{id:guid}/quota", GetAsync).AllowCallers()
            .WithSummary("What the grant and its department may take in the running period, and what is used of it. Each answer with data says the same in RateLimit headers.");
        grants.MapPut("/{id:guid}/quota", PutAsync).AllowCallers(Roles.Reviewer, Roles.SharingHead).Writes()
            .WithSummary("The provider sets how many calls, rows and bytes the grant gives in a period; what is left out follows the city's setting.");
    }

    private static async Task<Results<Ok<QuotaView>, Refused>> GetAsync(Guid id, Caller caller, City city, Database database, Quotas quotas, CancellationToken cancel) =>
        await ReadGrants.FindAsync(database, id, caller, city, cancel) is { } grant
            ? TypedResults.Ok(QuotaView.Of(await quotas.ReadAsync(database, grant, cancel)))
            : Pipeline.NotFound();

    private static async Task<Results<Ok<QuotaView>, Refused>> PutAsync(Guid id, Body body, Caller caller, City city, Database database, Quotas quotas, Transaction transaction, CancellationToken cancel)
    {
        if (await ReadGrants.FindAsync(database, id, caller, city, cancel) is not { } grant || caller.City != city.Id || caller.Department != grant.OwningDepartment)
        {
            return Pipeline.NotFound();
        }

        var faults = new Faults();
        foreach (var (field, limit) in body.Limits.Where(l => l.Value is <= 0))
        {
            faults.Add(field, "range", null, new("须大于 0；不填则按本市设定。", "It is above 0; left out, the city's setting holds."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set quota_calls = @Calls, quota_rows = @Rows, quota_bytes = @Bytes where exchange_id = @id", new { body.Calls, body.Rows, body.Bytes, id }, cancellationToken: cancel));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "grant.quota_set",
            ExchangeId = id,
            Requesting = grant.AskingDepartment,
            Providing = grant.OwningDepartment,
            Service = grant.DatasetId,
            ServiceVersion = grant.DatasetVersion,
            Details = body.Limits.Where(l => l.Value is not null).ToDictionary(l => l.Key, l => l.Value!.Value.ToString(CultureInfo.InvariantCulture), StringComparer.Ordinal),
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
        }, cancel);
        return TypedResults.Ok(QuotaView.Of(await quotas.ReadAsync(database, grant with { QuotaCalls = body.Calls, QuotaRows = body.Rows, QuotaBytes = body.Bytes }, cancel)));
    }

    internal sealed record Body
    {
        public long? Calls { get; init; }
        public long? Rows { get; init; }
        public long? Bytes { get; init; }

        internal IEnumerable<KeyValuePair<string, long?>> Limits => [new("calls", Calls), new("rows", Rows), new("bytes", Bytes)];
    }
}

/// <summary>How a grant stands with its quotas.</summary>
internal sealed record QuotaView
{
    /// <summary>When the running period ends and everything can be taken anew.</summary>
    public required DateTimeOffset ResetsAt { get; init; }

    public required int PeriodSeconds { get; init; }

    /// <summary>Each limit that there is, by the name it has in the RateLimit headers.</summary>
    public required IReadOnlyList<QuotaLine> Limits { get; init; }

    public static QuotaView Of(Allowance allowance) => new() { ResetsAt = allowance.Resets, PeriodSeconds = (int)allowance.Period.TotalSeconds, Limits = allowance.Lines };
}
