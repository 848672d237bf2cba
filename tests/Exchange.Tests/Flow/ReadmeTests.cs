using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Exchange.Local;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>README's walk with curl does what it says, as it stands there.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class ReadmeTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task The_walk_with_curl_ends_with_a_proof_that_holds()
    {
        var root = Place.FindRoot();
        var readme = await File.ReadAllTextAsync(Path.Combine(root, "README.md"));
        var walk = readme.Split("```sh\n")[1].Split("```")[0];
        var folder = Directory.CreateTempSubdirectory("exchange-readme-");
        try
        {
            // The sample entry that the walk asks for.
            await exchange.PublishAsync("changsha", "conditional", "长沙市社会保险参保缴费（示例）", fields: ["document_no", "insured_state"]);
            var accounts = Path.Combine(folder.FullName, "exchange.json");
            await File.WriteAllTextAsync(accounts, JsonSerializer.Serialize(
                new { accounts = exchange.Stack.Accounts.Select(a => new { client_id = a.ClientId, secret = a.Secret }) }));
            var trust = Path.Combine(folder.FullName, "trust.json");
            await Trust.WriteAsync(trust, exchange.Stack, default);
            var officer = exchange.Who("zhuzhou", "officer");
            await Eventually.GetAsync(() => officer.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString("社会保险参保缴费")}&city=changsha"), a => a["total"].GetInt32() == 1, show: a => a.Text);

            // The verifier of this build, whatever its configuration.
            var script = walk.Replace("bin/Release/", $"bin/{StackOptions.ForTests().Configuration}/", StringComparison.Ordinal).Replace("services/verifier", Path.Combine(root, "services", "verifier"), StringComparison.Ordinal);
            using var bash = Process.Start(new ProcessStartInfo("timeout", ["100", "bash", "-euo", "pipefail", "-c", script])
            {
                WorkingDirectory = folder.FullName,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
                StandardOutputEncoding = Encoding.UTF8,
                Environment = { ["EXCHANGE_ADDRESS"] = exchange.Stack.PublicAddress.GetLeftPart(UriPartial.Authority), ["EXCHANGE_FILE"] = accounts, ["EXCHANGE_TRUST"] = trust },
            })!;
            var output = bash.StandardOutput.ReadToEndAsync();
            var errors = bash.StandardError.ReadToEndAsync();
            await bash.WaitForExitAsync();

            Assert.True(bash.ExitCode == 0, await output + await errors);
            Assert.Contains("证明成立", await output, StringComparison.Ordinal);
            Assert.StartsWith("document_no,insured_state\r\n", await File.ReadAllTextAsync(Path.Combine(folder.FullName, "rows.csv")), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
