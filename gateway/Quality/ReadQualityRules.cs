using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Quality;

/// <summary>The rules by which entries are scored, as they are computed.</summary>
internal static class ReadQualityRules
{
    private static readonly QualityRuleSet Published = new()
    {
        RuleSet = QualityRules.Version,
        Max = QualityRules.Max,
        Grades = QualityRules.Grades,
        Unknown = new(
            "无法得知是否符合的规则（例如不知道数据何时更新）既不得分也不失分：其分值从条目的满分中减去，等级按得分占可评满分的比例确定。不涉及某条目的规则视为符合。",
            "A rule of which nobody can tell whether it is met (such as when the data was updated) neither earns nor loses points: its points are taken out of the entry's maximum, and the grade goes by the share of what could be judged. A rule that does not concern an entry is met by it."),
        Dimensions = [.. QualityRules.All.GroupBy(rule => rule.Dimension).Select(rules => new QualityDimensionRules(rules.Key, Title(rules.Key), rules.Sum(rule => rule.Points), [.. rules.Select(PublishedRule.Of)]))],
    };

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/quality/rules", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("The published rules of the quality score");

    private static Ok<QualityRuleSet> Handle(HttpContext http)
    {
        http.Response.Headers.CacheControl = "public, max-age=60";
        return TypedResults.Ok(Published);
    }

    private static Text Title(QualityDimension dimension) => dimension switch
    {
        QualityDimension.Findability => new("可发现", "Findability"),
        QualityDimension.Completeness => new("完整", "Completeness"),
        QualityDimension.Timeliness => new("及时", "Timeliness"),
        QualityDimension.MachineReadability => new("机器可读", "Machine readability"),
        QualityDimension.Legality => new("条件合法完备", "Legal completeness of the conditions"),
        QualityDimension.Reuse => new("可用", "Reuse"),
        _ => throw new ArgumentOutOfRangeException(nameof(dimension)),
    };

    /// <summary>The rule set.</summary>
    internal sealed record QualityRuleSet
    {
        /// <summary>Its version; each score carries that of its rules.</summary>
        public required int RuleSet { get; init; }

        /// <summary>Sum of all points.</summary>
        public required int Max { get; init; }

        /// <summary>From which share of the points on an entry has a grade, best first.</summary>
        public required IReadOnlyList<GradeFrom> Grades { get; init; }

        /// <summary>What becomes of rules that cannot be judged.</summary>
        public required Text Unknown { get; init; }

        public required IReadOnlyList<QualityDimensionRules> Dimensions { get; init; }
    }

    /// <summary>The rules of one dimension.</summary>
    /// <param name="Dimension">Which.</param>
    /// <param name="Title">Its name.</param>
    /// <param name="Max">Sum of its points.</param>
    /// <param name="Rules">In the order of the findings.</param>
    internal sealed record QualityDimensionRules(QualityDimension Dimension, Text Title, int Max, IReadOnlyList<PublishedRule> Rules);

    /// <summary>One rule.</summary>
    /// <param name="Id">Stable; never given to another rule.</param>
    /// <param name="Field">The field it looks at; <c>*</c> stands for each data item.</param>
    /// <param name="Points">What an entry that meets it gets.</param>
    /// <param name="Source">Article or element that it rests on; absent where it is this rule set's own.</param>
    /// <param name="Asks">What is asked.</param>
    /// <param name="Advice">What to do when it is not met.</param>
    internal sealed record PublishedRule(string Id, string Field, int Points, string? Source, Text Asks, Text Advice)
    {
        public static PublishedRule Of(QualityRule rule) => new(rule.Id, rule.Field, rule.Points, rule.Source, rule.Asks, rule.Advice);
    }
}
