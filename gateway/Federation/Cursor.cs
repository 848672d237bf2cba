using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Exchange.Gateway.Federation;

/// <summary>Cursors as callers hold them: opaque, and good only for the question they were given for.</summary>
internal static class Cursor
{
    public static string Of(PagePlace place, string question) => Encode(string.Create(
        CultureInfo.InvariantCulture, $"{Mark(question)}|{(place.Similar ? 1 : 0)}|{place.Score}|{place.ReleasedOn.DayNumber}|{place.Id:N}|{place.Name}"));

    /// <summary>Null when it is no cursor of ours, or one of another question.</summary>
    public static PagePlace? Read(string cursor, string question)
    {
        var parts = Decode(cursor)?.Split('|', 6);
        return parts is [var mark, var similar, var score, var day, var id, var name] && mark == Mark(question)
            && int.TryParse(score, NumberStyles.None, CultureInfo.InvariantCulture, out var scoreNumber)
            && int.TryParse(day, NumberStyles.None, CultureInfo.InvariantCulture, out var dayNumber) && dayNumber <= DateOnly.MaxValue.DayNumber
            && Guid.TryParseExact(id, "N", out var guid)
                ? new PagePlace(scoreNumber, DateOnly.FromDayNumber(dayNumber), name, guid) { Similar = similar == "1" }
                : null;
    }

    public static string Of(Guid epoch, long change) => Encode(string.Create(CultureInfo.InvariantCulture, $"{epoch:N}|{change}"));

    public static (Guid Epoch, long Change)? ReadChange(string cursor) =>
        Decode(cursor)?.Split('|') is [var epoch, var change]
            && Guid.TryParseExact(epoch, "N", out var guid) && long.TryParse(change, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? (guid, number)
                : null;

    private static string Mark(string question) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(question)).AsSpan(0, 4));

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string? Decode(string text)
    {
        if (text.Length > 4000 || !Base64Url.IsValid(text))
        {
            return null;
        }

        try
        {
            return new UTF8Encoding(false, true).GetString(Base64Url.DecodeFromChars(text));
        }
        catch (Exception fault) when (fault is FormatException or DecoderFallbackException)
        {
            return null;
        }
    }
}
