using System.Net;
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
        (await city.SendAsync(HttpMethod.Post, "/datasets/import", Officer, Csv(Header + new string('\n', 21 << 20)))).Refuses(HttpStatusCode.RequestEntityTooLarge, "body-too-large");
    }

    private static string Line(string? code = null) => $"{code ?? Fresh().Code},导入 {Guid.NewGuid():N}（示例）,长沙市住房公积金管理中心,{Funds},摘要,住房,库表,无条件共享,,数据库,否,每月,一般数据,1,金额,amount,货币型Y,\n";

    private static (int Created, int Revised, int Unchanged) Counts(System.Text.Json.JsonElement result) =>
        (result.GetProperty("created").GetInt32(), result.GetProperty("revised").GetInt32(), result.GetProperty("unchanged").GetInt32());
}
