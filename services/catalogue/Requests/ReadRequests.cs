using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
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
        group.MapGet("", (Caller caller, Database database, RequestViews views, ServiceSettings service, string? state, int? limit, string? cursor, CancellationToken cancel) =>
                ListAsync(side, caller, database, views, service, state, limit, cursor, cancel))
            .AllowCallers()
            .WithSummary(side == Side.Asking ? "Requests of the caller's department, newest first." : "Requests that the caller's department has to answer or has answered, newest first.")
            .WithDescription("`state` is one state, or several with commas between.");
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

    private static async Task<Results<Ok<RequestList>, Refused>> ListAsync(Side side, Caller caller, Database database, RequestViews views, ServiceSettings service, string? state, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        var states = state?.Split(',');
        if (states is not null && states.Any(one => Words.Stored.All(s => s.Word() != one)))
        {
            faults.Add("state", "unknown", null, new("没有这个状态。", "There is no such state."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<SharingRow>(new CommandDefinition(SharingRow.Select + (side == Side.Asking ? OfAsking : OfOwning) + Page, new
        {
            city = service.Name,
            department = caller.Department,
            whole = caller.Has(Roles.Authority),
            mine = caller.City == service.Name,
            states,
            after,
            size = size + 1,
        }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new RequestList([.. page.Select(views.Of)], rows.Count > size ? Pages.Cursor(page[^1].ExchangeId) : null));
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

    private const string Page = """
         and (@states::text[] is null or state = any(@states)) and (@after::uuid is null or exchange_id < @after)
        order by exchange_id desc
        limit @size
        """;
}
