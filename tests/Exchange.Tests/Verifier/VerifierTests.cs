using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Audit.Log;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Audit;
using Exchange.Verifier;
using Checkpoint = Exchange.Hosting.Transparency.Checkpoint;
using Ed25519 = Exchange.Hosting.Ed25519;
using Note = Exchange.Hosting.Transparency.Note;
using static Exchange.Tests.Verifier.SignedLog;

namespace Exchange.Tests.Verifier;

public sealed class VerifierTests : IDisposable
{
    private readonly SignedLog signed = new();
    private readonly MemoryLog log = new();

    public VerifierTests()
    {
        for (var i = 0; i < 11; i++)
        {
            log.Append(Leaf(i));
        }
    }

    [Fact]
    public void A_good_proof_is_told_in_words_in_both_languages()
    {
        var (code, output, _) = Run("proof", signed.Save(Proof()), "--trust", Trust());

        Assert.Equal(0, code);
        Assert.Contains("第 7 号记录", output, StringComparison.Ordinal);
        Assert.Contains("数据交付结束", output, StringComparison.Ordinal);
        Assert.Contains("record 7 of the log", output, StringComparison.Ordinal);
        Assert.Contains("delivery ended (delivery.ended)", output, StringComparison.Ordinal);
        Assert.Contains("rows: 42", output, StringComparison.Ordinal);
        Assert.Contains("received by the log at: 2026-11-21T20:00:00.000Z", output, StringComparison.Ordinal);
    }

    [Fact]
    public void One_language_can_be_chosen()
    {
        var (proof, trust) = (signed.Save(Proof()), Trust());

        Assert.DoesNotContain("record", Run("proof", proof, "--trust", trust, "--lang", "zh").Output, StringComparison.Ordinal);
        Assert.DoesNotContain("记录", Run("proof", proof, "--trust", trust, "--lang", "en").Output, StringComparison.Ordinal);
        Assert.Equal(2, Run("proof", proof, "--trust", trust, "--lang", "fr").Code);
    }

    [Fact]
    public void Every_flipped_bit_of_a_proof_is_refused()
    {
        var (proof, trust) = (Encoding.UTF8.GetBytes(Proof()), Trust());
        for (var at = 0; at < proof.Length; at++)
        {
            foreach (var bit in new[] { 0x01, 0x02, 0x20, 0x80 })
            {
                var altered = (byte[])proof.Clone();
                altered[at] ^= (byte)bit;
                var file = Path.Combine(signed.Folder, "altered");
                File.WriteAllBytes(file, altered);
                Assert.True(Run("proof", file, "--trust", trust).Code == 1, $"Byte {at} xor {bit:x2} was accepted.");
            }
        }
    }

    [Fact]
    public void A_proof_cut_short_or_with_more_behind_it_is_refused()
    {
        var (proof, trust) = (Proof(), Trust());
        for (var length = 0; length < proof.Length; length += 7)
        {
            Assert.Equal(1, Run("proof", signed.Save(proof[..length]), "--trust", trust).Code);
        }
        Assert.Equal(1, Run("proof", signed.Save(proof + "x"), "--trust", trust).Code);
        Assert.Equal(1, Run("proof", signed.Save(proof.Replace("\n", "\r\n", StringComparison.Ordinal)), "--trust", trust).Code);
    }

    [Fact]
    public void Lines_of_unknown_keys_are_ignored_and_sixteen_fit()
    {
        var note = Note();
        for (var i = 0; i < 16; i++)
        {
            note += $"— witness{i}.example {Convert.ToBase64String(RandomNumberGenerator.GetBytes(76))}\n";
        }
        // The log's name with an unknown id, and its id with an unknown name, are unknown keys too.
        note += $"— {Origin} {Convert.ToBase64String(new byte[68])}\n";

        Assert.Equal(0, Run("checkpoint", signed.Save(note), "--trust", Trust()).Code);
    }

