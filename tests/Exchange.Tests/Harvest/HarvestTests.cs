using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Harvest;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Tests.Federation;
using Microsoft.AspNetCore.Http;

namespace Exchange.Tests.Harvest;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed class HarvestTests(HarvestDatabase harvest) : IClassFixture<HarvestDatabase>, IAsyncLifetime
{
    private readonly string id = $"s{Guid.NewGuid():N}"[..20];
    private FakeSource portal = null!;

    public async ValueTask InitializeAsync()
    {
        portal = await FakeSource.StartAsync();
        portal.Entries.AddRange(Enumerable.Range(1, 10).Select(n => new ForeignEntry($"e{n:00}", $"条目{n:00}")));
    }

    public ValueTask DisposeAsync() => portal.DisposeAsync();

    [Theory]
    [InlineData("Ckan", null)]
    [InlineData("DataJson", null)]
    [InlineData("Dcat", "/catalog.ttl")]
    [InlineData("Dcat", "/catalog.jsonld")]
    public async Task Each_dialect_brings_the_same_entries(string kind, string? path)
    {
        var source = portal.Settings(id, Enum.Parse<SourceKind>(kind), path);
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Complete, 10, 10, 10, 0, 10), (run.Outcome, run.Stated, run.Read, run.Taken, run.Faulty, run.Added));
        Assert.Empty(await harvest.FaultsAsync(source));
        var identifier = kind == "Dcat" ? $"{portal.Address}/dataset/e01" : "e01";
        var entry = JsonSerializer.Deserialize<DatasetEntry>(
            (await harvest.QueryAsync<string>("select entry from datasets where dataset_id = @Id", new { Id = MapEntry.IdOf(id, identifier) })).Single(), Json.Options)!;
        Assert.Equal(("条目01", "示例摘要", id, 1), (entry.Name, entry.Abstract, entry.City, entry.Version));
        Assert.Equal(("11430100EXAMPL0121", "示例公安局"), (entry.DepartmentCode, entry.DepartmentName));
        Assert.Equal(("B0300", "daily", "spreadsheet/csv", "file"), (entry.Theme, entry.UpdateFrequency, entry.Format, entry.SharingMethod));
        Assert.Equal(new DateOnly(2024, 3, 1), entry.ReleasedOn);
        Assert.False(entry.OpenToSociety);
        var origin = entry.Origin!;
        Assert.Equal((id, identifier, "示例许可"), (origin.Source, origin.Identifier, origin.Licence));
        Assert.Equal(new DateTimeOffset(2025, 3, 1, 1, 2, 3, TimeSpan.Zero), origin.ModifiedAt);
        Assert.Equal(new OriginDistribution { Title = "表", Address = "https://files.example.org/a.csv", Format = "csv" }, origin.Distributions.Single());
        Assert.Equal(["classification", "grade", "open_to_society", "sharing_type"], origin.Assumed);
    }

    [Fact]
    public async Task What_the_source_does_not_say_is_named_as_assumed()
    {
        portal.Entries.Clear();
        portal.Raw.Add("""{"identifier":"bare","title":"光秃条目","accessLevel":"non-public"}""");
        var source = portal.Settings(id, SourceKind.DataJson) with { Defaults = new SourceDefaults { OpenToSociety = true, Theme = "C0500" } };
        await harvest.RunAsync(source);
        var entry = JsonSerializer.Deserialize<DatasetEntry>((await harvest.QueryAsync<string>("select entry from datasets where city = @id", new { id })).Single(), Json.Options)!;
        Assert.Equal(
            ["abstract", "classification", "department", "format", "grade", "released_on", "sharing_method", "sharing_type", "theme", "update_frequency"], entry.Origin!.Assumed);
        Assert.Equal(("", "C0500", "irregular", "unknown", "11430100EXAMPL100F"), (entry.Abstract, entry.Theme, entry.UpdateFrequency, entry.Format, entry.DepartmentCode));
        // The source's own word is stronger than the operator's default.
        Assert.False(entry.OpenToSociety);
    }

    [Fact]
    public async Task A_second_run_touches_only_what_changed()
    {
        var source = portal.Settings(id, SourceKind.Ckan);
        await harvest.RunAsync(source);
        var before = await PositionAsync();
        portal.Entries[3] = portal.Entries[3] with { Description = "改过的摘要" };
        portal.Entries.RemoveAt(8);
        portal.Entries.Add(new ForeignEntry("e11", "条目11"));
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Complete, 1, 1, 1, 10), (run.Outcome, run.Added, run.Changed, run.Removed, run.Read));
        var shown = await harvest.ShownAsync(source);
        Assert.Equal(10, shown.Count);
        Assert.Equal(2, shown["条目04"]);
        Assert.Equal(9, shown.Values.Count(version => version == 1));
        Assert.DoesNotContain("条目09", shown.Keys);
        Assert.Equal(2, (await harvest.QueryAsync<int>("select version from datasets where dataset_id = @Id and tombstone", new { Id = MapEntry.IdOf(id, "e09") })).Single());
        Assert.Equal(before + 3, await PositionAsync());

        portal.Entries.Add(new ForeignEntry("e09", "条目09"));
        await harvest.RunAsync(source);
        Assert.Equal(3, (await harvest.ShownAsync(source))["条目09"]);
        Assert.Equal(before + 4, await PositionAsync());
    }

    [Theory]
    [InlineData("Ckan")]
    [InlineData("Dcat")]
    public async Task A_source_that_says_it_is_unchanged_is_believed(string kind)
    {
        portal.HasTags = true;
        var source = portal.Settings(id, Enum.Parse<SourceKind>(kind), kind == "Dcat" ? "/catalog.jsonld" : null);
        await harvest.RunAsync(source);
        portal.Calls.Clear();
        var before = await PositionAsync();
        var asOf = await AsOfAsync();
        var run = await harvest.RunAsync(source);
        Assert.Equal(RunOutcome.Unchanged, run.Outcome);
        Assert.Equal(kind == "Dcat" ? 5 : 3, portal.Calls.Count);
        Assert.All(portal.Calls, call => Assert.Equal(304, call.Status));
        Assert.Equal(before, await PositionAsync());
        Assert.True(await AsOfAsync() > asOf);

        // The last page alone changed.
        portal.Entries[^1] = portal.Entries[^1] with { Title = "改名" };
        Assert.Equal((RunOutcome.Complete, 1), (await harvest.RunAsync(source)) is var changed ? (changed.Outcome, changed.Changed) : default);
        Assert.Contains("改名", (await harvest.ShownAsync(source)).Keys);
    }

    [Fact]
    public async Task Rows_that_were_lost_here_come_back_although_the_source_is_unchanged()
    {
        portal.HasTags = true;
        var source = portal.Settings(id, SourceKind.DataJson);
        await harvest.RunAsync(source);
        await harvest.QueryAsync<int>("delete from datasets where dataset_id = @Id", new { Id = MapEntry.IdOf(id, "e05") });
        Assert.Equal(1, (await harvest.RunAsync(source)).Added);
        Assert.Equal(10, (await harvest.ShownAsync(source)).Count);
        Assert.Equal(RunOutcome.Unchanged, (await harvest.RunAsync(source)).Outcome);
        // Other settings read the same words anew.
        var renamed = await harvest.RunAsync(source with { Fingerprint = "other", Themes = new Dictionary<string, string> { ["交通"] = "B0100" } });
        Assert.Equal(10, renamed.Changed);
    }

    [Fact]
    public async Task A_mass_deletion_is_held_back_until_it_is_confirmed_and_only_that_one()
    {
        var source = portal.Settings(id, SourceKind.DataJson);
        await harvest.RunAsync(source);
        portal.Entries.RemoveRange(0, 4);
        portal.Entries[0] = portal.Entries[0] with { Title = "照常更新" };
        var held = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.HeldBack, 4, 0, 1), (held.Outcome, held.Removal.Count, held.Removed, held.Changed));
        Assert.Equal(10, (await harvest.ShownAsync(source)).Count);
        // A second run that sees the same is no confirmation: a broken portal is broken for hours.
        Assert.Equal(RunOutcome.HeldBack, (await harvest.RunAsync(source)).Outcome);

        await harvest.QueryAsync<int>("update harvest_sources set confirmed = @Removal where source = @id", new { id, Removal = held.Removal.ToArray() });
        portal.Entries.RemoveRange(0, 3);
        Assert.Equal((RunOutcome.HeldBack, 7), (await harvest.RunAsync(source)) is var more ? (more.Outcome, more.Removal.Count) : default);
        portal.Entries.AddRange(Enumerable.Range(5, 3).Select(n => new ForeignEntry($"e{n:00}", $"条目{n:00}")));
        Assert.Equal((RunOutcome.Complete, 4), (await harvest.RunAsync(source)) is var confirmed ? (confirmed.Outcome, confirmed.Removed) : default);
        Assert.Equal(6, (await harvest.ShownAsync(source)).Count);
        Assert.Empty((await harvest.QueryAsync<Guid[]>("select confirmed from harvest_sources where source = @id", new { id })).Single());
    }

    [Fact]
    public async Task Nothing_is_removed_by_a_run_that_did_not_read_everything()
    {
        var source = portal.Settings(id, SourceKind.Ckan);
        await harvest.RunAsync(source);
        portal.Entries.RemoveAt(0);
        portal.Overstates = 1;
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Incomplete, 10, 9, 1), (run.Outcome, run.Stated, run.Read, run.Removal.Count));
        Assert.Equal(10, (await harvest.ShownAsync(source)).Count);
        portal.Overstates = 0;
        // Nor while one of its entries cannot be told from the missing one.
        portal.Raw.Add("""{"title":"没有标识"}""");
        Assert.Equal(RunOutcome.Incomplete, (await harvest.RunAsync(source)).Outcome);
        portal.Raw.Clear();
        Assert.Equal((RunOutcome.Complete, 1), (await harvest.RunAsync(source)) is var whole ? (whole.Outcome, whole.Removed) : default);
    }

    [Fact]
    public async Task Faults_are_listed_entry_by_entry_and_stop_nothing()
    {
        var source = portal.Settings(id, SourceKind.DataJson);
        portal.Entries[1] = portal.Entries[1] with { Title = "从前就有" };
        await harvest.RunAsync(source);
        portal.Entries[1] = portal.Entries[1] with { Title = "倒\u202E写" };
        portal.Entries[2] = portal.Entries[2] with { Description = "响铃\u0007", FileAddress = "javascript:alert(1)" };
        portal.Entries[4] = portal.Entries[4] with { Title = "<script>alert('x')</script>" };
        portal.Raw.AddRange(
        [
            """{"identifier":"e01","title":"第二次"}""",
            """{"identifier":"nameless"}""",
            """{"identifier":"numbers","title":"类型不符","description":{"deep":[1]},"theme":"不是列表","keyword":[{"a":1},7],"publisher":[],"distribution":[3,{"downloadURL":{}},{"downloadURL":"file:///etc/passwd"}],"issued":"昨天","modified":"9999-01-01"}""",
            """{"identifier":"zero","title":"零\u0000字符"}""",
            """{"identifier":"half","title":"半个\ud83d"}""",
            """{"identifier":["list"],"title":"标识不是文本"}""",
            "17",
            $$"""{"identifier":"huge","title":"巨大","notes":"{{new string('x', 300_000)}}"}""",
        ]);
        var run = await harvest.RunAsync(source);
        Assert.Null(run.Reason);
        Assert.Equal((RunOutcome.Incomplete, 18, 18, 10, 8, 1), (run.Outcome, run.Stated, run.Read, run.Taken, run.Faulty, run.Kept));
        var shown = await harvest.ShownAsync(source);
        Assert.Equal(1, shown["从前就有"]);
        Assert.Contains("类型不符", shown.Keys);
        Assert.Equal(2, shown["<script>alert('x')</script>"]);
        Assert.Equal(11, shown.Count);
        var faults = await harvest.FaultsAsync(source);
        Assert.Contains(("e02", false, "title", "control-character"), faults);
        Assert.Contains(("e03", true, "description", "control-character"), faults);
        Assert.Contains(("e03", true, "distributions[0].address", "not-a-web-address"), faults);
        Assert.Contains(("e01", false, "identifier", "duplicate-identifier"), faults);
        Assert.Contains(("nameless", false, "title", "required"), faults);
        Assert.Contains(("zero", false, "title", "control-character"), faults);
        Assert.Contains(("half", false, "title", "not-text"), faults);
        Assert.Contains((null, false, "identifier", "unidentified"), faults);
        Assert.Contains(("huge", false, "entry", "too-large"), faults);
        Assert.Equal(
            ["description wrong-type", "distribution.downloadURL wrong-type", "distributions[2].address not-a-web-address", "issued date", "keyword wrong-type", "modified date", "publisher wrong-type", "theme wrong-type"],
            faults.Where(f => f.Identifier == "numbers").Select(f => $"{f.Field} {f.Rule}").Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_one_page_names_another_may_describe()
    {
        portal.Interfere = async http =>
        {
            http.Response.ContentType = "text/turtle";
            await http.Response.WriteAsync(http.Request.QueryString.HasValue
                ? "PREFIX dcat: <http://www.w3.org/ns/dcat#> <b> a dcat:Dataset ; dct:title \"第二页\" ."
                : "<> dcat:dataset <a>, <b>, <c>, () ; hydra:next <?page=2> . <a> dct:title \"第一页\" .");
            return true;
        };
        var source = portal.Settings(id, SourceKind.Dcat);
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Complete, 3, 3, 2, 1), (run.Outcome, run.Stated, run.Read, run.Taken, run.Faulty));
        Assert.Contains(($"{portal.Address}/c", false, "entry", "not-described"), await harvest.FaultsAsync(source));
    }

    [Fact]
    public async Task A_source_that_asks_for_time_gets_it()
    {
        var source = portal.Settings(id, SourceKind.Ckan);
        portal.Interfere = http =>
        {
            http.Response.StatusCode = 429;
            http.Response.Headers.RetryAfter = "7200";
            return Task.FromResult(true);
        };
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Failed, "status-429"), (run.Outcome, run.Rule));
        Assert.Single(portal.Calls);
        Assert.True((await harvest.QueryAsync<bool>("select next_run_at > clock_timestamp() + interval '119 minutes' from harvest_sources where source = @id", new { id })).Single());
    }

    [Fact]
    public async Task A_source_that_stumbles_is_called_again()
    {
        var calls = 0;
        portal.Interfere = http =>
        {
            if (Interlocked.Increment(ref calls) is 1 or 3)
            {
                http.Response.StatusCode = 503;
                http.Response.Headers.RetryAfter = "0";
                return Task.FromResult(true);
            }

            return Task.FromResult(false);
        };
        Assert.Equal(RunOutcome.Complete, (await harvest.RunAsync(portal.Settings(id, SourceKind.Ckan))).Outcome);
        Assert.Equal(5, calls);
    }

    [Fact]
    public async Task A_run_that_dies_in_the_middle_is_healed_by_the_next()
    {
        portal.Entries.Clear();
        portal.Entries.AddRange(Enumerable.Range(0, 250).Select(n => new ForeignEntry($"e{n:000}", $"条目{n:000}")));
        var source = portal.Settings(id, SourceKind.DataJson);
        // Somebody holds the row of an entry of the second step: there the run waits, and dies.
        await using (var connection = await harvest.Database.OpenAsync(TestContext.Current.CancellationToken))
        await using (await connection.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var hold = new Npgsql.NpgsqlCommand("insert into datasets (dataset_id, city, version, tombstone, city_epoch, city_change, change) values ($1, 'other', 1, true, gen_random_uuid(), 0, -1)", connection);
            hold.Parameters.AddWithValue(MapEntry.IdOf(id, "e150"));
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            using var death = new CancellationTokenSource();
            var dying = harvest.Replica().RunAsync(source, _ => Task.FromResult(true), death.Token);
            await Eventually.GetAsync(async () => (await harvest.ShownAsync(source)).Count, count => count == HarvestRun.StepSize);
            await death.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => dying);
        }

        Assert.Equal(HarvestRun.StepSize, (await harvest.ShownAsync(source)).Count);
        Assert.Empty(await harvest.QueryAsync<Guid>("select run_id from harvest_runs where source = @id", new { id }));
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Complete, 150, 0), (run.Outcome, run.Added, run.Changed));
        Assert.All((await harvest.ShownAsync(source)).Values, version => Assert.Equal(1, version));
        Assert.Equal(Enumerable.Range(1, 250).Select(n => (long)n), await NumbersAsync());
    }

    [Fact]
    public async Task Two_replicas_do_not_read_a_source_at_once()
    {
        var source = portal.Settings(id, SourceKind.DataJson);
        var arrived = new TaskCompletionSource();
        var leave = new TaskCompletionSource();
        portal.Interfere = async _ =>
        {
            arrived.TrySetResult();
            await leave.Task;
            return false;
        };
        var first = harvest.RunAsync(source);
        await arrived.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Null(await harvest.Replica().RunAsync(source, _ => Task.FromResult(true), TestContext.Current.CancellationToken));
        leave.SetResult();
        Assert.Equal(RunOutcome.Complete, (await first).Outcome);
        Assert.Single(portal.Calls);
        Assert.Null(await harvest.Replica().RunAsync(source, _ => Task.FromResult(false), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_replica_that_lost_its_lead_changes_nothing()
    {
        var source = portal.Settings(id, SourceKind.DataJson);
        portal.Interfere = async _ =>
        {
            await harvest.QueryAsync<int>("update leases set expires_at = clock_timestamp() - interval '1 second' where name = @name", new { name = HarvestRun.LeaseOf(id) });
            await new Leases(harvest.Database).AcquireAsync(HarvestRun.LeaseOf(id), TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
            return false;
        };
        await Assert.ThrowsAsync<LeadLostException>(() => harvest.RunAsync(source));
        Assert.Empty(await harvest.ShownAsync(source));
        Assert.Empty(await harvest.QueryAsync<Guid>("select run_id from harvest_runs where source = @id", new { id }));
    }

    [Theory]
    [InlineData("a page for people", "DataJson", "not-json")]
    [InlineData("an error", "DataJson", "status-500")]
    [InlineData("too many bytes", "DataJson", "too-large")]
    [InlineData("a bomb", "DataJson", "too-large")]
    [InlineData("deep nesting", "DataJson", "not-json")]
    [InlineData("another encoding", "DataJson", "not-utf8")]
    [InlineData("another document", "DataJson", "not-data-json")]
    [InlineData("redirects in a circle", "Ckan", "redirect")]
    [InlineData("a redirect to a file", "Ckan", "redirect")]
    [InlineData("a redirect to a private address", "Ckan", "not-reached")]
    [InlineData("a redirect to the machine's cloud", "Ckan", "not-reached")]
    [InlineData("bytes that drip", "Ckan", "too-slow")]
    [InlineData("no end of waiting", "Ckan", "too-long")]
    [InlineData("an answer broken off", "Ckan", "not-reached")]
    [InlineData("entries without end", "Ckan", "too-many-entries")]
    [InlineData("the same page again", "Ckan", "page-repeats")]
    [InlineData("another document", "Ckan", "not-ckan")]
    [InlineData("pages in a circle", "Dcat", "page-repeats")]
    [InlineData("a page elsewhere", "Dcat", "foreign-page")]
    [InlineData("pages without end", "Dcat", "too-many-pages")]
    [InlineData("another format", "Dcat", "format-not-read")]
    [InlineData("deep brackets", "Dcat", "not-turtle")]
    [InlineData("a string without end", "Dcat", "not-turtle")]
    [InlineData("contexts upon contexts", "Dcat", "not-json-ld")]
    public async Task A_hostile_source_ends_the_run_and_what_was_there_stays(string hostility, string kind, string rule)
    {
        var source = portal.Settings(id, Enum.Parse<SourceKind>(kind));
        await harvest.RunAsync(source);
        var before = await PositionAsync();
        portal.Interfere = http => BeHostileAsync(hostility, http);
        source = source with
        {
            Limits = source.Limits with
            {
                Entries = 50,
                Request = hostility == "bytes that drip" ? TimeSpan.FromMilliseconds(200) : source.Limits.Request,
                Run = hostility == "no end of waiting" ? TimeSpan.FromMilliseconds(200) : source.Limits.Run,
            },
        };
        var run = await harvest.RunAsync(source);
        Assert.Equal((RunOutcome.Failed, rule), (run.Outcome, run.Rule));
        Assert.Equal(10, (await harvest.ShownAsync(source)).Count);
        Assert.Equal(before, await PositionAsync());
        Assert.Equal(rule, (await harvest.QueryAsync<string>("select rule from harvest_runs where source = @id order by run_id desc limit 1", new { id })).Single());

        portal.Interfere = null;
        Assert.Equal(RunOutcome.Complete, (await harvest.RunAsync(portal.Settings(id, Enum.Parse<SourceKind>(kind)))).Outcome);
    }

    private async Task<bool> BeHostileAsync(string hostility, HttpContext http)
    {
        var response = http.Response;
        var page = http.Request.QueryString.Value;
        switch (hostility)
        {
            case "a page for people":
                await SayAsync("text/html", "<html><body>维护中</body></html>");
                break;
            case "an error":
                response.StatusCode = 500;
                break;
            case "too many bytes":
                await SayAsync("application/json", new string(' ', 2 << 20));
                break;
            case "a bomb":
                response.ContentType = "application/json";
                response.Headers.ContentEncoding = "gzip";
                await using (var gzip = new GZipStream(response.Body, CompressionLevel.Fastest))
                {
                    await gzip.WriteAsync(new byte[20 << 20]);
                }

                break;
            case "deep nesting":
                await SayAsync("application/json", new string('[', 100_000));
                break;
            case "another encoding":
                response.ContentType = "application/json";
                await response.Body.WriteAsync(new byte[] { (byte)'"', 0xB3, 0xA4, 0xC9, 0xB3, (byte)'"' });
                break;
            case "another document":
                await SayAsync("application/json", "{\"success\":true,\"result\":{\"message\":[]},\"dataset\":{}}");
                break;
            case "redirects in a circle":
                response.Redirect(http.Request.Path + page);
                break;
            case "a redirect to a file":
                response.Redirect("file:///etc/passwd");
                break;
            case "a redirect to a private address":
                response.Redirect("http://10.1.2.3/");
                break;
            case "a redirect to the machine's cloud":
                response.Redirect("http://[::ffff:169.254.169.254]/latest/meta-data");
                break;
            case "bytes that drip":
                response.ContentType = "application/json";
                await response.WriteAsync("{");
                await response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case "no end of waiting":
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                break;
            case "an answer broken off":
                response.ContentLength = 1000;
                await response.WriteAsync("{");
                await response.Body.FlushAsync();
                http.Abort();
                break;
            case "entries without end":
                await SayAsync("application/json", $$$"""{"success":true,"result":{"count":2000000000,"results":[{"id":"{{{Guid.NewGuid()}}}","title":"无尽"}]}}""");
                break;
            case "the same page again":
                await SayAsync("application/json", """{"success":true,"result":{"count":2000000000,"results":[{"id":"same","title":"重复"}]}}""");
                break;
            case "pages in a circle":
                await SayAsync("text/turtle", $"<> <http://www.w3.org/ns/hydra/core#next> <?page={(page == "?page=1" ? 2 : 1)}> .");
                break;
            case "a page elsewhere":
                await SayAsync("text/turtle", "<> <http://www.w3.org/ns/hydra/core#nextPage> <http://127.0.0.1:1/> .");
                break;
            case "pages without end":
                await SayAsync("text/turtle", $"<> <http://www.w3.org/ns/hydra/core#next> <?{Guid.NewGuid()}> .");
                break;
            case "another format":
                await SayAsync("application/rdf+xml", "<?xml version=\"1.0\"?><rdf:RDF/>");
                break;
            case "deep brackets":
                await SayAsync("text/turtle", "<> <urn:p> " + new string('[', 100_000));
                break;
            case "a string without end":
                await SayAsync("text/turtle", "<> <urn:p> '''" + new string('x', 500_000));
                break;
            default:
                await SayAsync("application/ld+json", "{\"@context\":{" + string.Join(',', Enumerable.Range(0, 600).Select(n => $"\"t{n}\":\"urn:{n}\"")) + "}}");
                break;
        }

        return true;

        async Task SayAsync(string type, string body)
        {
            response.ContentType = type;
            await response.Body.WriteAsync(Encoding.UTF8.GetBytes(body));
        }
    }

    private async Task<long> PositionAsync() => (await harvest.QueryAsync<long>("select change from city_feeds where city = @id", new { id })).Single();

    private async Task<DateTimeOffset> AsOfAsync() => (await harvest.QueryAsync<DateTimeOffset>("select as_of from city_feeds where city = @id", new { id })).Single();

    private async Task<IEnumerable<long>> NumbersAsync() => await harvest.QueryAsync<long>("select city_change from datasets where city = @id order by 1", new { id });
}
