using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>Rows in a city's outbox as its use cases write them, many at a time and in transactions that the test ends when it likes.</summary>
internal static class OutboxRows
{
    /// <summary>How requests are named that nobody ever made; the city they are sent to keeps such a withdrawal for the request it waits for.</summary>
    private const string NoSuchRequest = "示例：没有这样的申请";

    public static Task PublishAsync(NpgsqlConnection outbox, string city, Guid dataset, int version) =>
        FeedAsync(outbox, city, dataset, version, tombstone: false, new DatasetPublished { City = city, Entry = Entry(city, dataset, version) });

    public static Task WithdrawAsync(NpgsqlConnection outbox, string city, Guid dataset, int version) =>
        FeedAsync(outbox, city, dataset, version, tombstone: true, Tombstone(city, dataset, version));

    /// <summary>Versions 1 to <paramref name="versions"/> of each dataset, all first ones before all second ones.</summary>
    public static Task PublishAllAsync(NpgsqlConnection outbox, string city, Guid[] datasets, int versions) => outbox.ExecuteAsync(new CommandDefinition("""
        insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone)
        select gen_random_uuid(), 'message', 'exchange.datasets', @city || '.datasets', 'Exchange.Contracts.DatasetPublished',
            replace(replace(@content, @dataset, d::text), '"version":1,', '"version":' || v || ','), d, 'datasets', d, v, false
        from generate_series(1, @versions) v, unnest(@datasets) d
        order by v, d
        """, new { city, datasets, versions, dataset = Guid.Empty.ToString(), content = Text(new DatasetPublished { City = city, Entry = Entry(city, Guid.Empty, 1) }) }, commandTimeout: 300));

    public static Task WithdrawAllAsync(NpgsqlConnection outbox, string city, IReadOnlyDictionary<Guid, int> newest) => outbox.ExecuteAsync(new CommandDefinition("""
        insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone)
        select gen_random_uuid(), 'message', 'exchange.datasets', @city || '.datasets', 'Exchange.Contracts.DatasetWithdrawn',
            replace(replace(@content, @dataset, d::text), '"version":1,', '"version":' || v || ','), d, 'datasets', d, v, true
        from unnest(@datasets, @versions) as n (d, v)
        """, new { city, datasets = newest.Keys.ToArray(), versions = newest.Values.Select(v => v + 1).ToArray(), dataset = Guid.Empty.ToString(), content = Text(Tombstone(city, Guid.Empty, 1)) }, commandTimeout: 300));

    /// <summary>An audit record as of a refused stranger: it stands for itself and belongs to no exchange.</summary>
    public static async Task<Guid> RecordAsync(NpgsqlConnection outbox, string city)
    {
        var id = Guid.CreateVersion7();
        var (content, _) = new AuditRecord { Type = "refusal", Result = "refused", Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["rule"] = "not-found", ["count"] = "1" } }
            .Draft(id, city, DateTimeOffset.UtcNow);
        await outbox.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content) values (@id, 'record', 'exchange.audit', @city || '.audit', 'refusal', @content)
            """, new { id, city, content = content.ToJsonString(MessageJson.Options) });
        return id;
    }

    /// <summary>Addressed messages that have exactly one effect each and disturb nobody: withdrawals that wait for their request.</summary>
    public static async Task<Guid[]> SendAsync(NpgsqlConnection outbox, string from, string to, int count)
    {
        Guid[] exchanges = [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7())];
        await outbox.ExecuteAsync(new CommandDefinition("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id)
            select gen_random_uuid(), 'message', 'exchange.addressed', @from || '.' || @to, 'Exchange.Contracts.RequestWithdrawn', replace(@content, @none, e::text), e
            from unnest(@exchanges) e
            """, new { from, to, exchanges, none = Guid.Empty.ToString(), content = Text(Withdrawal(from, to, Guid.Empty)) }, commandTimeout: 300));
        return exchanges;
    }

    public static RequestWithdrawn Withdrawal(string from, string to, Guid exchange) =>
        new() { ExchangeId = exchange, AskingCity = from, OwningCity = to, Reason = NoSuchRequest, WithdrawnAt = DateTimeOffset.UtcNow };

    /// <summary>How many of these had their effect in the city they were sent to.</summary>
    public static Task<int> ArrivedAsync(NpgsqlConnection city, Guid[] exchanges) =>
        city.ExecuteScalarAsync<int>("select count(*) from service.early_withdrawals where exchange_id = any(@exchanges)", new { exchanges });

    public static Task ForgetAsync(NpgsqlConnection city) => city.ExecuteAsync("delete from service.early_withdrawals where reason = @NoSuchRequest", new { NoSuchRequest });

    public static DatasetEntry Entry(string city, Guid dataset, int version) => new()
    {
        DatasetId = dataset,
        Version = version,
        City = city,
        Name = "示例·变更次序",
        DepartmentCode = "11430200EXAMPL0201",
        DepartmentName = "示例部门",
        Abstract = "示例",
        Theme = "C0300",
        Format = "table",
        UpdateFrequency = "monthly",
        SharingType = SharingClass.Conditional,
        SharingConditions = "示例",
        SharingMethod = "rows",
        Classification = "general",
        Grade = 2,
        Fields = [new DatasetField { Name = "example", Title = "示例", Type = "C", Length = 50, SharingType = SharingClass.Conditional }],
        ReleasedOn = new DateOnly(2026, 1, 5),
        PublishedAt = DateTimeOffset.UtcNow,
    };

    private static DatasetWithdrawn Tombstone(string city, Guid dataset, int version) =>
        new() { City = city, DatasetId = dataset, Version = version, Reason = "示例", WithdrawnAt = DateTimeOffset.UtcNow };

    private static Task<int> FeedAsync<T>(NpgsqlConnection outbox, string city, Guid dataset, int version, bool tombstone, T message) => outbox.ExecuteAsync("""
        insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone)
        values (@id, 'message', 'exchange.datasets', @city || '.datasets', @type, @content, @dataset, 'datasets', @dataset, @version, @tombstone)
        """, new { id = Guid.CreateVersion7(), city, type = typeof(T).FullName, content = Text(message), dataset, version, tombstone });

    private static string Text<T>(T message) => JsonSerializer.Serialize(message, MessageJson.Options);
}
