using System.Security.Cryptography;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Catalogue.Witness;

/// <summary>The key with which this city cosigns checkpoints; opened at start. It signs nothing else.</summary>
internal sealed class WitnessKey(IServiceScopeFactory scopes, ServiceSettings service) : IHostedService, IDisposable
{
    private const string File = "witness-ed25519.key";
    private const long LockKey = 0x7769_7400_0000_0001;

    private Ed25519? key;

    /// <summary>Name of the key: the public host and the city.</summary>
    public string Name { get; } = $"{new Uri(service.PublicAddress).Authority}/witness/{service.Name}";

    public VerifierKey Public => new(Name, NoteKeyType.Cosigner, Key.PublicKey);

    private Ed25519 Key => key ?? throw new InvalidOperationException("The witness key is not open yet.");

    public SignatureLine Cosign(string text, DateTimeOffset at) => Cosignature.Sign(Key, Name, at, text);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancellationToken);
        var connection = transaction.Connection;
        // Two processes that start for the first time at once must come to one key.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: cancellationToken));
        var known = await connection.QuerySingleOrDefaultAsync<byte[]?>(new CommandDefinition("select public_key from witness_key", cancellationToken: cancellationToken));
        key = Ed25519.FromSeed(KeyFile.Open(Path.Combine(service.KeyFolder, File), mayCreate: known is null, () => RandomNumberGenerator.GetBytes(Ed25519.SeedSize)));
        if (known is not null && !known.AsSpan().SequenceEqual(key.PublicKey))
        {
            throw new InvalidOperationException($"The key {File} in {service.KeyFolder} is not the one this city has cosigned with. Restore the folder from its backup.");
        }
        if (known is null)
        {
            await connection.ExecuteAsync(new CommandDefinition("insert into witness_key (public_key) values (@PublicKey)", new { key.PublicKey }, cancellationToken: cancellationToken));
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "key.made",
                Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["key"] = "witness", ["name"] = Name, ["public_key"] = Public.ToString() },
            }, cancellationToken);
        }
        await transaction.CommitAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => key?.Dispose();
}
