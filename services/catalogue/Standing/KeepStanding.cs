using Dapper;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Standing;

/// <summary>An officer of the asking department has granted rows pulled regularly into the city's own data schema: sets it up, changes its times, pauses and resumes it, has it run at once, ends it. Everyone of the department sees how it goes.</summary>
internal static class KeepStanding
{
    private static readonly Rule NotActive = new("grant-not-active", StatusCodes.Status403Forbidden, "第22条",
        new("该申请没有可以使用的按行数据授权。", "There is no active grant of rows under this request."),
        new("定期交换须在授权生效期间、以数据表（rows）方式共享时设置。", "A standing exchange is set up while a grant runs whose method is rows."));

    private static readonly Rule NoAccess = new("no-machine-access", StatusCodes.Status409Conflict, null,
        new("本部门没有供本市系统取数的业务系统凭证。", "This city has no machine client to fetch for your department."),
        new("请本市运维人员在设置 Standing:Clients 中配置本部门业务系统的凭证。", "The city's operator names your department's machine client in the settings, Standing:Clients."));

    private static readonly Rule Exists = new("standing-exists", StatusCodes.Status409Conflict, null,
        new("该授权已设有定期交换。", "There is a standing exchange under this grant already."),
        new("请修改其时间（PUT），或先停止再重新设置。", "Change its times (PUT), or end it first."));

    private static readonly Rule WrongState = new("standing-state", StatusCodes.Status409Conflict, null,
        new("定期交换的当前状态不允许此操作。", "The standing exchange's state does not allow this."),
        new("进行中的可暂停、立即执行或停止；已暂停的可恢复或停止。", "One that is active can be paused, run at once or ended; a paused one resumed or ended."));

    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapGet("/{id:guid}/standing", GetAsync).AllowCallers()
            .WithSummary("The standing exchange under a request: its times, the last pull, the running one, how far behind it is and why.");
        requests.MapPost("/{id:guid}/standing", PostAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Sets up a standing exchange: the granted rows are pulled into the city's own data schema every so many minutes, or daily at a time in Beijing. The first pull begins at once.");
        requests.MapPut("/{id:guid}/standing", PutAsync).AllowPersons(Roles.Officer).Writes()
            .WithSummary("Other times for a standing exchange, and the purpose as it is agreed now. Needs If-Match.");
        foreach (var (act, what) in new[] { ("pause", "Pauses it"), ("resume", "Resumes it; it runs at once"), ("run", "Has it run at once"), ("end", "Ends it; the copy stays until the data is disposed of") })
        {
            requests.MapPost($"/{{id:guid}}/standing/{act}", (Guid id, Caller caller, City city, SharingStore requestsOf, StandingStore store, Transaction transaction, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel) =>
                    ActAsync(id, act, caller, city, requestsOf, store, transaction, tables, service, clock, http, cancel))
                .AllowPersons(Roles.Officer).Writes().WithSummary($"{what}. Needs If-Match.");
        }
    }

    private static async Task<Results<Ok<StandingExchangeView>, Refused>> GetAsync(
        Guid id, Caller caller, City city, Transaction transaction, SharingStore requests, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        await transaction.BeginAsync(cancel);
        if (await requests.FindAsync(id, Side.Asking, cancel) is not { } stored || !ReadRequests.MaySee(caller, stored) || await StandingExchange.FindAsync(transaction.Connection, id, cancel) is not { } standing)
        {
            return Pipeline.NotFound();
        }

        return await ShowAsync(standing, city, tables, service, clock, http, cancel);
    }

    private static async Task<Results<Created<StandingExchangeView>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, City city, SharingStore requests, StandingStore store, Transaction transaction, GatewayClient gateway, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        var schedule = StandingSchedule.Check(body.EveryMinutes, body.DailyAt, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (await OwnAsync(id, caller, requests, cancel) is not { } stored)
        {
            return Pipeline.NotFound();
        }

        var ask = stored.Process.Ask;
        if (stored.Process is not { State: SharingState.Active, Grant: { Purpose: { } purpose } grant } || (grant.Method ?? stored.Texts.Method) != "rows")
        {
            return new Refused(NotActive);
        }

        if (!gateway.Knows(ask.AskingDepartment))
        {
            return new Refused(NoAccess);
        }

        var now = clock.Now();
        if (await transaction.Connection.QuerySingleOrDefaultAsync<StandingExchange>(new CommandDefinition($"""
            insert into standing_exchanges as s (exchange_id, department, owning_city, state, every_minutes, daily_at, purpose, set_by, set_by_name, set_at, next_run_at)
            values (@id, @AskingDepartment, @OwningCity, 'active', @EveryMinutes, @DailyAt, @purpose, @Subject, @Name, @now, @now)
            on conflict (exchange_id) do update
            set state = 'active', every_minutes = excluded.every_minutes, daily_at = excluded.daily_at, purpose = excluded.purpose, set_by = excluded.set_by, set_by_name = excluded.set_by_name, set_at = excluded.set_at,
                next_run_at = excluded.next_run_at, revision = s.revision + 1, version = s.version + 1, faults = 0, faulty_since = null, reason = null, said = null
            where s.state = 'ended'
            returning {StandingExchange.Columns}
            """, new { id, ask.AskingDepartment, ask.OwningCity, schedule.EveryMinutes, schedule.DailyAt, purpose, caller.Subject, caller.Name, now }, cancellationToken: cancel)) is not { } standing)
        {
            return new Refused(Exists);
        }

        await store.TellAsync(standing, cancel);
        await store.RecordAsync("standing.set", standing, ask.DatasetId, ask.OwningDepartment, caller.Subject, cancel);
        http.SetETag(standing.Revision);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/requests/{id}/standing", StandingExchangeView.Of(standing, null, city, service, now));
    }

