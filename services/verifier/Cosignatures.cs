using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Exchange.Verifier;

/// <summary>A witness's word (c2sp.org/tlog-cosignature, <c>cosignature/v1</c>) that at this time the log of its memory only grew to this checkpoint.</summary>
internal sealed record Cosignature(string Witness, DateTimeOffset At)
{
    private const int TimeLength = sizeof(ulong);

    /// <summary>One cosignature of each witness, the earliest first; refuses a forged one and fewer than the quorum. Lines of unknown keys say nothing.</summary>
    public static IReadOnlyList<Cosignature> Check(Note note, IReadOnlyList<VerifierKey> witnesses, int quorum)
    {
        var cosignatures = note.Signatures
            .SelectMany(line => witnesses.Where(key => key.Name == line.Name && key.Id == line.KeyId).Select(key => Verified(note.Text, key, line.Signature)))
            .GroupBy(cosignature => cosignature.Witness, StringComparer.Ordinal)
            .Select(lines => lines.MinBy(line => line.At)!)
            .OrderBy(cosignature => cosignature.At)
            .ToList();
        return cosignatures.Count >= quorum ? cosignatures : throw new Refusal(
            $"检查点只有 {cosignatures.Count} 个见证的签名，要求 {witnesses.Count} 个见证中至少 {quorum} 个。",
            $"The checkpoint is cosigned by {cosignatures.Count} witnesses; at least {quorum} of {witnesses.Count} are demanded.");
    }

    /// <summary>Who cosigned and when, and what that says about the checkpoint's age.</summary>
    public static IEnumerable<string> Told(IReadOnlyList<Cosignature> cosignatures, bool zh)
    {
        foreach (var (witness, at) in cosignatures)
        {
            yield return zh ? $"  见证：{Words.Plain(witness)}，{Time(at)}" : $"  cosigned by {Words.Plain(witness)} at {Time(at)}";
        }
        if (cosignatures.Count > 0)
        {
            yield return zh
                ? $"  检查点的形成不晚于 {Time(cosignatures[0].At)}（最早的见证时间）"
                : $"  the checkpoint was made not later than {Time(cosignatures[0].At)}, the earliest time of its witnesses";
        }
    }

    // The signature is over the time and the note's text; the line carries the time before the signature.
    private static Cosignature Verified(byte[] text, VerifierKey witness, byte[] timed)
    {
        var seconds = timed.Length > TimeLength ? BinaryPrimitives.ReadUInt64BigEndian(timed) : ulong.MaxValue;
        var message = Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {seconds}\n"));
        return seconds <= (ulong)DateTimeOffset.MaxValue.ToUnixTimeSeconds() && witness.Verifies([.. message, .. text], timed[TimeLength..])
            ? new Cosignature(witness.Name, DateTimeOffset.FromUnixTimeSeconds((long)seconds))
            : throw new Refusal($"见证 {Words.Plain(witness.Name)} 的签名不成立。", $"The cosignature of the witness {Words.Plain(witness.Name)} is wrong.");
    }

    private static string Time(DateTimeOffset at) => at.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
