using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using Exchange.Catalogue.Grants;

namespace Exchange.Catalogue.Deliveries;

/// <summary>Where a page begins: in which table, at which row, of which query.</summary>
/// <param name="Table">The number in the table's generated name; another one means that the rows were replaced.</param>
/// <param name="Place">The row's place, <c>(block,item)</c>.</param>
/// <param name="Query">The query's digest.</param>
internal sealed record RowPlace(Guid Table, string Place, byte[] Query);

/// <summary>
/// Cursors as callers carry them: sealed under the grant's key, so that they tell nothing (a place would tell how many rows lie before it that are not granted) and nobody makes one up.
/// </summary>
internal sealed class RowCursors(GrantKeys keys)
{
    private const int Nonce = 12;
    private const int Tag = 16;
    private const int Content = 16 + 4 + 2 + 8;

    public string Seal(Guid exchange, RowPlace place)
    {
        var content = new byte[Content];
        place.Table.TryWriteBytes(content);
        var parts = place.Place.Trim('(', ')').Split(',');
        BinaryPrimitives.WriteUInt32BigEndian(content.AsSpan(16), uint.Parse(parts[0], CultureInfo.InvariantCulture));
        BinaryPrimitives.WriteUInt16BigEndian(content.AsSpan(20), ushort.Parse(parts[1], CultureInfo.InvariantCulture));
        place.Query.CopyTo(content.AsSpan(22));
        var box = new byte[Nonce + Tag + Content];
        RandomNumberGenerator.Fill(box.AsSpan(0, Nonce));
        using var aes = new AesGcm(keys.ForCursors(exchange), Tag);
        aes.Encrypt(box.AsSpan(0, Nonce), content, box.AsSpan(Nonce + Tag), box.AsSpan(Nonce, Tag));
        return Base64Url.EncodeToString(box);
    }

    /// <summary>Null for what is no cursor of this grant.</summary>
    public RowPlace? Open(Guid exchange, string cursor)
    {
        var box = new byte[Nonce + Tag + Content];
        if (cursor.Length != Base64Url.GetEncodedLength(box.Length) || !Base64Url.IsValid(cursor) || !Base64Url.TryDecodeFromChars(cursor, box, out var written) || written != box.Length)
        {
            return null;
        }

        var content = new byte[Content];
        using var aes = new AesGcm(keys.ForCursors(exchange), Tag);
        try
        {
            aes.Decrypt(box.AsSpan(0, Nonce), box.AsSpan(Nonce + Tag), box.AsSpan(Nonce, Tag), content);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }

        return new RowPlace(
            new Guid(content.AsSpan(0, 16)),
            string.Create(CultureInfo.InvariantCulture, $"({BinaryPrimitives.ReadUInt32BigEndian(content.AsSpan(16))},{BinaryPrimitives.ReadUInt16BigEndian(content.AsSpan(20))})"),
            content[22..]);
    }
}
