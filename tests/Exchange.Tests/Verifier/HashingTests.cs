using System.Text.Json;
using Exchange.Tests.Audit;
using Exchange.Verifier;

namespace Exchange.Tests.Verifier;

public sealed class HashingTests
{
    [Fact]
    public void The_published_inclusion_cases_are_judged_alike()
    {
        var cases = Cases("inclusion.json");
        Assert.Equal(98, cases.Count);
        Assert.All(cases, test => Assert.Equal(!test.GetProperty("wantErr").GetBoolean(), Hashing.Includes(
            test.GetProperty("leafIdx").GetUInt64(), test.GetProperty("treeSize").GetUInt64(), Bytes(test.GetProperty("leafHash")), Path(test), Bytes(test.GetProperty("root")))));
    }

    [Fact]
    public void The_published_consistency_cases_are_judged_alike()
    {
        var cases = Cases("consistency.json");
        Assert.Equal(98, cases.Count);
        Assert.All(cases, test => Assert.Equal(!test.GetProperty("wantErr").GetBoolean(), Hashing.Extends(
            test.GetProperty("size1").GetUInt64(), Bytes(test.GetProperty("root1")), test.GetProperty("size2").GetUInt64(), Bytes(test.GetProperty("root2")), Path(test))));
    }

    private static List<JsonElement> Cases(string file) =>
        [.. JsonDocument.Parse(File.ReadAllBytes(Judges.Path(System.IO.Path.Combine("merkle", file)))).RootElement.EnumerateArray()];

    private static List<byte[]> Path(JsonElement test) =>
        test.GetProperty("proof") is { ValueKind: JsonValueKind.Array } proof ? [.. proof.EnumerateArray().Select(Bytes)] : [];

    private static byte[] Bytes(JsonElement base64) => Convert.FromBase64String(base64.GetString()!);
}
