using System.Security.Cryptography;
using System.Text;
using Dapper;
using Npgsql;

namespace Exchange.Hosting.Openings;

/// <summary>
/// What this service's commitments were made of, erasable. Each row has a data key of its own, so one can be forgotten without the others; a month's key wraps those, so a whole month goes with one file.
/// Source, event, name and month are bound in: a row that was moved under another event or name does not open.
/// </summary>
public sealed class OpeningStore
{
    private const int KeySize = 32;
    private const int NonceSize = 12;
    private const int TagSize = 16;

    private readonly MonthKeys months;
    private readonly string source;

    internal OpeningStore(MonthKeys months, ServiceSettings service) => (this.months, source) = (months, service.Name);

    internal async Task AddAsync(NpgsqlConnection connection, IReadOnlyList<AuditOpening> openings, CancellationToken cancel)
    {
        var rows = new List<SealedOpening>(openings.Count);
        foreach (var opening in openings)
        {
            rows.Add(Seal(await months.ToSealAsync(opening.Month, cancel), opening));
        }
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into audit_openings (event_id, name, month, wrapped_key, sealed)
            select * from unnest(@EventId, @Name, @Month, @WrappedKey, @Sealed)
            """, new
        {
            EventId = rows.Select(r => r.EventId).ToArray(),
            Name = rows.Select(r => r.Name).ToArray(),
            Month = rows.Select(r => r.Month).ToArray(),
            WrappedKey = rows.Select(r => r.WrappedKey).ToArray(),
            Sealed = rows.Select(r => r.Sealed).ToArray(),
        }, cancellationToken: cancel));
    }

    /// <summary>Null when its month's key is gone. A row that was altered or moved is a <see cref="CryptographicException"/>.</summary>
    internal async Task<AuditOpening?> OpenAsync(SealedOpening row, CancellationToken cancel)
    {
        var month = Month.Parse(row.Month)!.Value;
        if (row.WrappedKey is null || row.Sealed is null || await months.ToOpenAsync(month, cancel) is not { } monthKey)
        {
            return null;
        }
        var content = Decrypt(Decrypt(monthKey, row.WrappedKey, Bound("key", row)), row.Sealed, Bound("value", row));
        return new AuditOpening(row.EventId, month, row.Name, content[..KeySize], Encoding.UTF8.GetString(content.AsSpan(KeySize)));
    }

    private SealedOpening Seal(byte[] monthKey, AuditOpening opening)
    {
        var row = new SealedOpening { EventId = opening.EventId, Name = opening.Name, Month = opening.Month.ToString() };
        var key = RandomNumberGenerator.GetBytes(KeySize);
        return row with
        {
            // Random nonces under the month's key: safe up to 2^32 rows a month.
            WrappedKey = Encrypt(monthKey, key, Bound("key", row)),
            Sealed = Encrypt(key, [.. opening.Key, .. Encoding.UTF8.GetBytes(opening.Value)], Bound("value", row)),
        };
    }

    private byte[] Bound(string what, SealedOpening row) => Encoding.UTF8.GetBytes($"{what}\n{source}\n{row.Month}\n{row.EventId}\n{row.Name}");

    private static byte[] Encrypt(byte[] key, byte[] content, byte[] bound)
    {
        var box = new byte[NonceSize + TagSize + content.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, NonceSize));
        using var aes = new AesGcm(key, TagSize);
        aes.Encrypt(box.AsSpan(0, NonceSize), content, box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), bound);
        return box;
    }

    private static byte[] Decrypt(byte[] key, byte[] box, byte[] bound)
    {
        if (box.Length < NonceSize + TagSize)
        {
            throw new CryptographicException("The row was cut.");
        }
        var content = new byte[box.Length - NonceSize - TagSize];
        using var aes = new AesGcm(key, TagSize);
        aes.Decrypt(box.AsSpan(0, NonceSize), box.AsSpan(NonceSize + TagSize), box.AsSpan(NonceSize, TagSize), content, bound);
        return content;
    }
}

/// <summary>As it lies in the table.</summary>
internal sealed record SealedOpening
{
    public required Guid EventId { get; init; }
    public required string Name { get; init; }
    public required string Month { get; init; }
    public byte[]? WrappedKey { get; init; }
    public byte[]? Sealed { get; init; }

    /// <summary>The erasure that forgot it, alone or with its month.</summary>
    public Guid? ErasureId { get; init; }
}
