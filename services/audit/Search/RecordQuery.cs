using System.Globalization;
using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Audit.Search;

/// <summary>
/// The one question to <c>records</c>, in the order of time. The filter that narrows most decides the index; where it is a party, the two columns are two scans that
/// are merged, and a third brings the few records that leave their parties to their exchange. Conditions that nobody asked for are not in the SQL: a plan made
/// for all of them at once would serve none.
/// </summary>
internal static class RecordQuery
{
    private const string Columns = """
        r.year, r.idx, r.event_id, r.exchange_id, r.type, r.source, r.seq, r.at, r.received_at, r.requesting, r.providing, r.service, r.service_version, r.purpose, r.approval,
        r.result, r.records, r.bytes, r.delivery_id, r.sha256, r.details
        """;

    // As the partial index has it, so that it is found.
    private const string Lacking = "r.exchange_id is not null and (r.requesting is null or r.providing is null or r.service is null)";

    /// <param name="filter">What is searched for.</param>
    /// <param name="scope">What the caller may see of it.</param>
    /// <param name="after">The last one of the page before.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="covered">Sizes of the checkpoints that have to cover the records, by year; null where none has to.</param>
    public static (string Sql, DynamicParameters Values) Select(RecordFilter filter, Scope scope, Place? after, int limit, IReadOnlyDictionary<int, long>? covered = null)
    {
        var values = new DynamicParameters();
        var conditions = Conditions(filter, scope, values).ToList();
        var direction = filter.Oldest ? "asc" : "desc";
        var order = string.Create(CultureInfo.InvariantCulture, $"order by r.at {direction}, r.year {direction}, r.idx {direction} limit {limit}");
        if (after is not null)
        {
            values.AddDynamicParams(new { AfterAt = after.At, AfterYear = after.Year, AfterIdx = after.Idx });
            conditions.Add(new($"(r.at, r.year, r.idx) {(filter.Oldest ? '>' : '<')} (@AfterAt, @AfterYear, @AfterIdx)"));
        }
        if (covered is not null)
        {
            values.AddDynamicParams(new { CoveredYears = covered.Keys.ToArray(), CoveredSizes = covered.Values.ToArray() });
            conditions.Add(new("r.idx < (@CoveredSizes::bigint[])[array_position(@CoveredYears::int[], r.year)]"));
        }

        var driving = conditions.Find(condition => condition.Scans.Count > 0);
        var rest = conditions.Where(condition => condition != driving).Select(condition => condition.Whole).ToList();
        IReadOnlyList<string> ways = driving?.Scans ?? ["true"];
        var scans = ways.Select(way => $"select {Columns} from records r{Where([way, .. rest])} {order}").ToList();
        var merged = scans is [var only] ? only : $"select * from (({string.Join(") union all (", scans)})) r {order}";
        return ($"""
            select r.year, r.idx, r.event_id, r.exchange_id, r.type, r.source, r.seq, r.at, r.received_at,
                   {Named("requesting")} as requesting, {Named("providing")} as providing, {Named("service")} as service, r.service_version, r.purpose,
                   r.approval, r.result, r.records, r.bytes, r.delivery_id, r.sha256, r.details::text as details
            from ({merged}) r
            order by r.at {direction}, r.year {direction}, r.idx {direction}
            """, values);
    }

    /// <summary>The conditions alone, for questions that count; the table is <c>records r</c>.</summary>
    public static (string Where, DynamicParameters Values) Where(RecordFilter filter, Scope scope)
    {
        var values = new DynamicParameters();
        return (Where([.. Conditions(filter, scope, values).Select(condition => condition.Whole)]), values);
    }

    /// <summary>The place a cursor names; null with a fault when it names none.</summary>
    public static async Task<Place?> PlaceAsync(NpgsqlConnection connection, Guid? cursor, Faults faults, CancellationToken cancel)
    {
        if (cursor is null)
        {
            return null;
        }
        var place = await connection.QuerySingleOrDefaultAsync<Place>(new CommandDefinition("""
            select r.at, r.year, r.idx from events e join records r on r.year = e.year and r.idx = e.idx where e.event_id = @cursor
            """, new { cursor }, cancellationToken: cancel));
        if (place is null)
        {
            faults.Add("cursor", "unknown-cursor", null, new("游标无效，请从第一页重新读取。", "The cursor is not one of ours; start from the first page."));
        }
        return place;
    }

