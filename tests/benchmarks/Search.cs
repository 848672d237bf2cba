using System.Diagnostics;
using System.Globalization;
using Dapper;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Exchange.Local;
using Exchange.Local.Accounts;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Benchmarks;

/// <summary>
/// Questions to a log of one million records of 60 departments over twelve months, as an auditor puts them: over HTTP through the gateway, and the same query alone with Npgsql.
/// The records are copied straight into the tables of last year's log, which nobody signs or witnesses.
/// </summary>
internal static class Search
{
    private const int Records = 1_000_000;
    private const int Departments = 60;
    private const int Datasets = 600;
    private const int Purposes = 200;
    private const int RecordsOfExchange = 50;
    private const int Calls = 300;

    private static readonly int Year = DateTime.UtcNow.Year - 1;
    private static readonly string[] Cities = ["changsha", "zhuzhou", "xiangtan"];
    private static readonly string[] Reports = ["delivery.opened", "delivery.ended", "gateway.delivered"];

    public static async Task RunAsync(Work work)
    {
        var clock = Stopwatch.StartNew();
        await FillAsync(work);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"search: {Records} records copied in {clock.Elapsed.TotalSeconds:0} s; each question asked {Calls} times, of another department, dataset, purpose and month each time, one after the other"));
        var auditor = new Participant(work.Gateway, work.Stack.Account("auditor"));
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(work.Stack.Databases.ConnectionString(Stack.Audit, "app"))
        {
            SearchPath = "service",
            MaxAutoPrepare = 40,
            AutoPrepareMinUsages = 2,
            Timezone = "UTC",
        }.ConnectionString);
        await using var connection = await source.OpenConnectionAsync();

        await AskAsync("department and month (target p95 50 ms)", i => Month(i) with { Department = Department(i) });
        await AskAsync("department, month and result complete", i => Month(i) with { Department = Department(i), Result = "complete" });
        await AskAsync("dataset and month", i => Month(i) with { Dataset = Dataset(i) });
        await AskAsync("purpose and month", i => Month(i) with { Purpose = Purpose(i) });
        await AskAsync("result refused and month", i => Month(i) with { Result = "refused" });
        await AskAsync("city and month", i => Month(i) with { City = Cities[i % 3] });
        await AskAsync("type dispute. and month (no index: the month is read)", i => Month(i) with { Type = "dispute." });

        async Task AskAsync(string question, Func<int, RecordFilters> filters)
        {
            List<double> http = [], raw = [];
            var found = 0;
            for (var i = 0; i < Calls; i++)
            {
                var given = filters(i * 7);
                var path = "/api/audit/records?" + string.Join('&', given.Given.Select(f => $"{f.Key}={Uri.EscapeDataString(f.Value)}"));
                var since = Stopwatch.GetTimestamp();
                var answer = (await auditor.GetAsync(path)).Succeeded("search");
                http.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                found += answer["items"].GetArrayLength();
                var (sql, values) = RecordQuery.Select(RecordFilter.Parse(given, new Faults()), new Scope(All: true, null, null), null, 51);
                since = Stopwatch.GetTimestamp();
                _ = (await connection.QueryAsync<RecordRow>(sql, values)).AsList();
                raw.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            }

            http.Sort();
            raw.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"  {question}: HTTP p50 {Work.Milliseconds(http, 0.50)} p95 {Work.Milliseconds(http, 0.95)} p99 {Work.Milliseconds(http, 0.99)} ms; raw Npgsql p50 {Work.Milliseconds(raw, 0.50)} p95 {Work.Milliseconds(raw, 0.95)} p99 {Work.Milliseconds(raw, 0.99)} ms; {(double)found / Calls:0.0} records a page"));
            var (explained, parameters) = RecordQuery.Select(RecordFilter.Parse(filters(7), new Faults()), new Scope(All: true, null, null), null, 51);
            foreach (var line in (await connection.QueryAsync<string>("explain (analyze, buffers, costs off, timing off, summary off) " + explained, parameters)).Where(l => l.Contains("->", StringComparison.Ordinal) || l.Contains("Removed", StringComparison.Ordinal) || l.Contains("Buffers", StringComparison.Ordinal)).Take(16))
                Console.WriteLine("    " + line);
        }
    }

    private static RecordFilters Month(int i)
    {
        var first = new DateOnly(Year, 1 + (i % 12), 1);
        return new() { From = first.ToString("O", CultureInfo.InvariantCulture), To = first.AddMonths(1).AddDays(-1).ToString("O", CultureInfo.InvariantCulture) };
    }

    private static string Department(int i) => string.Create(CultureInfo.InvariantCulture, $"11430000EXAMPL{i % Departments:0000}");

    private static string Dataset(int i) => string.Create(CultureInfo.InvariantCulture, $"00000000-0000-7000-8000-{i % Datasets:000000000000}");

    private static string Purpose(int i) => string.Create(CultureInfo.InvariantCulture, $"《示例条例》第{i % Purposes}条第二款：社会保险关系转移接续（示例）");

    /// <summary>Each record belongs to an exchange; one in a hundred is a refusal, one in 5,000 a step of a dispute, and one in a thousand leaves the provider to its exchange.</summary>
    private static async Task FillAsync(Work work)
    {
        await using var owner = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(work.Stack.Databases.ConnectionString(Stack.Audit, "owner")) { SearchPath = "service", Timezone = "UTC", CommandTimeout = 600 }.ConnectionString);
        await owner.OpenAsync();
        await owner.ExecuteAsync("insert into logs (year, size, edge, received_at) values (@Year, @Records, '', make_date(@Year, 12, 31))", new { Year, Records });
        await owner.ExecuteAsync("insert into checkpoints (year, size, root, note, signed_at) values (@Year, @Records, sha256(''), '', make_date(@Year, 12, 31))", new { Year, Records });
        var start = new DateTimeOffset(Year, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var step = TimeSpan.FromDays(365) / Records;
        var random = new Random(5);
        var bytes = new byte[500];
        var exchanges = Enumerable.Range(0, Records / RecordsOfExchange).Select(x => (Id: Guid.CreateVersion7(start), Asking: random.Next(Departments), Providing: random.Next(Departments), Dataset: random.Next(Datasets), Purpose: random.Next(Purposes))).ToList();
        var places = Enumerable.Range(0, Records).Select(_ => random.Next(exchanges.Count)).ToList();

        await using (var copy = await owner.BeginBinaryImportAsync("copy leaves (year, idx, hash, bytes) from stdin (format binary)"))
        {
            for (var i = 0; i < Records; i++)
            {
                random.NextBytes(bytes);
                await copy.StartRowAsync();
                await copy.WriteAsync(Year);
                await copy.WriteAsync((long)i);
                await copy.WriteAsync(bytes[..32]);
                await copy.WriteAsync(bytes);
            }

            await copy.CompleteAsync();
        }

        await using (var copy = await owner.BeginBinaryImportAsync("copy exchanges (exchange_id, requesting, providing, service, sources, first_at, last_at, last_type, leaves) from stdin (format binary)"))
        {
            foreach (var exchange in exchanges)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(exchange.Id);
                await copy.WriteAsync(Department(exchange.Asking));
                await copy.WriteAsync(Department(exchange.Providing));
                await copy.WriteAsync(Dataset(exchange.Dataset));
                await copy.WriteAsync(new[] { Cities[exchange.Providing % 3], "gateway" });
                await copy.WriteAsync(start, NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(start.AddDays(364), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync("delivery.ended");
                await copy.WriteAsync((long)RecordsOfExchange);
            }

            await copy.CompleteAsync();
        }

        var ids = places.Select((_, i) => Guid.CreateVersion7(start + (i * step))).ToList();
        await using (var copy = await owner.BeginBinaryImportAsync("copy events (event_id, year, idx, digest) from stdin (format binary)"))
        {
            for (var i = 0; i < Records; i++)
            {
                await copy.StartRowAsync();
                await copy.WriteAsync(ids[i]);
                await copy.WriteAsync(Year);
                await copy.WriteAsync((long)i);
                await copy.WriteAsync(bytes[..32]);
            }

            await copy.CompleteAsync();
        }

        await using (var copy = await owner.BeginBinaryImportAsync("""
            copy records (year, idx, event_id, type, exchange_id, source, seq, at, received_at, requesting, providing, service, service_version, purpose, result, records, bytes, delivery_id, sha256, details)
            from stdin (format binary)
            """))
        {
            for (var i = 0; i < Records; i++)
            {
                var exchange = exchanges[places[i]];
                var kind = i % 5000 == 0 ? "dispute.position" : i % 100 == 0 ? "refusal" : i % 25 == 0 ? "request.submitted" : Reports[i % 3];
                var delivery = kind.StartsWith("delivery.", StringComparison.Ordinal) || kind == "gateway.delivered" ? Guid.CreateVersion7(start + (i * step)) : (Guid?)null;
                await copy.StartRowAsync();
                await copy.WriteAsync(Year);
                await copy.WriteAsync((long)i);
                await copy.WriteAsync(ids[i]);
                await copy.WriteAsync(kind);
                await copy.WriteAsync(exchange.Id);
                await copy.WriteAsync(kind == "gateway.delivered" ? "gateway" : Cities[exchange.Providing % 3]);
                await copy.WriteAsync(10_000_000L + i);
                await copy.WriteAsync(start + (i * step), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(start + (i * step), NpgsqlDbType.TimestampTz);
                await copy.WriteAsync(Department(exchange.Asking));
                await TextAsync(i % 1000 == 1 ? null : Department(exchange.Providing));
                await copy.WriteAsync(Dataset(exchange.Dataset));
                await copy.WriteAsync(1L);
                await TextAsync(kind == "gateway.delivered" ? null : Purpose(exchange.Purpose));
                await TextAsync(kind switch { "delivery.opened" => null, "refusal" => "refused", "request.submitted" => "submitted", "dispute.position" => "disputed", _ => "complete" });
                await copy.WriteAsync(42L);
                await copy.WriteAsync(4200L);
                if (delivery is { } id)
                    await copy.WriteAsync(id);
                else
                    await copy.WriteNullAsync();
                await TextAsync(delivery is null ? null : new string('a', 64));
                await copy.WriteAsync($$"""{"delivery_id": "{{delivery}}", "form": "csv", "asking_city": "zhuzhou", "owning_city": "changsha"}""", NpgsqlDbType.Jsonb);

                Task TextAsync(string? text) => text is null ? copy.WriteNullAsync() : copy.WriteAsync(text);
            }

            await copy.CompleteAsync();
        }

        await owner.ExecuteAsync("vacuum analyze records");
        await owner.ExecuteAsync("vacuum analyze exchanges");
    }
}
