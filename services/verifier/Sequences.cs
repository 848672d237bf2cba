using System.Globalization;

namespace Exchange.Verifier;

/// <summary>
/// The order of a log's records: receive times that never go back, event ids that come once, and per source numbers without a gap, each naming the digest of
/// the one before. A record may stand behind later ones of its source, as one does that was lost on its way and sent again; its number must be there all the same.
/// What is known of every leaf is its event id, some thirty bytes.
/// </summary>
internal sealed class Sequences(TrustedLog log)
{
    private const int ConflictsNamed = 5;
    private const string LogItself = "audit";

    private readonly HashSet<Guid> ids = [];
    private readonly Dictionary<string, Source> sources = new(StringComparer.Ordinal);
    private readonly List<ulong> conflicts = [];
    private readonly DateTime earliest = Later(new DateOnly(log.Year, 1, 1), log.From).ToDateTime(TimeOnly.MinValue);
    private readonly DateTime latest = Earlier(new DateOnly(log.Year, 12, 31), log.To).ToDateTime(TimeOnly.MaxValue);

    private (ulong Index, Text Reason)? fault;
    private DateTime first;
    private DateTime last;
    private ulong conflictCount;
    private bool opened;
    private bool closed;

    /// <param name="index">One more than the last time.</param>
    /// <param name="read">Null for a leaf that is no record.</param>
    public void Take(ulong index, Entry? read)
    {
        if (read is not { } entry)
        {
            Fault(index, "不是审计记录的格式", "has not the form of an audit record");
            return;
        }
        CheckPlace(index, entry);
        if (!ids.Add(entry.Id))
        {
            Fault(index, $"重复了先前已有的事件编号 {entry.Id}", $"repeats the event id {entry.Id} of an earlier one");
        }
        if (!sources.TryGetValue(entry.Source, out var source))
        {
            sources[entry.Source] = source = new Source(entry.Source);
        }
        source.Records++;
        if (entry.Seq is { } seq)
        {
            CheckNumber(index, source, seq, entry);
        }
        else if (entry.Source != LogItself)
        {
            Fault(index, $"没有来源 {source.Name} 的编号", $"carries no number of its source {source.Name}");
        }
        if (entry.Kind == EntryKind.Conflict && conflictCount++ < ConflictsNamed)
        {
            conflicts.Add(index);
        }
    }

    /// <summary>Refuses the first faulty leaf. A gap is known only now, when nothing can fill it any more.</summary>
    public void Finish()
    {
        foreach (var source in sources.Values)
        {
            // Where a year begins a source goes on from the numbers of the year before.
            var before = opened ? null : (long?)0;
            foreach (var run in source.Runs)
            {
                if (before is { } number && run.First != number + 1)
                {
                    var missing = run.First == number + 2 ? $"{number + 1}" : $"{number + 1}–{run.First - 1}";
                    Fault(run.Index, $"之前缺少来源 {source.Name} 的第 {missing} 号", $"comes without number {missing} of its source {source.Name}");
                }
                before = run.Last;
            }
        }
        if (fault is var (index, reason))
        {
            throw new Refusal($"第 {index} 号记录{reason.Zh}。", $"Record {index} {reason.En}.");
        }
    }

    /// <summary>What was read, in words.</summary>
    public IEnumerable<string> Told(bool zh)
    {
        if (ids.Count == 0)
        {
            yield break;
        }
        yield return zh ? $"  收到时间：{Time(first)} 至 {Time(last)}" : $"  received from {Time(first)} to {Time(last)}";
        yield return zh ? $"  来源：{sources.Count} 个" : $"  sources: {sources.Count}";
        foreach (var source in sources.Values.OrderBy(source => source.Name, StringComparer.Ordinal))
        {
            var numbers = source.Runs is [var run] ? zh ? $"，编号 {run.First}–{run.Last}" : $", numbers {run.First}–{run.Last}" : "";
            yield return zh ? $"    {source.Name}：{source.Records} 条{numbers}" : $"    {source.Name}: {source.Records} records{numbers}";
        }
        if (conflictCount > 0)
        {
            var more = conflictCount > ConflictsNamed ? ", …" : "";
            yield return zh
                ? $"  记有 {conflictCount} 处冲突（同一事件编号先后到达两种内容）：第 {string.Join(", ", conflicts)}{more} 号记录"
                : $"  {conflictCount} conflicts are told (an event id that arrived with two contents): records {string.Join(", ", conflicts)}{more}";
        }
    }