    // The most selective first: the first that has scans of its own decides.
    private static IEnumerable<Condition> Conditions(RecordFilter filter, Scope scope, DynamicParameters values)
    {
        string Party(string column) => filter.NameAll ? $"r.{column}" : Named(column);
        string InCity(string parameter) => $"(r.source = {parameter} or coalesce((select {parameter} = any(x.sources) from exchanges x where x.exchange_id = r.exchange_id), false))";

        if (filter.Exchange is not null)
        {
            values.Add("Exchange", filter.Exchange);
            yield return new("r.exchange_id = @Exchange", "r.exchange_id = @Exchange");
        }
        if (filter.Requesting is not null)
        {
            values.Add("requesting", filter.Requesting);
            yield return Indexed("requesting");
        }
        if (filter.Providing is not null)
        {
            values.Add("providing", filter.Providing);
            yield return Indexed("providing");
        }
        if (filter.Department is not null)
        {
            values.Add("department", filter.Department);
            yield return EitherSide("@department");
        }
        if (scope is { All: false, City: null } && scope.Department is not null && scope.Department != filter.Department)
        {
            values.Add("Own", scope.Department);
            yield return EitherSide("@Own");
        }
        else if (!scope.All && (scope.City is not null || scope.Department is null))
        {
            values.Add("Own", scope.Department);
            values.Add("OwnCity", scope.City);
            yield return new(scope.City is null ? "false" : $"({Party("requesting")} = @Own::text or {Party("providing")} = @Own::text or {InCity("@OwnCity")})");
        }
        if (filter.Dataset is not null)
        {
            values.Add("service", filter.Dataset);
            yield return Indexed("service");
        }
        if (filter.Purpose is not null)
        {
            values.Add("Purpose", filter.Purpose);
            const string Same = "hashtextextended(r.purpose, 0) = hashtextextended(@Purpose, 0) and r.purpose = @Purpose";
            yield return new(Same, Same);
        }
        if (filter.Result is not null)
        {
            values.Add("Result", filter.Result);
            yield return filter.Result == "complete" ? new("r.result = @Result") : new("r.result = @Result", "r.result = @Result and r.result <> 'complete'");
        }
        if (filter.City is not null)
        {
            values.Add("City", filter.City);
            yield return new(InCity("@City"));
        }
        if (filter.Source is not null)
        {
            values.Add("Source", filter.Source);
            yield return new("r.source = @Source");
        }
        if (filter.Types is [var prefix] && prefix.EndsWith('.'))
        {
            values.Add("Prefix", prefix);
            yield return new("r.type ^@ @Prefix");
        }
        else if (filter.Types.Count > 0)
        {
            values.Add("Types", filter.Types.ToArray());
            yield return new("r.type = any(@Types)");
        }
        if (filter.From is not null)
        {
            values.Add("From", filter.From);
            yield return new("r.at >= @From");
        }
        if (filter.Until is not null)
        {
            values.Add("Until", filter.Until);
            yield return new("r.at < @Until");
        }

        Condition Indexed(string column) => filter.NameAll
            ? new($"r.{column} = @{column}", $"r.{column} = @{column}")
            : new($"{Party(column)} = @{column}", $"r.{column} = @{column}", $"{Lacking} and r.{column} is null and {OfExchange(column)} = @{column}");

        // A record stands in one of the three scans only.
        Condition EitherSide(string code)
        {
            string[] own = [$"r.requesting = {code}", $"r.providing = {code} and r.requesting is distinct from {code}"];
            var lacking = $"{Lacking} and r.requesting is distinct from {code} and r.providing is distinct from {code} and "
                + $"((r.requesting is null and {OfExchange("requesting")} = {code}) or (r.providing is null and {OfExchange("providing")} = {code}))";
            return new($"({Party("requesting")} = {code} or {Party("providing")} = {code})", [.. own, .. filter.NameAll ? [] : new[] { lacking }]);
        }
    }

    // The exchange is looked up only for a record that does not say it.
    private static string Named(string column) => $"coalesce(r.{column}, {OfExchange(column)})";

    private static string OfExchange(string column) => $"(select x.{column} from exchanges x where x.exchange_id = r.exchange_id)";

    private static string Where(IReadOnlyList<string> conditions) => conditions.Count == 0 ? "" : $" where {string.Join(" and ", conditions)}";

    /// <param name="Whole">What must hold.</param>
    /// <param name="Scans">The same as scans of an index each, no record in two of them; none where no index is for it.</param>
    private sealed record Condition(string Whole, params IReadOnlyList<string> Scans);

    /// <summary>A place in the order of time.</summary>
    public sealed record Place
    {
        public required DateTimeOffset At { get; init; }
        public required int Year { get; init; }
        public required long Idx { get; init; }
    }
}
