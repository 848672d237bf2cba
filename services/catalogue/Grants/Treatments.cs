using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Exchange.Catalogue.Grants;

/// <summary>What may be done to a value before it leaves.</summary>
internal enum TreatmentKind
{
    /// <summary>As it is.</summary>
    Plain,

    /// <summary>Masked whole: only that there is a value.</summary>
    Masked,

    /// <summary>姓名: 张*三, 张*.</summary>
    Name,

    /// <summary>公民身份号码: 430102********1234.</summary>
    IdNumber,

    /// <summary>电话: 138****5678, 0731-****5678.</summary>
    Phone,

    /// <summary>地址: down to the district, the rest hidden.</summary>
    Address,

    /// <summary>银行卡号: the last four digits.</summary>
    BankCard,

    /// <summary>HMAC-SHA256 with the grant's key: the same value is the same within a grant and another one in any other grant.</summary>
    Hashed,

    /// <summary>A date or time as its month: 2026-03.</summary>
    Month,

    /// <summary>An address as its district.</summary>
    District,

    /// <summary>A number as the band that holds it: 20000..30000, the lower end included.</summary>
    Band,

    /// <summary>Not delivered at all.</summary>
    Dropped,
}

/// <summary>A treatment as it is applied: read once per delivery from the word in the grant.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Width">Of a band; zero for others.</param>
internal readonly record struct Treatment(TreatmentKind Kind, decimal Width = 0);

/// <summary>
/// The treatments that a grant may name per field, as words (<see cref="Parse"/>), which field types they fit (<see cref="Fits"/>) and what they make of a value (<see cref="Apply(Treatment, string?, ReadOnlySpan{byte})"/>): text in,
/// text out, for rows in every form and for whatever else carries fields. A value that does not look like what its treatment is for is masked whole: a wrong choice never shows more than the right one.
/// </summary>
internal static partial class Treatments
{
    /// <summary>What stands for a value of which nothing is shown. Always the same, so that not even its length is.</summary>
    public const string Hidden = "***";

    public const string Plain = "plain";

    public const string Dropped = "dropped";

    public const string Hashed = "hashed";

    private static readonly string Stars = new('*', 18);

    private const string BandWord = "generalised:band:";

    private static readonly Dictionary<string, TreatmentKind> Words = new(StringComparer.Ordinal)
    {
        [Plain] = TreatmentKind.Plain,
        ["masked"] = TreatmentKind.Masked,
        ["masked:name"] = TreatmentKind.Name,
        ["masked:id_number"] = TreatmentKind.IdNumber,
        ["masked:phone"] = TreatmentKind.Phone,
        ["masked:address"] = TreatmentKind.Address,
        ["masked:bank_card"] = TreatmentKind.BankCard,
        [Hashed] = TreatmentKind.Hashed,
        ["generalised:month"] = TreatmentKind.Month,
        ["generalised:district"] = TreatmentKind.District,
        [Dropped] = TreatmentKind.Dropped,
    };

    /// <summary>Every word; a band's width stands in place of <c>&lt;width&gt;</c>.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Words.Keys, BandWord + "<width>"];

