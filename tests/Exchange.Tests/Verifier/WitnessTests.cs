using System.Text;
using Exchange.Hosting.Transparency;
using Exchange.Audit.Log;
using Exchange.Tests.Audit;
using static Exchange.Tests.Verifier.SignedLog;

namespace Exchange.Tests.Verifier;

public sealed class WitnessTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    private readonly SignedLog log = new();
    private readonly CosigningWitness changsha = new("changsha.example/witness", 1);
    private readonly CosigningWitness zhuzhou = new("zhuzhou.example/witness", 2);
    private readonly CosigningWitness xiangtan = new("xiangtan.example/witness", 3);
    private readonly CosigningWitness stranger = new("stranger.example/witness", 4);

    private string[] Keys => [changsha.VerifierKey, zhuzhou.VerifierKey, xiangtan.VerifierKey];

    private string Note => log.Checkpoint([.. Enumerable.Range(0, 5).Select(i => new[] { (byte)i })]);

    [Fact]
    public void A_quorum_of_witnesses_is_told_by_name_and_time_and_dates_the_checkpoint()
    {
        var note = zhuzhou.Cosign(changsha.Cosign(Note, Noon.AddSeconds(7)), Noon);

        var (code, output, _) = Run("checkpoint", log.Save(note), "--trust", log.Trust(2, Keys));

        Assert.Equal(0, code);
        Assert.Contains("见证：zhuzhou.example/witness，2026-11-22T12:00:00Z", output, StringComparison.Ordinal);
        Assert.Contains("cosigned by changsha.example/witness at 2026-11-22T12:00:07Z", output, StringComparison.Ordinal);
        Assert.Contains("不晚于 2026-11-22T12:00:00Z", output, StringComparison.Ordinal);
        Assert.Contains("not later than 2026-11-22T12:00:00Z", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_proof_is_dated_by_its_checkpoints_witnesses()
    {
        byte[] leaf = """{"event":{"type":"refusal"},"received_at":"2026-11-21T20:00:00.000Z"}"""u8.ToArray();
        var proof = ProofFile.Write(leaf, 0, [], xiangtan.Cosign(log.Checkpoint([leaf]), Noon));

        var (code, output, _) = Run("proof", log.Save(proof), "--trust", log.Trust(1, Keys));

        Assert.Equal(0, code);
        Assert.Contains("not later than 2026-11-22T12:00:00Z", output, StringComparison.Ordinal);
        Assert.Equal(1, Run("proof", log.Save(proof), "--trust", log.Trust(2, Keys)).Code);
    }

    [Fact]
    public void Fewer_than_the_quorum_are_refused_in_numbers()
    {
        var (code, _, errors) = Run("checkpoint", log.Save(changsha.Cosign(Note, Noon)), "--trust", log.Trust(2, Keys));

        Assert.Equal(1, code);
        Assert.Contains("只有 1 个见证的签名，要求 3 个见证中至少 2 个", errors, StringComparison.Ordinal);
        Assert.Contains("cosigned by 1 witnesses; at least 2 of 3", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_witness_that_cosigned_twice_counts_once_with_its_earlier_time()
    {
        var note = changsha.Cosign(changsha.Cosign(Note, Noon.AddHours(1)), Noon);

        Assert.Equal(1, Run("checkpoint", log.Save(note), "--trust", log.Trust(2, Keys)).Code);
        var (code, output, _) = Run("checkpoint", log.Save(note), "--trust", log.Trust(1, Keys), "--lang", "en");
        Assert.Equal(0, code);
        Assert.Single(output.Split('\n'), line => line.StartsWith("  cosigned by", StringComparison.Ordinal));
        Assert.Contains("at 2026-11-22T12:00:00Z", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Strangers_neither_count_nor_harm()
    {
        var note = stranger.Cosign(changsha.Cosign(Note, Noon), Noon);
        // A known name with another key is a stranger too.
        using var impostor = new CosigningWitness(zhuzhou.Name, 9);
        note = impostor.Cosign(note, Noon);

        Assert.Equal(1, Run("checkpoint", log.Save(note), "--trust", log.Trust(2, Keys)).Code);
        Assert.Equal(0, Run("checkpoint", log.Save(note), "--trust", log.Trust(1, Keys)).Code);
    }

    [Fact]
    public void A_forged_cosignature_is_refused_by_name_even_beside_a_quorum()
    {
        // It cosigned another tree.
        var other = xiangtan.Cosign(log.Checkpoint([[7]]), Noon);
        var forged = changsha.Cosign(Note, Noon) + other[(other.LastIndexOf('—'))..];

        var (code, _, errors) = Run("checkpoint", log.Save(forged), "--trust", log.Trust(1, Keys));

        Assert.Equal(1, code);
        Assert.Contains("见证 xiangtan.example/witness 的签名不成立", errors, StringComparison.Ordinal);
        Assert.Contains("The cosignature of the witness xiangtan.example/witness is wrong", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_flipped_bit_of_a_known_keys_line_is_refused()
    {
        var note = Encoding.UTF8.GetBytes(zhuzhou.Cosign(changsha.Cosign(Note, Noon), Noon));
        var trust = log.Trust(2, Keys);
        var lines = note.AsSpan().IndexOf("\n\n"u8) + 2;
        var file = log.Save("");
        for (var at = lines; at < note.Length; at++)
        {
            for (var bit = 1; bit < 256; bit <<= 1)
            {
                var altered = (byte[])note.Clone();
                altered[at] ^= (byte)bit;
                File.WriteAllBytes(file, altered);
                Assert.True(Run("checkpoint", file, "--trust", trust).Code == 1, $"Byte {at} xor {bit:x2} was accepted.");
            }
        }
    }

    [Fact]
    public void Both_checkpoints_of_a_growth_need_the_quorum()
    {
        byte[][] leaves = [[0], [1]];
        var (before, after) = (log.Checkpoint(leaves[..1]), log.Checkpoint(leaves));
        var (cosignedBefore, cosignedAfter) = (changsha.Cosign(before, Noon), changsha.Cosign(after, Noon));
        var proof = log.Save(Convert.ToBase64String(Exchange.Verifier.Hashing.Leaf([1])) + "\n");
        var trust = log.Trust(1, Keys);

        Assert.Equal(0, Run("consistency", log.Save(cosignedBefore), log.Save(cosignedAfter), proof, "--trust", trust).Code);
        Assert.Equal(1, Run("consistency", log.Save(before), log.Save(cosignedAfter), proof, "--trust", trust).Code);
        Assert.Equal(1, Run("consistency", log.Save(cosignedBefore), log.Save(after), proof, "--trust", trust).Code);
    }

    [Fact]
    public void A_trust_file_with_impossible_witnesses_is_unusable()
    {
        var note = log.Save(Note);
        using var renamed = new CosigningWitness("other.example/witness", 1);
        using var rekeyed = new CosigningWitness(changsha.Name, 5);

        Assert.Equal(0, Run("checkpoint", note, "--trust", log.Trust(0, Keys)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(4, Keys)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(-1, Keys)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(1, changsha.VerifierKey, changsha.VerifierKey)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(1, changsha.VerifierKey, renamed.VerifierKey)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(1, changsha.VerifierKey, rekeyed.VerifierKey)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(1, TesseraLog.Key)).Code);
        Assert.Equal(2, Run("checkpoint", note, "--trust", log.Trust(Origin, [TesseraLog.Key, changsha.VerifierKey])).Code);
    }

    public void Dispose()
    {
        changsha.Dispose();
        zhuzhou.Dispose();
        xiangtan.Dispose();
        stranger.Dispose();
        log.Dispose();
    }
}
