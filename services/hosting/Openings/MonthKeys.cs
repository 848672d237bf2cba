using System.Security.Cryptography;
using System.Text;
using Dapper;

namespace Exchange.Hosting.Openings;

/// <summary>
/// The months' keys: one file each in the service's key folder, which its processes share, never in the database. The database knows of each only that it exists and how to tell it from another,
/// so that a lost or exchanged file is noticed before something is sealed with a second key.
/// </summary>
internal sealed class MonthKeys(Database database, ServiceSettings service) : IDisposable
{
    private const int Size = 32;
    private const int MostAtHand = 16;

    private readonly Lock gate = new();
    private readonly Dictionary<Month, byte[]> atHand = [];
    private readonly SemaphoreSlim opening = new(1, 1);

    /// <summary>The month's key, made when it is the first time.</summary>
    public async Task<byte[]> ToSealAsync(Month month, CancellationToken cancel) =>
        AtHand(month) ?? await LoadAsync(month, cancel) ?? throw new InvalidOperationException($"The key of {month} was destroyed; nothing more can be sealed in that month. The clock of this machine has gone back.");

    /// <summary>Null when it was destroyed. Whoever opens has looked in the database whether the month is erased: another process may have done it.</summary>
    public async Task<byte[]?> ToOpenAsync(Month month, CancellationToken cancel) => AtHand(month) ?? await LoadAsync(month, cancel);

    public void Destroy(Month month)
    {
        lock (gate)
        {
            atHand.Remove(month);
        }
        KeyFile.Destroy(PathOf(month));
    }

    public void Dispose() => opening.Dispose();

    private string PathOf(Month month) => Path.Combine(service.KeyFolder, $"openings-{month}.key");

    private byte[]? AtHand(Month month)
    {
        lock (gate)
        {
            return atHand.GetValueOrDefault(month);
        }
    }

    /// <summary>One at a time and on a connection of its own: the row must be committed before anything is sealed with the key.</summary>
    private async Task<byte[]?> LoadAsync(Month month, CancellationToken cancel)
    {
        await opening.WaitAsync(cancel);
        try
        {
            if (AtHand(month) is { } loaded)
            {
                return loaded;
            }
            await using var connection = await database.OpenAsync(cancel);
            var known = await connection.QuerySingleOrDefaultAsync<MonthRow>(new CommandDefinition(
                "select key_check, erasure_id from opening_months where month = @Month", new { Month = month.ToString() }, cancellationToken: cancel));
            if (known?.ErasureId is not null)
            {
                return null;
            }
            var key = KeyFile.Open(PathOf(month), mayCreate: known is null, () => RandomNumberGenerator.GetBytes(Size));
            var check = HMACSHA256.HashData(key, Encoding.ASCII.GetBytes($"key of {month}"));
            var agreed = known?.KeyCheck ?? await connection.QuerySingleAsync<byte[]>(new CommandDefinition("""
                insert into opening_months (month, key_check) values (@Month, @check) on conflict (month) do update set month = excluded.month returning key_check
                """, new { Month = month.ToString(), check }, cancellationToken: cancel));
            if (!CryptographicOperations.FixedTimeEquals(check, agreed))
            {
                throw new InvalidOperationException($"{PathOf(month)} is not the key with which this service has sealed. Its processes share one key folder; restore it from its backup.");
            }
            lock (gate)
            {
                atHand[month] = key;
                if (atHand.Count > MostAtHand)
                {
                    atHand.Remove(atHand.Keys.MinBy(m => m.Begin));
                }
            }
            return key;
        }
        finally
        {
            opening.Release();
        }
    }

    private sealed record MonthRow
    {
        public required byte[] KeyCheck { get; init; }
        public Guid? ErasureId { get; init; }
    }
}
