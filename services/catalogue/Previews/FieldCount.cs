using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exchange.Catalogue.Previews;

/// <summary>What a column's values may be compared as.</summary>
internal enum FieldKind
{
    /// <summary>Whatever all its values look like.</summary>
    Unknown,

    Text,

    Number,

    Date,
}

/// <summary>
/// Counts one column in bounded memory, from the values as they leave: it never sees another. Different values are told apart up to a number per column and to a number of all columns together.
/// </summary>
internal sealed class FieldCount(FieldKind kind, FieldCount.Room room)
{
    private const int MostDistinct = 1000;
    private const int MostFrequent = 5;

    /// <summary>Longer values are told apart by their digest and are not named.</summary>
    private const int LongestNamed = 64;

    private static readonly string[] Days = ["yyyy-MM-dd"];

    private Dictionary<string, int>? seen = new(StringComparer.Ordinal);
    private bool numbers = kind is FieldKind.Unknown or FieldKind.Number;
    private bool dates = kind is FieldKind.Unknown or FieldKind.Date;
    private long values;
    private int distinct;
    private int shortest = int.MaxValue;
    private int longest;
    private int formulas;
    private (decimal Number, string Text)? least, greatest;
    private string? first, last;

    public void Add(string value, bool formula = false)
    {
        values++;
        formulas += formula ? 1 : 0;
        var length = value.Length;
        (shortest, longest) = (Math.Min(shortest, length), Math.Max(longest, length));
        if (numbers)
        {
            AddNumber(value);
        }

        if (dates)
        {
            AddDate(value);
        }

        if (seen is not null)
        {
            AddDistinct(value.Length <= LongestNamed ? value : Digest(value));
        }
    }

    /// <param name="rows">Rows that were read, those without a value among them.</param>
    public FieldFigures Figures(long rows)
    {
        var (word, from, to) = values == 0 ? default
            : numbers ? ("number", least?.Text, greatest?.Text)
            : dates ? ("date", first, last)
            : default((string?, string?, string?));
        return new FieldFigures
        {
            Values = values,
            Empty = rows - values,
            Distinct = distinct,
            DistinctExact = seen is not null,
            Shortest = values == 0 ? null : shortest,
            Longest = values == 0 ? null : longest,
            Kind = word,
            Least = from,
            Greatest = to,
            Frequent = Frequent(),
            Formulas = formulas == 0 ? null : formulas,
        };
    }

    private void AddNumber(string value)
    {
        // A text of digits that begins with a zero or is longer than numbers are is a code.
        var plausible = kind == FieldKind.Number || (value.Length <= 16 && value.TrimStart('-') is not ['0', not '.', ..]);
        if (!plausible || !decimal.TryParse(value, kind == FieldKind.Number ? NumberStyles.Float : NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            numbers = false;
            return;
        }

        least = least is { } small && small.Number <= number ? small : (number, value);
        greatest = greatest is { } large && large.Number >= number ? large : (number, value);
    }

    private void AddDate(string value)
    {
        // In ISO's form and of one length texts stand in the order of time.
        if (value.Length is < 10 or > 35 || (value.Length > 10 && value[10] is not ('T' or ' ')) || (first is not null && first.Length != value.Length)
            || !DateOnly.TryParseExact(value.AsSpan(0, 10), Days, CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
        {
            dates = false;
            return;
        }

        first = first is null || string.CompareOrdinal(value, first) < 0 ? value : first;
        last = last is null || string.CompareOrdinal(value, last) > 0 ? value : last;
    }

    private void AddDistinct(string key)
    {
        if (seen!.TryGetValue(key, out var times))
        {
            seen[key] = times + 1;
        }
        else if (distinct < MostDistinct && room.Take())
        {
            seen.Add(key, 1);
            distinct++;
        }
        else
        {
            room.GiveBack(seen.Count);
            seen = null;
        }
    }

    private List<FrequentValue>? Frequent() =>
        seen?.Where(v => v.Value > 1 && v.Key.Length <= LongestNamed).OrderByDescending(v => v.Value).ThenBy(v => v.Key, StringComparer.Ordinal).Take(MostFrequent)
            .Select(v => new FrequentValue(v.Key, v.Value)).ToList() is { Count: > 0 } frequent ? frequent : null;

    // One longer than what is named: it is never shown.
    private static string Digest(string value) => "#" + Convert.ToHexStringLower(SHA256.HashData(Encoding.Unicode.GetBytes(value)));

    /// <summary>How many different values all columns of a preview may keep together.</summary>
    internal sealed class Room(int most = 50_000)
    {
        private int left = most;

        public bool Take() => left > 0 && left-- > 0;

        public void GiveBack(int some) => left += some;
    }
}
