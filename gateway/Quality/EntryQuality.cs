using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Quality;

/// <summary>
/// Scores one catalogue entry by the published rules. Pure: the same entry, time of update and day always give the same report, here and on a department's own machine.
/// </summary>
internal static class EntryQuality
{
    private static readonly JsonSerializerOptions Tolerant = new(Json.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip, RespectNullableAnnotations = true };

    /// <param name="entry">As the catalogue shows it.</param>
    /// <param name="dataUpdatedAt">When the data behind it was last updated; null when nobody has said so.</param>
    /// <param name="today">The day it is judged on, in Beijing.</param>
    public static QualityReport Of(DatasetEntry entry, DateTimeOffset? dataUpdatedAt, DateOnly today)
    {
        var judged = new JudgedEntry(entry, dataUpdatedAt, today);
        var verdicts = QualityRules.All.Select(rule => (Rule: rule, Verdict: rule.Judge(judged))).ToList();
        var dimensions = Enum.GetValues<QualityDimension>().Select(dimension =>
        {
            var known = verdicts.Where(v => v.Rule.Dimension == dimension && v.Verdict.Met != Met.Unknown).ToList();
            return new DimensionPoints(dimension, known.Sum(v => v.Verdict.PointsOf(v.Rule)), known.Sum(v => v.Rule.Points));
        }).ToList();
        var (score, max) = (dimensions.Sum(d => d.Points), dimensions.Sum(d => d.Max));
        return new QualityReport
        {
            DatasetId = entry.DatasetId,
            Version = entry.Version,
            Day = today,
            DataUpdatedAt = dataUpdatedAt,
            RuleSet = QualityRules.Version,
            Score = score,
            Max = max,
            Grade = QualityRules.GradeOf(score, max),
            Dimensions = dimensions,
            Findings = [.. verdicts.Select(v => Finding.Of(v.Rule, v.Verdict))],
        };
    }

    /// <summary>An entry as the catalogue writes it; members that a newer version added are passed over. What cannot be judged is a <see cref="JsonException"/> that names the place.</summary>
    public static DatasetEntry Read(ReadOnlySpan<byte> json)
    {
        var entry = JsonSerializer.Deserialize<DatasetEntry>(json, Tolerant) ?? throw new JsonException("An entry is expected here.");
        return entry.Fields.Any(field => field is null) ? throw new JsonException("A data item is null.", "$.fields", null, null)
            : entry.RelatedCodes.Any(code => code is null) ? throw new JsonException("A code is null.", "$.related_codes", null, null)
            : entry;
    }
}

/// <summary>What the rules find in one entry, each point with the field it comes from.</summary>
public sealed record QualityReport
{
    public required Guid DatasetId { get; init; }

    public required int Version { get; init; }

    /// <summary>The day it is judged on, in Beijing.</summary>
    public required DateOnly Day { get; init; }

    /// <summary>When the data behind the entry was last updated; absent when nobody has said so.</summary>
    public DateTimeOffset? DataUpdatedAt { get; init; }

    /// <summary>Version of the rules, as /api/catalogue/quality/rules publishes them.</summary>
    public required int RuleSet { get; init; }

    /// <summary>Sum of the findings' points.</summary>
    public required int Score { get; init; }

    /// <summary>Points of the rules that could be judged. What is unknown is neither earned nor lost: its points are left out here too.</summary>
    public required int Max { get; init; }

    /// <summary>By the share of <see cref="Score"/> in <see cref="Max"/>.</summary>
    public required QualityGrade Grade { get; init; }

    public required IReadOnlyList<DimensionPoints> Dimensions { get; init; }

    /// <summary>One per rule, in the order of the rule set.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>The report as it is handed out, byte for byte the same from the gateway and from the command.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json.Options);

    /// <summary>What an entry shows of it.</summary>
    public QualityBrief Brief() => new(RuleSet, Score, Max, Grade);
}

