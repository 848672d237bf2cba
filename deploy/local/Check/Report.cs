using Exchange.Hosting;

namespace Exchange.Local.Check;

/// <summary>What the checker asserts, in the order in which it is told. The word is the name in <c>--json</c> and stays.</summary>
internal enum Invariant
{
    /// <summary>Every part answers, and what was on its way has arrived.</summary>
    Rest,

    /// <summary>Each accepted command has exactly one effect.</summary>
    Effects,

    /// <summary>Each step has one audit record.</summary>
    Records,

    /// <summary>The cross-city catalogue is the union of the cities.</summary>
    Catalogue,

    /// <summary>No grant without its approvals.</summary>
    Grants,

    /// <summary>The log verifies.</summary>
    Log,

    /// <summary>Nothing lies aside unexplained.</summary>
    Aside,
}

/// <summary>One thing that is not as it must be: where, what is expected, what is there, and the command or route that ends it.</summary>
internal sealed record Finding(string Service, string Table, string Id, Text Expected, Text Found, Text WayOut);

/// <summary>How many of a kind were compared.</summary>
internal sealed record Counted(Text What, long Number);

/// <param name="Invariant">Which one.</param>
/// <param name="Compared">What was looked at; all zero means that the check says nothing.</param>
/// <param name="Total">Findings altogether.</param>
/// <param name="Findings">The first <see cref="Tally.Shown"/> of them.</param>
internal sealed record Verdict(Invariant Invariant, IReadOnlyList<Counted> Compared, long Total, IReadOnlyList<Finding> Findings)
{
    public bool Holds => Total == 0;

    public long Number => Compared.Sum(c => c.Number);
}

internal sealed record Report(DateTimeOffset At, IReadOnlyList<Verdict> Verdicts)
{
    public bool Clean => Verdicts.All(v => v.Holds);

    public Verdict this[Invariant invariant] => Verdicts.Single(v => v.Invariant == invariant);

    /// <summary>The invariants that do not hold: what a test compares.</summary>
    public IReadOnlyList<Invariant> Broken => [.. Verdicts.Where(v => !v.Holds).Select(v => v.Invariant)];

    public override string ToString() => ReportText.Of(this, zh: false);
}

/// <summary>Gathers what one check compared and found; findings beyond the first ones are only counted, so that a broken database does not fill the memory.</summary>
internal sealed class Tally(Invariant invariant)
{
    public const int Shown = 20;

    private readonly List<Counted> compared = [];
    private readonly List<Finding> findings = [];
    private long total;

    public void Compared(long number, string zh, string en)
    {
        var at = compared.FindIndex(c => c.What.En == en);
        if (at < 0)
            compared.Add(new Counted(new Text(zh, en), number));
        else
            compared[at] = compared[at] with { Number = compared[at].Number + number };
    }

    public void Find(string service, string table, object id, Text expected, Text found, Text wayOut)
    {
        total++;
        if (findings.Count < Shown)
            findings.Add(new Finding(service, table, id.ToString()!, expected, found, wayOut));
    }

    public Verdict Verdict() => new(invariant, compared, total, findings);
}
