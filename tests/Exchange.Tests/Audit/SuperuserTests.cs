using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Verifier;
using Npgsql;

namespace Exchange.Tests.Audit;

/// <summary>
/// What somebody with every right in the log's database can do, and who catches it at which record. Whoever downloads the log sees what the database holds: the verifier's
/// answers are to files laid out from its rows as they are served. What the sources' numbers and reports show is in <c>PairingTests</c>; what a witness remembers when a
/// service starts, in <c>WitnessTests</c>.
/// </summary>
[Trait("needs", "server")]
public sealed class SuperuserTests : IAsyncLifetime
{
    private const int Leaves = 300;

    private readonly string folder = Directory.CreateTempSubdirectory("exchange-superuser-").FullName;
    private readonly TestSource changsha = new("changsha");
    private readonly TestSource zhuzhou = new("zhuzhou");
    private AuditDatabase audit = null!;
    private string held = null!;

    /// <summary>A log of 300 leaves, of which an auditor holds the checkpoint of the first 200.</summary>
    public async ValueTask InitializeAsync()
    {
        audit = await AuditDatabase.CreateAsync();
        for (var size = 0; size < Leaves; size += 100)
        {
            audit.Clock.Now = audit.Clock.Now.AddMinutes(1);
            await audit.AppendAsync([.. Enumerable.Range(0, 50).SelectMany(_ => new[] { changsha.NextRecord(), zhuzhou.NextRecord() })]);
            await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        }
        held = Path.Combine(folder, "held");
        await File.WriteAllTextAsync(held, await audit.OneAsync<string>("select note from checkpoints where size = 200"));
        var (code, _, errors) = await VerifyAsync("--held", held);
        Assert.True(code == 0, errors);
    }

