using Exchange.Catalogue.Datasets;
using Xunit;

namespace Exchange.Tests.Datasets;

public sealed class CatalogueColumnsTests
{
    private static readonly string[] Headers =
        ["序号", "*资源名称", "数源单位", "统一社会信用代码（必填）", "信息资源摘要：", "主题 分类", "资源格式", "共享属性(1/2/3)", "共享条件", "共享方式类型", "开放属性", "更新频率", "数据分类", "数据分级*", "是否涉密", "字段中文名", "字段英文名", "字段类型", "字段长度", "是否涉及个人信息"];

    private static readonly string[] Cells =
        ["1", "甲（示例）", "某局", "91350100m000100y43", "摘要", "Ｃ０４００", "库表", "１", "", "库表交换", "无", "按月", "一般", "２级", "否", "金额", "ａmount", "字符型（C）", "３０位", "有"];

    [Fact]
    public async Task A_departments_own_headers_and_words_mean_the_guides()
    {
        var (entries, faults) = await Samples.CatalogueAsync(Csv(Headers, [.. Cells]));
        Assert.Empty(faults.Listed.All.Select(f => f.Message.Zh));
        var draft = Assert.Single(entries).Draft;
        Assert.Equal(
            ("甲（示例）", "91350100M000100Y43", "C0400", "table", "unconditional", "rows", false, "monthly", "general", 2),
            (draft.Name, draft.DepartmentCode, draft.Theme, draft.Format, draft.SharingType, draft.SharingMethod, draft.OpenToSociety, draft.UpdateFrequency, draft.Classification, draft.Grade));
        var field = Assert.Single(draft.Fields!);
        Assert.Equal(("金额", "amount", "C", 30, true), (field.Title, field.Name, field.Type, field.Length, field.Personal));
    }

    [Theory]
    [InlineData("资源名称", "信息资源名称", "column-twice", "B 列“*资源名称”和 U 列“信息资源名称”")]
    [InlineData("字段名称", null, "ambiguous-column", "“信息项名称”，也可能是“信息项标识”")]
    public async Task Two_columns_of_one_meaning_and_one_of_two_are_told_with_both(string header, string? written, string rule, string words)
    {
        var (_, faults) = await Samples.CatalogueAsync(Csv([.. Headers, written ?? header], [.. Cells, "x"]));
        var fault = Assert.Single(faults.Listed.All);
        Assert.Equal((rule, "U"), (fault.Rule, fault.At!.Letter));
        Assert.Contains(words, fault.Message.Zh, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("信息资源名", "信息资源名称")]
    [InlineData("更新周其", "更新周期")]
    [InlineData("数据项长", "数据项长度")]
    public async Task An_unknown_column_is_told_with_the_nearest_known_one(string header, string nearest)
    {
        var (_, faults) = await Samples.CatalogueAsync(Csv([.. Headers, header], [.. Cells, "x"]));
        var fault = Assert.Single(faults.Listed.All);
        Assert.Equal(("unknown-column", header, "U", 1), (fault.Rule, fault.At!.Column, fault.At.Letter, fault.At.Row));
        Assert.Contains(nearest, fault.Advice!.Zh, StringComparison.Ordinal);
        Assert.Contains(nearest, fault.Advice.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_title_above_the_header_is_told_as_such()
    {
        var (_, faults) = await Samples.CatalogueAsync("某局政务数据目录,,,,\n" + Csv(Headers, Cells));
        Assert.Equal("header-missing", Assert.Single(faults.Listed.All).Rule);
    }

    [Fact]
    public async Task What_is_secret_stays_outside()
    {
        var (_, faults) = await Samples.CatalogueAsync(Csv(Headers, [.. Cells.Select((c, i) => Headers[i] == "是否涉密" ? "秘密" : c)]));
        Assert.Equal(("secret", "第3条", "秘密", "O"), Assert.Single(faults.Listed.All.Select(f => (f.Rule, f.Article, f.At!.Value, f.At.Letter))));
    }

    [Fact]
    public async Task A_fault_names_the_files_own_header_its_letter_what_stands_there_and_what_to_write()
    {
        var (_, faults) = await Samples.CatalogueAsync(Csv(Headers, [.. Cells.Select(c => c == "按月" ? "每逢初一" : c)]));
        var fault = Assert.Single(faults.Listed.All);
        Assert.Equal(("2:更新周期", 2, "更新频率", "L", "每逢初一"), (fault.Field, fault.At!.Row, fault.At.Column, fault.At.Letter, fault.At.Value));
        Assert.StartsWith("第 2 行 L 列“更新频率”：", fault.Message.Zh, StringComparison.Ordinal);
        Assert.Contains("每季度", fault.Advice!.Zh, StringComparison.Ordinal);
        Assert.Contains("quarterly", fault.Advice.En, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1-无条件共享", "unconditional")]
    [InlineData("有条件共享（2）", "conditional")]
    [InlineData("2-无条件共享", "2-无条件共享")]
    [InlineData("有条件共享（不予共享部分字段）", "有条件共享（不予共享部分字段）")]
    public void A_code_or_remark_beside_a_word_must_agree(string written, string word) => Assert.Equal(word, Vocabularies.Sharing.Word(written));

    [Fact]
    public async Task The_samples_readme_shows_every_header_and_word()
    {
        var readme = await File.ReadAllTextAsync(Path.Combine(Samples.Root(), "deploy", "samples", "README.md"));
        Assert.All(CatalogueColumns.All.SelectMany(c => c.Also.Prepend(c.Header)).Concat(CatalogueColumns.Ambiguous.Select(a => a.Header)), header => Assert.Contains(header, readme, StringComparison.Ordinal));
        Vocabulary[] vocabularies = [Vocabularies.Sharing, Vocabularies.Method, Vocabularies.Frequency, Vocabularies.Classification, Vocabularies.FormatGroup, Vocabularies.FieldType, Vocabularies.YesNo, Vocabularies.NotSecret];
        Assert.All(vocabularies.SelectMany(v => v.Terms).SelectMany(t => t.Written), word => Assert.Contains(word, readme, StringComparison.Ordinal));
    }

    private static string Csv(string[] headers, string[] cells) => $"{string.Join(',', headers)}\n{string.Join(',', cells)}\n";
}