    [Fact]
    public void Both_signatures_must_be_there_when_the_trust_file_lists_both_keys()
    {
        var both = Trust();
        foreach (INoteSigner only in Signers)
        {
            var note = Exchange.Hosting.Transparency.Note.Write(new Checkpoint(Origin, log.Size, log.Root).Body, Origin, [only]);
            Assert.Equal(1, Run("checkpoint", signed.Save(note), "--trust", both).Code);
        }
        var ed25519Only = Trust(keys: [$"{Signers[0].VerifierKey(Origin)}"]);
        Assert.Equal(0, Run("checkpoint", signed.Save(Note()), "--trust", ed25519Only).Code);
    }

    [Fact]
    public void Another_key_origin_or_time_is_refused()
    {
        var proof = signed.Save(Proof());
        using var stranger = Ed25519.FromSeed([.. Enumerable.Repeat((byte)9, 32)]);

        Assert.Equal(1, Run("proof", proof, "--trust", Trust(keys: [$"{new Ed25519NoteSigner(stranger).VerifierKey(Origin)}"])).Code);
        Assert.Equal(1, Run("proof", proof, "--trust", Trust(origin: "exchange.example/api/audit/log/2027")).Code);
        Assert.Equal(1, Run("proof", proof, "--trust", Trust(to: "2026-11-20")).Code);
        Assert.Equal(1, Run("proof", proof, "--trust", Trust(from: "2026-11-22")).Code);
        Assert.Equal(1, Run("proof", proof, "--trust", Trust(year: 2027)).Code);
    }

    [Fact]
    public void A_leaf_cannot_steer_the_terminal()
    {
        var one = new MemoryLog();
        byte[] leaf = """{"event":{"type":"\u001b[2Jrefusal","purpose":"\u202eabc"},"received_at":"2026-11-21T20:00:00.000Z"}"""u8.ToArray();
        one.Append(leaf);
        var note = Exchange.Hosting.Transparency.Note.Write(new Checkpoint(Origin, 1, one.Root).Body, Origin, Signers);

        var (code, output, _) = Run("proof", signed.Save(ProofFile.Write(leaf, 0, [], note)), "--trust", Trust());

        Assert.Equal(0, code);
        Assert.DoesNotContain('\u001b', output);
        Assert.DoesNotContain('\u202e', output);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("not json")]
    [InlineData("""{"event":1,"received_at":"2026-11-21T20:00:00.000Z"}""")]
    [InlineData("""{"event":{"type":"\ud800"},"received_at":"2026-11-21T20:00:00.000Z"}""")]
    [InlineData("""{"event":{"type":"refusal"},"received_at":"yesterday"}""")]
    public void A_leaf_that_is_no_record_is_refused(string json)
    {
        var (one, leaf) = (new MemoryLog(), Encoding.UTF8.GetBytes(json));
        one.Append(leaf);
        var note = Exchange.Hosting.Transparency.Note.Write(new Checkpoint(Origin, 1, one.Root).Body, Origin, Signers);

        Assert.Equal(1, Run("proof", signed.Save(ProofFile.Write(leaf, 0, [], note)), "--trust", Trust()).Code);
    }

