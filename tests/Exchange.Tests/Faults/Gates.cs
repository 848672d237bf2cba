using Dapper;
using Exchange.Local;
using Exchange.Tests.Flow;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>Where a service can be held: a place in one of its transactions.</summary>
internal enum HoldPoint
{
    /// <summary>A step of the process is being written; nothing is committed.</summary>
    Step = 1,

    /// <summary>The same, inside COMMIT: everything is written, and the server has not committed yet.</summary>
    StepCommit,

    /// <summary>The relay is about to number what was committed.</summary>
    Seal,

    /// <summary>The relay has its confirm and is about to note it.</summary>
    Mark,

    /// <summary>A delivery is being opened, or inside the COMMIT of that.</summary>
    Open,
    OpenCommit,

    /// <summary>A delivery's end is being written, or inside the COMMIT of that.</summary>
    End,
    EndCommit,
}

/// <summary>
/// Holds services at a <see cref="HoldPoint"/>: triggers ask for a shared advisory lock, which they get at once unless a test has closed the gate by holding it alone.
/// </summary>
internal sealed class Gates(ExchangeFixture exchange, IReadOnlyList<string> services) : IAsyncDisposable
{
    private const int Locks = 4711;

    public static async Task<Gates> InstallAsync(ExchangeFixture exchange, params string[] services)
    {
        foreach (var service in services)
        {
            await using var owner = await exchange.AdminAsync(service, "gates");
            await owner.ExecuteAsync(Remove);
            await owner.ExecuteAsync("""
                create function service.gate() returns trigger language plpgsql as $$
                begin
                    perform pg_advisory_xact_lock_shared(4711, tg_argv[0]::int);
                    return new;
                end $$;
                create trigger gate before update of sealed on service.outbox for each row when (old.sealed is null and new.sealed is not null) execute function service.gate(3);
                create trigger gate_mark before update of sent_at on service.outbox for each row when (old.sent_at is null and new.sent_at is not null) execute function service.gate(4);
                """);
            await owner.ExecuteAsync(service == Stack.Audit ? StepsOf("leaves") : StepsOf("sharing_history") + """
                create trigger gate before insert on service.deliveries for each row execute function service.gate(5);
                create constraint trigger gate_open after insert on service.deliveries deferrable initially deferred for each row execute function service.gate(6);
                create trigger gate_end before update of ended_at on service.deliveries for each row when (old.ended_at is null) execute function service.gate(7);
                create constraint trigger gate_ended after update of ended_at on service.deliveries deferrable initially deferred for each row when (old.ended_at is null and new.ended_at is not null) execute function service.gate(8);
                """);
        }

        return new Gates(exchange, services);

        static string StepsOf(string table) => $"""
            create trigger gate before insert on service.{table} for each row execute function service.gate(1);
            create constraint trigger gate_commit after insert on service.{table} deferrable initially deferred for each row execute function service.gate(2);
            """;
    }

    /// <summary>From now on nobody passes, until the gate is disposed of.</summary>
    public async Task<Gate> CloseAsync(string service, HoldPoint place)
    {
        var keeper = await exchange.AdminAsync(service, "gate keeper");
        await keeper.ExecuteAsync("select pg_advisory_lock(@Locks, @place)", new { Locks, place = (int)place });
        return new Gate(keeper, place);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in services)
        {
            await using var owner = await exchange.AdminAsync(service, "gates");
            await owner.ExecuteAsync(Remove);
        }
    }

    // With the function go all triggers that call it.
    private const string Remove = "drop function if exists service.gate() cascade";

    internal sealed class Gate(NpgsqlConnection keeper, HoldPoint place) : IAsyncDisposable
    {
        /// <summary>Waits until somebody stands before the gate.</summary>
        public Task HeldAsync() => Eventually.GetAsync(
            () => keeper.ExecuteScalarAsync<long>("""
                select count(*) from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()
                where l.locktype = 'advisory' and l.classid = 4711 and l.objid = @place and not l.granted
                """, new { place = (int)place }),
            waiting => waiting > 0,
            TimeSpan.FromSeconds(40),
            _ => $"nobody came to {place}");

        public ValueTask DisposeAsync() => keeper.DisposeAsync();
    }
}
