using System.Text;

namespace Exchange.Audit.Log;

/// <summary>An offline proof for one leaf: c2sp.org/tlog-proof@v1 with the leaf as its extra line.</summary>
internal static class ProofFile
{
    public static string Write(ReadOnlySpan<byte> leaf, long index, IEnumerable<byte[]> hashes, string checkpoint)
    {
        var proof = new StringBuilder("c2sp.org/tlog-proof@v1\n")
            .Append("extra ").Append(Convert.ToBase64String(leaf)).Append('\n')
            .Append(System.Globalization.CultureInfo.InvariantCulture, $"index {index}\n");
        foreach (var hash in hashes)
        {
            proof.Append(Convert.ToBase64String(hash)).Append('\n');
        }
        return proof.Append('\n').Append(checkpoint).ToString();
    }
}
