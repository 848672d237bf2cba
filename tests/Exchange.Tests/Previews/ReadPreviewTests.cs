using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Exchange.Tests.Deliveries;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Previews;

/// <summary>Who sees a preview, of what, and what is on record about it.</summary>
public sealed class ReadPreviewTests(PublishingCity city)
{
    private static readonly Who Program = GrantedDataTests.Program;
    private static readonly Who AskingOfficer = new("zhuzhou-asking", Program.City, Program.Department, [Roles.Officer]);
    private static readonly Who OtherAsking = new("zhuzhou-other", "zhuzhou", "11430200EXAMPL0201", [Roles.Officer, Roles.Integrator, Roles.Authority]);

    private const string People = """
        person,id_no,phone,address,born,seen,income,months,married,area
        张小三,430102199001011234,13812345678,湖南省长沙市岳麓区麓山南路1号,1990-01-01,2026-03-05 08:30:00,23456.78,12,是,430104
        李四,430203198502023456,13912345678,湖南省株洲市天元区神农大道2号,1985-02-02,2026-03-31 23:59:59,8000,240,否,430211
        =王五,43010519700303789X,0731-84591234,长沙市雨花区人民路3号,1970-03-03,2026-04-01 00:00:00,-5,,是,430111
        张小三,430102199001011234,,,,,,3,,430104

        """;

