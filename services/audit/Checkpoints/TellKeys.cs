using System.Security.Cryptography;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Audit.Checkpoints;

/// <summary>The keys a log begins with are told by a leaf each, once: they are made before anything can be recorded. Later ones are told by <see cref="RotateKeys"/>.</summary>
internal sealed partial class TellKeys(IServiceScopeFactory scopes, ILogger<TellKeys> log) : BackgroundService
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await TellAsync(stoppingToken);
                return;
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogLater(log, fault.Message);
            }
            await Task.Delay(Soon, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task TellAsync(CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var keys = await transaction.Connection.QueryAsync<KeyRow>(new CommandDefinition("""
            with told as (insert into keys_told (public_key) select public_key from log_keys on conflict do nothing returning public_key)
            select name, public_key from log_keys where public_key in (select public_key from told) order by name
            """, cancellationToken: cancel));
        foreach (var key in keys)
        {
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "key.made",
                Details = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["key"] = "log",
                    ["name"] = key.Name,
                    ["public_key"] = Convert.ToBase64String(key.PublicKey),
                    ["public_key_sha256"] = Convert.ToHexStringLower(SHA256.HashData(key.PublicKey)),
                },
            }, cancel);
        }
        await transaction.CommitAsync(cancel);
    }

    private sealed record KeyRow
    {
        public required string Name { get; init; }
        public required byte[] PublicKey { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The log's keys are told to it later ({Reason})")]
    private static partial void LogLater(ILogger logger, string reason);
}
