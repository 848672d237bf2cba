using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Local.Accounts;
using Npgsql;
using NpgsqlTypes;
using RabbitMQ.Client;

namespace Exchange.Benchmarks;

/// <summary>
/// The cross-city catalogue with 200,000 entries (or as many as <c>EXCHANGE_ENTRIES</c> says): brought in through the cities' events, searched by 16 clients over HTTP, each question beside the same
/// in SQL on a narrow table of the same database. A gateway of its own whose cities are away: only messages tell it anything.
/// </summary>
internal static class Catalogue
{
    private const int Clients = 16;
    private const int Fresh = 500;
    private const int PerSecond = 20;
    private const int Asked = 60;
    private const string Away = "http://127.0.0.1:9";
    private static readonly TimeSpan Warmup = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(20);

    public const string Name = "catalogue";

    public static async Task RunAsync()
    {
        var entries = int.Parse(Environment.GetEnvironmentVariable("EXCHANGE_ENTRIES") ?? "200000", CultureInfo.InvariantCulture);
        await using var stack = await Stack.StartAsync(new StackOptions
        {
            Environment = "Test",
            Services = [Stack.Gateway],
            Settings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["DOTNET_TC_CallCounting"] = "1",
                ["Gateway__Cities__changsha"] = Away,
                ["Gateway__Cities__zhuzhou"] = Away,
                ["Gateway__Cities__xiangtan"] = Away,
                ["Gateway__Audit"] = Away,
            },
        });
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 256 }) { BaseAddress = stack.PublicAddress, Timeout = TimeSpan.FromSeconds(60) };
        using var reader = new Participant(http, stack.Accounts.First(a => a.Roles.Contains("officer")));
        var empty = Memory.Of(stack, Stack.Gateway);
        await using var feed = await Feed.OpenAsync(stack);

        var clock = Stopwatch.StartNew();
        for (var i = 0; i < entries; i += 1000)
            await feed.PublishAsync(Enumerable.Range(i, Math.Min(1000, entries - i)).Select(GeneratedEntries.Of));
        var sent = clock.Elapsed;
        await UntilAsync(async () => (await SearchAsync(reader, "limit=1")).Total == entries);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"catalogue: {entries} entries through the cities' events in {clock.Elapsed.TotalSeconds:0} s, {entries / clock.Elapsed.TotalSeconds:0}/s until the last was found (target 2,000/s); their messages alone were confirmed by the broker in {sent.TotalSeconds:0} s"));
        var full = Memory.Of(stack, Stack.Gateway);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  memory of the gateway: {empty} MiB empty, {full} MiB with the catalogue; {IndexSize(entries)}"));

        await FreshnessAsync(feed, reader, entries);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(stack.Databases.ConnectionString(Stack.Gateway, "owner")) { MaxAutoPrepare = 40, AutoPrepareMinUsages = 2 }.ConnectionString);
        await FillNarrowAsync(source, entries);
        await LoadAsync(stack.PublicAddress, reader, source, feed, entries);
        await PageTimes.RunAsync(stack.PublicAddress, entries);
        await stack.StopAsync(Stack.Gateway);
        clock.Restart();
        await stack.StartAsync(Stack.Gateway);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  a gateway that starts anew is ready with {entries} entries after {clock.Elapsed.TotalSeconds:0.0} s"));
    }

    private static string IndexSize(int entries)
    {
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var clock = Stopwatch.StartNew();
        var shown = 0L;
        using var index = SearchIndex.Build(Enumerable.Range(0, entries).Select(i =>
        {
            var entry = CatalogueTables.Indexed(JsonSerializer.Serialize(GeneratedEntries.Of(i), Hosting.Json.Options));
            shown += entry.Json.Length;
            return entry;
        }));
        var built = clock.Elapsed;
        var size = GC.GetTotalMemory(forceFullCollection: true) - before;
        GC.KeepAlive(index);
        return string.Create(CultureInfo.InvariantCulture, $"the index alone {size / 1048576} MiB, of which {shown / 1048576} MiB are the entries as they are shown, built in {built.TotalSeconds:0.0} s (with making the entries)");
    }

    private static async Task FreshnessAsync(Feed feed, Participant reader, int entries)
    {
        List<double> found = [], gone = [];
        for (var i = 0; i < Fresh; i++)
        {
            var entry = GeneratedEntries.Of(entries + i) with { Name = string.Create(CultureInfo.InvariantCulture, $"时效{i:000}{(char)(0x4E00 + i)}{(char)(0x5E00 + i)}") };
            var path = $"q={Uri.EscapeDataString(entry.Name)}&limit=1";
            await MeasureAsync(found, () => feed.PublishAsync([entry]), 1);
            await MeasureAsync(gone, () => feed.WithdrawAsync(entry), 0);

            async Task MeasureAsync(List<double> times, Func<Task> change, int expected)
            {
                await change();
                var since = Stopwatch.GetTimestamp();
                await UntilAsync(async () => (await SearchAsync(reader, path)) is var answer && (answer.Match == "all" ? answer.Total : 0) == expected);
                times.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
            }
        }

        found.Sort();
        gone.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  broker's confirm → found: p50 {Work.Milliseconds(found, 0.50)} ms, p99 {Work.Milliseconds(found, 0.99)} ms; withdrawn → gone: p50 {Work.Milliseconds(gone, 0.50)} ms, p99 {Work.Milliseconds(gone, 0.99)} ms (n={Fresh}, target p99 1000 ms)"));
    }

    private static async Task LoadAsync(Uri gateway, Participant reader, NpgsqlDataSource source, Feed feed, int entries)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Clients });
        using var done = new CancellationTokenSource();
        var changes = ChangeAsync(feed, entries, done.Token);
        var paced = await AskAsync(http, gateway, reader, PerSecond);
        var hurried = await AskAsync(http, gateway, reader, null);
        await done.CancelAsync();
        await changes;
        Say($"{Clients} clients of {PerSecond} questions a second each, one entry changing every second, with facets and 20 entries a page", paced, " (target 2)", " (target 10)");
        Say($"{Clients} clients who ask again as soon as they are answered", hurried, "", "");
        using var first = await http.SendAsync(Question(gateway, "", await reader.TokenAsync()));
        var page = await first.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
        await using (var bare = await Baseline.StartAsync(page))
            Say($"the same clients at a bare Kestrel that gives everybody the same {page.Length / 1024} KiB", await AskAsync(http, bare.Address, reader, null), "", "");

        await using var connection = await source.OpenConnectionAsync();
        foreach (var kind in GeneratedQueries.Kinds)
        {
            var random = new Random(7);
            List<double> alone = [], sql = [];
            for (var i = 0; i < Asked; i++)
            {
                var query = GeneratedQueries.Of(kind, random);
                using var request = Question(gateway, query, await reader.TokenAsync());
                var since = Stopwatch.GetTimestamp();
                await AnswerAsync(http, request, new byte[64 * 1024]);
                alone.Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                if (i % 4 == 0)
                    sql.Add(await SqlAsync(connection, query));
            }

            alone.Sort();
            sql.Sort();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"    {kind}: paced p50 {Work.Milliseconds(paced[kind], 0.50)} ms, p95 {Work.Milliseconds(paced[kind], 0.95)} ms; one at a time p50 {Work.Milliseconds(alone, 0.50)} ms, p95 {Work.Milliseconds(alone, 0.95)} ms; the same in SQL p50 {Work.Milliseconds(sql, 0.50)} ms ({sql[sql.Count / 2] / alone[alone.Count / 2]:0} times)"));
        }
    }

    private static void Say(string what, Dictionary<string, List<double>> times, string target50, string target95)
    {
        var all = times.Values.SelectMany(t => t).Order().ToList();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {what}: {all.Count / Measured.TotalSeconds:0} searches/s, p50 {Work.Milliseconds(all, 0.50)} ms{target50}, p95 {Work.Milliseconds(all, 0.95)} ms{target95}, p99 {Work.Milliseconds(all, 0.99)} ms"));
    }

    /// <summary>Milliseconds by kind, ascending. At a given pace a question that waits for the answer before it has waited since it was due.</summary>
    private static async Task<Dictionary<string, List<double>>> AskAsync(HttpClient http, Uri address, Participant reader, int? perSecond)
    {
        // Lives longer than this takes.
        var token = await reader.TokenAsync();
        var times = GeneratedQueries.Kinds.ToDictionary(kind => kind, _ => new ConcurrentBag<double>());
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(client);
            var buffer = new byte[64 * 1024];
            var due = TimeSpan.FromSeconds(random.NextDouble());
            while (clock.Elapsed < Warmup + Measured)
            {
                // As people come: not in step, and not every so many milliseconds.
                due = perSecond is { } pace ? due + TimeSpan.FromSeconds(-Math.Log(1 - random.NextDouble()) / pace) : clock.Elapsed;
                if (due - clock.Elapsed is var wait && wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait);
                    due = clock.Elapsed;
                }

                var kind = GeneratedQueries.Kinds[random.Next(GeneratedQueries.Kinds.Count)];
                using var request = Question(address, GeneratedQueries.Of(kind, random), token);
                await AnswerAsync(http, request, buffer);
                if (clock.Elapsed > Warmup)
                    times[kind].Add((clock.Elapsed - due).TotalMilliseconds);
            }
        })));
        return times.ToDictionary(kind => kind.Key, kind => kind.Value.Order().ToList());
    }

    private static HttpRequestMessage Question(Uri address, string query, string token)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri(address, $"/api/catalogue/datasets?{query}"));
        request.Headers.Authorization = new("Bearer", token);
        return request;
    }

    private static async Task AnswerAsync(HttpClient http, HttpRequestMessage request, byte[] buffer)
    {
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        answer.EnsureSuccessStatusCode();
        await using var body = await answer.Content.ReadAsStreamAsync();
        while (await body.ReadAsync(buffer) > 0)
        {
        }
    }

    /// <summary>The catalogue is never still: kept answers last a second at most.</summary>
    private static async Task ChangeAsync(Feed feed, int entries, CancellationToken done)
    {
        for (var i = 0; !done.IsCancellationRequested; i++)
        {
            await feed.PublishAsync([GeneratedEntries.Of(entries + Fresh + i)]);
            await Task.Delay(TimeSpan.FromSeconds(1), done).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Total, the first twenty and the counts of seven facets: by ILIKE on the folded text, in one statement.</summary>
    private static async Task<double> SqlAsync(NpgsqlConnection connection, string query)
    {
        var parts = query.Split('&', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => Uri.UnescapeDataString(part[1]));
        var conditions = FoldedText.Terms(parts.GetValueOrDefault("q")).Select((_, i) => $"searched like @t{i}")
            .Concat(parts.Keys.Where(name => name is not ("q" or "sort")).Select(name => $"{name} = @{name}")).DefaultIfEmpty("true");
        var values = new DynamicParameters(parts.Where(part => part.Key is not ("q" or "sort")).ToDictionary(part => part.Key, part => (object)part.Value));
        foreach (var (term, i) in FoldedText.Terms(parts.GetValueOrDefault("q")).Select((term, i) => (term, i)))
            values.Add($"t{i}", $"%{term}%");
        var since = Stopwatch.GetTimestamp();
        _ = (await connection.QueryAsync($"""
            with hits as materialized (select * from narrow where {string.Join(" and ", conditions)})
            select null::uuid as id, city, department, theme, sharing, format, frequency, grade, count(*)
            from hits group by grouping sets ((), (city), (department), (theme), (sharing), (format), (frequency), (grade))
            union all
            (select id, null, null, null, null, null, null, null, null from hits order by released desc, id limit 20)
            """, values)).AsList();
        return Stopwatch.GetElapsedTime(since).TotalMilliseconds;
    }

    private static async Task FillNarrowAsync(NpgsqlDataSource source, int entries)
    {
        await using var connection = await source.OpenConnectionAsync();
        await connection.ExecuteAsync("create table narrow (id uuid primary key, searched text, city text, department text, theme text, sharing text, format text, frequency text, grade int, released date)");
        await using (var copy = await connection.BeginBinaryImportAsync("copy narrow from stdin (format binary)"))
        {
            for (var i = 0; i < entries; i++)
            {
                var entry = GeneratedEntries.Of(i);
                await copy.StartRowAsync();
                await copy.WriteAsync(entry.DatasetId);
                await copy.WriteAsync(FoldedText.Of(CatalogueTables.Indexed(JsonSerializer.Serialize(entry, Hosting.Json.Options)), out _));
                foreach (var text in (string[])[entry.City, entry.DepartmentCode, entry.Theme, entry.SharingType, entry.Format, entry.UpdateFrequency])
                    await copy.WriteAsync(text);
                await copy.WriteAsync(entry.Grade);
                await copy.WriteAsync(entry.ReleasedOn, NpgsqlDbType.Date);
            }

            await copy.CompleteAsync();
        }

        await connection.ExecuteAsync("vacuum analyze narrow");
    }

    private static async Task<(int Total, string Match)> SearchAsync(Participant reader, string query)
    {
        var answer = (await reader.GetAsync($"/api/catalogue/datasets?{query}")).Succeeded("search");
        return (answer["total"].GetInt32(), answer["match"].GetString()!);
    }

    private static async Task UntilAsync(Func<Task<bool>> so)
    {
        while (!await so())
            await Task.Delay(2);
    }

    /// <summary>The three cities' relays: each with its broker user, its epoch and its numbers.</summary>
    private sealed class Feed : IAsyncDisposable
    {
        private readonly Dictionary<string, City> cities = [];

        public static async Task<Feed> OpenAsync(Stack stack)
        {
            var feed = new Feed();
            foreach (var city in (string[])["changsha", "zhuzhou", "xiangtan"])
            {
                var connection = await new ConnectionFactory { Uri = new Uri(stack.BrokerUri(city)) }.CreateConnectionAsync();
                feed.cities.Add(city, new City(city, connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true, outstandingPublisherConfirmationsRateLimiter: null))));
            }

            return feed;
        }

        public Task PublishAsync(IEnumerable<DatasetEntry> entries) => Task.WhenAll(entries.Select(entry =>
        {
            var city = cities[entry.City];
            return city.SendAsync(new DatasetPublished { City = entry.City, Epoch = city.Epoch, Change = city.Next(), Entry = entry }, typeof(DatasetPublished)).AsTask();
        }));

        public async Task WithdrawAsync(DatasetEntry entry)
        {
            var city = cities[entry.City];
            await city.SendAsync(new DatasetWithdrawn { City = entry.City, Epoch = city.Epoch, Change = city.Next(), DatasetId = entry.DatasetId, Version = entry.Version + 1, Reason = "测量", WithdrawnAt = DateTimeOffset.UtcNow }, typeof(DatasetWithdrawn));
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var city in cities.Values)
            {
                await city.Channel.DisposeAsync();
                await city.Connection.DisposeAsync();
            }
        }

        private sealed record City(string Name, IConnection Connection, IChannel Channel)
        {
            private long change;

            public Guid Epoch { get; } = Guid.NewGuid();

            public long Next() => ++change;

            public ValueTask SendAsync(object message, Type type)
            {
                var id = Guid.CreateVersion7();
                var body = MessageJson.Envelope(id, null, Name, Topology.Datasets, type.FullName!, JsonSerializer.SerializeToUtf8Bytes(message, MessageJson.Options), DateTimeOffset.UtcNow);
                return Channel.BasicPublishAsync(Topology.Datasets, $"{Name}.datasets", true, new BasicProperties { ContentType = MessageJson.ContentType, MessageId = id.ToString(), Persistent = true }, body);
            }
        }
    }
}