    /// <summary>Null for a word that is none of ours. A band's width is a positive decimal number such as <c>1000</c> or <c>0.5</c>.</summary>
    public static Treatment? Parse(string? word)
    {
        if (word is null)
        {
            return null;
        }

        if (Words.TryGetValue(word, out var kind))
        {
            return new Treatment(kind);
        }

        return word.StartsWith(BandWord, StringComparison.Ordinal) && BandWidth().IsMatch(word.AsSpan(BandWord.Length))
            && decimal.Parse(word.AsSpan(BandWord.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) is > 0 and var width
            ? new Treatment(TreatmentKind.Band, width)
            : null;
    }

    /// <summary>The treatment of a field by the grant's words. A word that this version does not know hides the value.</summary>
    public static Treatment Of(IReadOnlyDictionary<string, string>? words, string field) =>
        words?.TryGetValue(field, out var word) != true ? new Treatment(TreatmentKind.Plain) : Parse(word) ?? new Treatment(TreatmentKind.Masked);

    /// <summary>Whether the treatment makes sense for the guide's field type: months are of dates, bands of numbers, masks of text and of numbers that are written as such. A yes or no is not hashed: two values hide nothing.</summary>
    public static bool Fits(Treatment treatment, string type) => treatment.Kind switch
    {
        TreatmentKind.Plain or TreatmentKind.Dropped => true,
        TreatmentKind.Hashed => type is not "L",
        TreatmentKind.Name or TreatmentKind.Address or TreatmentKind.District => type is "C" or "M" or "G",
        TreatmentKind.Masked or TreatmentKind.IdNumber or TreatmentKind.Phone or TreatmentKind.BankCard => type is "C" or "M" or "G" or "N" or "I",
        TreatmentKind.Month => type is "D" or "T",
        TreatmentKind.Band => type is "N" or "Y" or "I" or "B" or "F",
        _ => false,
    };

    /// <summary>
    /// What leaves in place of a value.
    /// </summary>
    /// <param name="treatment">What the grant says.</param>
    /// <param name="text">The value as CSV writes it; null for none, which stays none.</param>
    /// <param name="key">The grant's key, for hashes.</param>
    /// <returns>Null for no value, and for one that is dropped.</returns>
    public static string? Apply(Treatment treatment, string? text, ReadOnlySpan<byte> key) =>
        text is null ? null : treatment.Kind == TreatmentKind.Plain ? text : Apply(treatment, text.AsSpan(), key);

    /// <summary>The same for a value that is there and is no string yet.</summary>
    public static string? Apply(Treatment treatment, ReadOnlySpan<char> text, ReadOnlySpan<byte> key) => treatment.Kind switch
    {
        TreatmentKind.Plain => text.ToString(),
        TreatmentKind.Name => Name(text),
        TreatmentKind.IdNumber => IdNumber(text),
        TreatmentKind.Phone => Phone(text),
        TreatmentKind.Address => District(text) is { IsEmpty: false } district ? string.Concat(district, Hidden) : Hidden,
        TreatmentKind.BankCard => BankCard(text),
        TreatmentKind.Hashed => Hash(text, key),
        TreatmentKind.Month => Month(text),
        TreatmentKind.District => District(text) is { IsEmpty: false } district ? district.ToString() : Hidden,
        TreatmentKind.Band => Band(text, treatment.Width),
        TreatmentKind.Dropped => null,
        _ => Hidden,
    };

    /// <summary>First and last character, of two the first only. What holds digits or signs, or is longer than a name, is none.</summary>
    private static string Name(ReadOnlySpan<char> text)
    {
        var name = text.Trim();
        if (name.Length is >= 2 and <= 20 && !name.ContainsAnyExceptInRange('\u4E00', '\u9FFF'))
        {
            // As nearly all of them are written: characters of one unit each, and letters all of them.
            return name.Length == 2 ? string.Concat(name[..1], "*") : string.Concat(name[..1], Stars.AsSpan(0, name.Length - 2), name[^1..]);
        }

        var (count, first, last) = (0, 0, 0);
        var sound = true;
        foreach (var rune in name.EnumerateRunes())
        {
            var letter = Rune.IsLetter(rune) || Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark;
            sound &= letter || rune.Value is '·' or '•' or '.' or '-' or '\'' or ' ';
            count++;
            last = rune.Utf16SequenceLength;
            first = count == 1 ? last : first;
        }

        return (sound, count) switch
        {
            (false, _) or (_, 0 or > 20) => Hidden,
            (_, 1) => "*",
            (_, 2) => string.Concat(name[..first], "*"),
            _ => string.Concat(name[..first], new string('*', count - 2), name[^last..]),
        };
    }

    private static string IdNumber(ReadOnlySpan<char> text)
    {
        var number = text.Trim();
        return number.Length switch
        {
            18 when Digits(number[..17]) && (char.IsAsciiDigit(number[17]) || number[17] is 'X' or 'x') => string.Concat(number[..6], "********", number[14..]),
            // Numbers of before 1999.
            15 when Digits(number) => string.Concat(number[..6], "******", number[12..]),
            _ => Hidden,
        };
    }

    private static string Phone(ReadOnlySpan<char> text) =>
        // As nearly all of them are written; the expression gives the same for it, more slowly.
        text is ['1', >= '3' and <= '9', _, ..] && text.Length == 11 && Digits(text) ? string.Concat(text[..3], "****", text[7..])
        : PhoneForm().Match(text.ToString()) is { Success: true } phone ? $"{phone.Groups["shown"].Value}****{phone.Groups["last"].Value}" : Hidden;

    private static string BankCard(ReadOnlySpan<char> text)
    {
        Span<char> digits = stackalloc char[20];
        var count = 0;
        foreach (var c in text.Trim())
        {
            if (c is ' ' or '-')
            {
                continue;
            }

            if (!char.IsAsciiDigit(c) || count == 19)
            {
                return Hidden;
            }

            digits[count++] = c;
        }

        return count < 13 ? Hidden : string.Concat("************", digits[(count - 4)..count]);
    }

    /// <summary>Province, city and district at the beginning of an address; empty when they cannot be told from the rest.</summary>
    private static ReadOnlySpan<char> District(ReadOnlySpan<char> text)
    {
        foreach (var match in DistrictForm().EnumerateMatches(text))
        {
            return text.Slice(match.Index, match.Length).TrimStart();
        }

        return [];
    }

    private static string Hash(ReadOnlySpan<char> text, ReadOnlySpan<byte> key)
    {
        if (key.IsEmpty)
        {
            throw new InvalidOperationException("A hash needs the grant's key.");
        }

        Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
        var longest = Encoding.UTF8.GetMaxByteCount(text.Length);
        var bytes = longest <= 1024 ? stackalloc byte[1024] : new byte[longest];
        HMACSHA256.HashData(key, bytes[..Encoding.UTF8.GetBytes(text, bytes)], hash);
        return Convert.ToHexStringLower(hash);
    }

    private static string Month(ReadOnlySpan<char> text)
    {
        var date = text.Trim();
        if (date.Length > 10 && date[10] is 'T' or ' ')
        {
            date = date[..10];
        }

        if (date is [_, _, _, _, '-', _, _, '-', _, _] && (Number(date[..4]), Number(date[5..7]), Number(date[8..])) is ( > 0 and var year, >= 1 and <= 12 and var month, >= 1 and var last)
            && last <= DateTime.DaysInMonth(year, month))
        {
            // As our own tables write it.
            return date[..7].ToString();
        }

        return DateOnly.TryParseExact(date, ["yyyy-MM-dd", "yyyyMMdd"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var day)
            ? day.ToString("yyyy-MM", CultureInfo.InvariantCulture)
            : Hidden;
    }

    private static string Band(ReadOnlySpan<char> text, decimal width)
    {
        const decimal Furthest = 1e24m;
        if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || Math.Abs(number) > Furthest || Math.Abs(number / width) > Furthest)
        {
            return Hidden;
        }

        var lower = Math.Floor(number / width) * width;
        return string.Create(CultureInfo.InvariantCulture, $"{lower:0.######}..{lower + width:0.######}");
    }

    /// <summary>Of ASCII digits only; else -1.</summary>
    private static int Number(ReadOnlySpan<char> text)
    {
        var number = 0;
        foreach (var c in text)
        {
            if (!char.IsAsciiDigit(c))
            {
                return -1;
            }

            number = (number * 10) + (c - '0');
        }

        return number;
    }

    private static bool Digits(ReadOnlySpan<char> text) => !text.ContainsAnyExceptInRange('0', '9');

    [GeneratedRegex(@"^[0-9]{1,12}(\.[0-9]{1,6})?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex BandWidth();

    [GeneratedRegex(@"^\s*(?:(?<shown>(?:(?:\+|00)?86[- ]?)?1[3-9][0-9])[- ]?[0-9]{4}[- ]?|(?<shown>0[0-9]{2,3}-?)[0-9]{3,4}-?)(?<last>[0-9]{4})\s*\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex PhoneForm();

    // A province by its name, then city and district; or a municipality and its district; or a city together with a district. What ends in 区 and is a housing estate, a campus or the like is no district.
    private const string Han = @"[\u4E00-\u9FFF-[省路街巷弄号栋幢室楼]]";
    private const string City = $"(?:{Han}{{2,12}}?自治州|{Han}{{2,5}}?(?:(?<![超夜菜集早])市(?!场)|地区|盟))";
    private const string Area = $"(?:{Han}{{1,6}}?(?:自治[县旗]|(?<!小|社|园|校|厂|街|片|景|库|家属|住宅|生活|宿舍|安置)区|县|市(?!场)|旗)|{Han}{{7,12}}?自治[县旗])";
    private const string Province = "(?:(?:河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川|贵州|云南|陕西|甘肃|青海|台湾)省?|(?:内蒙古|西藏|广西|宁夏|新疆)(?:(?:壮族|回族|维吾尔)?自治区)?)";
    private const string Municipality = "(?:(?:北京|天津|上海|重庆)市?|(?:香港|澳门)(?:特别行政区)?)";

    [GeneratedRegex($@"^\s*(?<kept>{Province}(?:{City}{Area}?)?|{Municipality}{Area}?|{City}{Area})", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex DistrictForm();
}