/// <summary>The short form of a report.</summary>
/// <param name="RuleSet">Version of the rules.</param>
/// <param name="Score">Points reached.</param>
/// <param name="Max">Points that could be judged.</param>
/// <param name="Grade">By their share.</param>
public sealed record QualityBrief(int RuleSet, int Score, int Max, QualityGrade Grade);

/// <summary>One dimension's part of the score.</summary>
/// <param name="Dimension">Which.</param>
/// <param name="Points">Points reached.</param>
/// <param name="Max">Points of its rules that could be judged.</param>
public sealed record DimensionPoints(QualityDimension Dimension, int Points, int Max);

/// <summary>What one rule found.</summary>
public sealed record Finding
{
    /// <summary>Id of the rule.</summary>
    public required string Rule { get; init; }

    /// <summary>The field that the rule looks at; <c>*</c> stands for each data item.</summary>
    public required string Field { get; init; }

    public required int Points { get; init; }

    /// <summary>Points of the rule; when <see cref="Met"/> is unknown they count neither here nor there.</summary>
    public required int Max { get; init; }

    public required Met Met { get; init; }

    public required Text Message { get; init; }

    /// <summary>What to do about it; absent when there is nothing to do.</summary>
    public Text? Advice { get; init; }

    /// <summary>The very fields to mend, such as <c>/fields/2/title</c>; absent when there is nothing to do.</summary>
    public IReadOnlyList<string>? At { get; init; }

    internal static Finding Of(QualityRule rule, Verdict verdict) => new()
    {
        Rule = rule.Id,
        Field = rule.Field,
        Points = verdict.PointsOf(rule),
        Max = rule.Points,
        Met = verdict.Met,
        Message = verdict.Message,
        Advice = verdict.Met == Met.Yes ? null : verdict.Advice ?? rule.Advice,
        At = verdict.Met == Met.Yes ? null : verdict.At ?? [rule.Field],
    };
}

public enum Met
{
    No,
    Yes,

    /// <summary>What the rule asks for cannot be told from what is known.</summary>
    Unknown,
}

/// <summary>What a rule looks at.</summary>
internal sealed record JudgedEntry(DatasetEntry Entry, DateTimeOffset? DataUpdatedAt, DateOnly Today);

/// <summary>What a rule says about an entry.</summary>
internal sealed record Verdict(Met Met, Text Message)
{
    /// <summary>How much of it is met when it is not wholly: so many of so many.</summary>
    public (int Good, int Of) Part { get; init; } = (0, 1);

    /// <summary>Null for the rule's own advice.</summary>
    public Text? Advice { get; init; }

    /// <summary>Null for the rule's own field.</summary>
    public IReadOnlyList<string>? At { get; init; }

    public int PointsOf(QualityRule rule) => Met switch { Met.Yes => rule.Points, Met.No => rule.Points * Part.Good / Part.Of, _ => 0 };
}

/// <summary>The dimensions. Averages are stored by position: new ones come at the end, none is moved.</summary>
public enum QualityDimension
{
    Findability,
    Completeness,
    Timeliness,
    MachineReadability,
    Legality,
    Reuse,
}

public enum QualityGrade
{
    Bad,
    Sufficient,
    Good,
    Excellent,
}

/// <summary>One published rule.</summary>
/// <param name="Id">Stable; never given to another rule.</param>
/// <param name="Dimension">Where its points count.</param>
/// <param name="Points">What an entry that meets it gets.</param>
/// <param name="Field">The field it looks at; <c>*</c> stands for each data item.</param>
/// <param name="Source">Article or element that it rests on; absent where it is this rule set's own.</param>
/// <param name="Asks">What is asked.</param>
/// <param name="Advice">What to do when it is not met.</param>
internal sealed record QualityRule(string Id, QualityDimension Dimension, int Points, string Field, string? Source, Text Asks, Text Advice)
{
    public required Func<JudgedEntry, Verdict> Judge { get; init; }
}
