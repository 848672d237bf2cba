using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Audit.Log;
using Exchange.Tests.Audit;
using static Exchange.Tests.Verifier.SignedLog;

namespace Exchange.Tests.Verifier;

/// <summary>A value that was opened, checked with nothing but files against the record that committed to it.</summary>
public sealed class OpeningFileTests : IDisposable
{
    private const string Person = "示例·周某";
    private const string Id = "019ab000-0000-7000-8000-000000000001";

    private readonly SignedLog signed = new();
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private readonly string proof;

    public OpeningFileTests()
    {
        var commitment = Convert.ToBase64String(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(Person)));
        var leaf = Encoding.UTF8.GetBytes(
            $$$"""{"event":{"at":"2026-11-21T20:00:00.000Z","commitments":{"officer":"{{{commitment}}}"},"id":"{{{Id}}}","source":"changsha","type":"request.submitted","v":1},"received_at":"2026-11-21T20:00:00.000Z"}""");
        var log = new MemoryLog();
        log.Append(leaf);
        proof = signed.Save(ProofFile.Write(leaf, 0, [], signed.Checkpoint(1, log.Root)));
    }

    [Fact]
    public void What_was_opened_is_what_the_record_committed_to()
    {
        var (code, output, errors) = Check(Opening());
        Assert.True(code == 0, errors);
        Assert.Contains($"officer is: {Person}", output, StringComparison.Ordinal);
        Assert.Contains("证明成立", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_value_key_field_or_record_is_refused_and_so_is_what_was_erased()
    {
        Assert.Contains("does not give the record's commitment", Check(Opening(value: "示例·吴某")).Errors, StringComparison.Ordinal);
        Assert.Contains("does not give the record's commitment", Check(Opening(key: RandomNumberGenerator.GetBytes(32))).Errors, StringComparison.Ordinal);
        Assert.Contains("no commitment to a field reason", Check(Opening(name: "reason")).Errors, StringComparison.Ordinal);
        Assert.Contains("another record", Check(Opening(id: Guid.NewGuid().ToString())).Errors, StringComparison.Ordinal);
        foreach (var broken in (string[])[JsonSerializer.Serialize(new { event_id = Id, name = "officer", state = "erased" }), "[]", "{", Opening()[..^2], Opening().Replace("\"value\"", "\"value\":\"\",\"value\"", StringComparison.Ordinal)])
        {
            Assert.Equal(1, Check(broken).Code);
        }
    }

    public void Dispose() => signed.Dispose();

    private string Opening(string id = Id, string name = "officer", string value = Person, byte[]? key = null) =>
        JsonSerializer.Serialize(new { event_id = id, name, state = "open", value, key = Convert.ToBase64String(key ?? this.key), commitment = "" });

    private (int Code, string Output, string Errors) Check(string opening) => Run("opening", proof, signed.Save(opening), "--trust", signed.Trust());
}
