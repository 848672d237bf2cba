using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Flow;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>Killing, coming back, and callers who do not give up.</summary>
internal static class Deaths
{
    /// <summary>Runs a schedule; whatever it did, the stack stands again afterwards.</summary>
    public static async Task RunAsync(this FaultFixture exchange, Func<Schedule, Task> test)
    {
        try
        {
            await Schedule.RunAsync(test);
        }
        finally
        {
            exchange.MendLines();
            if (exchange.Stack.Postgres!.Process is null)
            {
                await exchange.Stack.StartPostgresAsync();
            }

            if (exchange.Stack.Rabbit!.Process is null)
            {
                await exchange.Stack.StartBrokerAsync();
            }

            foreach (var service in exchange.Stack.ServiceNames.Where(s => !exchange.Stack.IsRunning(s)))
            {
                await exchange.NoSessionsAsync(service);
                await exchange.ReviveAsync(service);
            }

            foreach (var service in exchange.Stack.ServiceNames)
            {
                await InsistAsync(() => exchange.Who("auditor").GetAsync(new Uri(exchange.Stack.Address(service), "/health/ready").AbsoluteUri));
            }
        }
    }

    /// <summary>SIGKILL, and the database server notices at once: what the process had not committed is rolled back.</summary>
    public static async Task KillNoticedAsync(this ExchangeFixture exchange, string service)
    {
        await exchange.Stack.KillAsync(service);
        await exchange.NoSessionsAsync(service);
    }

    /// <summary>Ends what the database server still does for a service that is gone: while it waits for a lock it does not notice.</summary>
    public static async Task NoSessionsAsync(this ExchangeFixture exchange, string service)
    {
        await using var admin = new NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString(service));
        await admin.OpenAsync();
        await Eventually.TrueAsync(async () => await admin.ExecuteScalarAsync<long>(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = @service and application_name = @service", new { service }) == 0);
    }

    /// <summary>Starts a service that was killed, once the leases that it held have run out.</summary>
    public static async Task ReviveAsync(this ExchangeFixture exchange, string service, IReadOnlyDictionary<string, string>? settings = null)
    {
        await using (var owner = await exchange.AdminAsync(service))
        {
            await owner.ExecuteAsync("update service.leases set expires_at = clock_timestamp()");
        }

        await exchange.Stack.StartAsync(service, settings);
    }

    /// <summary>Repeats an act as a client does that heard nothing or was told to come again. The act carries its own Idempotency-Key.</summary>
    public static async Task<Answer> InsistAsync(Func<Task<Answer>> act, TimeSpan? within = null)
    {
        var last = "no answer yet";
        var answer = await Eventually.GetAsync(
            async () =>
            {
                try
                {
                    var seen = await act();
                    last = $"{seen.Status} {seen.Text}";
                    return seen.Status is 429 or >= 500 || seen.Text.Contains("idempotency-key-in-flight", StringComparison.Ordinal) ? null : seen;
                }
                catch (Exception fault) when (fault is HttpRequestException or IOException or LocalFault || (fault is OperationCanceledException && !TestContext.Current.CancellationToken.IsCancellationRequested))
                {
                    last = fault.Message;
                    return null;
                }
            },
            seen => seen is not null,
            within ?? TimeSpan.FromSeconds(60),
            _ => last);
        return answer!;
    }
}
