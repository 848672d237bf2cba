using System.Globalization;
using System.Text;

namespace Exchange.Gateway.Federation;

/// <summary>
/// The first letters of a text's pinyin, as people type them for a name they know: <c>gjj</c> for 公积金. A character's letter is where the zh-CN collation puts it; that knows one
/// reading of each character, so the words in which another one is meant are listed here.
/// </summary>
internal static class PinyinInitials
{
    private const string Letters = "abcdefghjklmnopqrstwxyz";

    /// <summary>The first character of each letter in the collation.</summary>
    private const string FirstOfLetter = "阿丷嚓咑妸发旮哈丌咔垃呣拏噢妑七呥仨他穵夕丫帀";

    private const char FirstIdeograph = '\u4e00';
    private const char LastIdeograph = '\u9fff';

    private static readonly ILookup<char, (string Word, string Initials)> Readings = (((string Word, string Initials)[])
    [
        ("长沙", "cs"), ("长株潭", "czt"), ("长期", "cq"), ("长途", "ct"), ("长江", "cj"), ("特长", "tc"), ("时长", "sc"), ("重庆", "cq"), ("重复", "cf"), ("重新", "cx"), ("重组", "cz"), ("重建", "cj"),
        ("银行", "yh"), ("行业", "hy"), ("会计", "kj"), ("调解", "tj"), ("调整", "tz"), ("调节", "tj"), ("调剂", "tj"), ("调配", "tp"), ("音乐", "yy"), ("厦门", "xm"), ("还款", "hk"), ("归还", "gh"),
        ("退还", "th"), ("返还", "fh"), ("还贷", "hd"), ("西藏", "xz"), ("畜牧", "xm"), ("弹性", "tx"), ("校核", "jh"), ("校验", "jy"), ("校准", "jz"), ("校对", "jd"), ("校", "x"),
    ]).ToLookup(reading => reading.Word[0]);

    private static readonly char[] Initials = Read();

    /// <param name="folded">Text as <see cref="FoldedText.Fold"/> gives it.</param>
    /// <returns>One letter for each character; letters and digits are themselves, and whatever else is left as it is.</returns>
    public static string Of(string folded)
    {
        var initials = new StringBuilder(folded.Length);
        while (initials.Length < folded.Length)
        {
            var rest = folded.AsSpan(initials.Length);
            if (IsIdeograph(rest[0]) && ReadingOf(rest) is { } reading)
            {
                initials.Append(reading);
            }
            else
            {
                initials.Append(IsIdeograph(rest[0]) ? Initials[rest[0] - FirstIdeograph] : rest[0]);
            }
        }

        return initials.ToString();
    }

    /// <summary>The letters alone, as they are searched: nobody types the punctuation between them.</summary>
    public static string Searched(string folded) => string.Concat(Of(folded).Where(char.IsAsciiLetterOrDigit));

    private static string? ReadingOf(ReadOnlySpan<char> text)
    {
        foreach (var (word, initials) in Readings[text[0]])
        {
            if (text.StartsWith(word, StringComparison.Ordinal))
            {
                return initials;
            }
        }

        return null;
    }

    private static bool IsIdeograph(char character) => character is >= FirstIdeograph and <= LastIdeograph;

    private static char[] Read()
    {
        var collation = CultureInfo.GetCultureInfo("zh-CN").CompareInfo;
        var initials = new char[LastIdeograph - FirstIdeograph + 1];
        for (var character = FirstIdeograph; character <= LastIdeograph; character++)
        {
            var (low, high) = (0, FirstOfLetter.Length);
            while (high - low > 1)
            {
                var middle = (low + high) / 2;
                (low, high) = collation.Compare(FirstOfLetter.AsSpan(middle, 1), [character]) <= 0 ? (middle, high) : (low, middle);
            }

            initials[character - FirstIdeograph] = Letters[low];
        }

        return initials;
    }
}
