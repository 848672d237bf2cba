using System.Globalization;
using System.Security.Cryptography;
using Dapper;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting.Transparency;

/// <summary>Tells the log which agreement on it this service goes by, whenever that has changed: who signs, who witnesses and how many must is a matter of rights.</summary>
internal sealed partial class TakeAgreement(IServiceScopeFactory scopes, ServiceSettings service, ILogger<TakeAgreement> log) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);
    private const long LockKey = 0x7472_7573_0000_0001;

    private DateTime told;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault.Message);
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    internal async Task LookAsync(CancellationToken cancel)
    {
        var file = new FileInfo(Path.Combine(service.KeyFolder, AgreementFile.Name));
        if (!file.Exists || file.LastWriteTimeUtc == told)
        {
            return;
        }

        var written = file.LastWriteTimeUtc;
        var bytes = await File.ReadAllBytesAsync(file.FullName, cancel);
        var agreed = Agreement.Parse(bytes);
        var digest = SHA256.HashData(bytes);
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        // Of several processes that find the same file one tells it. An agreement that comes back after another is told again.
        await transaction.Connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { LockKey }, cancellationToken: cancel));
        if (await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into agreements_taken (digest) select @digest where @digest is distinct from (select digest from agreements_taken order by position desc limit 1)
            """, new { digest }, cancellationToken: cancel)) > 0)
        {
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "trust.changed",
                Details = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    ["sha256"] = Convert.ToHexStringLower(digest),
                    ["quorum"] = agreed.Quorum.ToString(CultureInfo.InvariantCulture),
                    ["witnesses"] = string.Join(',', agreed.Witnesses.Select(w => w.Name)),
                    ["logs"] = string.Join(',', agreed.Logs.Keys),
                },
            }, cancel);
            await transaction.CommitAsync(cancel);
        }

        told = written;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The agreement in the key folder is told to the log later ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
