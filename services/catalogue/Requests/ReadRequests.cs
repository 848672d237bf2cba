using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Npgsql;

namespace Exchange.Catalogue.Requests;

/// <summary>Shows rows as of today in Beijing, by the calendar as it is loaded.</summary>
internal sealed class RequestViews(WorkingDays days, TimeProvider clock, ServiceSettings service)
{
    public RequestView Of(SharingRow row) => RequestView.Of(row, days, LegalDay.Of(clock.GetUtcNow()), service.PublicAddress);
}

/// <summary>Reads requests and approvals: a department its own, the authority its city's.</summary>
internal static class ReadRequests
{
    public static void Map(RouteGroupBuilder group, Side side)
    {
        group.MapGet("", (Caller caller, Database database, RequestViews views, ServiceSettings service, [AsParameters] ListQuery query, CancellationToken cancel) =>
                ListAsync(side, caller, database, views, service, query, cancel))
            .AllowCallers()
            .WithSummary(side == Side.Asking ? "Requests of the caller's department, newest first." : "Requests that the caller's department has to answer or has answered, newest first.")
            .WithDescription("""
                `state` names one state or several with commas between them. `sort=due` puts what is due soonest first, and what no clock runs for last. `waits_for` keeps what the reviewer
                or the head of the sharing office (`sharing_head`) of the providing department has to do next; `dataset`, `asking_city` and `asking_department` keep what they name.
                """);
        group.MapGet("/{id:guid}", (Guid id, Caller caller, Database database, RequestViews views, HttpContext http, CancellationToken cancel) =>
                GetAsync(id, side, caller, database, views, http, cancel))
            .AllowCallers()
            .WithSummary("One request with what can be done next.");
        group.MapGet("/{id:guid}/history", (Guid id, Caller caller, Database database, CancellationToken cancel) => HistoryAsync(id, side, caller, database, cancel))
            .AllowCallers()
            .WithSummary("Every step of a request in this city, with the event id under which the audit service proves it.");
    }

    public static async Task<RequestView?> ViewAsync(NpgsqlConnection connection, Guid id, Side side, RequestViews views, CancellationToken cancel)
    {
        var row = await FindAsync(connection, id, side, cancel);
        return row is null ? null : views.Of(row);
    }

    /// <summary>The side's own department and its city's authority see a request; everyone else is told nothing, not even that it exists.</summary>
    public static bool MaySee(Caller caller, StoredRequest stored)
    {
        var ask = stored.Process.Ask;
        var (city, department) = stored.Side == Side.Asking ? (ask.AskingCity, ask.AskingDepartment) : (ask.OwningCity, ask.OwningDepartment);
        return caller.City == city && (caller.Department == department || caller.Has(Roles.Authority));
    }

