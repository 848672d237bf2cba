using System.Globalization;

namespace Exchange.Tests.Audit;

/// <summary>A year of records between 60 departments, made in the database: search reads nothing else of the log.</summary>
internal static class GeneratedLog
{
    public static string Department(int number) => string.Create(CultureInfo.InvariantCulture, $"11430000EXAMPL{number:0000}");

    /// <summary>One record in a hundred leaves its provider to its exchange.</summary>
    public static string Sql(int year, int count) => string.Create(CultureInfo.InvariantCulture, $$"""
        insert into logs (year, size, edge, received_at) values ({{year}}, {{count}}, '', '{{year}}-12-31');
        insert into leaves (year, idx, hash, bytes) select {{year}}, i, sha256(i::text::bytea), i::text::bytea from generate_series(0, {{count}} - 1) i;
        insert into exchanges (exchange_id, requesting, providing, service, sources, first_at, last_at, last_type, leaves)
        select md5('exchange ' || x)::uuid, '11430000EXAMPL' || to_char(x % 60, 'FM0000'), '11430000EXAMPL' || to_char((x * 7 + 3) % 60, 'FM0000'), md5('dataset ' || x % 300)::uuid::text,
               '{changsha,gateway}', '{{year}}-01-01', '{{year}}-12-31', 'delivery.ended', 50
        from generate_series(0, {{count}} / 50) x;
        insert into records (year, idx, event_id, type, exchange_id, source, at, received_at, requesting, providing, service, purpose, result)
        select {{year}}, i, md5(i::text)::uuid, (array['request.submitted', 'delivery.opened', 'delivery.ended', 'gateway.delivered', 'use.recorded'])[1 + i % 5], x.exchange_id, 'changsha',
               '{{year}}-01-01T00:00:00Z'::timestamptz + i * (interval '365 days' / {{count}}), '{{year}}-12-31',
               x.requesting, case when i % 100 > 0 then x.providing end, x.service, '依据 ' || i % 40, case when i % 5 in (2, 3) then 'complete' end
        from generate_series(0, {{count}} - 1) i join exchanges x on x.exchange_id = md5('exchange ' || i * 7919 % ({{count}} / 50))::uuid;
        analyze records;
        analyze exchanges
        """);
}