    private void CheckPlace(ulong index, Entry entry)
    {
        if (index == 0)
        {
            first = last = entry.ReceivedAt;
        }
        if (entry.ReceivedAt < last)
        {
            Fault(index, $"的收到时间 {Time(entry.ReceivedAt)} 早于前一条的 {Time(last)}", $"was received at {Time(entry.ReceivedAt)}, before the one in front of it ({Time(last)})");
        }
        if (entry.ReceivedAt < earliest || entry.ReceivedAt > latest)
        {
            Fault(index, $"的收到时间 {Time(entry.ReceivedAt)} 不在该日志的期间内", $"was received at {Time(entry.ReceivedAt)}, outside the time of this log");
        }
        last = entry.ReceivedAt;
        if (closed)
        {
            Fault(index, "在日志关闭之后", "stands behind the end of the log");
        }
        var speaksForItself = entry.Source == LogItself && entry.Seq is null;
        closed |= speaksForItself && entry.Kind == EntryKind.Closed;
        if (speaksForItself && entry.Kind == EntryKind.Opened)
        {
            opened |= index == 0;
            if (index > 0)
            {
                Fault(index, "称日志开始，却不是第一条", "opens the log without being its first");
            }
        }
    }

    private void CheckNumber(ulong index, Source source, long seq, Entry entry)
    {
        if (seq < 1 || (seq == 1) != (entry.Prev is null))
        {
            Fault(index, $"（来源 {source.Name} 第 {seq} 号）应恰在编号大于 1 时写明前一条的摘要", $"(number {seq} of {source.Name}) must name the record before exactly when its number is above 1");
            return;
        }
        var at = source.Place(seq);
        var before = at > 0 ? source.Runs[at - 1] : null;
        var after = at < source.Runs.Count ? source.Runs[at] : null;
        if (before?.Last >= seq)
        {
            Fault(index, $"重复了来源 {source.Name} 的第 {seq} 号（来源曾被恢复到较早的状态？）", $"repeats number {seq} of its source {source.Name} (was the source restored to an earlier state?)");
            return;
        }
        var run = before;
        if (before?.Last == seq - 1)
        {
            if (entry.Prev != before.LastDigest)
            {
                WrongPrevious(index, source, seq);
            }
            (before.Last, before.LastDigest) = (seq, entry.Digest);
        }
        else
        {
            source.Runs.Insert(at, run = new Run { First = seq, Last = seq, Index = index, FirstPrev = entry.Prev, LastDigest = entry.Digest });
        }
        if (after?.First == seq + 1)
        {
            if (after.FirstPrev != entry.Digest)
            {
                WrongPrevious(after.Index, source, seq + 1);
            }
            (run!.Last, run.LastDigest) = (after.Last, after.LastDigest);
            source.Runs.Remove(after);
        }
    }

    private void WrongPrevious(ulong index, Source source, long seq) => Fault(index,
        $"（来源 {source.Name} 第 {seq} 号）所写的前一条摘要与第 {seq - 1} 号不符",
        $"(number {seq} of {source.Name}) names another digest than that of number {seq - 1}");

    // A gap that closes late may show a fault further in front.
    private void Fault(ulong index, string zh, string en)
    {
        if (fault is null || index < fault.Value.Index)
        {
            fault = (index, new Text(zh, en));
        }
    }

    private static string Time(DateTime at) => at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    private static DateOnly Later(DateOnly a, DateOnly b) => a > b ? a : b;

    private static DateOnly Earlier(DateOnly a, DateOnly b) => a < b ? a : b;

    /// <summary>A source's numbers as they were found: one run when nothing is missing between them.</summary>
    private sealed class Source(string name)
    {
        public string Name { get; } = Words.Plain(name);

        public ulong Records { get; set; }

        /// <summary>By their numbers, none touching the next.</summary>
        public List<Run> Runs { get; } = [];

        /// <summary>How many runs begin at or below this number.</summary>
        public int Place(long seq)
        {
            var (low, high) = (0, Runs.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = Runs[middle].First <= seq ? (middle + 1, high) : (low, middle);
            }
            return low;
        }
    }

    /// <summary>Numbers without a gap between them.</summary>
    private sealed class Run
    {
        public required long First { get; init; }
        public required long Last { get; set; }

        /// <summary>The leaf of the first number.</summary>
        public required ulong Index { get; init; }

        public required Digest? FirstPrev { get; init; }
        public required Digest LastDigest { get; set; }
    }
}