    private static async Task<SharingRow?> FindAsync(NpgsqlConnection connection, Guid id, Side side, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<SharingRow>(new CommandDefinition(
            SharingRow.Select + " where exchange_id = @id and side = @side", new { id, side = SharingStore.Word(side) }, cancellationToken: cancel));

    private static async Task<Results<Ok<RequestList>, Refused>> ListAsync(Side side, Caller caller, Database database, RequestViews views, ServiceSettings service, ListQuery query, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(query.Limit, faults);
        var states = query.State?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (states?.Any(state => Words.Stored.All(s => s.Word() != state)) == true)
        {
            faults.Add("state", "unknown", null, new("没有这个状态。", "There is no such state."));
        }

        if (query.Sort is not (null or "due"))
        {
            faults.Add("sort", "one-of", null, new("只可为 due（按期限先后）。", "It can only be due (by the last day)."));
        }

        if (query.WaitsFor is not (null or Roles.Reviewer or Roles.SharingHead))
        {
            faults.Add("waits_for", "one-of", null, new("须为 reviewer 或 sharing_head。", "It is reviewer or sharing_head."));
        }

        var byDue = query.Sort == "due";
        var (afterDue, after) = byDue ? AfterDue(query.Cursor, faults) : (null, Pages.After(query.Cursor, faults));
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<SharingRow>(new CommandDefinition(SharingRow.Select + (side == Side.Asking ? OfAsking : OfOwning) + Named + (byDue ? PageByDue : Page), new
        {
            city = service.Name,
            department = caller.Department,
            whole = caller.Has(Roles.Authority),
            mine = caller.City == service.Name,
            states,
            waitsFor = query.WaitsFor,
            dataset = query.Dataset,
            askingCity = query.AskingCity,
            askingDepartment = query.AskingDepartment,
            after,
            afterDue,
            size = size + 1,
        }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new RequestList([.. page.Select(views.Of)], rows.Count > size ? byDue ? Cursor(page[^1]) : Pages.Cursor(page[^1].ExchangeId) : null));
    }

    // By the day and then by the id: what is answered while somebody turns the pages leaves the list and moves nothing.
    private static string Cursor(SharingRow last) => $"{Pages.Cursor(last.ExchangeId)}.{Due(last).DayNumber.ToString(CultureInfo.InvariantCulture)}";

    private static DateOnly Due(SharingRow row) => row.ReplyDue is { } reply && row.DeliveryDue is { } delivery ? (reply < delivery ? reply : delivery) : row.ReplyDue ?? row.DeliveryDue ?? NoClock;

    private static (DateOnly? Due, Guid? After) AfterDue(string? cursor, Faults faults)
    {
        if (string.IsNullOrEmpty(cursor))
        {
            return (null, null);
        }

        var dot = cursor.IndexOf('.', StringComparison.Ordinal);
        var day = dot < 0 || !int.TryParse(cursor.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > DateOnly.MaxValue.DayNumber ? (DateOnly?)null : DateOnly.FromDayNumber(number);
        return (day, Pages.After(day is null ? "?" : cursor[..dot], faults));
    }

    private static async Task<Results<Ok<RequestView>, Refused>> GetAsync(Guid id, Side side, Caller caller, Database database, RequestViews views, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await FindAsync(connection, id, side, cancel) is not { } row || !MaySee(caller, row.ToRequest()))
        {
            return Pipeline.NotFound();
        }

        http.SetETag(row.Version);
        return TypedResults.Ok(views.Of(row));
    }

    private static async Task<Results<Ok<IReadOnlyList<Step>>, Refused>> HistoryAsync(Guid id, Side side, Caller caller, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await FindAsync(connection, id, side, cancel) is not { } row || !MaySee(caller, row.ToRequest()))
        {
            return Pipeline.NotFound();
        }

        var steps = await connection.QueryAsync<Step>(new CommandDefinition("""
            select version, event, state, at, by_name as by, note, audit_event from sharing_history where exchange_id = @id and side = @side order by position
            """, new { id, side = SharingStore.Word(side) }, cancellationToken: cancel));
        return TypedResults.Ok<IReadOnlyList<Step>>([.. steps]);
    }

    internal sealed record RequestList(IReadOnlyList<RequestView> Items, string? Next);

    /// <summary>One step of a request.</summary>
    internal sealed record Step
    {
        public required int Version { get; init; }
        public required string Event { get; init; }
        public required string State { get; init; }
        public required DateTimeOffset At { get; init; }

        /// <summary>Name of the person; absent when a message, a clock or a standing sign-off did it.</summary>
        public string? By { get; init; }

        /// <summary>Why a proposal was returned, or an extension asked for or denied; seen in this city only.</summary>
        public string? Note { get; init; }

        /// <summary>Event id in the audit log.</summary>
        public Guid? AuditEvent { get; init; }
    }

    private const string OfAsking = " where side = 'asking' and asking_city = @city and @mine and (@whole or asking_department = @department)";

    private const string OfOwning = " where side = 'owning' and owning_city = @city and @mine and (@whole or owning_department = @department)";

    private const string Named = """
         and (@states::text[] is null or state = any(@states)) and (@dataset::uuid is null or dataset_id = @dataset) and (@askingCity::text is null or asking_city = @askingCity) and (@askingDepartment::text is null or asking_department = @askingDepartment)
         and case @waitsFor::text
                 when 'reviewer' then state = 'under_review' or (state in ('approved', 'active') and change is not null and change ->> 'outcome' is null and proposal is null)
                 when 'sharing_head' then state = 'decided' or (state in ('approved', 'active') and change is not null and change ->> 'outcome' is null and proposal is not null)
                 else true
             end
        """;

    private const string Page = """
         and (@after::uuid is null or exchange_id < @after)
        order by exchange_id desc
        limit @size
        """;

    // The last of days stands for none; Due says the same.
    private const string PageByDue = """
         and (@after::uuid is null or (coalesce(least(reply_due, delivery_due), date '9999-12-31'), exchange_id) > (@afterDue::date, @after))
        order by coalesce(least(reply_due, delivery_due), date '9999-12-31'), exchange_id
        limit @size
        """;

    private static readonly DateOnly NoClock = DateOnly.MaxValue;

    /// <summary>What a list is narrowed to, and its order.</summary>
    internal sealed record ListQuery(
        string? State,
        int? Limit,
        string? Cursor,
        string? Sort,
        [property: FromQuery(Name = "waits_for")] string? WaitsFor,
        Guid? Dataset,
        [property: FromQuery(Name = "asking_city")] string? AskingCity,
        [property: FromQuery(Name = "asking_department")] string? AskingDepartment);
}
