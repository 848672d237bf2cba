using System.Security.Cryptography;
using System.Text;
using Dapper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>
/// The keys of grants, for hashed fields and for cursors. One secret of the city lies in a file of its key folder, opened at start; each grant's keys are derived from it by the grant's id (HKDF-SHA256),
/// so that nothing about them stands in the database, in a backup of it or in the log, a restored database gives the same hashes as before, and no two grants ever share one.
/// </summary>
internal sealed class GrantKeys(IServiceScopeFactory scopes, ServiceSettings service) : IHostedService
{
    private const string File = "grants.key";
    private const int Size = 32;
    private const long LockKey = 0x6772_616e_0000_0001;

    private byte[]? secret;

    private byte[] Secret => secret ?? throw new InvalidOperationException("The key for grants is not open yet.");

    /// <summary>The key under which a grant's values are hashed.</summary>
    public byte[] ForHashes(Guid exchange) => Derive("hashed fields", exchange);

    /// <summary>The key that seals a grant's cursors.</summary>
    public byte[] ForCursors(Guid exchange) => Derive("cursors", exchange);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancellationToken);
        var connection = transaction.Connection;
        // Two processes that start for the first time at once must come to one key.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: cancellationToken));
        var known = await connection.QuerySingleOrDefaultAsync<byte[]?>(new CommandDefinition("select key_check from grants_key", cancellationToken: cancellationToken));
        var opened = KeyFile.Open(Path.Combine(service.KeyFolder, File), mayCreate: known is null, () => RandomNumberGenerator.GetBytes(Size));
        var check = HMACSHA256.HashData(opened, "key for grants"u8);
        if (known is not null && !CryptographicOperations.FixedTimeEquals(known, check))
        {
            throw new InvalidOperationException($"The key {File} in {service.KeyFolder} is not the one this city has hashed with. Restore the folder from its backup.");
        }

        if (known is null)
        {
            await connection.ExecuteAsync(new CommandDefinition("insert into grants_key (key_check) values (@check)", new { check }, cancellationToken: cancellationToken));
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "key.made",
                Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["key"] = "grants", ["name"] = service.Name },
            }, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        secret = opened;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private byte[] Derive(string what, Guid exchange) => HKDF.DeriveKey(HashAlgorithmName.SHA256, Secret, Size, info: Encoding.ASCII.GetBytes($"{what}\n{service.Name}\n{exchange}"));
}