    public async ValueTask DisposeAsync()
    {
        await audit.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_changed_leaf_is_named_by_the_verifier()
    {
        await audit.TamperAsync("update leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'request.submitted', 'request.withdrawn'), 'UTF8') where idx = 123");

        await NamesAsync(123);
    }

    [Fact]
    public async Task A_changed_time_is_named_by_the_verifier()
    {
        await audit.TamperAsync("update leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '\"received_at\":\"2026-11-21T20:02', '\"received_at\":\"2026-11-21T19:02'), 'UTF8') where idx = 150");

        await NamesAsync(150);
    }

    [Fact]
    public async Task A_deleted_leaf_is_named_by_the_verifier()
    {
        await audit.TamperAsync("delete from conflicts; delete from leaves where idx = 77");

        await NamesAsync(77);
    }

    /// <summary>The rows behind it close up, as they must for the bundles to be whole.</summary>
    [Fact]
    public async Task A_leaf_deleted_with_its_place_is_named_by_the_verifier()
    {
        await audit.TamperAsync("delete from leaves where idx = 77; update leaves set idx = -idx where idx > 77; ", constraint: "leaves_idx_check");
        await audit.TamperAsync("update leaves set idx = -idx - 1 where idx < 0");

        await NamesAsync(77);
    }

    [Fact]
    public async Task An_inserted_leaf_is_named_by_the_verifier()
    {
        await audit.TamperAsync("update leaves set idx = -idx where idx >= 210", constraint: "leaves_idx_check");
        await audit.TamperAsync("update leaves set idx = -idx + 1 where idx < 0; insert into leaves (year, idx, hash, bytes) select year, 210, hash, bytes from leaves where idx = 5");

        await NamesAsync(210);
    }

    [Fact]
    public async Task The_first_of_two_swapped_leaves_is_named_by_the_verifier()
    {
        await audit.TamperAsync("update leaves a set bytes = b.bytes, hash = b.hash from leaves b where (a.idx, b.idx) in ((40, 260), (260, 40))");

        await NamesAsync(40);
    }

    [Fact]
    public async Task Truncated_leaves_are_missed_by_the_verifier_from_the_first_on()
    {
        await audit.TamperAsync("truncate leaves cascade", changes: false);

        await NamesAsync(0);
    }

    /// <summary>Tree, tiles, head and checkpoint follow the change and are signed anew; the source's next record still names what was there.</summary>
    [Fact]
    public async Task A_leaf_changed_together_with_the_tree_is_told_by_its_sources_next_record()
    {
        await RewriteAsync("update leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'request.submitted', 'request.withdrawn'), 'UTF8') where idx = 123", Leaves);

        var next = await audit.OneAsync<long>("select min(idx) from records where idx > 123 and source = (select source from records where idx = 123)");
        await NamesAsync(next);
    }

    /// <summary>Another history of the same sources throughout, chains and all: sound in itself, and not what somebody holds.</summary>
    [Fact]
    public async Task A_whole_tree_rewritten_contradicts_the_checkpoint_that_somebody_holds()
    {
        var (first, second) = (new TestSource("changsha"), new TestSource("zhuzhou"));
        var rewritten = Enumerable.Range(0, Leaves).Select(i => $"({i}, '\\x{Convert.ToHexStringLower((i % 2 == 0 ? first : second).NextRecord().Leaf(audit.Clock.Now))}'::bytea)");
        await RewriteAsync($"update leaves l set bytes = r.bytes from (values {string.Join(',', rewritten)}) r (idx, bytes) where r.idx = l.idx", Leaves);

        Assert.Equal(0, (await VerifyAsync()).Code);
        var (code, _, errors) = await VerifyAsync("--held", held);
        Assert.Equal(1, code);
        Assert.Contains("200", errors, StringComparison.Ordinal);
    }

    /// <summary>The files are of before: the service does not write over them, and says so.</summary>
    [Fact]
    public async Task A_rewritten_tree_contradicts_the_tile_files()
    {
        await audit.Files.WriteAsync(TestContext.Current.CancellationToken);
        Assert.Null(audit.Files.Contradiction);
        await RewriteAsync("update leaves set bytes = convert_to(replace(convert_from(bytes, 'UTF8'), 'request.submitted', 'request.withdrawn'), 'UTF8') where idx = 123", Leaves);

        var restarted = audit.NewFiles();
        await restarted.WriteAsync(TestContext.Current.CancellationToken);

        Assert.Equal("tile 0/000 of 2026", restarted.Contradiction);
    }

    [Fact]
    public async Task A_cut_tail_is_missed_by_who_holds_a_later_checkpoint()
    {
        await RewriteAsync("delete from leaves where idx >= 150", 150);

        Assert.Equal(0, (await VerifyAsync()).Code);
        var (code, _, errors) = await VerifyAsync("--held", held);
        Assert.Equal(1, code);
        Assert.Contains("200", errors, StringComparison.Ordinal);
    }

    /// <summary>A tail that was cut without new checkpoints: the signer refuses to sign a tree smaller than the one it signed.</summary>
    [Fact]
    public async Task After_a_cut_nothing_is_signed_that_does_not_extend_what_was()
    {
        var kept = await audit.OneAsync<byte[]>("select substr(bytes, 1, 32) from tiles where level = 0 and idx = 0");
        await audit.TamperAsync($"update logs set size = 1, edge = '\\x{Convert.ToHexStringLower(kept)}'");

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken));

        Assert.Contains("does not extend the tree of 300 leaves", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>As a copy of the database of before brings it back: it grows on into another history under the same keys.</summary>
    [Fact]
    public async Task Yesterdays_copy_that_grew_on_is_another_log_to_who_holds_todays_checkpoint()
    {
        await RewriteAsync("delete from leaves where idx >= 100; delete from events where idx >= 100; delete from records where idx >= 100", 100);
        await audit.AppendAsync([.. Enumerable.Range(0, 250).Select(_ => new TestSource("gateway").NextRecord())]);
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);

        var (code, _, errors) = await VerifyAsync("--held", held);

        Assert.Equal(1, code);
        Assert.Contains("200", errors, StringComparison.Ordinal);
    }

    /// <summary>The next year's first record names the end of this one: who holds that end sees whether it is still the same.</summary>
    [Fact]
    public async Task A_year_that_was_cut_after_its_end_contradicts_the_next_years_first_record()
    {
        audit.Clock.Now = new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero);
        await audit.AppendAsync(changsha.NextRecord());
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        var end = Path.Combine(folder, "end");
        await File.WriteAllTextAsync(end, await audit.OneAsync<string>($"select note from checkpoints where year = 2026 and size = {Leaves + 1}"));
        var next = await DownloadAsync(2027);

