using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>One run as operators see it.</summary>
internal sealed record RunView
{
    public required Guid RunId { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>complete, unchanged, incomplete, held_back or failed.</summary>
    public required string Outcome { get; init; }

    /// <summary>Machine word of why it failed.</summary>
    public string? Rule { get; init; }

    public string? Reason { get; init; }

    public required int Calls { get; init; }

    /// <summary>After decompression.</summary>
    public required long Bytes { get; init; }

    /// <summary>Entries by the source's own count.</summary>
    public int? Stated { get; init; }

    public required int Read { get; init; }

    public required int Taken { get; init; }

    /// <summary>Read and not taken.</summary>
    public required int Faulty { get; init; }

    public required int Added { get; init; }

    public required int Changed { get; init; }

    public required int Removed { get; init; }

    /// <summary>Entries that the source no longer has and that are still shown.</summary>
    public required int HeldBack { get; init; }

    /// <summary>Entries in the catalogue after the run.</summary>
    public required int Shown { get; init; }

    public required int FaultCount { get; init; }

    /// <summary>Every reason why the source's count, what was read and what is shown are not the same number.</summary>
    public required IReadOnlyList<Difference> Differences { get; init; }

    internal static RunView Of(RunRow row, string language)
    {
        List<Difference> differences = [];
        if (row.Outcome is not ("failed" or "unchanged"))
        {
            Add("source-count", (row.Stated ?? row.Read) - row.Read, new("来源自报的数量与读到的不一致。", "The source says another number than it gave."));
            Add("faulty", row.Faulty, new("读到但有误，未采用；见 faults。", "Read and not taken; see faults."));
            Add("kept", row.Kept, new("有误的条目中此前已有的，仍按原样展示。", "Faulty ones that were there before and are shown as they were."));
            Add("held-back", row.HeldBack, new("来源已没有，但尚未移除。", "The source no longer has them; they are not removed yet."));
            Add("unexplained", row.Shown - row.Taken - row.Kept - row.HeldBack, new("目录中的数量无法由以上各项解释；下一次读取会修复。", "The catalogue's number is not explained by these; the next run repairs it."));
        }

        return new RunView
        {
            RunId = row.RunId,
            StartedAt = row.StartedAt,
            EndedAt = row.EndedAt,
            Outcome = row.Outcome,
            Rule = row.Rule,
            Reason = language == "en" ? row.ReasonEn : row.ReasonZh,
            Calls = row.Calls,
            Bytes = row.Bytes,
            Stated = row.Stated,
            Read = row.Read,
            Taken = row.Taken,
            Faulty = row.Faulty,
            Added = row.Added,
            Changed = row.Changed,
            Removed = row.Removed,
            HeldBack = row.HeldBack,
            Shown = row.Shown,
            FaultCount = row.FaultCount,
            Differences = differences,
        };

        void Add(string rule, int count, Text message)
        {
            if (count != 0)
            {
                differences.Add(new Difference(rule, count, message.In(language)));
            }
        }
    }
}

/// <param name="Rule">source-count, faulty, kept, held-back or unexplained.</param>
/// <param name="Count">How many entries; below zero where there are more than expected.</param>
/// <param name="Message">The same in words.</param>
internal sealed record Difference(string Rule, int Count, string Message);

internal sealed record RunRow
{
    public required Guid RunId { get; init; }
    public required string Source { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset EndedAt { get; init; }
    public required string Outcome { get; init; }
    public string? Rule { get; init; }
    public string? ReasonZh { get; init; }
    public string? ReasonEn { get; init; }
    public required int Calls { get; init; }
    public required long Bytes { get; init; }
    public int? Stated { get; init; }
    public required int Read { get; init; }
    public required int Taken { get; init; }
    public required int Faulty { get; init; }
    public required int Kept { get; init; }
    public required int Added { get; init; }
    public required int Changed { get; init; }
    public required int Removed { get; init; }
    public required int HeldBack { get; init; }
    public required int Shown { get; init; }
    public required int FaultCount { get; init; }

    public const string Columns = """
        run_id, source, started_at, ended_at, outcome, rule, reason_zh, reason_en, calls, bytes, stated, read, taken, faulty, kept, added, changed, removed,
        cardinality(removal) as held_back, shown, fault_count
        """;
}
