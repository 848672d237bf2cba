using System.Buffers.Binary;
using System.Globalization;

namespace Exchange.Hosting.Openings;

/// <summary>A calendar month in Beijing, whose openings share one key.</summary>
internal readonly record struct Month(int Year, int Number)
{
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    public DateTimeOffset Begin => new(Year, Number, 1, 0, 0, 0, Beijing);

    public Month Next => Of(Begin.AddMonths(1));

    /// <summary>Before every id that was made in the month or later.</summary>
    public Guid FirstId
    {
        get
        {
            Span<byte> id = stackalloc byte[16];
            BinaryPrimitives.WriteInt64BigEndian(id, Begin.ToUnixTimeMilliseconds() << 16);
            return new Guid(id, bigEndian: true);
        }
    }

    public static Month Of(DateTimeOffset at) => at.ToOffset(Beijing) is var there ? new(there.Year, there.Month) : default;

    public static Month? Parse(string? text) =>
        DateOnly.TryParseExact(text, "yyyy-MM", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? new(day.Year, day.Month) : null;

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Year:0000}-{Number:00}");
}
