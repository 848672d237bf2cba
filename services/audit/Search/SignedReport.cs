using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Search;

/// <summary>
/// An exported report: the payload of a flattened JWS (RFC 7515, 7.2.2), signed with the log's ECDSA key as ES256. <c>kid</c> is the key's id as the log's verifier key
/// has it. The verifier's command <c>report</c> checks it with nothing but <c>trust.json</c>.
/// </summary>
/// <param name="MadeAt">When.</param>
/// <param name="Origin">The log whose key signs.</param>
/// <param name="Scope">What the one who asked may see.</param>
/// <param name="Query">What was asked.</param>
/// <param name="Checkpoints">One of each log that records are from, with the witnesses' lines; records that it does not cover yet are not in the report.</param>
/// <param name="Records">Leaves with their paths to the checkpoint's root, in the order asked for.</param>
/// <param name="Next">Cursor of the report that goes on; absent when nothing follows.</param>
internal sealed record SignedReport(
    DateTimeOffset MadeAt, string Origin, Text Scope, ReportedQuery Query, IReadOnlyList<ReportedCheckpoint> Checkpoints, IReadOnlyList<ReportedRecord> Records, string? Next)
{
    public const string MediaType = "application/jose+json";
    public const string Type = "exchange-audit-export+json";

    public string Format { get; } = "exchange-audit-export/v1";

    public Text Statement { get; } = new(
        "每条记录都附有其在日志中的证明；本报告不能证明没有遗漏：是否完整须下载整个日志核对。",
        "Each record is proven to be in the log. That none was left out is not proven: download the whole log to check that.");

    public byte[] Sign(IEnumerable<INoteSigner> signers)
    {
        var signer = signers.OfType<EcdsaNoteSigner>().First();
        var header = new Dictionary<string, string>(StringComparer.Ordinal) { ["alg"] = "ES256", ["kid"] = Convert.ToHexStringLower(signer.VerifierKey(Origin).Id), ["typ"] = Type };
        var (signedHeader, payload) = (Encoded(header), Encoded(this));
        var signature = Base64Url.EncodeToString(signer.SignJws(Encoding.ASCII.GetBytes($"{signedHeader}.{payload}")));
        return Encoding.ASCII.GetBytes($$"""{"payload":"{{payload}}","protected":"{{signedHeader}}","signature":"{{signature}}"}""");
    }

    private static string Encoded<T>(T value) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(value, Json.Options));
}

/// <param name="Words">In words.</param>
/// <param name="Parameters">As it was sent.</param>
internal sealed record ReportedQuery(Text Words, IReadOnlyDictionary<string, string> Parameters);

/// <param name="Year">The log.</param>
/// <param name="Note">Signed note with cosignatures.</param>
internal sealed record ReportedCheckpoint(int Year, string Note);

/// <param name="Year">The log.</param>
/// <param name="Index">Place in it.</param>
/// <param name="Leaf">The hashed bytes.</param>
/// <param name="Path">Hashes from the leaf's side up.</param>
internal sealed record ReportedRecord(int Year, long Index, byte[] Leaf, IReadOnlyList<byte[]> Path);
