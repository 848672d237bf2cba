using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Search;

/// <summary>The exchanges that have left records, newest first. The list is an index over the log: the log proves what is in it, not that it is complete.</summary>
internal static class ListExchanges
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/exchanges", HandleAsync).AllowCallers(Visibility.Readers).IsALook("exchanges").WithSummary("数据共享记录检索 · Exchanges with records in the log");

    private static async Task<Results<Ok<ExchangePage>, Refused>> HandleAsync(
        Caller caller, Database database, string? department, string? city, DateTimeOffset? from, DateTimeOffset? to, string? cursor, int? limit, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var before = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<ExchangeRow>(new CommandDefinition(Select, new
        {
            All = Visibility.SeesAll(caller),
            Own = caller.Department,
            OwnCity = Visibility.Oversees(caller),
            department,
            city,
            From = from?.ToUniversalTime(),
            To = to?.ToUniversalTime(),
            before,
            Limit = size + 1,
        }, cancellationToken: cancel))).AsList();
        var items = rows.Take(size).Select(ExchangeEntry.Of).ToList();
        return TypedResults.Ok(new ExchangePage(items, rows.Count > size ? Pages.Cursor(items[^1].ExchangeId) : null));
    }

    // Ids are UUIDv7, so their order is the order of the requests.
    private const string Select = """
        select exchange_id, requesting, providing, service, service_version, sources, first_at, last_at, last_type, last_result, leaves
        from exchanges
        where (@All or requesting = @Own or providing = @Own or @OwnCity = any(sources))
          and (@department::text is null or requesting = @department or providing = @department)
          and (@city::text is null or @city = any(sources))
          and (@From::timestamptz is null or last_at >= @From)
          and (@To::timestamptz is null or first_at < @To)
          and (@before::uuid is null or exchange_id < @before)
        order by exchange_id desc
        limit @Limit
        """;
}

/// <param name="Items">Newest first.</param>
/// <param name="Next">Cursor of the next page; absent on the last.</param>
internal sealed record ExchangePage(IReadOnlyList<ExchangeEntry> Items, string? Next) : IShows
{
    long IShows.Shown => Items.Count;
}

internal sealed record ExchangeEntry
{
    public required Guid ExchangeId { get; init; }

    /// <summary>Credit code of the asking department.</summary>
    public string? Requesting { get; init; }

    /// <summary>Credit code of the providing department.</summary>
    public string? Providing { get; init; }

    /// <summary>Id of the dataset.</summary>
    public string? Service { get; init; }

    public long? ServiceVersion { get; init; }

    /// <summary>Who has reported about it.</summary>
    public required IReadOnlyList<string> Sources { get; init; }

    public required DateTimeOffset FirstAt { get; init; }

    public required DateTimeOffset LastAt { get; init; }

    public required string LastType { get; init; }

    public string? LastResult { get; init; }

    /// <summary>How many leaves it has.</summary>
    public required long Leaves { get; init; }

    public required IReadOnlyDictionary<string, string> Links { get; init; }

    public static ExchangeEntry Of(ExchangeRow row) => new()
    {
        ExchangeId = row.ExchangeId,
        Requesting = row.Requesting,
        Providing = row.Providing,
        Service = row.Service,
        ServiceVersion = row.ServiceVersion,
        Sources = row.Sources,
        FirstAt = row.FirstAt,
        LastAt = row.LastAt,
        LastType = row.LastType,
        LastResult = row.LastResult,
        Leaves = row.Leaves,
        Links = new Dictionary<string, string>(StringComparer.Ordinal) { ["timeline"] = $"/api/audit/exchanges/{row.ExchangeId}" },
    };
}

internal sealed record ExchangeRow
{
    public required Guid ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public long? ServiceVersion { get; init; }
    public required string[] Sources { get; init; }
    public required DateTimeOffset FirstAt { get; init; }
    public required DateTimeOffset LastAt { get; init; }
    public required string LastType { get; init; }
    public string? LastResult { get; init; }
    public required long Leaves { get; init; }
}
