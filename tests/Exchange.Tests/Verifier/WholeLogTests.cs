using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Hosting.Transparency;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Exchange.Tests.Audit;
using Exchange.Verifier;
using static Exchange.Tests.Verifier.SignedLog;

namespace Exchange.Tests.Verifier;

/// <summary>A downloaded log of 700 records, sound and tampered with in every way that somebody might try.</summary>
public sealed class WholeLogTests : IDisposable
{
    private const int Size = 700;

    private static readonly DateTimeOffset Start = new(2026, 11, 21, 20, 0, 0, TimeSpan.Zero);

    private readonly SignedLog log = new();
    private readonly TestSource changsha = new("changsha");
    private readonly TestSource zhuzhou = new("zhuzhou");
    private readonly TestSource gateway = new("gateway");
    private readonly List<byte[]> leaves = [];

    // Leaf i is of Changsha, Zhuzhou or the gateway as i mod 3 says.
    public WholeLogTests()
    {
        while (leaves.Count < Size)
        {
            Append((leaves.Count % 3) switch { 0 => changsha, 1 => zhuzhou, _ => gateway });
        }
    }

    [Fact]
    public void A_sound_log_is_told_with_its_sources()
    {
        var (code, output, errors) = Check(log.Write(leaves));

        Assert.True(code == 0, errors);
        Assert.Contains("700 条记录与检查点相符", output, StringComparison.Ordinal);
        Assert.Contains("the 700 records of", output, StringComparison.Ordinal);
        Assert.Contains("received from 2026-11-21T20:00:00.000Z to 2026-11-21T20:11:39.000Z", output, StringComparison.Ordinal);
        Assert.Contains("sources: 3", output, StringComparison.Ordinal);
        Assert.Contains("changsha: 234 records, numbers 1–234", output, StringComparison.Ordinal);
        Assert.Contains("zhuzhou：233 条，编号 1–233", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(512)]
    public void Logs_that_end_on_and_beside_a_tiles_border_hold(int size) => Assert.Equal(0, Check(log.Write(leaves[..size])).Code);

    [Fact]
    public void Earlier_checkpoints_that_are_held_are_found_again()
    {
        var folder = log.Write(leaves);
        string[] held = [.. new[] { 0, 1, 255, 256, 300, 511, 512, 699, 700 }.SelectMany(size => new[] { "--held", log.Save(log.Checkpoint(leaves[..size])) })];

        var (code, output, errors) = Check(folder, held);

        Assert.True(code == 0, errors);
        Assert.Contains("checkpoint of 300 records that you hold", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_rewritten_throughout_is_found_by_a_held_checkpoint()
    {
        var early = log.Save(log.Checkpoint(leaves[..100]));
        var late = log.Save(log.Checkpoint(leaves[..300]));
        // Another history, sound in itself, of the same sources.
        using var rewritten = new WholeLogTests();
        var folder = log.Write(rewritten.leaves);

        Assert.Equal(0, Check(folder).Code);
        var (code, _, errors) = Check(folder, "--held", late, "--held", early);
        Assert.Equal(1, code);
        Assert.Contains("The log was rewritten before record 100", errors, StringComparison.Ordinal);
        Assert.Contains("日志在第 100 号记录之前被改写", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_held_checkpoint_that_is_larger_or_of_untrusted_keys_is_refused()
    {
        var folder = log.Write(leaves[..600]);
        using var stranger = new SignedLog();

        var (code, _, errors) = Check(folder, "--held", log.Save(log.Checkpoint(leaves)));
        Assert.Equal(1, code);
        Assert.Contains("has 700 records, the downloaded log only 600", errors, StringComparison.Ordinal);
        Assert.Equal(1, Check(folder, "--held", log.Save(stranger.Checkpoint(leaves[..5]))).Code);
    }

    [Fact]
    public void The_quorum_is_demanded_of_the_newest_and_of_held_checkpoints()
    {
        using var witness = new CosigningWitness("zhuzhou.example/witness", 2);
        var folder = log.Write(leaves);
        var (trust, held) = (log.Trust(1, witness.VerifierKey), log.Checkpoint(leaves[..300]));
        Assert.Equal(1, Run("log", folder, "--trust", trust).Code);

        File.WriteAllText(Path.Combine(folder, "checkpoint"), witness.Cosign(log.Checkpoint(leaves), Start.AddHours(1)));

        Assert.Equal(1, Run("log", folder, "--trust", trust, "--held", log.Save(held)).Code);
        var (code, output, _) = Run("log", folder, "--trust", trust, "--held", log.Save(witness.Cosign(held, Start)));
        Assert.Equal(0, code);
        Assert.Contains("cosigned by zhuzhou.example/witness at 2026-11-21T21:00:00Z", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_changed_record_is_named()
    {
        var folder = log.Write(leaves);
        leaves[300] = Altered(leaves[300]);
        WriteBundles(folder, leaves);

        Refused(300, Check(folder));
    }

    [Fact]
    public void A_deleted_record_is_named()
    {
        var folder = log.Write(leaves);
        leaves.RemoveAt(413);
        leaves.Add(leaves[0]);
        WriteBundles(folder, leaves);

        Refused(413, Check(folder));
    }

    [Fact]
    public void An_inserted_record_is_named()
    {
        var folder = log.Write(leaves);
        leaves.Insert(20, leaves[0]);
        leaves.RemoveAt(Size);
        WriteBundles(folder, leaves);

        Refused(20, Check(folder));
    }

    [Fact]
    public void The_first_of_two_swapped_records_is_named()
    {
        var folder = log.Write(leaves);
        (leaves[100], leaves[600]) = (leaves[600], leaves[100]);
        WriteBundles(folder, leaves);

        Refused(100, Check(folder));
    }

    [Fact]
    public void A_cut_tail_is_named()
    {
        var folder = log.Write(leaves);
        File.Delete(Path.Combine(folder, "tile/entries/002.p/188"));
        Refused(512, Check(folder));

        WriteBundles(folder, leaves[..650]);
        Refused(650, Check(folder));

        var bundle = Path.Combine(folder, "tile/entries/001");
        File.WriteAllBytes(bundle, File.ReadAllBytes(bundle)[..^1]);
        Refused(511, Check(folder));
    }

    [Fact]
    public void A_root_that_the_records_do_not_lead_to_is_refused()
    {
        var folder = log.Write(leaves);
        File.WriteAllText(Path.Combine(folder, "checkpoint"), log.Checkpoint(Size, new byte[32]));

        var (code, _, errors) = Check(folder);

        Assert.Equal(1, code);
        Assert.Contains("700 records do not lead to the checkpoint's root", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tile/0/000", 37, 37)]
    [InlineData("tile/0/002.p/188", 187, 699)]
    [InlineData("tile/1/000.p/2", 1, 256)]
    public void A_changed_hash_of_a_tile_is_named_by_its_first_record(string tile, int hash, int leaf)
    {
        var folder = log.Write(leaves);
        var file = Path.Combine(folder, tile);
        var bytes = File.ReadAllBytes(file);
        bytes[(hash * 32) + 31] ^= 1;
        File.WriteAllBytes(file, bytes);
        Refused(leaf, Check(folder));

        File.WriteAllBytes(file, bytes[..(hash * 32)]);
        Assert.Equal(1, Check(folder).Code);

        File.Delete(file);
        Assert.Equal(1, Check(folder).Code);
    }

    [Fact]
    public void Wider_partial_tiles_serve_a_smaller_checkpoint_and_narrower_ones_beside_them_do_no_harm()
    {
        var folder = log.Write(leaves);
        foreach (var size in new[] { 1, 256, 600 })
        {
            File.WriteAllText(Path.Combine(folder, "checkpoint"), log.Checkpoint(leaves[..size]));
            Assert.Equal(0, Check(folder).Code);
        }
        File.WriteAllBytes(Path.Combine(folder, "tile/0/002.p/1"), new byte[32]);
        Assert.Equal(0, Check(folder).Code);
    }

    [Fact]
    public void Packed_bundles_are_unpacked_within_limits()
    {
        var folder = log.Write(leaves);
        var bundle = Path.Combine(folder, "tile/entries/001");
        File.WriteAllBytes(bundle, Packed(File.ReadAllBytes(bundle)));
        Assert.Equal(0, Check(folder).Code);

        File.WriteAllBytes(bundle, Packed(new byte[20_000_000]));
        Assert.Equal(1, Check(folder).Code);
        File.WriteAllBytes(bundle, [0x1f, 0x8b, 0x08, 0, 1, 2]);
        Assert.Equal(1, Check(folder).Code);
    }

    [Fact]
    public void More_behind_a_bundles_last_record_is_refused()
    {
        var folder = log.Write(leaves);
        File.AppendAllText(Path.Combine(folder, "tile/entries/000"), "x");

        Refused(255, Check(folder));
    }

    [Fact]
    public void A_receive_time_that_goes_back_is_named()
    {
        leaves[500] = Received(leaves[500], Start.AddSeconds(499).AddMilliseconds(-1));

        Refused(500, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_receive_time_of_another_year_is_named()
    {
        leaves[^1] = Received(leaves[^1], new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero));

        Refused(Size - 1, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_gap_in_a_sources_numbers_is_named_by_the_record_behind_it()
    {
        leaves.RemoveAt(300);

        var result = Check(log.Write(leaves));

        // Changsha's next record stood at 303.
        Refused(302, result);
        Assert.Contains("comes without number 101 of its source changsha", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_source_that_does_not_begin_at_one_is_named()
    {
        leaves.RemoveAt(1);

        Refused(3, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_record_that_came_late_leaves_no_gap()
    {
        var late = leaves[300];
        leaves.RemoveAt(300);
        leaves.Insert(310, late);
        for (var i = 300; i <= 310; i++)
        {
            leaves[i] = Received(leaves[i], Start.AddSeconds(310));
        }

        var (code, output, errors) = Check(log.Write(leaves));

        Assert.True(code == 0, errors);
        Assert.Contains("changsha: 234 records, numbers 1–234", output, StringComparison.Ordinal);

        leaves[310] = Altered(late, Start.AddSeconds(310));
        Refused(302, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_record_that_names_another_predecessor_is_named()
    {
        var content = Content(leaves[300]);
        content["prev"] = Convert.ToBase64String(new byte[32]);
        leaves[300] = Leaf(CanonicalJson.Write(content), Start.AddSeconds(300));
        Refused(300, Check(log.Write(leaves)));

        content.Remove("prev");
        leaves[300] = Leaf(CanonicalJson.Write(content), Start.AddSeconds(300));
        Refused(300, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_record_changed_together_with_the_tree_is_told_by_its_successor()
    {
        leaves[300] = Altered(leaves[300]);

        Refused(303, Check(log.Write(leaves)));
    }

    [Fact]
    public void A_number_given_again_by_a_restored_source_is_named()
    {
        var copy = changsha.Copied();
        Append(changsha);
        Append(copy);

        var result = Check(log.Write(leaves));

        Refused(Size + 1, result);
        Assert.Contains("repeats number 235 of its source changsha", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_id_that_comes_again_is_named()
    {
        var id = Content(leaves[5])["id"]!.GetValue<string>();
        Append(zhuzhou, content => content["id"] = id);

        Refused(Size, Check(log.Write(leaves)));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"event":1,"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"refusal","id":"018f2f3e-0000-7000-8000-000000000000","source":null},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":2,"type":"conflict","id":"018f2f3e-0000-7000-8000-000000000000","source":"audit"},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"conflict","id":"018f2f3e","source":"audit"},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"conflict","type":"refusal","id":"018f2f3e-0000-7000-8000-000000000000","source":"audit"},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"conflict","id":"018f2f3e-0000-7000-8000-000000000000","source":"audit"}{},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"conflict","id":"018f2f3e-0000-7000-8000-000000000000","source":"audit"},"received_at":"2026-13-21T21:00:00.000Z"}""")]
    [InlineData("""{"event":{"v":1,"type":"refusal","id":"018f2f3e-0000-7000-8000-000000000000","source":"changsha"},"received_at":"2026-11-21T21:00:00.000Z"}""")]
    public void A_leaf_that_is_no_record_is_named(string leaf)
    {
        leaves.Add(Encoding.UTF8.GetBytes(leaf));

        Refused(Size, Check(log.Write(leaves)));
    }

    [Fact]
    public void Conflicts_are_told_and_are_no_fault()
    {
        for (var i = 0; i < 7; i++)
        {
            leaves.Add(OfTheLog("conflict"));
        }

        var (code, output, errors) = Check(log.Write(leaves));

        Assert.True(code == 0, errors);
        Assert.Contains("7 conflicts are told", output, StringComparison.Ordinal);
        Assert.Contains("第 700, 701, 702, 703, 704, … 号记录", output, StringComparison.Ordinal);
        Assert.Contains("audit: 7 records\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_years_first_record_lets_sources_go_on_with_their_numbers()
    {
        var years = leaves[300..400];
        Refused(0, Check(log.Write(years)));

        years.Insert(0, OfTheLog("log.opened", Start));
        var (code, output, errors) = Check(log.Write(years));
        Assert.True(code == 0, errors);
        Assert.Contains("changsha: 34 records, numbers 101–134", output, StringComparison.Ordinal);

        years.RemoveAt(10);
        Refused(12, Check(log.Write(years)));
    }

    [Fact]
    public void Nothing_follows_the_end_of_a_year_and_none_begins_in_the_middle()
    {
        leaves.Add(OfTheLog("log.closed"));
        Assert.Equal(0, Check(log.Write(leaves)).Code);

        Append(changsha);
        Refused(Size + 1, Check(log.Write(leaves)));

        leaves.RemoveRange(Size, 2);
        leaves.Add(OfTheLog("log.opened"));
        Refused(Size, Check(log.Write(leaves)));
    }

    [Fact]
    public void Wrong_use_is_told()
    {
        var folder = log.Write(leaves[..3]);

        Assert.Equal(2, Run("log", folder).Code);
        Assert.Equal(2, Run("log", "--trust", log.Trust()).Code);
        Assert.Equal(2, Check(folder, "--held").Code);
        Assert.Equal(2, Check(Path.Combine(folder, "absent")).Code);
    }

    [Fact]
    public void The_published_logs_tree_holds()
    {
        var folder = new LogFolder(Path.GetDirectoryName(Judges.Path("tessera-log/checkpoint"))!);
        for (var size = 0; size <= TesseraLog.Leaves.Count; size++)
        {
            var note = Exchange.Verifier.Note.Parse(Encoding.UTF8.GetString(TesseraLog.File($"checkpoint.{size}")));
            var checkpoint = Exchange.Verifier.Checkpoint.Parse(note.Text);
            var whole = new WholeLog(folder, checkpoint.Size);
            whole.CheckTiles();
            Assert.Equal(checkpoint.Root, whole.Root(checkpoint.Size));
        }
    }

    private (int Code, string Output, string Errors) Check(string folder, params string[] more) => Run(["log", folder, "--trust", log.Trust(), .. more]);

    private static void Refused(int index, (int Code, string Output, string Errors) result)
    {
        Assert.Equal(1, result.Code);
        Assert.Contains($"第 {index} 号记录", result.Errors, StringComparison.Ordinal);
        Assert.Contains($"ecord {index} ", result.Errors, StringComparison.Ordinal);
    }

    private void Append(TestSource source, Action<JsonObject>? more = null) => leaves.Add(Leaf(source.Next(more: more).Bytes, Start.AddSeconds(leaves.Count)));

    private byte[] OfTheLog(string type, DateTimeOffset? at = null) =>
        SourceRecord.OfTheLog(type, Start, null, new Dictionary<string, string>()).Leaf(at ?? Start.AddSeconds(leaves.Count));

    private static byte[] Leaf(byte[] content, DateTimeOffset at) =>
        [.. "{\"event\":"u8, .. content, .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $",\"received_at\":\"{at:yyyy-MM-dd'T'HH:mm:ss.fff'Z'}\"}}"))];

    private static byte[] Received(byte[] leaf, DateTimeOffset at) => Leaf(CanonicalJson.Write(Content(leaf)), at);

    private static byte[] Altered(byte[] leaf, DateTimeOffset? at = null)
    {
        var content = Content(leaf);
        content["result"] = "altered";
        return Leaf(CanonicalJson.Write(content), at ?? JsonNode.Parse(leaf)!["received_at"]!.GetValue<DateTimeOffset>());
    }

    private static JsonObject Content(byte[] leaf) => (JsonObject)JsonNode.Parse(leaf)!["event"]!;

    private static byte[] Packed(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }
        return packed.ToArray();
    }

    public void Dispose() => log.Dispose();
}
