using System.Globalization;
using Dapper;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>
/// An operator's word that a source has really deleted what a run held back. It is for exactly those entries: what the source loses after that is judged anew,
/// and what it has again by then stays.
/// </summary>
internal static class ConfirmRemoval
{
    private static readonly Rule NothingHeldBack = new("nothing-held-back", StatusCodes.Status409Conflict, null,
        new("该次读取没有待确认的移除，或其后已有新的读取。", "That run holds nothing back, or the source was read since."),
        new("请重新查看该来源最近一次读取。", "Look at the source's newest run."));

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/operations/sources/{source}/confirm", HandleAsync)
        .AllowOperators()
        .Writes()
        .WithTags("operations")
        .WithSummary("Confirm that a harvested catalogue really deleted what a run held back")
        .Produces(StatusCodes.Status202Accepted)
        .Produces<Problem>(StatusCodes.Status409Conflict, "application/problem+json");

    private static async Task<IResult> HandleAsync(string source, Confirmation body, Caller caller, GatewaySettings settings, Transaction transaction, CancellationToken cancel)
    {
        if (settings.Sources.All(s => s.Id != source))
        {
            return Pipeline.NotFound();
        }

        if (body.RunId is not { } run)
        {
            var faults = new Faults();
            faults.Add("run_id", "required", null, new("请填写所确认的那次读取。", "Say which run you confirm."));
            return new Refused(faults);
        }

        var confirmed = await transaction.Connection.QuerySingleOrDefaultAsync<int?>(new CommandDefinition(Confirm, new { source, run }, cancellationToken: cancel));
        if (confirmed is not { } count)
        {
            return new Refused(NothingHeldBack);
        }

        await transaction.RecordAsync(new AuditRecord
        {
            Type = "harvest.removal_confirmed",
            Result = "confirmed",
            Details = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["source"] = source,
                ["run"] = run.ToString(),
                ["count"] = count.ToString(CultureInfo.InvariantCulture),
            },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["operator"] = caller.Subject },
        }, cancel);
        return TypedResults.Accepted((string?)null);
    }

    /// <summary>What the operator has looked at.</summary>
    internal sealed record Confirmation
    {
        /// <summary>The newest run of the source, which held the removals back.</summary>
        public Guid? RunId { get; init; }
    }

    private const string Confirm = """
        with newest as (
            select run_id, outcome, removal from harvest_runs where source = @source and outcome <> 'failed' order by run_id desc limit 1)
        update harvest_sources s set confirmed = newest.removal, next_run_at = clock_timestamp()
        from newest
        where s.source = @source and newest.run_id = @run and newest.outcome = 'held_back'
        returning cardinality(newest.removal)
        """;
}
