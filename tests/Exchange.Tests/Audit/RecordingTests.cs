using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Exchange.Audit.Log;
using Exchange.Audit.Reconciliation;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Exchange.Verifier;
using Npgsql;
using Place = Exchange.Local.Place;

namespace Exchange.Tests.Audit;

[Trait("needs", "server")]
public sealed class RecordingTests : IAsyncLifetime
{
    private readonly TestSource changsha = new("changsha");
    private readonly TestSource zhuzhou = new("zhuzhou");
    private AuditDatabase audit = null!;

    public async ValueTask InitializeAsync() => audit = await AuditDatabase.CreateAsync();

    public async ValueTask DisposeAsync() => await audit.DisposeAsync();

    [Fact]
    public async Task A_repeated_record_adds_nothing()
    {
        var (one, two, three) = (changsha.NextRecord(), changsha.NextRecord(), changsha.NextRecord());

        Assert.Equal(2, await audit.AppendAsync(one, two, one));
        await audit.CheckAsync();
        Assert.Equal(0, await audit.AppendAsync(two, one));
        Assert.Equal(1, await audit.AppendAsync(two, three));
        await audit.CheckAsync();
        Assert.Equal(3, Assert.Single(await audit.QueryAsync<long>("select size from logs")));
    }

    [Fact]
    public async Task A_batch_is_ordered_by_source_and_number_and_a_late_record_comes_after()
    {
        var (one, two, three, other) = (changsha.NextRecord(), changsha.NextRecord(), changsha.NextRecord(), zhuzhou.NextRecord());

        await audit.AppendAsync(other, three, one);
        await audit.AppendAsync(two);

        Assert.Equal(["changsha 1", "changsha 3", "zhuzhou 1", "changsha 2"], await audit.QueryAsync<string>("select source || ' ' || seq from records order by idx"));
        await audit.CheckAsync();
    }

    [Fact]
    public async Task How_far_a_source_is_taken_up_waits_for_what_is_missing()
    {
        var records = Enumerable.Range(0, 6).Select(_ => changsha.NextRecord()).ToList();

        await audit.AppendAsync(records[0], records[1], records[3]);
        Assert.Equal(2, await TakenUpAsync());
        await audit.AppendAsync(records[5]);
        Assert.Equal(2, await TakenUpAsync());
        await audit.AppendAsync(records[2]);
        Assert.Equal(4, await TakenUpAsync());
        await audit.AppendAsync(records[4]);
        Assert.Equal(6, await TakenUpAsync());
    }

    [Fact]
    public async Task A_source_restored_from_an_older_copy_is_logged_on_and_the_report_names_where_its_two_histories_part()
    {
        var common = new[] { changsha.NextRecord(), changsha.NextRecord() };
        var restored = changsha.Copied();
        var before = new[] { changsha.NextRecord(), changsha.NextRecord(), changsha.NextRecord() };
        await audit.AppendAsync([.. common, .. before]);
        Assert.Null((await GapsAsync()).Fork);

        var since = new[] { restored.NextRecord(), restored.NextRecord() };
        Assert.Equal(3, await audit.AppendAsync([.. since, zhuzhou.NextRecord()]));

        Assert.Equal(4, await TakenUpAsync());
        Assert.Equal(since[1].Digest, Assert.Single(await audit.QueryAsync<byte[]>("select digest from taken_up where source = 'changsha'")));
        var gaps = await GapsAsync();
        Assert.Equal(3, gaps.Fork!.Seq);
        Assert.Equal([before[0].EventId, since[0].EventId], gaps.Fork.EventIds);
        Assert.Equal([3, 4], gaps.Repeated);
        Assert.Empty(gaps.Missing);
        await audit.AppendAsync(restored.NextRecord(), restored.NextRecord());
        Assert.Equal(6, await TakenUpAsync());
        await audit.CheckAsync();
    }

