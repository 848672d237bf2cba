using System.Net.Http.Headers;
using System.Text;
using Exchange.Tests.Datasets;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>A department's table through the gateway, in the encoding its spreadsheet wrote.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class ImportTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task A_table_in_gb18030_is_imported_in_the_background_and_followed_at_its_location()
    {
        var officer = exchange.Who("changsha", "officer");
        var lines = await File.ReadAllLinesAsync(Samples.Catalogue("changsha"), TestContext.Current.CancellationToken);
        var cells = lines[1].Split(',');
        (cells[0], cells[1], cells[2], cells[3]) = ("307998/1", $"后台导入 {Guid.NewGuid():N}（示例）", "", officer.Account.Department!);
        var bytes = CodePagesEncodingProvider.Instance.GetEncoding("gb18030")!.GetBytes($"{lines[0]}\r\n{string.Join(',', cells)}\r\n");
        using var table = new ByteArrayContent(bytes) { Headers = { ContentType = MediaTypeHeaderValue.Parse("text/csv; charset=gb18030") } };
        var accepted = await officer.SendAsync(HttpMethod.Post, "/api/cities/changsha/datasets/import", table, r => r.Headers.Add("Prefer", "respond-async"), TestContext.Current.CancellationToken);
        Assert.Equal((202, "respond-async"), (accepted.Status, accepted.Headers.GetValueOrDefault("Preference-Applied")));
        var location = accepted.Headers["Location"];
        Assert.StartsWith(exchange.Stack.PublicAddress.AbsoluteUri, location, StringComparison.Ordinal);
        var done = await Eventually.GetAsync(() => officer.GetAsync(location), a => a["percent"].GetInt32() == 100, show: a => a.Text);
        Assert.Equal("done", done["state"].GetString());
        var report = (await officer.GetAsync(done["links"].GetProperty("report").GetString() + "?format=csv")).Succeeded("report");
        Assert.Contains("307998/1", report.Text, StringComparison.Ordinal);
    }
}
