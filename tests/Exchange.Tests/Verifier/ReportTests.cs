using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Audit.Log;
using Exchange.Audit.Search;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Audit;
using static Exchange.Tests.Verifier.SignedLog;
using Text = Exchange.Hosting.Text;

namespace Exchange.Tests.Verifier;

public sealed class ReportTests : IDisposable
{
    private readonly SignedLog signed = new();
    private readonly MemoryLog log = new();
    private readonly List<byte[]> leaves = [.. Enumerable.Range(0, 11).Select(Leaf)];

    public ReportTests() => leaves.ForEach(leaf => log.Append(leaf));

    [Fact]
    public void A_good_report_is_told_in_words_in_both_languages()
    {
        var (code, output, errors) = Check(Report(3, 7));

        Assert.True(code == 0, errors);
        Assert.Contains("所列 2 条记录都在日志中", output, StringComparison.Ordinal);
        Assert.Contains("each of its 2 records is in the log", output, StringComparison.Ordinal);
        Assert.Contains("delivery ended (delivery.ended): 2", output, StringComparison.Ordinal);
        Assert.Contains("asked for: result: complete", output, StringComparison.Ordinal);
        Assert.Contains("that none was left out is not", output, StringComparison.Ordinal);
        Assert.Equal(0, Check(Report()).Code);
    }

    [Fact]
    public void Every_flipped_byte_of_the_file_is_refused()
    {
        var (report, trust) = (Report(3), signed.Trust());
        var file = Path.Combine(signed.Folder, "altered");
        for (var at = 0; at < report.Length; at += 13)
        {
            var altered = (byte[])report.Clone();
            altered[at] ^= 1;
            File.WriteAllBytes(file, altered);
            Assert.True(Run("report", file, "--trust", trust).Code == 1, $"Byte {at} was accepted.");
        }
    }

    [Fact]
    public void A_signature_by_another_key_is_refused()
    {
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = Report([3], key: new EcdsaNoteSigner(stranger));
        Refused("does not know", forged);

        // Also when it claims the log's own key.
        var ours = signed.Signers.OfType<EcdsaNoteSigner>().Single().VerifierKey(Origin).Id;
        var (header, payload) = Parts(forged);
        header["kid"] = Convert.ToHexStringLower(ours);
        Refused("signature is wrong", Sign(header, payload, new EcdsaNoteSigner(stranger)));
    }

    [Fact]
    public void A_report_that_the_log_signed_but_whose_proofs_do_not_hold_names_the_first_bad_record()
    {
        var altered = (byte[])leaves[7].Clone();
        altered[^20] ^= 1;
        Refused("Record 2 of the report (index 7 of the log of 2026)", Report([3, 7, 8], records => records[1] = records[1] with { Leaf = altered }));
        Refused("Record 3 of the report (index 8", Report([3, 7, 8], records => records[2] = records[2] with { Path = records[1].Path }));
        Refused("Record 1 of the report (index 4", Report([3, 7], records => records[0] = records[0] with { Index = 4 }));
        Refused("lies outside", Report([3], records => records[0] = records[0] with { Index = 11 }));
        Refused("repeats an earlier one", Report([3, 3]));
        Refused("no checkpoint of its log", Report([3], records => records[0] = records[0] with { Year = 2025 }));
    }

    [Fact]
    public void A_report_without_the_quorum_of_witnesses_is_refused()
    {
        using var one = new CosigningWitness("changsha.example/witness", 1);
        using var two = new CosigningWitness("zhuzhou.example/witness", 2);
        var note = one.Cosign(signed.Checkpoint(log.Size, log.Root), DateTimeOffset.UnixEpoch.AddYears(56));
        var trust = signed.Trust(2, one.VerifierKey, two.VerifierKey);

        Assert.Contains("cosigned by 1 witnesses", Check(Report([3], note: note), trust).Errors, StringComparison.Ordinal);
        var both = Check(Report([3], note: two.Cosign(note, DateTimeOffset.UnixEpoch.AddYears(56))), trust);
        Assert.Equal(0, both.Code);
        Assert.Contains("cosigned by zhuzhou.example/witness", both.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_form_is_refused_and_a_missing_file_is_wrong_use()
    {
        var (header, payload) = Parts(Report(3));
        var signer = signed.Signers.OfType<EcdsaNoteSigner>().Single();
        header["alg"] = "none";
        Refused("not an exported", Sign(header, payload, signer));
        header["alg"] = "ES256";
        header["crit"] = "b64";
        Refused("not an exported", Sign(header, payload, signer));
        header.Remove("crit");
        payload["format"] = "exchange-audit-export/v2";
        Refused("not an exported", Sign(header, payload, signer));
        Refused("not an exported", "{}"u8.ToArray());
        Refused("not an exported", "nonsense"u8.ToArray());
        Assert.Equal(2, Run("report", Path.Combine(signed.Folder, "absent"), "--trust", signed.Trust()).Code);
    }

    public void Dispose() => signed.Dispose();

    private void Refused(string why, byte[] report)
    {
        var (code, _, errors) = Check(report);
        Assert.Equal(1, code);
        Assert.Contains(why, errors, StringComparison.Ordinal);
    }

    private (int Code, string Output, string Errors) Check(byte[] report, string? trust = null)
    {
        var file = Path.Combine(signed.Folder, Guid.NewGuid().ToString("n"));
        File.WriteAllBytes(file, report);
        return Run("report", file, "--trust", trust ?? signed.Trust());
    }

    private byte[] Report(params int[] indexes) => Report(indexes, null);

    private byte[] Report(int[] indexes, Action<List<ReportedRecord>>? alter = null, string? note = null, INoteSigner? key = null)
    {
        List<ReportedRecord> records = [.. indexes.Select(index => new ReportedRecord(2026, index, leaves[index], [.. Proofs.Inclusion(index, log.Size).Select(step => Proofs.Fold(step, log.Hashes.Hash))]))];
        alter?.Invoke(records);
        return new SignedReport(DateTimeOffset.UnixEpoch, Origin, new Text("全部记录", "all records"),
            new(new Text("结果：complete", "result: complete"), new Dictionary<string, string> { ["result"] = "complete" }),
            [new ReportedCheckpoint(2026, note ?? signed.Checkpoint(log.Size, log.Root))], records, null).Sign([key ?? signed.Signers.OfType<EcdsaNoteSigner>().Single()]);
    }

    private static (JsonObject Header, JsonObject Payload) Parts(byte[] report)
    {
        var jws = JsonNode.Parse(report)!;
        return (Part("protected"), Part("payload"));

        JsonObject Part(string name) => JsonNode.Parse(Base64Url.DecodeFromChars(jws[name]!.GetValue<string>()))!.AsObject();
    }

    private static byte[] Sign(JsonObject header, JsonObject payload, EcdsaNoteSigner key)
    {
        var (first, second) = (Encoded(header), Encoded(payload));
        var signature = Base64Url.EncodeToString(key.SignJws(Encoding.ASCII.GetBytes($"{first}.{second}")));
        return Encoding.ASCII.GetBytes($$"""{"payload":"{{second}}","protected":"{{first}}","signature":"{{signature}}"}""");

        static string Encoded(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
    }

    private static byte[] Leaf(int i) => Encoding.UTF8.GetBytes(
        $$"""{"event":{"at":"2026-11-21T19:59:59.000Z","id":"{{new Guid(i, 0, 0, new byte[8])}}","nonce":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","result":"complete","seq":{{i + 1}},"source":"changsha","type":"delivery.ended","v":1},"received_at":"2026-11-21T20:00:00.000Z"}""");
}
