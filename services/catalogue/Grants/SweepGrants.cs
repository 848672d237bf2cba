using Dapper;
using Exchange.Catalogue.Approvals;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>
/// Ends grants whose last day is over (24:00 in Beijing), archives what is closed (art. 29), asks sources again that did not answer and gives automatic answers that had to wait. Several processes of one city may sweep:
/// each request is taken under its row's lock, and what another one holds is skipped.
/// </summary>
internal sealed partial class SweepGrants(IServiceScopeFactory scopes, City city, WorkingDays days, SweepSettings settings, TimeProvider clock, ILogger<SweepGrants> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await SweepOneAsync(Over, (scope, stored, cancel) => scope.GetRequiredService<SharingStore>().ApplyAsync(stored, new SharingEvent.TermEnd(city.DisposalDue(days, clock)), cancel), stoppingToken))
                {
                }

                while (await SweepOneAsync(Closed, (scope, stored, cancel) => scope.GetRequiredService<SharingStore>().ApplyAsync(stored, new SharingEvent.Archive(LegalDay.Of(clock.GetUtcNow()).AddYears(city.Limits.RetentionYears)), cancel), stoppingToken))
                {
                }

                await SweepOneAsync(Unanswered, (scope, stored, cancel) => scope.GetRequiredService<ProbeSource>().RunAsync(stored.Process.Ask.ExchangeId, cancel), stoppingToken);
                await SweepOneAsync(AnswerAutomatically.Waiting, (scope, stored, cancel) => scope.GetRequiredService<AnswerAutomatically>().RunAsync(stored, cancel), stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            await Task.Delay(settings.SweepEvery, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<bool> SweepOneAsync(string select, Func<IServiceProvider, StoredRequest, CancellationToken, Task> act, CancellationToken cancel)
    {
        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var now = clock.Now();
        var id = await transaction.Connection.QuerySingleOrDefaultAsync<Guid?>(new CommandDefinition(select, new { today = LegalDay.Of(now), closedBefore = now.AddDays(-city.Limits.ArchiveAfter) }, cancellationToken: cancel));
        if (id is null)
        {
            return false;
        }

        var store = scope.ServiceProvider.GetRequiredService<SharingStore>();
        var stored = await store.FindAsync(id.Value, Side.Owning, cancel);
        await act(scope.ServiceProvider, stored!, cancel);
        await transaction.CommitAsync(cancel);
        return true;
    }

    private const string Over = """
        select r.exchange_id
        from grants g join sharing_requests r on r.exchange_id = g.exchange_id and r.side = 'owning'
        where g.state in ('issued', 'active', 'suspended') and g.valid_until < @today and r.state in ('approved', 'active', 'suspended')
        limit 1
        for update of r skip locked
        """;

    private const string Closed = """
        select exchange_id
        from sharing_requests
        where side = 'owning' and state in ('refused', 'disposed', 'withdrawn') and changed_at <= @closedBefore
        limit 1
        for update skip locked
        """;

    // The least recently asked first, so that one silent source does not keep the others waiting.
    private const string Unanswered = """
        update grants set changed_at = clock_timestamp()
        where exchange_id = (select exchange_id from grants where state = 'issued' and changed_at < clock_timestamp() - interval '5 seconds' order by changed_at limit 1 for update skip locked)
        returning exchange_id
        """;

    [LoggerMessage(Level = LogLevel.Warning, Message = "The sweep of grants stopped at a fault and goes on in a moment")]
    private static partial void LogLater(ILogger log, Exception fault);
}
