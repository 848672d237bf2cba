using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Catalogue.DataServices;
using Exchange.Catalogue.Grants;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace Exchange.Tests.DataServices;

/// <summary>What passes of a service's answer: granted items, under the structure that was declared, and nothing else.</summary>
public sealed class GrantedJsonTests
{
    [Theory]
    [InlineData("""{"data":{"items":[{"person":"甲","months":12,"remark":"x"},{"months":1.50e2}],"total":2},"debug":{"person":"乙"}}""", """{"data":{"items":[{"person":"甲","months":12},{"months":1.50e2}]}}""")]
    [InlineData("""[{"person":null,"id":"430102199001011234"},"430102199001011234",7,[["x"]]]""", """[{"person":null},[[]]]""")]
    [InlineData("""{"430102199001011234":{"person":"甲"},"person":{"430102199001011234":1,"months":3,"data":5},"months":["a",{"months":4,"x":"y"},["b"]]}""", """{"person":{"months":3},"months":["a",{"months":4},["b"]]}""")]
    [InlineData("""{"pers\u006fn":"\u7532\"\\","data":true,"items":null}""", """{"person":"甲\u0022\\"}""")]
    [InlineData("\"430102199001011234\"", "")]
    [InlineData("{}", "{}")]
    public async Task Granted_items_pass(string answer, string expected) => Assert.Equal(expected, await PassAsync(answer));

    [Fact]
    public async Task Values_are_treated_wherever_they_stand() =>
        Assert.Equal("""{"person":"张*三","data":[{"person":["李*","***"],"months":12},{"person":{"person":"***"}}],"months":7}""",
            await PassAsync("""{"person":"张小三","data":[{"person":["李四",1],"months":12,"card":1},{"person":{"person":7}}],"months":7}""", new() { ["person"] = "masked:name", ["card"] = "dropped" }));

    [Theory]
    [InlineData("{\"data\":")]
    [InlineData("<html>")]
    [InlineData("{\"data\":NaN}")]
    [InlineData("")]
    public async Task What_is_not_json_is_a_fault(string answer) => await Assert.ThrowsAnyAsync<JsonException>(() => PassAsync(answer));

    [Fact]
    public async Task What_is_too_deep_or_too_long_is_a_fault()
    {
        await Assert.ThrowsAnyAsync<JsonException>(() => PassAsync(new string('[', 10_000)));
        await Assert.ThrowsAnyAsync<JsonException>(() => PassAsync($$"""{"person":"{{new string('x', GrantedJson.LongestToken + 100_000)}}"}"""));
        Assert.EndsWith("x\"}", await PassAsync($$"""{"person":"{{new string('x', GrantedJson.LongestToken / 2)}}"}"""), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_else_appears_however_the_answer_is_built_and_cut_into_pieces()
    {
        var names = Gen.Elements("person", "months", "data", "items", "secret", "430102199001011234");
        var scalars = Gen.Elements("\"秘\"", "\"公开\"", "17", "true", "null");
        Gen<string> Node(int depth) => depth == 0 ? scalars : Gen.OneOf(
            scalars,
            Node(depth - 1).ListOf(3).Select(nodes => $"[{string.Join(',', nodes)}]"),
            names.Zip(Node(depth - 1)).ListOf(4).Select(pairs => $"{{{string.Join(',', pairs.DistinctBy(pair => pair.Item1).Select(pair => $"\"{pair.Item1}\":{pair.Item2}"))}}}"));
        Prop.ForAll(Node(4).Zip(Gen.Choose(1, 40)).ToArbitrary(), given =>
        {
            var passed = PassAsync(given.Item1, pieces: given.Item2).GetAwaiter().GetResult();
            var expected = Expected(JsonNode.Parse(given.Item1), item: null);
            Assert.Equal(expected, passed);
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(400));
    }

    /// <summary>The rule again, on a tree: what a value passes as, or nothing.</summary>
    private static string Expected(JsonNode? node, string? item) => node switch
    {
        JsonObject o => $"{{{string.Join(',', Pairs(o).Where(pair => pair.Length > 0))}}}",
        JsonArray a => $"[{string.Join(',', a.Select(element => Expected(element, item)).Where(text => text.Length > 0))}]",
        null => item is null ? "" : "null",
        _ => item is null ? "" : node.ToJsonString(Exchange.Hosting.Json.Options),
    };

    private static IEnumerable<string> Pairs(JsonObject o) => o.Select(pair => pair.Key switch
    {
        "person" or "months" => $"\"{pair.Key}\":{Expected(pair.Value, pair.Key)}",
        "data" or "items" when Expected(pair.Value, null) is { Length: > 0 } inside => $"\"{pair.Key}\":{inside}",
        _ => "",
    });

    private static async Task<string> PassAsync(string answer, Dictionary<string, string>? treatments = null, int pieces = 4096)
    {
        var pipe = new Pipe();
        using var to = new MemoryStream();
        var copying = CopyAsync(new GrantedJson(new GrantedScope(["person", "months", .. treatments?.Keys.Except(["person", "months"]) ?? []], treatments), [], ["data", "items"]));
        foreach (var piece in Encoding.UTF8.GetBytes(answer).Chunk(pieces))
        {
            if ((await pipe.Writer.WriteAsync(piece)).IsCompleted)
            {
                break;
            }
        }

        await pipe.Writer.CompleteAsync();
        await copying;
        return Encoding.UTF8.GetString(to.ToArray());

        // Whoever stops reading says so, or the writer waits for room.
        async Task CopyAsync(GrantedJson json)
        {
            try
            {
                await json.CopyAsync(pipe.Reader, to, CancellationToken.None);
            }
            finally
            {
                await pipe.Reader.CompleteAsync();
            }
        }
    }
}
