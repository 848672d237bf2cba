using System.Text;
using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Interop.Ckan;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http;

namespace Exchange.Tests.Interop;

public sealed class CkanSearchTests : IDisposable
{
    private const string Other = "11430100EXAMPL0121";

    private readonly SearchIndex index = SearchIndex.Build(Entries().Select(entry => CatalogueTables.Indexed(JsonSerializer.Serialize(entry, Json.Options))));

    public void Dispose() => index.Dispose();

    [Theory]
    [InlineData("", "", "甲乙丙丁戊")]
    [InlineData("*:*", "", "甲乙丙丁戊")]
    [InlineData("*:*", "*:*", "甲乙丙丁戊")]
    [InlineData("示例", "organization:12430100exampl039m", "甲乙丁")]
    [InlineData("", "organization:\"12430100exampl039m\"", "甲乙丁")]
    [InlineData("", "+organization:12430100EXAMPL039M +groups:c0200", "甲")]
    [InlineData("", "organization:12430100exampl039m AND groups:C0200", "甲")]
    [InlineData("", "(organization:12430100exampl039m AND (groups:c0200))", "甲")]
    [InlineData("", "groups:(c0200 OR \"c0300\")", "甲乙丙")]
    [InlineData("", "(groups:c0200 OR groups:c0300)", "甲乙丙")]
    [InlineData("", "groups:c0200 OR groups:c0300 || groups:d0400", "甲乙丙戊")]
    [InlineData("", "+tags:\"有条件共享\"", "乙")]
    [InlineData("", "tags:conditional", "乙")]
    [InlineData("", "-tags:(有条件共享 OR 不予共享)", "甲丙戊")]
    [InlineData("", "NOT groups:c0200", "乙丁戊")]
    [InlineData("", "!groups:c02*", "乙丁戊")]
    [InlineData("", "res_format:csv", "甲丙")]
    [InlineData("", "res_format:(XLSX OR API)", "乙戊")]
    [InlineData("", "-res_format:CSV", "乙戊")]
    [InlineData("", "city:zhuzhou state:active dataset_type:dataset", "丙")]
    [InlineData("", "state:deleted", "")]
    [InlineData("", "private:false", "甲")]
    [InlineData("", "organization:*", "甲乙丙丁戊")]
    [InlineData("", "organization:[* TO *]", "甲乙丙丁戊")]
    [InlineData("", "groups:c0200 groups:c0300", "")]
    [InlineData("", "organization:nobody", "")]
    [InlineData("title:乙", "", "乙")]
    [InlineData("示例 AND groups:c0300", "", "乙")]
    [InlineData("目录 (戊)", "", "")]
    [InlineData("\"戊（示例）\"", "", "戊")]
    [InlineData("虚构示例错字", "", "")]
    public void Solrs_common_forms_find_what_they_mean(string q, string fq, string names)
    {
        var found = Search(q, fq, "sort=title_string asc");
        Assert.Equal(names.Order(), found.Items.Select(item => item.Name[0]).Order());
        Assert.Equal(names.Length, found.Page.Total);
    }

    [Theory]
    [InlineData("", "organization:a OR groups:b")]
    [InlineData("", "groups:(a AND b)")]
    [InlineData("", "groups:(a b)")]
    [InlineData("", "groups:(a")]
    [InlineData("", "groups:\"a")]
    [InlineData("", "groups:")]
    [InlineData("", "(((((((((((groups:a)))))))))))")]
    [InlineData("", "OR groups:a")]
    [InlineData("", "groups:a OR")]
    [InlineData("", "metadata_modified:[2026-01-01T00:00:00Z TO *]")]
    [InlineData("", "licence:x")]
    [InlineData("", "private:true")]
    [InlineData("", "groups:a)")]
    [InlineData("-甲 groups:c0200", "")]
    [InlineData("甲 OR 乙", "")]
    public void What_cannot_be_answered_exactly_is_refused(string q, string fq) => Assert.Equal("Validation Error", Assert.Throws<CkanRefusal>(() => Search(q, fq)).Kind);