    private static async Task<Results<Ok<StandingExchangeView>, Refused>> PutAsync(
        Guid id, Body body, Caller caller, City city, SharingStore requests, StandingStore store, Transaction transaction, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        var schedule = StandingSchedule.Check(body.EveryMinutes, body.DailyAt, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (await OwnAsync(id, caller, requests, cancel) is not { } stored || await StandingExchange.FindAsync(transaction.Connection, id, cancel, locked: true) is not { } standing)
        {
            return Pipeline.NotFound();
        }

        if (http.IfMatch(standing.Revision) is { } stale)
        {
            return stale;
        }

        if (standing.State is not ("active" or "paused"))
        {
            return new Refused(WrongState);
        }

        // Whoever sets it says anew what it is for; a pull that was refused or failed runs at once.
        var purpose = stored.Process.Grant?.Purpose ?? standing.Purpose;
        var next = standing.State != "active" ? null : standing.Reason is not null ? clock.Now() : (DateTimeOffset?)schedule.After(clock.Now());
        var changed = await store.ChangeAsync(id, "every_minutes = @EveryMinutes, daily_at = @DailyAt, purpose = @purpose, next_run_at = @next, revision = revision + 1", new { schedule.EveryMinutes, schedule.DailyAt, purpose, next }, cancel);
        await store.RecordAsync("standing.set", changed, stored.Process.Ask.DatasetId, stored.Process.Ask.OwningDepartment, caller.Subject, cancel);
        return await ShowAsync(changed, city, tables, service, clock, http, cancel);
    }

    private static async Task<Results<Ok<StandingExchangeView>, Refused>> ActAsync(
        Guid id, string act, Caller caller, City city, SharingStore requests, StandingStore store, Transaction transaction, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (await OwnAsync(id, caller, requests, cancel) is not { } stored || await StandingExchange.FindAsync(transaction.Connection, id, cancel, locked: true) is not { } standing)
        {
            return Pipeline.NotFound();
        }

        if (http.IfMatch(standing.Revision) is { } stale)
        {
            return stale;
        }

        var (set, record) = (act, standing.State) switch
        {
            ("pause", "active") => ("state = 'paused', next_run_at = null", "standing.paused"),
            ("resume", "paused") => ("state = 'active', next_run_at = @now, faults = 0, faulty_since = null, reason = null, said = null", "standing.resumed"),
            ("run", "active") => ("next_run_at = @now", null),
            ("end", "active" or "paused") => ("state = 'ended', next_run_at = null, faults = 0, faulty_since = null, reason = @notNeeded, said = null", "standing.ended"),
            _ => (null, null),
        };
        if (set is null)
        {
            return new Refused(WrongState, new($"当前状态：{standing.State}。", $"Its state: {standing.State}."));
        }

        var changed = await store.ChangeAsync(id, set + ", revision = revision + 1", new { now = clock.Now(), notNeeded = StandingWords.NotNeeded }, cancel);
        if (record is not null)
        {
            await store.RecordAsync(record, changed, stored.Process.Ask.DatasetId, stored.Process.Ask.OwningDepartment, caller.Subject, cancel);
        }

        return await ShowAsync(changed, city, tables, service, clock, http, cancel);
    }

    /// <summary>The request when it is the caller's own department's.</summary>
    private static async Task<StoredRequest?> OwnAsync(Guid id, Caller caller, SharingStore requests, CancellationToken cancel) =>
        await requests.FindAsync(id, Side.Asking, cancel) is { } stored && caller.City == stored.Process.Ask.AskingCity && caller.Department == stored.Process.Ask.AskingDepartment ? stored : null;

    private static async Task<Results<Ok<StandingExchangeView>, Refused>> ShowAsync(
        StandingExchange standing, City city, PulledTables tables, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var position = standing.State == "disposed" ? null : await tables.FindAsync(standing.ExchangeId, cancel);
        http.SetETag(standing.Revision);
        return TypedResults.Ok(StandingExchangeView.Of(standing, position, city, service, clock.Now()));
    }

    internal sealed record Body
    {
        /// <summary>Minutes from the beginning of one pull to the next, 5 to 10080; or <see cref="DailyAt"/>.</summary>
        public int? EveryMinutes { get; init; }

        /// <summary>Time of day in Beijing, such as <c>02:30</c>.</summary>
        public string? DailyAt { get; init; }
    }
}
