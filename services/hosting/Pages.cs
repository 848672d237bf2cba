using System.Buffers.Text;

namespace Exchange.Hosting;

/// <summary>Pages of lists: a limit and an opaque cursor that names the last id of the page before.</summary>
public static class Pages
{
    private const int Default = 50;
    private const int Largest = 500;

    public static int Limit(int? limit, Faults faults)
    {
        if (limit is < 1 or > Largest)
        {
            faults.Add("limit", "range", null, new($"须在 1 到 {Largest} 之间。", $"It is between 1 and {Largest}."));
        }

        return limit ?? Default;
    }

    public static string Cursor(Guid last) => Base64Url.EncodeToString(last.ToByteArray());

    public static Guid? After(string? cursor, Faults faults)
    {
        if (string.IsNullOrEmpty(cursor))
        {
            return null;
        }

        Span<byte> bytes = stackalloc byte[32];
        if (cursor.Length <= 40 && Base64Url.IsValid(cursor) && Base64Url.TryDecodeFromChars(cursor, bytes, out var written) && written == 16)
        {
            return new Guid(bytes[..16]);
        }

        faults.Add("cursor", "unknown-cursor", null, new("游标无效，请从第一页重新读取。", "The cursor is not one of ours; start from the first page."));
        return null;
    }
}