    [Fact]
    public void Whatever_is_written_is_answered_or_refused()
    {
        var random = new Random(7);
        string[] pieces = ["groups", ":", "(", ")", "\"", " ", "OR", "AND", "NOT", "-", "+", "!", "*", "[", "]", "TO", "\\", "甲", "c0200", "||", "&&", "organization:", "\ud83d", "{", "}"];
        for (var i = 0; i < 20_000; i++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => pieces[random.Next(pieces.Length)]));
            try
            {
                CkanQuery.Parse(text, "fq");
            }
            catch (CkanRefusal)
            {
                // The other of the two answers.
            }
        }
    }

    [Theory]
    [InlineData("title_string asc")]
    [InlineData("title_string desc")]
    [InlineData("metadata_created desc")]
    [InlineData("metadata_modified asc")]
    [InlineData("name asc")]
    [InlineData("score desc, metadata_modified desc")]
    public void Offsets_walk_through_everything_once(string sort)
    {
        var whole = Search("", "", $"sort={sort}&rows=100").Items.Select(item => item.Name).ToList();
        Assert.Equal(5, whole.Count);
        List<string> seen = [];
        for (var start = 0; start < 7; start += 2)
        {
            seen.AddRange(Search("", "", $"sort={sort}&rows=2&start={start}").Items.Select(item => item.Name));
        }

        Assert.Equal(whole, seen);
        Assert.Empty(Search("", "", $"sort={sort}&rows=0").Items);
    }

    [Fact]
    public void Orders_are_what_they_say()
    {
        Assert.Equal("丁丙甲乙戊".Order(), Search("", "", "sort=title_string asc").Items.Select(item => item.Name[0]).Order());
        Assert.Equal(Search("", "", "sort=title_string asc").Items.Reverse(), Search("", "", "sort=title_string desc").Items);
        Assert.Equal("甲", Search("", "", "sort=metadata_created asc").Items[0].Name[..1]);
        Assert.Equal("戊", Search("", "", "sort=metadata_created desc").Items[0].Name[..1]);
        Assert.Throws<CkanRefusal>(() => Search("", "", "sort=views_recent desc"));
        Assert.Throws<CkanRefusal>(() => Search("示例", "", "start=10001"));
    }

    [Fact]
    public void Facets_count_what_was_found()
    {
        var found = Search("", "groups:c0200");
        Assert.Equal([("c0200", 2)], Facets(found, "groups"));
        Assert.Equal([("11430100exampl0121", 1), ("12430100exampl039m", 1)], Facets(found, "organization"));
        var all = Search("", "");
        Assert.Equal([("CSV", 2), ("JSON", 2), ("API", 1), ("XLSX", 1)], Facets(all, "res_format"));
        Assert.Equal([("无条件共享", 3), ("有条件共享", 1), ("不予共享", 1)], Facets(all, "tags").OrderByDescending(facet => facet.Item2).ThenByDescending(facet => facet.Item1));
        Assert.Throws<CkanRefusal>(() => Facets(all, "licence"));
        Assert.Equal([("c0200", 1)], Facets(Search("", "", "", openOnly: true), "groups"));
    }

    [Theory]
    [InlineData("application/json", "{\"id\":\"x\",\"all_fields\":true,\"limit\":3,\"facet.field\":[\"a\",\"b\"]}")]
    [InlineData(null, "{\"id\":\"x\",\"all_fields\":\"True\",\"limit\":\"3\",\"facet.field\":[\"a\",\"b\"]}")]
    [InlineData("application/x-www-form-urlencoded", "id=x&all_fields=1&limit=3&facet.field=%5B%22a%22%2C%22b%22%5D")]
    [InlineData("application/x-www-form-urlencoded", "{\"id\":\"x\",\"all_fields\":true,\"limit\":3,\"facet.field\":[\"a\",\"b\"]}")]
    [InlineData("application/x-www-form-urlencoded", "%7B%22id%22%3A%22x%22%2C%22all_fields%22%3Atrue%2C%22limit%22%3A3%2C%22facet.field%22%3A%5B%22a%22%2C%22b%22%5D%7D=")]
    public async Task A_body_is_read_whatever_it_calls_itself(string? type, string body)
    {
        var http = new DefaultHttpContext();
        http.Request.Method = "POST";
        http.Request.ContentType = type;
        http.Request.QueryString = new QueryString("?id=y&q=z");
        http.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        var parameters = await CkanParameters.ReadAsync(http.Request, CancellationToken.None);
        Assert.Equal(("x", "z", true, 3), (parameters.Text("id"), parameters.Text("q"), parameters.Flag("all_fields"), parameters.Number("limit")));
        Assert.Equal(["a", "b"], parameters.List("facet.field"));
        Assert.Equal("Validation Error", Assert.Throws<CkanRefusal>(() => parameters.Required("name")).Kind);
        Assert.Equal("Validation Error", Assert.Throws<CkanRefusal>(() => parameters.Number("q")).Kind);
    }

    private static IEnumerable<DatasetEntry> Entries()
    {
        var all = Variants.All("changsha");
        DatasetEntry[] five =
        [
            all[0] with { Name = "甲（示例）", Theme = "C0200" },
            all[1] with { Name = "乙（示例）", Theme = "C0300", SharingType = SharingClass.Conditional, OpenToSociety = false },
            all[0] with { Name = "丙（示例）", Theme = "C0200", City = "zhuzhou", DepartmentCode = Other, OpenToSociety = false },
            all[3] with { Name = "丁（示例）", Theme = "A0400" },
            all[4] with { Name = "戊（示例）", Theme = "D0400", DepartmentCode = Other },
        ];
        return five.Select((entry, number) => entry with { DatasetId = Guid.CreateVersion7(), ReleasedOn = new DateOnly(2026, 1, 1 + number), DepartmentName = entry.DepartmentCode });
    }

    private CkanSearch.Found Search(string q, string fq, string more = "", bool openOnly = false)
    {
        var http = new DefaultHttpContext();
        http.Request.QueryString = new QueryString($"?q={Uri.EscapeDataString(q)}&fq={Uri.EscapeDataString(fq)}&{more}");
        return CkanSearch.Search(index, openOnly, new DateOnly(2026, 11, 22), CkanParameters.ReadAsync(http.Request, CancellationToken.None).Result);
    }

    private List<(string, int)> Facets(CkanSearch.Found found, string field) => [.. CkanSearch.Facets(index, found, field).Select(item => (item.Name, item.Count))];
}
