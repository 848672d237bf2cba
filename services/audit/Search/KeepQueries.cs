using System.Text.Json;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Search;

/// <summary>Filters of the search that a person keeps under a name, for that person alone. What they find is what the person may see when they are run.</summary>
internal static class KeepQueries
{
    private const int Most = 100;
    private const int LongestName = 100;

    private static readonly Rule NameTaken = new("name-taken", StatusCodes.Status409Conflict, null,
        new("您已有同名的检索。", "You have a query of this name."),
        new("请换一个名称，或修改已有的检索。", "Choose another name, or change the query that has it."));

    private static readonly Rule TooMany = new("too-many-queries", StatusCodes.Status409Conflict, null,
        new($"每人最多保存 {Most} 个检索。", $"A person keeps at most {Most} queries."),
        new("请先删除不用的检索。", "Remove one that is not used."));

    public static void Map(IEndpointRouteBuilder routes)
    {
        var queries = routes.MapGroup("/queries");
        queries.MapGet("", ListAsync).AllowPersons(Visibility.Readers).WithSummary("我保存的检索 · The caller's saved queries");
        queries.MapPost("", PostAsync).AllowPersons(Visibility.Readers).WritesOnce().WithSummary("保存检索 · Saves filters under a name");
        queries.MapGet("/{id:guid}", GetAsync).AllowPersons(Visibility.Readers).WithSummary("一个保存的检索 · One saved query");
        queries.MapPut("/{id:guid}", PutAsync).AllowPersons(Visibility.Readers).Writes().WithSummary("修改保存的检索 · Changes a saved query (If-Match)");
        queries.MapDelete("/{id:guid}", DeleteAsync).AllowPersons(Visibility.Readers).Writes().WithSummary("删除保存的检索 · Removes a saved query");
        queries.MapGet("/{id:guid}/records", RunAsync).AllowPersons(Visibility.Readers).IsALook("saved_query").WithSummary("运行保存的检索 · Runs a saved query; from and to may be given anew");
    }

    internal static async Task<Ok<SavedQueries>> ListAsync(Caller caller, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<QueryRow>(new CommandDefinition(Select + " where owner = @Subject order by name", new { caller.Subject }, cancellationToken: cancel));
        return TypedResults.Ok(new SavedQueries([.. rows.Select(SavedQuery.Of)]));
    }

