namespace Exchange.Gateway.Portal.Figures;

/// <summary>What <c>GET /api/statistics</c> answers.</summary>
public sealed record AllFigures
{
    public required IReadOnlyList<CityLine> Cities { get; init; }
}

/// <summary>A city; without figures while it was never heard.</summary>
public sealed record CityLine
{
    public required string City { get; init; }
    public DateTimeOffset? AsOf { get; init; }
    public required string State { get; init; }
    public CityFigures? Statistics { get; init; }
}

/// <summary>What a city's <c>/statistics</c> answers.</summary>
public sealed record CityFigures
{
    public required string City { get; init; }
    public required DateOnly From { get; init; }
    public required DateOnly To { get; init; }
    public required DateTimeOffset AsOf { get; init; }
    public required FigureSet Total { get; init; }
    public IReadOnlyList<ClassCount> ReplyByClass { get; init; } = [];
    public IReadOnlyList<PartnerCount> Partners { get; init; } = [];
    public IReadOnlyList<MonthCount> Months { get; init; } = [];
    public required IReadOnlyList<DepartmentLine> Departments { get; init; }
}

/// <summary>Figures of a city or a department.</summary>
public sealed record FigureSet
{
    public required IReadOnlyDictionary<string, ClockCount> Clocks { get; init; }
    public required RefusalCount Refusals { get; init; }
    public required StateCount Received { get; init; }
    public required StateCount Asked { get; init; }
    public required SupplementCount Supplements { get; init; }
    public required ExtensionCount Extensions { get; init; }

    public ClockCount Clock(string word) => Clocks.GetValueOrDefault(word) ?? new ClockCount();
}

public sealed record DepartmentLine(string Department, string? Name, FigureSet Figures);

public sealed record RefusalCount(int Total, int Disputed, int Undisputed);

public sealed record StateCount(IReadOnlyDictionary<string, int> ByState)
{
    public int Total => ByState.Values.Sum();
}

public sealed record SupplementCount(int Total, int MostPerRequest);

public sealed record ExtensionCount(int Total, int WorkingDays);

/// <summary>How the waits of one kind stand.</summary>
public record ClockCount
{
    public int OnTime { get; init; }
    public int Late { get; init; }
    public int Open { get; init; }
    public int OpenLate { get; init; }
    public int LongestWaitDays { get; init; }

    /// <summary>Those of which it is known whether they are on time: ended, or past their last day.</summary>
    public int Judged => OnTime + Late + OpenLate;

    /// <summary>0 to 1; null when there is nothing to judge.</summary>
    public double? Rate => Judged == 0 ? null : (double)OnTime / Judged;

    /// <summary>The rate as people read it.</summary>
    public string RateText => Rates.Text(Rate);
}

public sealed record ClassCount : ClockCount
{
    public required string SharingType { get; init; }
}

public sealed record PartnerCount
{
    public required string City { get; init; }
    public required int Received { get; init; }
    public required int Agreed { get; init; }
    public required int Refused { get; init; }
}

/// <summary>A month such as <c>2026-03</c>.</summary>
public sealed record MonthCount
{
    public required string Month { get; init; }
    public required int Received { get; init; }
    public required IReadOnlyDictionary<string, ClockCount> Clocks { get; init; }
}

/// <summary>What <c>GET /api/catalogue/quality</c> answers.</summary>
public sealed record QualityAnswer
{
    public required int RuleSet { get; init; }
    public DateOnly? Day { get; init; }
    public required bool Current { get; init; }
    public required IReadOnlyList<QualityLine> Cities { get; init; }
    public required IReadOnlyList<QualityLine> History { get; init; }
}

/// <summary>The average of a city or department on a day, in percent of the points that could be judged.</summary>
public sealed record QualityLine
{
    public required DateOnly Day { get; init; }
    public required string City { get; init; }
    public string? Department { get; init; }
    public string? DepartmentName { get; init; }
    public required int Entries { get; init; }
    public decimal? Percent { get; init; }
    public required IReadOnlyList<QualityPart> Dimensions { get; init; }
    public IReadOnlyList<QualityLine>? Departments { get; init; }
}

public sealed record QualityPart(string Dimension, decimal? Percent);

/// <summary>What <c>/statistics/rows</c> answers.</summary>
public sealed record RowPage
{
    public IReadOnlyList<RowLine> Items { get; init; } = [];
    public string? Next { get; init; }
}

public sealed record RowLine
{
    public required Guid Subject { get; init; }
    public string? Reference { get; init; }
    public string? Department { get; init; }
    public required string Outcome { get; init; }
    public required DateOnly BeganOn { get; init; }
    public DateOnly? Due { get; init; }
    public DateOnly? StoppedOn { get; init; }
    public required string Link { get; init; }
}

/// <summary>Rates as text, everywhere alike.</summary>
internal static class Rates
{
    public static string Text(double? rate) => rate is { } known ? (known * 100).ToString("0.0", System.Globalization.CultureInfo.InvariantCulture) + "%" : "—";

    public static string Percent(decimal? percent) => percent is { } known ? known.ToString("0.0", System.Globalization.CultureInfo.InvariantCulture) + "%" : "—";
}