    [Fact]
    public void Growth_is_proven_between_two_checkpoints()
    {
        var (trust, before, old) = (Trust(), signed.Save(Note()), log.Size);
        for (var i = 0; i < 300; i++)
        {
            log.Append(Leaf(i));
        }
        var after = signed.Save(Note());
        var hashes = Proofs.Consistency(old, log.Size).Select(step => Convert.ToBase64String(Proofs.Fold(step, log.Hashes.Hash))).ToList();
        var proof = signed.Save(string.Join('\n', hashes) + "\n");

        Assert.Equal(0, Run("consistency", before, after, proof, "--trust", trust).Code);
        Assert.Equal(1, Run("consistency", after, before, proof, "--trust", trust).Code);
        Assert.Equal(1, Run("consistency", before, after, signed.Save(string.Join('\n', hashes.Skip(1))), "--trust", trust).Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"version":2,"logs":[],"witnesses":[],"quorum":0}""")]
    [InlineData("""{"version":1,"logs":[],"witnesses":[],"quorum":0}""")]
    [InlineData("""{"version":1,"logs":[{"origin":"a","year":2026,"keys":["a+00000000+AQ=="],"valid_from":"2026-01-01","valid_to":"2027-01-01"}],"witnesses":[],"quorum":0}""")]
    public void An_unusable_trust_file_is_an_error_of_use(string trust) =>
        Assert.Equal(2, Run("proof", signed.Save(Proof()), "--trust", signed.Save(trust)).Code);

    [Fact]
    public void A_quorum_of_more_witnesses_than_are_listed_is_unusable() =>
        Assert.Equal(2, Run("proof", signed.Save(Proof()), "--trust", Trust(quorum: 2)).Code);

    [Fact]
    public void Wrong_use_says_how_to_use_it()
    {
        Assert.Equal(2, Run().Code);
        Assert.Equal(2, Run("proof").Code);
        Assert.Equal(2, Run("proof", "a", "--trust").Code);
        Assert.Equal(2, Run("proof", Path.Combine(signed.Folder, "absent"), "--trust", Trust()).Code);
        Assert.Contains("verifier proof FILE --trust FILE", Run("help").Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void The_published_checkpoints_are_signed_by_the_published_key()
    {
        var trust = Trust(origin: TesseraLog.Origin, keys: [TesseraLog.Key]);
        for (var size = 0; size <= TesseraLog.Leaves.Count; size++)
        {
            var (code, output, _) = Run("checkpoint", Judges.Path($"tessera-log/checkpoint.{size}"), "--trust", trust);
            Assert.Equal(0, code);
            Assert.Contains($"{size} records", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_published_tiles_lead_to_the_published_roots()
    {
        for (var size = 1; size <= TesseraLog.Leaves.Count; size++)
        {
            var tile = TesseraLog.File("tile", "0", "000.p", $"{size}").Chunk(Hashing.Size).ToList();
            var note = Exchange.Verifier.Note.Parse(Encoding.UTF8.GetString(TesseraLog.File($"checkpoint.{size}")));
            var root = Exchange.Verifier.Checkpoint.Parse(note.Text).Root;
            Assert.Equal(TesseraLog.Leaves.Take(size).Select(Hashing.Leaf), tile);
            Assert.Equal(root, Root(tile));
        }
    }

    private static byte[] Root(List<byte[]> hashes)
    {
        if (hashes.Count == 1)
        {
            return hashes[0];
        }
        var split = 1;
        while (split * 2 < hashes.Count)
        {
            split *= 2;
        }
        return Hashing.Node(Root(hashes[..split]), Root(hashes[split..]));
    }

    private IReadOnlyList<INoteSigner> Signers => signed.Signers;

    private static byte[] Leaf(int number) => Encoding.UTF8.GetBytes(
        $$"""{"event":{"at":"2026-11-21T19:59:59.000Z","bytes":2048,"id":"0193-{{number}}","records":42,"result":"complete","source":"changsha","type":"delivery.ended","v":1},"received_at":"2026-11-21T20:00:00.000Z"}""");

    private string Note() => Exchange.Hosting.Transparency.Note.Write(new Checkpoint(Origin, log.Size, log.Root).Body, Origin, Signers);

    private string Proof() => ProofFile.Write(Leaf(7), 7, Proofs.Inclusion(7, log.Size).Select(step => Proofs.Fold(step, log.Hashes.Hash)), Note());

    private string Trust(string origin = Origin, string from = "2026-01-01", string to = "2027-12-31", int year = 2026, int quorum = 0, string[]? keys = null) =>
        signed.Save(JsonSerializer.Serialize(new
        {
            version = 1,
            logs = new[] { new { origin, year, keys = keys ?? [.. Signers.Select(signer => $"{signer.VerifierKey(Origin)}")], valid_from = from, valid_to = to } },
            witnesses = Array.Empty<string>(),
            quorum,
        }));

    public void Dispose() => signed.Dispose();
}