        var (code, output, errors) = SignedLog.Run("log", next, "--trust", await TrustAsync(), "--held", end);
        Assert.True(code == 0, errors);
        Assert.Contains($"goes on from the last checkpoint of {AuditDatabase.Origin} (301 records)", output, StringComparison.Ordinal);
        (code, _, errors) = SignedLog.Run("log", next, "--trust", await TrustAsync(), "--held", held);
        Assert.Equal(1, code);
        Assert.Contains("Record 0 goes on from another end", errors, StringComparison.Ordinal);
    }

    /// <summary>With every right in the database and the log's keys: what it signs is sound in itself.</summary>
    private async Task RewriteAsync(string sql, long size)
    {
        await audit.TamperAsync(sql);
        var tree = new MemoryLog();
        foreach (var leaf in await audit.QueryAsync<byte[]>("select bytes from leaves order by idx"))
        {
            tree.Append(leaf);
        }
        Assert.Equal(size, tree.Size);
        await audit.TamperAsync("delete from tiles; delete from checkpoints");
        await using var owner = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(audit.Owner) { SearchPath = "service", Pooling = false }.ConnectionString);
        foreach (var ((level, idx), bytes) in tree.Tiles)
        {
            await owner.ExecuteAsync("insert into tiles (year, level, idx, bytes) values (2026, @level, @idx, @bytes)", new { level, idx, bytes });
        }
        await owner.ExecuteAsync("update logs set size = @size, edge = @edge", new { size, edge = tree.Edge.Write() });
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
    }

    private async Task NamesAsync(long index)
    {
        var (code, _, errors) = await VerifyAsync();
        Assert.Equal(1, code);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"Record {index} "), errors, StringComparison.Ordinal);
    }

    private async Task<(int Code, string Output, string Errors)> VerifyAsync(params string[] more) =>
        SignedLog.Run(["log", await DownloadAsync(), "--trust", await TrustAsync(), .. more]);

    /// <summary>The files that an auditor downloads: each is what its route makes of the rows.</summary>
    private async Task<string> DownloadAsync(int year = 2026)
    {
        var log = Directory.CreateDirectory(Path.Combine(folder, Guid.NewGuid().ToString("n"))).FullName;
        var (size, note) = await audit.OneAsync<(long, string)>($"select size, note from checkpoints where year = {year} order by size desc limit 1");
        await File.WriteAllTextAsync(Path.Combine(log, "checkpoint"), note);
        foreach (var tile in TilePath.All(size))
        {
            var bytes = await audit.OneAsync<byte[]>($"select substring(bytes for {tile.Width * 32}) from tiles where year = {year} and level = {tile.Level} and idx = {tile.Index}");
            Put($"tile/{tile}", bytes);
            if (tile.Level == 0 && await audit.QueryAsync<byte[]>($"select bytes from leaves where year = {year} and idx >= {tile.Index * 256} and idx < {(tile.Index * 256) + tile.Width} order by idx") is { Count: > 0 } leaves)
            {
                Put($"tile/{tile with { Level = null }}", EntryBundle.Write([.. leaves]));
            }
        }
        return log;

        void Put(string name, byte[] bytes)
        {
            var file = Path.Combine(log, name);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, bytes);
        }
    }

    private async Task<string> TrustAsync()
    {
        var path = Path.Combine(folder, "trust.json");
        await File.WriteAllTextAsync(path, JsonSerializer.Serialize(new
        {
            version = 1,
            logs = new[] { 2026, 2027 }.Select(year => (year, origin: AuditDatabase.Origin.Replace("2026", $"{year}", StringComparison.Ordinal))).Select(log => new
            {
                log.origin,
                log.year,
                keys = audit.Keyring.Signers.Select(signer => signer.VerifierKey(log.origin).ToString()),
                valid_from = $"{log.year}-01-01",
                valid_to = $"{log.year + 1}-12-31",
            }),
            witnesses = Array.Empty<string>(),
            quorum = 0,
        }));
        return path;
    }
}