    [Fact]
    public async Task A_log_that_was_there_before_knows_how_far_it_has_taken_up_each_source()
    {
        var restored = changsha.Copied();
        await audit.AppendAsync(changsha.NextRecord(), changsha.NextRecord(), changsha.NextRecord());
        changsha.NextRecord();
        await audit.AppendAsync(changsha.NextRecord(), zhuzhou.NextRecord(), restored.NextRecord());
        var migration = await File.ReadAllTextAsync(Path.Combine(Place.FindRoot(), "services", "audit", "Migrations", "0002_taken_up.sql"), TestContext.Current.CancellationToken);

        await audit.TamperAsync("delete from taken_up; " + migration[migration.IndexOf("insert into", StringComparison.Ordinal)..]);

        Assert.Equal(["changsha 3", "zhuzhou 1"], await audit.QueryAsync<string>("select source || ' ' || seq from taken_up order by source"));
    }

    [Fact]
    public async Task Another_content_under_a_known_id_is_told_once_and_overwrites_nothing()
    {
        var recorded = changsha.Next();
        var (original, altered) = (changsha.Parsed(recorded), changsha.Parsed(TestSource.Altered(recorded)));
        await audit.AppendAsync(original);
        var leaf = await audit.QueryAsync<byte[]>("select bytes from leaves where idx = 0");

        Assert.Equal(1, await audit.AppendAsync(altered));
        Assert.Equal(0, await audit.AppendAsync(altered, original));

        Assert.Equal(leaf, await audit.QueryAsync<byte[]>("select bytes from leaves where idx = 0"));
        var conflict = Leaf.Parse(Assert.Single(await audit.QueryAsync<byte[]>("select bytes from leaves where idx = 1"))).Event;
        Assert.Equal("conflict", conflict.GetProperty("type").GetString());
        Assert.Equal(recorded.EventId.ToString(), conflict.GetProperty("details").GetProperty("event_id").GetString());
        Assert.Equal(Convert.ToBase64String(original.Digest), conflict.GetProperty("details").GetProperty("logged_sha256").GetString());
        Assert.Equal(Convert.ToBase64String(altered.Digest), conflict.GetProperty("details").GetProperty("arrived_sha256").GetString());
        await audit.CheckAsync();
    }

    [Fact]
    public async Task Two_contents_under_one_id_in_one_batch_are_a_record_and_a_conflict()
    {
        var recorded = changsha.Next();

        Assert.Equal(2, await audit.AppendAsync(changsha.Parsed(recorded), changsha.Parsed(TestSource.Altered(recorded))));
        await audit.CheckAsync();
    }

