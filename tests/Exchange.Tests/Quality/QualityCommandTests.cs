using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Gateway.Quality;
using Exchange.Hosting;
using Exchange.Local;
using Exchange.Tests.Datasets;
using static Exchange.Tests.Quality.ScoredEntries;

namespace Exchange.Tests.Quality;

public sealed class QualityCommandTests
{
    private static readonly string Exported = JsonSerializer.Serialize(Conditional, Json.Options);
    private static readonly string Report = Encoding.UTF8.GetString(EntryQuality.Of(Conditional, null, Today).ToJson());

    [Theory]
    [InlineData("")]
    [InlineData("\uFEFF")]
    [InlineData("\n  ")]
    public void One_entry_gives_its_report(string before) => Assert.Equal((0, Report, ""), Run(before + Exported + "\n"));

    [Fact]
    public void Several_entries_give_their_reports_in_order()
    {
        var open = JsonSerializer.Serialize(Open, Json.Options);
        var other = Encoding.UTF8.GetString(EntryQuality.Of(Open, null, Today).ToJson());
        Assert.Equal((0, $"[{Report},{other}]", ""), Run($"[ {Exported},\n{open} ]"));
        Assert.Equal((0, $"{Report}\n{other}", ""), Run($"{Exported}\r\n{open}\r\n"));
        Assert.Equal((0, "[]", ""), Run("[]"));
    }

    [Fact]
    public void Members_that_a_newer_gateway_adds_are_passed_over()
    {
        var entry = JsonNode.Parse(Exported)!;
        entry["quality"] = new JsonObject { ["score"] = 1 };
        entry["fields"]![0]!["unit"] = "元";
        Assert.Equal((0, Report, ""), Run(entry.ToJsonString()));
    }

    [Fact]
    public void The_time_of_update_counts_when_it_is_given()
    {
        var (code, output, _) = Run(Exported, "--data-updated", "2026-11-20T11:00:00+08:00");
        Assert.Equal((0, Encoding.UTF8.GetString(EntryQuality.Of(Conditional, Updated, Today).ToJson())), (code, output));
    }

    [Theory]
    [InlineData("", "文件中没有条目")]
    [InlineData("[1]", "第 1 行 / line 1: $: ")]
    [InlineData("{}\n{}", "第 1 行 / line 1: $: 缺少 / missing: 'dataset_id'")]
    [InlineData("GOOD\n{\"dataset_id\": 7}", "第 2 行 / line 2: $.dataset_id: ")]
    [InlineData("GOOD\n\n{\n  \"dataset_id\":\n  null}", "第 5 行 / line 5: $.dataset_id: ")]
    [InlineData("[GOOD,\nBAD]", "第 2 行 / line 2: $.fields: ")]
    [InlineData("GOOD\n{\"name\"", "第 2 行 / line 2: ")]
    [InlineData("{\"name\": tru}", "第 1 行 / line 1: ")]
    public void What_cannot_be_read_is_named_and_nothing_is_written(string input, string told)
    {
        var (code, output, errors) = Run(input.Replace("GOOD", Exported, StringComparison.Ordinal).Replace("BAD", BadFields(), StringComparison.Ordinal));
        Assert.Equal((2, ""), (code, output));
        Assert.StartsWith(told, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Exchange.", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name", "null")]
    [InlineData("fields", "null")]
    [InlineData("related_codes", "[null]")]
    [InlineData("grade", "\"3\"")]
    [InlineData("released_on", "\"2026-13-01\"")]
    public void A_member_of_another_kind_is_named(string member, string value)
    {
        var entry = JsonNode.Parse(Exported)!;
        entry[member] = JsonNode.Parse(value);
        var (code, _, errors) = Run(entry.ToJsonString());
        Assert.Equal(2, code);
        Assert.Contains($"$.{member}", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("a.json", "--on", "gestern")]
    [InlineData("a.json", "b.json")]
    [InlineData("--strict")]
    public void Wrong_use_is_told(params string[] arguments)
    {
        var errors = new StringWriter();
        Assert.Equal(2, QualityCommand.Run(arguments, Stream.Null, errors, TimeProvider.System));
        Assert.Contains("usage: Exchange.Gateway quality FILE", errors.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_program_needs_no_settings_for_it()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Exported);
            var program = Path.Combine(Samples.Root(), "gateway", "bin", StackOptions.ForTests().Configuration, "net10.0", "Exchange.Gateway.dll");
            using var process = Process.Start(new ProcessStartInfo("dotnet", [program, "quality", file, "--on", "2026-11-22"]) { RedirectStandardOutput = true, UseShellExecute = false, StandardOutputEncoding = Encoding.UTF8 })!;
            var output = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            Assert.Equal((0, Report), (process.ExitCode, output));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string BadFields()
    {
        var entry = JsonNode.Parse(Exported)!;
        entry["fields"]!.AsArray().Add(null);
        return entry.ToJsonString();
    }

    private static (int Code, string Output, string Errors) Run(string input, params string[] options)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, input);
            using var output = new MemoryStream();
            var errors = new StringWriter();
            var code = QualityCommand.Run([file, "--on", "2026-11-22", .. options], output, errors, TimeProvider.System);
            return (code, Encoding.UTF8.GetString(output.ToArray()), errors.ToString());
        }
        finally
        {
            File.Delete(file);
        }
    }
}
