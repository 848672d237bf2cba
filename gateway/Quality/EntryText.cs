using System.Text;
using System.Text.RegularExpressions;
using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Quality;

/// <summary>What the rules read out of an entry's texts. Each question is plain enough to be asked by hand.</summary>
internal static partial class EntryText
{
    /// <summary>Characters of a condition that says something, beyond its label.</summary>
    private const int FewestInCondition = 4;

    private static readonly HashSet<string> NamesThatSayNothing =
        ["业务数据", "基础数据", "数据资源", "信息资源", "政务数据", "数据目录", "资源目录", "数据信息", "基本信息", "其他数据", "其他信息", "测试数据", "示例数据", "数据集合", "data", "dataset", "test"];

    private static readonly string[] Evasions = ["按规定", "按规定执行", "按规定办理", "按有关规定", "按相关规定", "按有关规定执行", "另行商定", "另行通知", "面议", "待定", "暂无", "详见附件", "视情况", "视情况而定", "无"];

    /// <summary>What hinders sharing and stands in no law: paying, deposits, barter.</summary>
    private static readonly string[] ObstacleWords = ["有偿", "付费使用", "收取费用", "保证金", "押金", "对等交换", "以数据换数据", "互换数据"];

    /// <summary>Letters, digits and characters; blanks and punctuation do not count.</summary>
    public static int Letters(string? text) => text?.EnumerateRunes().Count(Rune.IsLetterOrDigit) ?? 0;

    public static bool SaysNothing(string name) => NamesThatSayNothing.Contains(FoldedText.Fold(name));

    /// <summary>What is left of a text when only its letters count.</summary>
    public static string Plain(string text) => string.Concat(FoldedText.Fold(text).Where(char.IsLetterOrDigit));

    public static bool Same(string one, string other) => Plain(one) == Plain(other);

    /// <summary>Different characters of a text that stand in none of the others: what it says beyond them.</summary>
    public static int NewCharacters(string text, params ReadOnlySpan<string> others)
    {
        HashSet<Rune> found = [.. FoldedText.Fold(text).EnumerateRunes().Where(Rune.IsLetterOrDigit)];
        foreach (var other in others)
        {
            found.ExceptWith(FoldedText.Fold(other).EnumerateRunes());
        }

        return found.Count;
    }

    /// <summary>A title for people: not the machine name in other letters, not a number in a row.</summary>
    public static bool IsTitle(string title, string name) => Letters(title) >= 1 && !Same(title, name) && !Numbered().IsMatch(FoldedText.Fold(title));

    public static bool NamesScope(string? conditions) => Says(Scope(), conditions);

    public static bool NamesPurpose(string? conditions) => Says(Purpose(), conditions);

    public static bool CitesLaw(string? law) => law is not null && LawTitle().IsMatch(law) && (LawArticle().IsMatch(law) || law.Contains("国务院", StringComparison.Ordinal));

    public static bool IsCode(string code) => code.Length <= 64 && CodeForm().IsMatch(code);

    public static bool IsCreditCode(string code) => CreditCode().IsMatch(code);

    public static IEnumerable<string> Obstacles(string conditions) => ObstacleWords.Where(word => conditions.Contains(word, StringComparison.Ordinal));

    /// <summary>Such as 无, 暂无, 按规定: words where a condition should stand.</summary>
    public static bool Evades(string text) => Evasions.Contains(text.Trim().TrimEnd('。', '.', '；', ';'), StringComparer.Ordinal);

    private static bool Says(Regex part, string? text) =>
        text is not null && part.Matches(text).Any(match => Letters(match.Groups["what"].Value) >= FewestInCondition && !Evades(match.Groups["what"].Value));

    [GeneratedRegex("^(字段|数据项|信息项|列|项|field|column|item|col)[ _-]?[0-9一二三四五六七八九十a-z]{0,3}$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Numbered();

    [GeneratedRegex("(范围|对象)(为|[:：])(?<what>[^;；\n。]+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Scope();

    [GeneratedRegex("((用途|目的)(为|[:：])|用于)(?<what>[^;；\n。]+)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Purpose();

    [GeneratedRegex("《[^《》]{2,}》", RegexOptions.CultureInvariant)]
    private static partial Regex LawTitle();

    [GeneratedRegex("第[^第条]{1,12}条", RegexOptions.CultureInvariant)]
    private static partial Regex LawArticle();

    [GeneratedRegex(@"^[123][0-9]{5,}/[0-9]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex CodeForm();

    /// <summary>GB 32100 leaves out I, O, S, V and Z.</summary>
    [GeneratedRegex(@"^[0-9A-HJ-NP-RT-UW-Y]{18}\z", RegexOptions.CultureInvariant)]
    private static partial Regex CreditCode();
}
