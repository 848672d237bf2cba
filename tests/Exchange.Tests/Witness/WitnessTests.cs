using System.Security.Cryptography;
using Dapper;
using Exchange.Hosting.Transparency;
using Exchange.Local;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Witness;

/// <summary>The cities cosign the log, and it asks them before it appends again (c2sp.org/tlog-witness, c2sp.org/tlog-cosignature).</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class WitnessTests(ExchangeFixture exchange)
{
    private static readonly byte[] Other = SHA256.HashData([0]);

    [Fact]
    public async Task Three_cities_cosign_every_checkpoint_and_a_proof_carries_them()
    {
        var agreement = Agreement.Parse(await File.ReadAllBytesAsync(Path.Combine(exchange.Stack.Data, "keys", Stack.Audit, AgreementFile.Name)));
        Assert.Equal((3, 2), (agreement.Witnesses.Count, agreement.Quorum));
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        var timeline = await exchange.TimelineAsync(id, "request.submitted");
        var leaf = timeline["events"].EnumerateArray().First(e => e.GetProperty("type").GetString() == "request.submitted");

        var proof = await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(leaf.GetProperty("proof").GetString()!), a => a.Status == 200, show: a => a.Text);

        Assert.True(Cosigned(agreement, proof.Text[(proof.Text.IndexOf("\n\n", StringComparison.Ordinal) + 2)..]) >= 2);
        var year = proof.Text.Split('\n').First(l => l.Contains("/api/audit/log/", StringComparison.Ordinal))[^4..];
        await Eventually.GetAsync(() => exchange.Who("auditor").GetAsync($"/api/audit/log/{year}/checkpoint"), a => Cosigned(agreement, a.Text) == 3, show: a => a.Text);
        // Published, witnessed by the quorum, final by all three.
        var index = leaf.GetProperty("index").GetInt64();
        await Eventually.GetAsync(() => exchange.Who("auditor").GetAsync("/api/audit/logs"), a => a["items"].EnumerateArray().Any(log =>
            log.GetProperty("size").GetInt64() >= log.GetProperty("witnessed_size").GetInt64()
            && log.GetProperty("witnessed_size").GetInt64() >= log.GetProperty("final_size").GetInt64() && log.GetProperty("final_size").GetInt64() > index), show: a => a.Text);
        Assert.True(Cosigned(agreement, (await exchange.Who("auditor").GetAsync($"/api/audit/log/{year}/checkpoint?witnessed=true")).Succeeded("witnessed").Text) >= 2);
    }

    [Fact]
    public async Task A_witness_answers_as_the_specification_says()
    {
        using var log = new TestLog(exchange, "changsha");
        Assert.Equal(404, (await log.LastAsync()).Status);
        log.Grow(3);

        Assert.Equal(400, (await log.PostAsync("old x\n\n" + log.Note())).Status);
        Assert.Equal(400, (await log.PostAsync($"old 0\nno hash\n\n{log.Note()}")).Status);
        Assert.Equal(400, (await log.PostAsync($"old 0\n\n{log.Note().Replace("\n\n", "\n", StringComparison.Ordinal)}")).Status);
        Assert.Equal(400, (await log.PostAsync($"old 0\n\n{log.Note()}{new string('x', 70_000)}")).Status);
        Assert.Equal(404, (await log.AddAsync(0, [], log.Note(3, Other, "test.example/nobody"))).Status);
        Assert.Equal(403, (await log.AddAsync(0, [], log.Note().Replace("\n3\n", "\n4\n", StringComparison.Ordinal))).Status);
        Assert.Equal(400, (await log.AddAsync(4, [], log.Note())).Status);
        Assert.Equal((409, "text/x.tlog.size", "0\n"), await log.AddAsync(2));

        var first = await log.AddAsync(0);
        Assert.Equal(200, first.Status);
        await CosignsAsync(log, first.Text);
        Assert.Equal((200, log.Note()), await log.LastAsync());
        Assert.Equal((409, "text/x.tlog.size", "3\n"), await log.AddAsync(0));
        Assert.Equal(200, (await log.AddAsync(3)).Status);

        log.Grow(5);
        Assert.Equal(422, (await log.AddAsync(3, [], log.Note())).Status);
        Assert.Equal(422, (await log.AddAsync(3, log.Proof(2), log.Note())).Status);
        var grown = await log.AddAsync(3);
        Assert.Equal(200, grown.Status);
        await CosignsAsync(log, grown.Text);
        // The same size with another root, and a smaller one.
        var fork = await log.AddAsync(8, [], log.Note(8, Other));
        Assert.Equal((409, "text/plain"), (fork.Status, fork.Type));
        Assert.Equal(400, (await log.AddAsync(8, [], log.Note(7, Other))).Status);
        Assert.Equal((200, log.Note()), await log.LastAsync());

        // What contradicts a cosigned tree is kept, with both notes.
        await using var city = await exchange.AdminAsync("changsha");
        Assert.Contains((8L, log.Note()), await city.QueryAsync<(long, string)>("select size, cosigned from service.witness_evidence where origin = @Origin", log));
    }

    [Fact]
    public async Task Of_two_trees_of_one_size_a_witness_signs_one_whatever_the_race()
    {
        using var log = new TestLog(exchange, "zhuzhou");
        for (var round = 0; round < 20; round++)
        {
            // Both extend what was cosigned before, each with its proof.
            var (old, fork) = (log.Size, log.Fork());
            log.Grow(1);

            var answers = await Task.WhenAll(log.AddAsync(old), fork.AddAsync(old));

            Assert.Equal([200, 409], answers.Select(a => a.Status).Order());
            if (answers[1].Status == 200)
            {
                log.Follow(fork);
            }
        }
    }

    /// <summary>It has checked and stored, and dies inside COMMIT before it can answer.</summary>
    [Fact]
    public async Task A_witness_killed_before_it_answers_remembers_what_it_was_about_to_sign()
    {
        using var log = new TestLog(exchange, "zhuzhou");
        log.Grow(2);
        Assert.Equal(200, (await log.AddAsync(0)).Status);
        log.Grow(3);
        await using var holder = await exchange.AdminAsync("zhuzhou", "holder");
        await using var watch = await exchange.WatchAsync("zhuzhou");
        await holder.ExecuteAsync("""
            create function service.hold_witness() returns trigger language plpgsql as $$ begin perform pg_advisory_xact_lock(4712); return null; end $$;
            create constraint trigger hold_witness after update on service.witnessed deferrable initially deferred for each row execute function service.hold_witness();
            """);
        try
        {
            await using var holding = await holder.BeginTransactionAsync();
            await holder.ExecuteAsync("select pg_advisory_xact_lock(4712)");
            var unanswered = log.AddAsync(2);
            await Eventually.TrueAsync(() => watch.ExecuteScalarAsync<bool>("select exists (select from pg_stat_activity where application_name = 'zhuzhou' and wait_event_type = 'Lock' and wait_event = 'advisory')"));
            await exchange.Stack.KillAsync("zhuzhou");
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => unanswered);
            await holding.RollbackAsync();
            await Eventually.TrueAsync(() => holder.ExecuteScalarAsync<bool>("select size = 5 from service.witnessed where origin = @Origin", log));
        }
        finally
        {
            await holder.ExecuteAsync("drop trigger hold_witness on service.witnessed; drop function service.hold_witness()");
            await exchange.ReviveAsync("zhuzhou");
        }

        Assert.Equal((409, "text/x.tlog.size", "5\n"), await log.AddAsync(2, [Other], log.Note(5, Other)));
        Assert.Equal(409, (await log.AddAsync(5, [], log.Note(5, Other))).Status);
        var told = await log.AddAsync(5);
        Assert.Equal(200, told.Status);
        await CosignsAsync(log, told.Text);
    }

    [Fact]
    public async Task A_log_that_is_behind_or_other_than_what_was_cosigned_appends_nothing()
    {
        await exchange.PublishAsync("changsha", "conditional");
        await exchange.DrainedAsync("changsha");
        await using var log = await exchange.AdminAsync(Stack.Audit);
        await Eventually.TrueAsync(() => log.ExecuteScalarAsync<bool>("select exists (select from service.cosignatures c join service.logs l on l.year = c.year and l.size = c.size)"));
        await exchange.Stack.StopAsync(Stack.Audit);
        try
        {
            await using var restored = await log.BeginTransactionAsync();
            await log.ExecuteAsync("create table service.kept as select * from service.logs; create table service.kept_tiles as select * from service.tiles where level = (select max(level) from service.tiles) and idx = 0");
            await restored.CommitAsync();

            // As after the restore of an older copy: a start sees fewer leaves than were cosigned.
            await log.ExecuteAsync("update service.logs set size = 1, edge = substr((select bytes from service.tiles t where t.year = logs.year and level = 0 and idx = 0), 1, 32)");
            await exchange.Stack.StartAsync(Stack.Audit);
            Assert.Contains("restored from an older copy", await ShutAsync(), StringComparison.Ordinal);
            await exchange.PublishAsync("changsha", "conditional");
            await exchange.DrainedAsync("changsha");
            Assert.Contains("restored from an older copy", await ShutAsync(), StringComparison.Ordinal);
            Assert.True(await log.ExecuteScalarAsync<bool>("select max(size) = 1 from service.logs"));
            await exchange.Stack.StopAsync(Stack.Audit);

            // As after a hand in the database: as many leaves, others. The first hash of the highest tile is under every root.
            await log.ExecuteAsync("""
                update service.logs l set size = k.size, edge = k.edge from service.kept k where k.year = l.year;
                update service.tiles t set bytes = set_byte(t.bytes, 0, get_byte(t.bytes, 0) # 1) from service.kept_tiles k where (k.year, k.level, k.idx) = (t.year, t.level, t.idx)
                """);
            await exchange.Stack.StartAsync(Stack.Audit);
            Assert.Contains("they were altered", await ShutAsync(), StringComparison.Ordinal);
        }
        finally
        {
            await exchange.Stack.StopAsync(Stack.Audit);
            await log.ExecuteAsync("""
                update service.logs l set size = k.size, edge = k.edge from service.kept k where k.year = l.year;
                update service.tiles t set bytes = k.bytes from service.kept_tiles k where (k.year, k.level, k.idx) = (t.year, t.level, t.idx);
                drop table service.kept, service.kept_tiles
                """);
            await exchange.Stack.StartAsync(Stack.Audit);
        }

        // Whole again: what waited in the queue is logged.
        await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("audit.records") == 0, TimeSpan.FromSeconds(60));
        await exchange.NothingSetAsideAsync();
    }

    [Fact]
    public async Task Without_witnesses_for_longer_than_the_limit_no_data_passes()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var program = exchange.Who("zhuzhou", "integrator");
        (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("data");
        await using var city = await exchange.AdminAsync("changsha");
        await Eventually.TrueAsync(() => city.ExecuteScalarAsync<bool>("select witnessed_at is not null from service.audit_mark"), TimeSpan.FromSeconds(90));
        await exchange.DrainedAsync("changsha");
        await exchange.Stack.StopAsync(Stack.Audit);
        try
        {
            await Eventually.TrueAsync(async () => await exchange.QueueDepthAsync("changsha.addressed") == 0);
            await city.ExecuteAsync("update service.audit_mark set witnessed_at = clock_timestamp() - interval '5 hours'");
            var stopped = await Eventually.GetAsync(() => program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"), a => a.Status == 503, show: a => a.Text);
            Assert.Equal("log-not-witnessed", stopped["rule"].GetString());
            Assert.Contains("Retry-After", stopped.Headers.Keys, StringComparer.OrdinalIgnoreCase);
        }
        finally
        {
            await exchange.Stack.StartAsync(Stack.Audit);
        }

        await Eventually.GetAsync(() => program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"), a => a.Status == 200, TimeSpan.FromSeconds(90), a => a.Text);
    }

    private async Task<string> ShutAsync() =>
        await Eventually.GetAsync(() => exchange.ReadinessAsync(Stack.Audit), r => r.Contains("nothing is appended: a witness", StringComparison.Ordinal), show: r => r);

    private static int Cosigned(Agreement agreement, string text) =>
        Note.Parse(text) is { } note ? agreement.Witnesses.Count(key => note.Signatures.Any(line => key.Made(line) && key.Verifies(note.Text, line))) : 0;

    private async Task CosignsAsync(TestLog log, string line)
    {
        using var http = new HttpClient();
        var key = VerifierKey.Parse((await http.GetStringAsync(new Uri(log.Address, "/witness/vkey"))).TrimEnd('\n'))!;
        var signature = SignatureLine.Parse(line.TrimEnd('\n'))!;
        Assert.True(key.Made(signature) && key.Verifies(Note.Parse(log.Note())!.Text, signature));
        Assert.False(key.Verifies(log.Origin + "\n4\nx\n", signature));
        Assert.InRange((long)Cosignature.TimeOf(signature), DateTimeOffset.UtcNow.AddMinutes(-2).ToUnixTimeSeconds(), DateTimeOffset.UtcNow.AddMinutes(2).ToUnixTimeSeconds());
    }
}
