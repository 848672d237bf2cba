using System.Buffers.Text;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Audit.Search;

/// <summary>Opaque cursors and page sizes.</summary>
internal static class Pages
{
    public static readonly Rule WrongCursor = new("wrong-cursor", StatusCodes.Status400BadRequest, null,
        new("cursor 不是本接口给出的值。", "The cursor is not one this route gave."),
        new("请使用上一页返回的 next，或去掉 cursor 从头读取。", "Use next of the page before, or leave cursor out to start over."));

    public static readonly Rule WrongLimit = new("wrong-limit", StatusCodes.Status400BadRequest, null,
        new("limit 超出范围。", "limit is out of range."),
        new("请使用 1 到 500 之间的整数。", "Use an integer from 1 to 500."));

    public static bool IsLimit(int limit) => limit is >= 1 and <= 500;

    public static string Cursor(string position) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(position));

    /// <summary>The position in a cursor; null when there is none or it is not one of ours.</summary>
    public static string? Position(string? cursor)
    {
        try
        {
            return cursor is { Length: > 0 and <= 400 } ? Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