    [Fact]
    public async Task Under_a_grant_rows_and_figures_are_of_what_it_gives_and_on_record_as_a_delivery()
    {
        var path = await LoadedAsync();
        var grant = await GrantAsync(path, new(
            ["months", "person", "id_no", "born", "income", "married"],
            new Dictionary<string, string> { ["person"] = "masked:name", ["id_no"] = "hashed", ["born"] = "generalised:month", ["income"] = "generalised:band:10000", ["married"] = "dropped" },
            new() { Area = new() { Field = "area", Prefix = "4301" } }));
        var answer = (await SendAsync($"/grants/{grant}/preview?limit=2", AskingOfficer)).Expect(HttpStatusCode.OK);
        var body = answer.Body;
        Assert.Equal(["months", "person", "id_no", "born", "income"], Names(body));
        Assert.Equal(["", "masked:name", "hashed", "generalised:month", "generalised:band:10000"], Columns(body).Select(c => c.TryGetProperty("treatment", out var t) ? t.GetString() : ""));
        var rows = body.GetProperty("rows").EnumerateArray().Select(r => r.EnumerateArray().Select(v => v.GetString()).ToList()).ToList();
        Assert.Equal(2, rows.Count);
        Assert.Equal(("12", "张*三", "1990-01", "20000..30000"), (rows[0][0], rows[0][1], rows[0][3], rows[0][4]));
        Assert.Matches("^[0-9a-f]{64}$", rows[0][2]);
        Assert.Equal((null, "***", "1970-03", "-10000..0"), (rows[1][0], rows[1][1], rows[1][3], rows[1][4]));
        Assert.Equal(("rows", 3, true, true), (body.GetProperty("read").GetProperty("form").GetString(), body.GetProperty("read").GetProperty("rows").GetInt32(), body.GetProperty("read").GetProperty("whole").GetBoolean(), body.GetProperty("more").GetBoolean()));

        // Over the rows inside the grant: the one with 240 months is outside; no range of what is treated.
        var figures = Columns(body).Select(c => c.GetProperty("figures")).ToList();
        Assert.Equal(("number", "3", "12", 2, 1), (figures[0].GetProperty("kind").GetString(), figures[0].GetProperty("least").GetString(), figures[0].GetProperty("greatest").GetString(), figures[0].GetProperty("values").GetInt32(), figures[0].GetProperty("empty").GetInt32()));
        Assert.All(figures.Skip(1), f => Assert.False(f.TryGetProperty("least", out _) || f.TryGetProperty("kind", out _)));
        Assert.Equal("""[{"value":"张*三","rows":2}]""", figures[1].GetProperty("frequent").GetRawText());
        foreach (var hidden in new[] { "张小三", "王五", "李", "430102199", "1990-01-01", "23456.78", "married", "婚否", "\"240\"", "phone", "13812345", "岳麓", "address", "area" })
        {
            Assert.DoesNotContain(hidden, answer.Text, StringComparison.Ordinal);
        }

        var delivery = answer.Headers["Exchange-Delivery-Id"];
        var receipt = (await SendAsync($"/grants/{grant}/deliveries/{delivery}", Program)).Expect(HttpStatusCode.OK).Body;
        Assert.Equal(("preview", "complete", 2, Encoding.UTF8.GetByteCount(answer.Text)), (receipt.GetProperty("form").GetString(), receipt.GetProperty("outcome").GetString(), receipt.GetProperty("rows").GetInt32(), receipt.GetProperty("bytes").GetInt32()));
        Assert.Equal(["months", "person", "id_no", "born", "income"], receipt.GetProperty("fields").EnumerateArray().Select(f => f.GetString()));
        await using var connection = await city.OpenAsync();
        var records = (await connection.QueryAsync<(string Type, string Content)>("select type, content::text from outbox where type like 'delivery.%' and correlation_id = @grant order by id", new { grant })).ToList();
        Assert.Equal(["delivery.opened", "delivery.ended"], records.Select(r => r.Type));
        Assert.Contains("counted_rows", records[1].Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_asking_department_under_an_active_grant_gets_one_and_what_is_refused_is_no_delivery()
    {
        var path = await LoadedAsync();
        var grant = await GrantAsync(path, new(["person"]));
        foreach (var stranger in new[] { OtherAsking, Officer, Authority })
        {
            var refused = await SendAsync($"/grants/{grant}/preview", stranger);
            Assert.Equal(stranger == Authority ? "role-missing" : "not-found", refused.Body.GetProperty("rule").GetString());
        }

        Assert.Equal(["required"], Faults(await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/preview", Program)));
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/preview?purpose=000000000000", Program)).Refuses(HttpStatusCode.Forbidden, "purpose-not-granted", "第25条");
        Assert.Equal(["range"], Faults(await SendAsync($"/grants/{grant}/preview?limit=101", Program)));
        Assert.Equal(["range"], Faults(await SendAsync($"/grants/{grant}/preview?limit=0", Program)));
        (await SendAsync($"/grants/{grant}/files/x.csv/preview", Program)).Refuses(HttpStatusCode.NotFound, "not-found");
        await using var connection = await city.OpenAsync();
        foreach (var change in new[] { "state = 'suspended'", "state = 'ended'", "state = 'active', valid_until = '2026-01-02'" })
        {
            await connection.ExecuteAsync($"update grants set {change} where exchange_id = @grant", new { grant });
            (await SendAsync($"/grants/{grant}/preview", Program)).Refuses(HttpStatusCode.Forbidden, "grant-not-active", "第27条");
        }

        await connection.ExecuteAsync("update grants set valid_until = '2099-12-31' where exchange_id = @grant", new { grant });
        (await SendAsync($"/grants/{grant}/preview", Program)).Expect(HttpStatusCode.OK);
        Assert.Equal(1, await connection.ExecuteScalarAsync<int>("select count(*)::int from deliveries where exchange_id = @grant", new { grant }));

        // Beyond a quota of calls nothing is read; beyond one of rows nothing is sent.
        await connection.ExecuteAsync("update grants set quota_calls = 1 where exchange_id = @grant", new { grant });
        (await SendAsync($"/grants/{grant}/preview", Program)).Expect(HttpStatusCode.TooManyRequests);
        await connection.ExecuteAsync("update grants set quota_calls = null, quota_rows = 5 where exchange_id = @grant", new { grant });
        (await SendAsync($"/grants/{grant}/preview", Program)).Expect(HttpStatusCode.TooManyRequests);
        Assert.Equal(["complete 4", "failed 0"], await connection.QueryAsync<string>("select outcome || ' ' || rows from deliveries where exchange_id = @grant order by 1", new { grant }));
        (await SendAsync($"/grants/{grant}/preview?limit=1", Program)).Expect(HttpStatusCode.OK);

        // What the table does not hold is not previewed either.
        (await SendAsync($"/grants/{await GrantAsync(path, new(["person", "gone"]))}/preview", Program)).Refuses(HttpStatusCode.ServiceUnavailable, "source-not-ready");
    }

    [Fact]
    public async Task The_owning_department_sees_its_own_rows_as_they_are_and_nobody_else_does()
    {
        var path = await LoadedAsync();
        foreach (var own in new[] { Officer, Reviewer })
        {
            var answer = (await SendAsync($"{path}/preview?limit=1", own)).Expect(HttpStatusCode.OK);
            Assert.Equal("""["张小三","430102199001011234","13812345678","湖南省长沙市岳麓区麓山南路1号","1990-01-01","2026-03-05T08:30:00\u002B08:00","23456.78","12","true","430104"]""", answer.Body.GetProperty("rows")[0].GetRawText());
            Assert.Equal(("no-store", false), (answer.Headers["Cache-Control"], answer.Headers.ContainsKey("Exchange-Delivery-Id")));
        }

        var view = (await SendAsync(path, Officer)).Body.GetProperty("rows");
        Assert.EndsWith($"/api/cities/changsha{path}/preview", view.GetProperty("preview").GetString(), StringComparison.Ordinal);
        Assert.False((await SendAsync(path, OtherOfficer)).Body.GetProperty("rows").TryGetProperty("preview", out _));
        var born = Columns((await SendAsync($"{path}/preview", Officer)).Body).Single(c => c.GetProperty("name").GetString() == "born");
        Assert.Equal(("D", "date", "1970-03-03", "1990-01-01"), (born.GetProperty("type").GetString(), born.GetProperty("figures").GetProperty("kind").GetString(), born.GetProperty("figures").GetProperty("least").GetString(), born.GetProperty("figures").GetProperty("greatest").GetString()));
        (await SendAsync($"{path}/preview", OtherOfficer)).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        (await SendAsync($"{path}/preview", Authority)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await SendAsync($"{path}/preview", Head)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await SendAsync($"{path}/preview", new("funds-officer-2", "changsha", Funds, [Roles.Officer], "client"))).Expect(HttpStatusCode.Forbidden);
        (await SendAsync($"{path}/preview", null)).Expect(HttpStatusCode.Unauthorized);
        Assert.Equal(["range"], Faults(await SendAsync($"{path}/preview?limit=x", Officer)));
        (await SendAsync($"/datasets/{Guid.NewGuid()}/preview", Officer)).Refuses(HttpStatusCode.NotFound, "not-found");

        var (draft, _) = await city.DraftAsync();
        (await SendAsync($"{draft}/preview", Officer)).Refuses(HttpStatusCode.Conflict, "preview-no-rows", "第16条");
        (await SendAsync($"{draft}/preview", OtherOfficer)).Refuses(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task Files_are_previewed_by_their_department_and_under_a_grant_of_the_whole()
    {
        var (path, revision) = await city.PublishAsync(Fresh() with { Format = "spreadsheet/csv", SharingMethod = "file", Fields = Secrets.Fields });
        revision = await HandInAsync(path, "people.csv", Encoding.UTF8.GetBytes("姓名,id_no,额外\n示例甲,1,=1+1\n"), revision);
        revision = await HandInAsync(path, "people.csv", Encoding.UTF8.GetBytes("姓名,id_no\n示例乙,2\n"), revision);
        var line = Encoding.UTF8.GetBytes("姓名\n" + new string('x', 2 << 20) + "\n");
        await HandInAsync(path, "long.csv", line, revision);

        var own = (await SendAsync($"{path}/files/people.csv/preview?version=1", Officer)).Expect(HttpStatusCode.OK).Body;
        Assert.Equal("""[["示例甲","1","=1\u002B1"]]""", own.GetProperty("rows").GetRawText());
        Assert.Equal(["person", "id_no", "额外"], Names(own));
        Assert.Equal(("csv", "utf-8", "comma"), (own.GetProperty("read").GetProperty("form").GetString(), own.GetProperty("read").GetProperty("encoding").GetString(), own.GetProperty("read").GetProperty("separator").GetString()));
        (await SendAsync($"{path}/files/people.csv/preview", OtherOfficer)).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        (await SendAsync($"{path}/files/none.csv/preview", Officer)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await SendAsync($"{path}/files/people.csv/preview?version=3", Officer)).Refuses(HttpStatusCode.NotFound, "not-found");
        var listed = (await SendAsync($"{path}/files", Officer)).Body.GetProperty("items").EnumerateArray().First();
        Assert.EndsWith($"/api/cities/changsha{path}/files/long.csv/preview?version=1", listed.GetProperty("preview").GetString(), StringComparison.Ordinal);

        var all = Secrets.Fields.Select(f => f.Name!).ToList();
        var grant = await GrantAsync(path, new(all));
        var answer = (await SendAsync($"/grants/{grant}/files/people.csv/preview", Program)).Expect(HttpStatusCode.OK);
        Assert.Equal("""[["示例乙","2"]]""", answer.Body.GetProperty("rows").GetRawText());
        var receipt = (await SendAsync($"/grants/{grant}/deliveries/{answer.Headers["Exchange-Delivery-Id"]}", Program)).Body;
        Assert.Equal(("preview", "complete", 1, "people.csv", 2), (receipt.GetProperty("form").GetString(), receipt.GetProperty("outcome").GetString(), receipt.GetProperty("rows").GetInt32(), receipt.GetProperty("file").GetProperty("name").GetString(), receipt.GetProperty("file").GetProperty("version").GetInt32()));

        // A hostile one is refused to both alike, in both languages; under the grant that is a delivery that failed.
        foreach (var (address, who) in new[] { ($"/grants/{grant}/files/long.csv/preview", Program), ($"{path}/files/long.csv/preview", Officer) })
        {
            var refused = (await SendAsync(address, who)).Refuses(HttpStatusCode.UnprocessableEntity, "preview-content");
            Assert.Equal(["line-too-long"], refused.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("rule").GetString()));
            Assert.Contains("1048576", refused.Text, StringComparison.Ordinal);
            Assert.Contains("longer than 1048576 bytes", (await SendAsync(address, who, "en")).Text, StringComparison.Ordinal);
        }

        await using var connection = await city.OpenAsync();
        Assert.Equal(["complete 1 True", "failed 0 False", "failed 0 False"], await connection.QueryAsync<string>("select outcome || ' ' || rows || ' ' || case when bytes > 0 then 'True' else 'False' end from deliveries where exchange_id = @grant order by 1", new { grant }));

        // A file is whole or nothing: any field less, any treatment, any choice of rows.
        foreach (var part in new GrantedScope[] { new([.. all.Skip(1)]), new(all, new Dictionary<string, string> { ["person"] = "masked" }), new(all, null, new() { Area = new() { Field = "area", Prefix = "4301" } }) })
        {
            (await SendAsync($"/grants/{await GrantAsync(path, part)}/files/people.csv/preview", Program)).Refuses(HttpStatusCode.NotFound, "not-found");
        }
    }

    private static JsonElement.ArrayEnumerator Columns(JsonElement preview) => preview.GetProperty("columns").EnumerateArray();

    private static IEnumerable<string?> Names(JsonElement preview) => Columns(preview).Select(c => c.GetProperty("name").GetString());

    private static IEnumerable<string?> Faults(Answer answer) =>
        answer.Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input").Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("rule").GetString());

    private async Task<string> LoadedAsync()
    {
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = Secrets.Fields });
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(People), revision)).Expect(HttpStatusCode.OK);
        return path;
    }

    private async Task<int> HandInAsync(string path, string name, byte[] content, int revision) =>
        (await city.SendAsync(HttpMethod.Put, $"{path}/files/{name}", Officer, new ByteArrayContent(content), revision)).Expect(HttpStatusCode.OK).Revision;

    private Task<Guid> GrantAsync(string path, GrantedScope scope) => GrantedDataTests.GrantAsync(city, Guid.Parse(path[10..]), scope);

    /// <summary>Under a grant with the purpose of the grants of <see cref="GrantedDataTests"/>.</summary>
    private Task<Answer> SendAsync(string path, Who? who, string language = "zh") =>
        city.SendAsync(HttpMethod.Get, path, who, language: language, headers: path.StartsWith("/grants/", StringComparison.Ordinal) ? [(PurposeCode.Header, PurposeCode.Of(GrantedDataTests.Purpose))] : []);
}
