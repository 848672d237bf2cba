using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Hosting;
using Exchange.Local;

namespace Exchange.Tests.Audit;

public sealed class CanonicalJsonTests
{
    [Fact]
    public void Keys_are_sorted_by_code_unit_at_every_depth()
    {
        var value = JsonNode.Parse("""{"b":{"z":1,"a":[{"y":true,"B":false}]},"a_b":2,"aB":3,"a":-4,"1":5,"10":6,"":7}""")!;

        Assert.Equal("""{"":7,"1":5,"10":6,"a":-4,"aB":3,"a_b":2,"b":{"a":[{"B":false,"y":true}],"z":1}}""", Encoding.UTF8.GetString(CanonicalJson.Write(value)));
    }

    /// <summary>What npm canonicalize 4.0.0 makes of random records; <c>canonicalize/make.mjs</c> wrote them down.</summary>
    [Fact]
    public void It_writes_what_npm_canonicalize_writes()
    {
        var vectors = JsonSerializer.Deserialize<string[][]>(File.ReadAllBytes(Path.Combine(Place.FindRoot(), "tests", "Exchange.Tests", "Audit", "canonicalize", "vectors.json")))!;

        Assert.Equal(120, vectors.Length);
        foreach (var (given, canonical) in vectors.Select(pair => (pair[0], Encoding.UTF8.GetBytes(pair[1]))))
        {
            Assert.Equal(canonical, CanonicalJson.Write(JsonNode.Parse(given)!));
            Assert.NotNull(CanonicalJson.Read(canonical));
            var bytes = Encoding.UTF8.GetBytes(given);
            Assert.Equal(bytes.AsSpan().SequenceEqual(canonical), CanonicalJson.Read(bytes) is not null);
        }
    }

    [Theory]
    [InlineData("\u2028\u2029", "\u2028\u2029")]
    [InlineData("\u007f\u0080\u00a0", "\u007f\u0080\u00a0")]
    [InlineData("长沙\U00020BB7\U0001F600\uE000", "长沙\U00020BB7\U0001F600\uE000")]
    [InlineData("<>&'+/`", "<>&'+/`")]
    [InlineData("\"\\\b\t\n\f\r", "\\\"\\\\\\b\\t\\n\\f\\r")]
    [InlineData("\u0000\u000b\u001f", "\\u0000\\u000b\\u001f")]
    public void Only_what_must_be_is_escaped(string text, string written) =>
        Assert.Equal($"[\"{written}\"]", Encoding.UTF8.GetString(CanonicalJson.Write(new JsonArray(text))));

    [Theory]
    [InlineData("9007199254740991", "9007199254740991")]
    [InlineData("-9007199254740991", "-9007199254740991")]
    [InlineData("-0", "0")]
    public void Integers_below_2_to_the_53_are_written(string number, string written) =>
        Assert.Equal($"[{written}]", Encoding.UTF8.GetString(CanonicalJson.Write(JsonNode.Parse($"[{number}]")!)));

    [Theory]
    [InlineData("[9007199254740992]")]
    [InlineData("[-9007199254740992]")]
    [InlineData("[1.5]")]
    [InlineData("[1.0]")]
    [InlineData("[1e2]")]
    [InlineData("[null]")]
    [InlineData("""{"长":1}""")]
    [InlineData("""["\ud800"]""")]
    [InlineData("""["\udc00x"]""")]
    public void Everything_else_is_refused(string json) =>
        Assert.Throws<ArgumentException>(() => CanonicalJson.Write(JsonNode.Parse(json)!));

    [Fact]
    public void Half_a_surrogate_pair_in_memory_is_refused_too()
    {
        Assert.Throws<ArgumentException>(() => CanonicalJson.Write(new JsonArray("\ud800")));
        Assert.Throws<ArgumentException>(() => CanonicalJson.Write(new JsonArray(Guid.Empty)));
        Assert.Throws<ArgumentException>(() => CanonicalJson.Write(new JsonArray(double.NaN)));
    }

    [Fact]
    public void Values_made_in_memory_are_written_like_parsed_ones() =>
        Assert.Equal("[1,2,3,\"x\",true]", Encoding.UTF8.GetString(CanonicalJson.Write(new JsonArray(1, 2L, (short)3, "x", true))));

    [Theory]
    [InlineData("""{"a":1,"b":"é"}""", true)]
    [InlineData("""{"b":1,"a":2}""", false)]
    [InlineData("""{"a": 1}""", false)]
    [InlineData("""{"a":"\u0041"}""", false)]
    [InlineData("""{"a":1,"a":1}""", false)]
    [InlineData("""{"a":"\ud800"}""", false)]
    [InlineData("""{"\ud800":1}""", false)]
    [InlineData("[]", false)]
    [InlineData("", false)]
    public void Reading_accepts_only_the_canonical_spelling(string json, bool canonical) =>
        Assert.Equal(canonical, CanonicalJson.Read(Encoding.UTF8.GetBytes(json)) is not null);

    [Fact]
    public void Reading_refuses_invalid_utf_8() => Assert.Null(CanonicalJson.Read([.. "{\"a\":\""u8, 0xff, .. "\"}"u8]));
}
