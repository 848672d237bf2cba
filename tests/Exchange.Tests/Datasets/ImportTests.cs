using System.Net;
using System.Text;
using Exchange.Catalogue.Datasets;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

public sealed class ImportTests(PublishingCity city)
{
    private const string Header = "信息资源代码,信息资源名称,信息资源提供方,信息资源提供方代码,信息资源摘要,主题分类,信息资源格式,共享类型,共享条件,共享方式,是否向社会开放,更新周期,数据分类,数据分级,信息项名称,信息项标识,数据类型,数据长度\n";

    [Fact]
    public async Task Importing_twice_changes_nothing()
    {
        var text = Header + Line() + Line() + $",无代码 {Guid.NewGuid():N},,{Funds},摘要,住房,库表,无条件共享,,数据库,否,每月,一般数据,1,金额,amount,货币型Y,\n";
        var first = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text))).Expect(HttpStatusCode.OK).Body;
        Assert.Equal((3, 0, 0), Counts(first));
        var second = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text))).Expect(HttpStatusCode.OK).Body;
        Assert.Equal((0, 0, 3), Counts(second));
        foreach (var entry in second.GetProperty("entries").EnumerateArray())
        {
            Assert.Equal(1, (await city.SendAsync(HttpMethod.Get, $"/datasets/{entry.GetProperty("dataset_id").GetString()}", Officer)).Revision);
        }

        Assert.Equal((0, 3, 0), Counts((await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text.Replace("摘要,住房", "新摘要,住房", StringComparison.Ordinal)))).Expect(HttpStatusCode.OK).Body));
    }

    [Fact]
    public async Task With_one_fault_nothing_is_imported_and_all_faults_are_told()
    {
        var good = Line();
        var text = Header + good + Line().Replace("每月", "偶尔", StringComparison.Ordinal) + Line().Replace(Funds, "11430100EXAMPL0121", StringComparison.Ordinal) + Line().Replace("长沙市住房公积金管理中心", "别的名称", StringComparison.Ordinal);
        var answer = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal(["3:更新周期 unknown-value", "4:信息资源提供方代码 foreign-department", "5:信息资源提供方 department-name"],
            answer.Body.GetProperty("errors").EnumerateArray().Select(e => $"{e.GetProperty("field").GetString()} {e.GetProperty("rule").GetString()}").Order(StringComparer.Ordinal));
        var code = good.Split(',')[0];
        Assert.Equal(0, (await city.SendAsync(HttpMethod.Get, $"/datasets?code={Uri.EscapeDataString(code)}", Officer)).Body.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task Another_departments_code_is_not_taken_over()
    {
        var draft = Fresh() with { DepartmentCode = OtherOfficer.Department };
        (await city.SendAsync(HttpMethod.Post, "/datasets", OtherOfficer, draft)).Expect(HttpStatusCode.Created);
        var answer = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(Header + Line(draft.Code)))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal("2:信息资源代码", answer.Body.GetProperty("errors")[0].GetProperty("field").GetString());
    }

    [Fact]
    public async Task The_same_table_sent_twice_at_once_is_imported_once()
    {
        var text = Header + string.Concat(Enumerable.Range(0, 20).Select(_ => Line()));
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text))));
        Assert.Equal(20, answers.Sum(a => Counts(a.Expect(HttpStatusCode.OK).Body).Created));
        Assert.Equal(60, answers.Sum(a => Counts(a.Body).Unchanged));
    }

    [Fact]
    public async Task Another_role_city_media_type_or_size_is_refused()
    {
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Head, Csv(Header))).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", OtherCity, Csv(Header))).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, new { })).Refuses(HttpStatusCode.UnsupportedMediaType, "media-type");
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(Header + new string('\n', 65 << 20)))).Refuses(HttpStatusCode.RequestEntityTooLarge, "body-too-large");
    }

    [Fact]
    public async Task The_same_table_in_another_encoding_changes_nothing()
    {
        var text = Header + Line() + Line();
        var gb18030 = CodePagesEncodingProvider.Instance.GetEncoding("gb18030")!.GetBytes(text);
        var created = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(gb18030))).Expect(HttpStatusCode.OK).Body;
        Assert.Equal((2, 0, 0), Counts(created));
        foreach (var charset in (string[])["gb18030", "GBK", "gb2312"])
        {
            Assert.Equal((0, 0, 2), Counts((await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(gb18030, charset))).Expect(HttpStatusCode.OK).Body));
        }

        Assert.Equal((0, 0, 2), Counts((await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(text)], "utf-8"))).Expect(HttpStatusCode.OK).Body));
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(gb18030, "utf-8"))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(gb18030, "big5"))).Refuses(HttpStatusCode.UnsupportedMediaType, "media-type");
        (await city.SendAsync(HttpMethod.Post, "/datasets", Officer, new ByteArrayContent(gb18030) { Headers = { ContentType = new("application/json") { CharSet = "gbk" } } })).Refuses(HttpStatusCode.UnsupportedMediaType, "media-type");
    }

    [Fact]
    public async Task Other_content_is_a_new_version_and_a_missing_row_withdraws_nothing()
    {
        var (path, _) = await city.PublishAsync();
        var published = (await city.SendAsync(HttpMethod.Get, path, Officer)).Body.GetProperty("published");
        var code = published.GetProperty("code").GetString()!;
        var (one, other) = (Line(code), Line());
        Assert.Equal((1, 1, 0), Counts((await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(Header + one + other))).Expect(HttpStatusCode.OK).Body));
        var revised = (await city.SendAsync(HttpMethod.Get, path, Officer)).Expect(HttpStatusCode.OK);
        Assert.Equal((2, "draft", 1), (revised.Body.GetProperty("working").GetProperty("version").GetInt32(), revised.Body.GetProperty("working").GetProperty("state").GetString(), revised.Body.GetProperty("published").GetProperty("version").GetInt32()));

        Assert.Equal((0, 0, 1), Counts((await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(Header + other))).Expect(HttpStatusCode.OK).Body));
        var after = (await city.SendAsync(HttpMethod.Get, path, Officer)).Expect(HttpStatusCode.OK);
        Assert.Equal((revised.Tag, 1), (after.Tag, after.Body.GetProperty("published").GetProperty("version").GetInt32()));
    }

    [Theory]
    [InlineData("zh", "第 3 行 L 列“更新周期”：", "每季度")]
    [InlineData("en", "Row 3, column L (更新周期): ", "quarterly")]
    public async Task A_fault_tells_a_clerk_where_what_and_what_to_write(string language, string where, string advice)
    {
        var text = Header + Line().Replace("摘要,住房", "\"第一行\r\n第二行\r\n第三行\",住房", StringComparison.Ordinal) + Line().Replace("每月", "偶尔", StringComparison.Ordinal);
        var answer = (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(text), language: language)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        var fault = Assert.Single(answer.Body.GetProperty("errors").EnumerateArray());
        Assert.Equal(("3:更新周期", 3, "更新周期", "L", "偶尔"), (fault.GetProperty("field").GetString(), fault.GetProperty("row").GetInt32(), fault.GetProperty("column").GetString(), fault.GetProperty("column_letter").GetString(), fault.GetProperty("value").GetString()));
        Assert.StartsWith(where, fault.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(advice, fault.GetProperty("advice").GetString(), StringComparison.Ordinal);
    }

    private static string Line(string? code = null) => $"{code ?? Fresh().Code},导入 {Guid.NewGuid():N}（示例）,长沙市住房公积金管理中心,{Funds},摘要,住房,库表,无条件共享,,数据库,否,每月,一般数据,1,金额,amount,货币型Y,\n";

    private static (int Created, int Revised, int Unchanged) Counts(System.Text.Json.JsonElement result) =>
        (result.GetProperty("created").GetInt32(), result.GetProperty("revised").GetInt32(), result.GetProperty("unchanged").GetInt32());
}