    [Fact]
    public async Task Tiles_grow_over_their_borders_whatever_the_batches()
    {
        foreach (var size in new[] { 1, 254, 1, 1, 300, 256, 3 })
        {
            await audit.AppendAsync([.. Enumerable.Range(0, size).Select(_ => changsha.NextRecord())]);
            Assert.Equal(1, await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken));
            await audit.CheckAsync();
        }
        Assert.Equal([(0, 3), (1, 1)], (await audit.QueryAsync<(int, long)>("select level, count(*) filter (where octet_length(bytes) = 8192) + count(*) filter (where level = 1) from tiles group by level order by level")).Select(row => (row.Item1, (int)row.Item2)));
    }

    [Fact]
    public async Task Two_writers_at_once_lose_nothing_and_repeat_nothing()
    {
        var records = Enumerable.Range(0, 200).Select(_ => changsha.NextRecord()).ToList();
        // Both get every batch, as after a broker that hands the same messages to two processes.
        await Task.WhenAll(new[] { audit.Writer, audit.NewWriter() }.Select(writer => Task.Run(async () =>
        {
            foreach (var batch in records.Chunk(10))
            {
                await writer.AppendAsync(batch, TestContext.Current.CancellationToken);
            }
        })));

        Assert.Equal(200, Assert.Single(await audit.QueryAsync<long>("select size from logs")));
        await audit.CheckAsync();
    }

    [Fact]
    public async Task The_receive_time_never_goes_back()
    {
        await audit.AppendAsync(changsha.NextRecord());
        audit.Clock.Now -= TimeSpan.FromHours(5);
        await audit.AppendAsync(changsha.NextRecord());
        audit.Clock.Now += TimeSpan.FromHours(6);
        await audit.AppendAsync(changsha.NextRecord());

        await audit.CheckAsync();
        Assert.Equal(["20:00", "20:00", "21:00"], await audit.QueryAsync<string>("select to_char(received_at at time zone 'UTC', 'HH24:MI') from records order by idx"));
    }

    [Fact]
    public async Task A_new_year_begins_a_log_that_names_the_one_before()
    {
        audit.Clock.Now = new DateTimeOffset(2026, 12, 31, 23, 59, 59, 999, TimeSpan.Zero);
        await audit.AppendAsync(changsha.NextRecord());
        audit.Clock.Now += TimeSpan.FromMilliseconds(1);
        await audit.AppendAsync(changsha.NextRecord(), zhuzhou.NextRecord());
        Assert.Equal(2, await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken));

        Assert.Equal([(2026, 2L), (2027, 3L)], await audit.QueryAsync<(int, long)>("select year, size from logs order by year"));
        var closing = Leaf.Parse(Assert.Single(await audit.QueryAsync<byte[]>("select bytes from leaves where year = 2026 and idx = 1"))).Event;
        var opening = Leaf.Parse(Assert.Single(await audit.QueryAsync<byte[]>("select bytes from leaves where year = 2027 and idx = 0"))).Event;
        Assert.Equal(("log.closed", "exchange.example/api/audit/log/2027"), (closing.GetProperty("type").GetString(), closing.GetProperty("details").GetProperty("next_origin").GetString()));
        Assert.Equal(("log.opened", AuditDatabase.Origin), (opening.GetProperty("type").GetString(), opening.GetProperty("details").GetProperty("previous_origin").GetString()));
        Assert.Equal(Assert.Single(await audit.QueryAsync<byte[]>("select root from checkpoints where year = 2026 and size = 2")), Convert.FromBase64String(opening.GetProperty("details").GetProperty("previous_root").GetString()!));
        await audit.CheckAsync();
    }

    [Fact]
    public async Task An_altered_leaf_is_caught()
    {
        await audit.AppendAsync([.. Enumerable.Range(0, 5).Select(_ => changsha.NextRecord())]);
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        await audit.CheckAsync();

        await audit.TamperAsync("update leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'request.submitted', 'request.withdrawn'), 'UTF8') where idx = 2");

        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(audit.CheckAsync);
    }

    [Fact]
    public async Task A_removed_leaf_is_caught()
    {
        await audit.AppendAsync([.. Enumerable.Range(0, 5).Select(_ => changsha.NextRecord())]);
        await audit.TamperAsync("delete from records where idx = 4; delete from events where idx = 4; delete from leaves where idx = 4");

        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(audit.CheckAsync);
    }

    [Theory]
    [InlineData("update leaves set bytes = 'x'")]
    [InlineData("delete from leaves")]
    [InlineData("truncate leaves")]
    [InlineData("update events set digest = digest")]
    [InlineData("delete from records")]
    [InlineData("update checkpoints set note = ''")]
    [InlineData("delete from log_keys")]
    [InlineData("delete from logs")]
    [InlineData("delete from tiles")]
    public async Task The_running_role_can_only_add(string sql)
    {
        var fault = await Assert.ThrowsAsync<PostgresException>(() => audit.QueryAsync<int>(sql));

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, fault.SqlState);
    }

    [Fact]
    public async Task A_tree_that_does_not_extend_the_signed_one_is_not_signed()
    {
        await audit.AppendAsync([.. Enumerable.Range(0, 5).Select(_ => changsha.NextRecord())]);
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        // History rewritten whole and consistently: leaf, tile and edge say the same, and only the signed root remembers.
        var other = new MemoryLog();
        foreach (var leaf in await audit.QueryAsync<byte[]>("select bytes from leaves order by idx"))
        {
            other.Append(other.Size == 2 ? [.. leaf, (byte)' '] : leaf);
        }
        await audit.TamperAsync($"""
            update tiles set bytes = '\x{Convert.ToHexString(other.Tiles[(0, 0)])}';
            update logs set edge = '\x{Convert.ToHexString(other.Edge.Write())}';
            """);
        await audit.AppendAsync(changsha.NextRecord());

        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken));

        Assert.Contains("does not extend", fault.Message, StringComparison.Ordinal);
        Assert.Equal(5, Assert.Single(await audit.QueryAsync<long>("select max(size) from checkpoints")));
    }

    [Fact]
    public async Task An_unchanged_tree_is_signed_once_and_every_checkpoint_convinces_the_verifier()
    {
        var cancel = TestContext.Current.CancellationToken;
        Assert.Equal(1, await audit.Signer.SignGrownAsync(cancel));
        Assert.Equal(0, await audit.Signer.SignGrownAsync(cancel));
        await audit.AppendAsync(changsha.NextRecord());
        Assert.Equal(1, await audit.Signer.SignGrownAsync(cancel));

        var trust = Trust.Parse(JsonSerializer.SerializeToUtf8Bytes(new
        {
            version = 1,
            logs = new[] { new { origin = AuditDatabase.Origin, year = 2026, keys = audit.Keyring.Signers.Select(signer => signer.VerifierKey(AuditDatabase.Origin).ToString()), valid_from = "2026-01-01", valid_to = "2026-12-31" } },
            witnesses = Array.Empty<string>(),
            quorum = 0,
        }));
        Assert.Equal([0UL, 1UL], (await audit.QueryAsync<string>("select note from checkpoints order by size")).Select(note => trust.Accept(note).Checkpoint.Size));
    }

    [Fact]
    public async Task A_restart_finds_the_same_keys_and_without_them_there_is_none()
    {
        using var again = audit.NewKeyring();
        await again.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(audit.Keyring.Signers.Select(signer => signer.VerifierKey("a").ToString()), again.Signers.Select(signer => signer.VerifierKey("a").ToString()));

        File.Delete(Directory.GetFiles(audit.KeyFolder)[0]);

        using var bereft = audit.NewKeyring();
        await Assert.ThrowsAsync<InvalidOperationException>(() => bereft.StartAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task The_trace_of_each_act_reaches_the_log()
    {
        var seen = new List<(ActivityTraceId Trace, object? Index)>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Exchange",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                lock (seen)
                {
                    seen.Add((activity.TraceId, activity.GetTagItem("audit.index")));
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        var traces = Enumerable.Range(0, 2).Select(_ => ActivityTraceId.CreateRandom()).ToList();

        await audit.AppendAsync([.. traces.Select(trace => changsha.Parsed(changsha.Next(trace: $"00-{trace}-{ActivitySpanId.CreateRandom()}-01")))]);

        lock (seen)
        {
            Assert.Equal([(traces[0], 0L), (traces[1], 1L)], seen.Where(span => traces.Contains(span.Trace)).Select(span => (span.Trace, (long)span.Index!)));
        }
    }

    [Fact]
    public async Task Proofs_come_out_of_the_stored_tiles()
    {
        await audit.AppendAsync([.. Enumerable.Range(0, 700).Select(_ => changsha.NextRecord())]);
        var leaves = await audit.QueryAsync<byte[]>("select bytes from leaves order by idx");
        var reader = new LogReader(audit.Database);
        var root = Edge.Read(700, Assert.Single(await audit.QueryAsync<byte[]>("select edge from logs"))).Root();

        foreach (var index in new[] { 0, 1, 255, 256, 511, 512, 699 })
        {
            var path = await reader.InclusionAsync(2026, index, 700, TestContext.Current.CancellationToken);
            Assert.True(Hashing.Includes((ulong)index, 700, Hashing.Leaf(leaves[index]), path, root), $"Leaf {index} is not proven.");
        }
        Assert.Contains("changsha", Encoding.UTF8.GetString(leaves[0]), StringComparison.Ordinal);
    }

    private async Task<long> TakenUpAsync() => Assert.Single(await audit.QueryAsync<long>("select seq from taken_up where source = 'changsha'"));

    private async Task<SourceGaps> GapsAsync() => (await audit.GapsAsync()).Sources.Single(source => source.Source == "changsha");
}