    internal static async Task<Results<Created<SavedQuery>, Refused>> PostAsync(Body body, Caller caller, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (Faults(body) is { Any: true } faults)
        {
            return new Refused(faults);
        }
        await LockAsync(transaction, caller, cancel);
        if (await transaction.Connection.ExecuteScalarAsync<long>(new CommandDefinition("select count(*) from saved_queries where owner = @Subject", new { caller.Subject }, cancellationToken: cancel)) >= Most)
        {
            return new Refused(TooMany);
        }
        var now = clock.Now();
        var id = Guid.CreateVersion7(now);
        var added = await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into saved_queries (query_id, owner, name, filters, version, created_at, changed_at)
            values (@id, @Subject, @Name, @filters::jsonb, 1, @now, @now)
            on conflict (owner, name) do nothing
            """, new { id, caller.Subject, body.Name, filters = JsonSerializer.Serialize(body.Filters!.Given), now }, cancellationToken: cancel));
        if (added == 0)
        {
            return new Refused(NameTaken);
        }
        http.SetETag(1);
        return TypedResults.Created($"/api/audit/queries/{id}", SavedQuery.Of((await FindAsync(transaction.Connection, id, caller, cancel))!));
    }

    internal static async Task<Results<Ok<SavedQuery>, Refused>> GetAsync(Guid id, Caller caller, Database database, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await FindAsync(connection, id, caller, cancel) is not { } row)
        {
            return Pipeline.NotFound();
        }
        http.SetETag(row.Version);
        return TypedResults.Ok(SavedQuery.Of(row));
    }

    internal static async Task<Results<Ok<SavedQuery>, Refused>> PutAsync(Guid id, Body body, Caller caller, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        await LockAsync(transaction, caller, cancel);
        if (await FindAsync(transaction.Connection, id, caller, cancel) is not { } row)
        {
            return Pipeline.NotFound();
        }
        if (http.IfMatch(row.Version) is { } refused)
        {
            return refused;
        }
        if (Faults(body) is { Any: true } faults)
        {
            return new Refused(faults);
        }
        var changed = await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update saved_queries q set name = @Name, filters = @filters::jsonb, version = version + 1, changed_at = @now
            where query_id = @id and not exists (select 1 from saved_queries other where other.owner = q.owner and other.name = @Name and other.query_id <> q.query_id)
            """, new { id, body.Name, filters = JsonSerializer.Serialize(body.Filters!.Given), now = clock.Now() }, cancellationToken: cancel));
        if (changed == 0)
        {
            return new Refused(NameTaken);
        }
        http.SetETag(row.Version + 1);
        return TypedResults.Ok(SavedQuery.Of((await FindAsync(transaction.Connection, id, caller, cancel))!));
    }

    internal static async Task<Results<NoContent, Refused>> DeleteAsync(Guid id, Caller caller, Transaction transaction, CancellationToken cancel) =>
        await transaction.Connection.ExecuteAsync(new CommandDefinition("delete from saved_queries where query_id = @id and owner = @Subject", new { id, caller.Subject }, cancellationToken: cancel)) == 1
            ? TypedResults.NoContent()
            : Pipeline.NotFound();

    /// <param name="from">Instead of the saved one.</param>
    /// <param name="to">Instead of the saved one.</param>
    internal static async Task<Results<Ok<RecordPage>, Refused>> RunAsync(
        Guid id, string? from, string? to, string? cursor, int? limit, Caller caller, Database database, Witnesses witnesses, Origins origins, HttpContext http, CancellationToken cancel)
    {
        QueryRow? row;
        await using (var connection = await database.OpenAsync(cancel))
        {
            row = await FindAsync(connection, id, caller, cancel);
        }
        if (row is null)
        {
            return Pipeline.NotFound();
        }
        var saved = SavedQuery.Of(row).Filters;
        var faults = new Faults();
        var filter = RecordFilter.Parse(saved with { From = from ?? saved.From, To = to ?? saved.To }, faults);
        return await SearchRecords.PageAsync(filter, cursor, limit, faults, Visibility.ScopeOf(caller), database, witnesses, origins, http, cancel);
    }

    private static Faults Faults(Body body)
    {
        var faults = new Faults();
        faults.RequireText("name", body.Name, null, LongestName);
        if (body.Filters is null)
        {
            faults.Add("filters", "required", null, new("此项必填。", "This field is required."));
        }
        else
        {
            RecordFilter.Parse(body.Filters, faults, "filters.");
        }
        return faults;
    }

    // One person's acts come one after the other: nobody keeps a name twice or one query too many.
    private static Task<int> LockAsync(Transaction transaction, Caller caller, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(hashtextextended('saved_queries ' || @Subject, 0))", new { caller.Subject }, cancellationToken: cancel));

    private static Task<QueryRow?> FindAsync(Npgsql.NpgsqlConnection connection, Guid id, Caller caller, CancellationToken cancel) =>
        connection.QuerySingleOrDefaultAsync<QueryRow?>(new CommandDefinition(Select + " where query_id = @id and owner = @Subject", new { id, caller.Subject }, cancellationToken: cancel));

    private const string Select = "select query_id, name, filters::text as filters, version, created_at, changed_at from saved_queries";

    /// <summary>What to keep.</summary>
    internal sealed record Body
    {
        /// <summary>Unique among the person's own; at most 100 characters.</summary>
        public string? Name { get; init; }

        /// <summary>As the search takes them.</summary>
        public RecordFilters? Filters { get; init; }
    }

    internal sealed record QueryRow
    {
        public required Guid QueryId { get; init; }
        public required string Name { get; init; }
        public required string Filters { get; init; }
        public required int Version { get; init; }
        public required DateTimeOffset CreatedAt { get; init; }
        public required DateTimeOffset ChangedAt { get; init; }
    }
}

internal sealed record SavedQueries(IReadOnlyList<SavedQuery> Items);

internal sealed record SavedQuery
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required RecordFilters Filters { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ChangedAt { get; init; }

    /// <summary>Where it is run.</summary>
    public required IReadOnlyDictionary<string, string> Links { get; init; }

    public static SavedQuery Of(KeepQueries.QueryRow row) => new()
    {
        Id = row.QueryId,
        Name = row.Name,
        Filters = JsonSerializer.Deserialize<RecordFilters>(row.Filters, Json.Options)!,
        CreatedAt = row.CreatedAt,
        ChangedAt = row.ChangedAt,
        Links = new Dictionary<string, string>(StringComparer.Ordinal) { ["records"] = $"/api/audit/queries/{row.QueryId}/records" },
    };
}
