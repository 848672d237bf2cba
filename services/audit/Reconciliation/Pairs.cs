using System.Globalization;

namespace Exchange.Audit.Reconciliation;

/// <summary>One report of a step that both cities report.</summary>
/// <param name="Subject">The exchange, or the correction.</param>
/// <param name="Step">Which step.</param>
/// <param name="By">Whose report it is.</param>
/// <param name="Times">How many of the other city's reports it answers to.</param>
/// <param name="Says">What the other city must say too.</param>
internal sealed record StepReport(Guid Subject, string Step, Reporter By, long Times, string? Says);

internal enum Reporter
{
    Asking,
    Owning,

    /// <summary>The owning city says that an act of the asking city came too late to change anything.</summary>
    Ignoring,
}

/// <summary>
/// Which records tell of one step from both sides: the audit column of contracts/README.md. What the owning city decides carries the word for it and the request's version in
/// both records, and is matched one by one. What the asking city does has a line below, and is matched by how often each city reports it, since an act that is pending does not
/// know the version the owning city will give it.
/// </summary>
internal static class Pairs
{
    /// <summary>In the owning city's record of what it heard from the asking city: who said it.</summary>
    private const string HeardFrom = "heard_from";

    private static readonly Pair[] Known =
    [
        new("submission", "request.submitted", ["request.received"]) { Says = r => Text(r.Requesting, r.Service, r.ServiceVersion, r.Detail("fields"), r.Detail("use_until")) },
        new("supplement", "request.supplemented", ["request.supplemented"]),
        // One that was never sent is the asking city's own affair; one that came after the reply ended the grant.
        new("withdrawal", "request.withdrawn", ["request.withdrawn", "grant.ended"]) { Asked = r => r.Result != "withdrawn", Heard = r => r.Type != "grant.ended" || r.Detail(HeardFrom) is not null },
        new("change", "change.asked", ["change.received"]),
        new("repair", "repair.reported", ["repair.reported"]),
        new("consultation", "service_change.answered", ["service_change.answered"]),
        new("dispute", "dispute.position", ["dispute.position"]),
        new("disposal", "disposal.recorded", ["disposal.recorded"]),
        new("correction", "correction.filed", ["correction.received"]) { Subject = Correction, Says = r => r.Detail("field") },
        new("correction answer", "correction.answer_received", ["correction.answered"]) { Subject = Correction, Says = r => r.Result },
        // One answer is told to every exchange that received the data.
        new("correction told", "correction.told", ["correction.answered"]) { Subject = Correction, Heard = r => r.Detail("told") is not null, Times = r => long.TryParse(r.Detail("told"), CultureInfo.InvariantCulture, out var told) ? told : 0, Says = r => Text(r.Detail("field"), r.Detail("error_from"), r.Detail("error_to")) },
    ];

    private static readonly ILookup<string, Pair> ByAskingType = Known.ToLookup(pair => pair.Asking, StringComparer.Ordinal);

    private static readonly ILookup<string, Pair> ByOwningType = Known.SelectMany(pair => pair.Owning.Select(type => (type, pair))).ToLookup(known => known.type, known => known.pair, StringComparer.Ordinal);

    public static IEnumerable<StepReport> Of(Seen record)
    {
        if (record.Detail("decision") is { } decision && record.ExchangeId is { } exchange)
        {
            var heard = record.Type == "decision.received";
            return record.Source != record.Detail(heard ? "asking_city" : "owning_city") ? []
                : [new StepReport(exchange, $"{decision} {record.Detail("version")}", heard ? Reporter.Asking : Reporter.Owning, 1, Text(record.Result, record.Approval, record.Service, record.ServiceVersion, record.Detail("fields"), record.Detail("use_until")))];
        }
        if (record.Type == "act.ignored")
        {
            return ByAskingType[record.Detail("act") ?? ""].Where(pair => pair.Subject(record) is not null && SideOf(record, owning: true))
                .Select(pair => new StepReport(pair.Subject(record)!.Value, pair.Step, Reporter.Ignoring, 1, null));
        }
        return ByAskingType[record.Type].Where(pair => pair.Asked(record) && SideOf(record, owning: false)).Select(pair => (pair, By: Reporter.Asking, Times: 1L))
            .Concat(ByOwningType[record.Type].Where(pair => pair.Heard(record) && SideOf(record, owning: true)).Select(pair => (pair, By: Reporter.Owning, Times: pair.Times(record))))
            .Where(found => found.pair.Subject(record) is not null)
            .Select(found => new StepReport(found.pair.Subject(record)!.Value, found.pair.Step, found.By, found.Times, found.pair.Says(record)));
    }

    /// <summary>A city speaks for itself only. One that asks itself reports both sides, the second as heard; records that name no cities have a word for each side.</summary>
    private static bool SideOf(Seen record, bool owning)
    {
        var (asking, owner) = (record.Detail("asking_city"), record.Detail("owning_city"));
        return asking is null || owner is null || (asking == owner
            ? record.Source == owner && (OneWord(record.Type) ? record.Detail(HeardFrom) is not null == owning : true)
            : record.Source == (owning ? owner : asking));
    }

    private static bool OneWord(string type) => ByAskingType[type].Any(pair => pair.Owning.Contains(type, StringComparer.Ordinal));

    private static Guid? Correction(Seen record) => Guid.TryParse(record.Detail("correction"), out var id) ? id : null;

    private static string Text(params object?[] parts) => string.Join('|', parts.Select(part => Convert.ToString(part, CultureInfo.InvariantCulture)));

    private static string? Detail(this Seen record, string name) => record.Details.GetValueOrDefault(name);

    private sealed record Pair(string Step, string Asking, string[] Owning)
    {
        public Func<Seen, Guid?> Subject { get; init; } = record => record.ExchangeId;
        public Func<Seen, bool> Asked { get; init; } = _ => true;
        public Func<Seen, bool> Heard { get; init; } = _ => true;
        public Func<Seen, long> Times { get; init; } = _ => 1;
        public Func<Seen, string?> Says { get; init; } = _ => null;
    }
}
