using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Deliveries;

/// <summary>Rows under a grant as a program of the asking department gets them from its provider: forms, treatment, rows, filters, sort and pages.</summary>
public sealed class GrantedDataTests(PublishingCity city)
{
    internal static readonly Who Program = new("zhuzhou-program", "zhuzhou", "11430200EXAMPL0126", [Roles.Integrator], "client");

    private const string People = """
        person,id_no,phone,address,born,seen,income,months,married,area
        张小三,430102199001011234,13812345678,湖南省长沙市岳麓区麓山南路1号,1990-01-01,2026-03-05 08:30:00,23456.78,12,是,430104
        李四,430203198502023456,13912345678,湖南省株洲市天元区神农大道2号,1985-02-02,2026-03-31 23:59:59,8000,240,否,430211
        =王五,43010519700303789X,0731-84591234,长沙市雨花区人民路3号,1970-03-03,2026-04-01 00:00:00,-5,,是,430111
        赵六,430102199001011234,,,,,,3,,

        """;

    [Fact]
    public async Task Each_field_leaves_as_the_grant_treats_it_in_every_form()
    {
        var dataset = await PeopleAsync();
        var grant = await GrantAsync(dataset, new(
            ["months", "person", "id_no", "phone", "address", "born", "seen", "income", "married"],
            new Dictionary<string, string>
            {
                ["person"] = "masked:name", ["id_no"] = "masked:id_number", ["phone"] = "masked:phone", ["address"] = "masked:address", ["born"] = "generalised:month", ["seen"] = "generalised:month",
                ["income"] = "generalised:band:10000", ["married"] = "dropped",
            }));

        var csv = await DataAsync(grant, "format=csv");
        Assert.Equal("""
            months,person,id_no,phone,address,born,seen,income
            12,张*三,430102********1234,138****5678,湖南省长沙市岳麓区***,1990-01,2026-03,20000..30000
            240,李*,430203********3456,139****5678,湖南省株洲市天元区***,1985-02,2026-03,0..10000
            ,***,430105********789X,0731-****1234,长沙市雨花区***,1970-03,2026-04,-10000..0
            3,赵*,430102********1234,,,,,

            """.ReplaceLineEndings("\r\n"), csv.Text);
        var lines = await DataAsync(grant, "format=ndjson");
        Assert.Equal("application/x-ndjson; charset=utf-8", lines.Headers["Content-Type"]);
        var objects = lines.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("""{"months":12,"person":"张*三","id_no":"430102********1234","phone":"138****5678","address":"湖南省长沙市岳麓区***","born":"1990-01","seen":"2026-03","income":"20000..30000"}""", objects[0]);
        Assert.Equal("""{"months":3,"person":"赵*","id_no":"430102********1234","phone":null,"address":null,"born":null,"seen":null,"income":null}""", objects[3]);
        Assert.Equal($"[{string.Join(',', objects)}]", (await DataAsync(grant, "format=json")).Text);
        Assert.Equal(lines.Text, (await SendAsync(grant, "", ("Accept", "application/x-ndjson"))).Text);

        // The record says what it had, without a value.
        await using var connection = await city.OpenAsync();
        var (fields, treatments) = await connection.QueryFirstAsync<(string[] Fields, string Treatments)>("select fields, treatments::text from deliveries where exchange_id = @grant", new { grant });
        Assert.Equal(["months", "person", "id_no", "phone", "address", "born", "seen", "income"], fields);
        Assert.Equal("masked:name", JsonDocument.Parse(treatments).RootElement.GetProperty("person").GetString());
        var receipt = await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/deliveries/{csv.Headers["Exchange-Delivery-Id"]}", Program);
        Assert.Equal((8, "generalised:month"), (receipt.Body.GetProperty("fields").GetArrayLength(), receipt.Body.GetProperty("treatments").GetProperty("born").GetString()));
        var record = await connection.QueryFirstAsync<string>("select content::text from outbox where type = 'delivery.opened' and correlation_id = @grant", new { grant });
        Assert.Contains("address=masked:address,born=generalised:month,id_no=masked:id_number", record, StringComparison.Ordinal);
        Assert.DoesNotContain("430102", record, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_person_is_the_same_within_a_grant_and_another_one_across_grants()
    {
        var dataset = await PeopleAsync();
        var scope = new GrantedScope(["id_no"], new Dictionary<string, string> { ["id_no"] = "hashed" });
        var (one, other) = (await GrantAsync(dataset, scope), await GrantAsync(dataset, scope));

        var hashes = Lines(await DataAsync(one));
        Assert.All(hashes, hash => Assert.Matches("^[0-9a-f]{64}$", hash));
        Assert.Equal(hashes[0], hashes[3]);
        Assert.Equal(3, hashes.Distinct().Count());
        Assert.Equal(hashes, Lines(await DataAsync(one)));
        Assert.Empty(hashes.Intersect(Lines(await DataAsync(other))));
    }

    [Fact]
    public async Task Rows_are_those_of_the_grants_area_and_time_by_fields_that_need_not_be_granted()
    {
        var dataset = await PeopleAsync();
        Assert.Equal(["张小三", "=王五"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Area = new() { Field = "area", Prefix = "4301" } })))));
        Assert.Equal(["张小三", "李四"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Area = new() { Field = "area", Values = ["430104", "430211", "4301"] } })))));
        // Days are Beijing's, the last one whole.
        Assert.Equal(["张小三", "李四"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Time = new() { Field = "seen", From = new(2026, 3, 5), Until = new(2026, 3, 31) } })))));
        Assert.Equal(["=王五"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Time = new() { Field = "seen", From = new(2026, 4, 1) } })))));
        Assert.Equal(["李四", "=王五"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Time = new() { Field = "born", Until = new(1985, 2, 2) } })))));
        Assert.Equal(["=王五"], Lines(await DataAsync(await GrantAsync(dataset, new(["person"], null, new() { Area = new() { Field = "area", Prefix = "4301" }, Time = new() { Field = "born", Until = new(1985, 2, 2) } })))));
        // A filter by what the table does not have, or has otherwise, gives nothing.
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await SendAsync(await GrantAsync(dataset, new(["person"], null, new() { Area = new() { Field = "income", Prefix = "1" } })), "")).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await SendAsync(await GrantAsync(dataset, new(["person"], null, new() { Time = new() { Field = "gone", Until = new(1985, 2, 2) } })), "")).Status);
    }

    [Fact]
    public async Task Filters_and_sort_take_what_is_granted_plain_and_compare_by_type()
    {
        var grant = await GrantAsync(await PeopleAsync(), new(["person", "born", "seen", "income", "months", "married"]));
        foreach (var (query, expected) in new (string, string[])[]
        {
            ("filter[person]=李四", ["李四"]),
            ("filter[person][prefix]=张", ["张小三"]),
            ("filter[person]=' or 1=1 --", []),
            ("filter[months]=12", ["张小三"]),
            ("filter[months][gt]=12", ["李四"]),
            ("filter[months][lte]=12", ["张小三", "赵六"]),
            ("filter[months]=", ["=王五"]),
            ("filter[income][lt]=0", ["=王五"]),
            ("filter[born][gte]=1985-02-02", ["张小三", "李四"]),
            ("filter[seen][lt]=2026-04-01", []),
            ("filter[seen][lt]=2026-04-01 00:00:00", ["张小三", "李四"]),
            ("filter[married]=是", ["张小三", "=王五"]),
            ("filter[married]=true&filter[months]=12", ["张小三"]),
            ("sort=months", ["赵六", "张小三", "李四", "=王五"]),
            ("sort=-months", ["李四", "张小三", "赵六", "=王五"]),
            ("sort=-married,born", ["=王五", "张小三", "李四", "赵六"]),
        })
        {
            var answer = await SendAsync(grant, query);
            if (query == "filter[seen][lt]=2026-04-01")
            {
                Assert.Equal(["filter[seen][lt] filter-value"], FaultsOf(answer));
                continue;
            }

            Assert.True(expected.SequenceEqual(Lines(answer.Expect(HttpStatusCode.OK)).Select(l => l.Split(',')[0])), $"{query}: {answer.Text}");
        }

        Assert.Equal("person,born,seen,income,months,married\r\n'=王五,1970-03-03,2026-04-01T00:00:00+08:00,-5,,true\r\n", (await DataAsync(grant, "filter[months]=&formula_safe=true")).Text.Replace(".0000", "", StringComparison.Ordinal));
        Assert.Equal(
            ["filter[months][like] operator", "filter[months] filter-value", "filter[person][gt] operator", "filter[person][x filter-form", "filters unknown-parameter", "sort twice", "limit range", "formula_safe csv-only"],
            FaultsOf(await SendAsync(grant, "filters=1&filter[months][like]=1&filter[months]=x&filter[person][gt]=a&filter[person][x=1&sort=months,months&limit=0&formula_safe=true&format=json")).Order(FaultOrder));
    }

    [Fact]
    public async Task What_is_masked_what_is_not_granted_and_what_does_not_exist_are_refused_in_the_same_words()
    {
        var grant = await GrantAsync(await PeopleAsync(), new(["months", "id_no", "person"], new Dictionary<string, string> { ["id_no"] = "masked:id_number", ["person"] = "dropped" }, new() { Area = new() { Field = "area", Prefix = "4301" } }));
        string[] names = ["id_no", "person", "income", "area", "nothing"];
        foreach (var form in new[] { "filter[{0}]=430102199001011234", "filter[{0}][prefix]=4", "filter[{0}][gt]=x", "sort={0}", "sort=-{0}" })
        {
            List<string> said = [];
            foreach (var name in names)
            {
                var answer = (await SendAsync(grant, string.Format(System.Globalization.CultureInfo.InvariantCulture, form, name))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
                said.Add(answer.Text.Replace(name, "…", StringComparison.Ordinal).Split("\"trace_id\"")[0]);
                Assert.Equal(["field-not-usable"], answer.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("rule").GetString()));
            }

            Assert.Single(said.Distinct());
        }
    }

    [Fact]
    public async Task Pages_join_to_the_whole_in_any_order_until_the_rows_are_replaced()
    {
        var (dataset, revision) = await LoadedAsync(Secrets.Fields, "person,id_no,phone,address,born,seen,income,months,married,area\n"
            + string.Concat(Enumerable.Range(0, 2_500).Select(i => $"甲{i},,,,,,,{(i % 9 == 0 ? "" : i % 7)},{(i % 3 == 0 ? "是" : "否")},{(i % 5 == 0 ? "4302" : "4301")}\n")));
        var grant = await GrantAsync(dataset, new(["person", "months", "married"], null, new() { Area = new() { Field = "area", Prefix = "4301" } }));
        foreach (var query in new[] { "", "sort=months", "sort=-months,married", "sort=married,-months&filter[months][gte]=2", "filter[married]=是" })
        {
            var whole = Lines(await DataAsync(grant, query));
            List<string> joined = [];
            var pages = 0;
            for (string? next = $"{query}&limit=400"; next is not null; pages++)
            {
                var page = await DataAsync(grant, next);
                var rows = Lines(page);
                Assert.InRange(rows.Count, 1, 400);
                joined.AddRange(rows);
                next = page.Headers.TryGetValue("Link", out var link) ? NextOf(link, grant) : null;
            }

            Assert.Equal(whole, joined);
            Assert.Equal((whole.Count + 399) / 400, pages);
        }

        var first = NextOf((await DataAsync(grant, "sort=months&limit=10")).Headers["Link"], grant);
        (await SendAsync(grant, first.Replace("sort=months", "sort=-months", StringComparison.Ordinal))).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        (await SendAsync(grant, first[..^4] + "AAAA")).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        (await SendAsync(grant, "limit=10&cursor=(0,1)")).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        // Another grant's cursor is none, and the same query and table make no difference.
        var other = await GrantAsync(dataset, new(["person", "months", "married"], null, new() { Area = new() { Field = "area", Prefix = "4301" } }));
        (await SendAsync(other, first)).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        // Where the page was to begin is not granted any more.
        await using (var connection = await city.OpenAsync())
        {
            await connection.ExecuteAsync("""update grants set row_filter = '{"area":{"field":"area","prefix":"4302"}}' where exchange_id = @grant""", new { grant });
        }

        (await SendAsync(grant, first)).Refuses(HttpStatusCode.Gone, "rows-replaced");
        var follows = NextOf((await DataAsync(other, "limit=10")).Headers["Link"], other);
        (await city.SendAsync(HttpMethod.Put, $"/datasets/{dataset}/rows", Officer, Csv("person,id_no,phone,address,born,seen,income,months,married,area\n甲,,,,,,,1,,4301\n"), revision)).Expect(HttpStatusCode.OK);
        (await SendAsync(other, follows)).Refuses(HttpStatusCode.Gone, "rows-replaced");
    }

    [Fact]
    public async Task Random_grants_give_the_same_bytes_for_tables_that_differ_in_what_is_not_granted()
    {
        var seed = Random.Shared.Next();
        List<(GrantedScope Scope, List<string[]> First, List<string[]> Second)> cases = [.. Enumerable.Range(0, 12).Select(i =>
        {
            var secrets = new Secrets(seed + i);
            var scope = secrets.Scope();
            var (first, second) = secrets.Tables(scope);
            return (scope, first, second);
        })];
        var (dataset, revision) = await LoadedAsync(Secrets.Fields, Table(cases[0].First));
        foreach (var (scope, first, second) in cases)
        {
            var grant = await GrantAsync(dataset, scope);
            List<string> bodies = [];
            foreach (var table in new[] { first, second })
            {
                revision = (await city.SendAsync(HttpMethod.Put, $"/datasets/{dataset}/rows", Officer, Csv(Table(table)), revision)).Expect(HttpStatusCode.OK).Revision;
                var plain = scope.Fields.Where(scope.IsPlain).Order(StringComparer.Ordinal).ToList();
                var sort = plain.Count == 0 ? "" : $"&sort={string.Join(',', plain.Take(3).Select((f, i) => i % 2 == 0 ? f : "-" + f))}&limit=3";
                var answers = new List<string>();
                foreach (var query in new[] { "format=csv", "format=csv&formula_safe=true", "format=json" + sort, "format=ndjson" })
                {
                    var answer = await DataAsync(grant, query);
                    answers.Add($"{answer.Text}{answer.Headers.ContainsKey("Link")}");
                }

                answers.Add((await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/preview?limit=3&purpose={PurposeCode.Of(Purpose)}", Program)).Expect(HttpStatusCode.OK).Text);

                bodies.Add(string.Join('\n', answers));
            }

            Assert.True(bodies[0] == bodies[1], $"seed {seed}, {GrantedScope.Compact(scope.Treatments)}\n{bodies[0]}\n---\n{bodies[1]}");
        }

        static string Table(List<string[]> rows)
        {
            var csv = new StringBuilder(string.Join(',', Secrets.Fields.Select(f => f.Name))).Append('\n');
            foreach (var row in rows)
            {
                csv.AppendJoin(',', row.Select(CsvCells.Exact)).Append('\n');
            }

            return csv.ToString();
        }
    }

    [Fact]
    public async Task A_field_that_rows_are_chosen_by_stays_as_long_as_the_grant_runs()
    {
        var draft = Fresh() with { Fields = Secrets.Fields };
        var (path, revision) = await city.PublishAsync(draft);
        await GrantAsync(Guid.Parse(path[10..]), new(["months"], null, new() { Area = new() { Field = "area", Prefix = "4301" } }));
        var without = draft with { Fields = [.. Secrets.Fields.Where(f => f.Name != "area")] };
        var refused = (await city.SendAsync(HttpMethod.Put, path, Officer, without, revision)).Expect(HttpStatusCode.Conflict);
        Assert.Contains("area", refused.Text, StringComparison.Ordinal);
    }

    private static readonly Comparer<string> FaultOrder = Comparer<string>.Create((a, b) => Rank(a).CompareTo(Rank(b)) is not 0 and var rank ? rank : string.CompareOrdinal(a.Replace("[months] ", "[months]~", StringComparison.Ordinal), b.Replace("[months] ", "[months]~", StringComparison.Ordinal)));

    private static int Rank(string fault) => fault switch { ['f', 'i', ..] => 0, ['s', ..] => 1, ['l', ..] => 2, _ => 3 };

    private static IEnumerable<string> FaultsOf(Answer answer) =>
        answer.Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input").Body.GetProperty("errors").EnumerateArray().Select(e => $"{e.GetProperty("field").GetString()} {e.GetProperty("rule").GetString()}");

    /// <summary>The query of the address that the header names.</summary>
    private static string NextOf(string link, Guid grant)
    {
        Assert.Matches($"^<https?://[^/]+/api/cities/changsha/grants/{grant}/data\\?.*>; rel=\"next\"$", link);
        return link[(link.IndexOf('?', StringComparison.Ordinal) + 1)..link.IndexOf('>', StringComparison.Ordinal)];
    }

    private static List<string> Lines(Answer csv) => [.. csv.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Skip(1)];

    private async Task<Guid> PeopleAsync() => (await LoadedAsync(Secrets.Fields, People)).Dataset;

    private async Task<(Guid Dataset, int Revision)> LoadedAsync(IReadOnlyList<FieldDraft> fields, string csv)
    {
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = fields });
        return (Guid.Parse(path[10..]), (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(csv), revision)).Expect(HttpStatusCode.OK).Revision);
    }

    /// <summary>As the sharing process leaves it.</summary>
    internal const string Purpose = "核验（示例）";

    internal static async Task<Guid> GrantAsync(PublishingCity city, Guid dataset, GrantedScope scope)
    {
        var grant = Guid.CreateVersion7();
        await using var connection = await city.OpenAsync();
        await connection.ExecuteAsync("""
            insert into grants (exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, treatments, row_filter, purpose, state, valid_from, valid_until, issued_at, changed_at)
            values (@grant, @City, @Department, @Funds, @dataset, 1, @fields, @treatments::jsonb, @rows::jsonb, @Purpose, 'active', '2026-01-01', '2099-12-31', now(), now())
            """, new { grant, Program.City, Program.Department, Funds, dataset, Purpose, fields = scope.Fields.ToArray(), treatments = GrantedScope.Json(scope.Treatments), rows = GrantedScope.Json(scope.Rows) });
        return grant;
    }

    private Task<Guid> GrantAsync(Guid dataset, GrantedScope scope) => GrantAsync(city, dataset, scope);

    private async Task<Answer> DataAsync(Guid grant, string query = "") => (await SendAsync(grant, query)).Expect(HttpStatusCode.OK);

    private Task<Answer> SendAsync(Guid grant, string query, params (string Name, string Value)[] headers) =>
        city.SendAsync(HttpMethod.Get, $"/grants/{grant}/data?{query}{(query.Contains("purpose=", StringComparison.Ordinal) ? "" : $"&purpose={PurposeCode.Of(Purpose)}")}", Program, headers: headers);
}
