using System.Globalization;
using System.Text.RegularExpressions;
using Exchange.Catalogue;
using Exchange.Catalogue.Datasets;
using Xunit;

namespace Exchange.Tests.Datasets;

/// <summary>The committed samples look like three real cities: as large, as varied, and not alike.</summary>
public sealed class SampleEntriesTests
{
    [Theory]
    [InlineData("changsha")]
    [InlineData("zhuzhou")]
    [InlineData("xiangtan")]
    public async Task The_samples_are_faultless_and_varied(string id)
    {
        var city = City.Read(Samples.CityFile(id));
        var (entries, faults) = await Samples.CatalogueAsync(await File.ReadAllBytesAsync(Samples.Catalogue(id)));
        Assert.Empty(faults.Listed.All);
        Assert.True(entries.Count >= 40);
        Assert.True(entries.Select(e => e.Draft.DepartmentCode).Distinct().Count() >= 12);
        Assert.All(entries.GroupBy(e => e.Draft.SharingType), c => Assert.True(c.Count() >= 3));
        Covers(["unconditional", "conditional", "refused"], e => [e.SharingType]);
        Covers(["A0100", "A0200", "A0300", "A0400", "B0100", "B0200", "B0300", "B0400", "B0500", "C0100", "C0200", "C0300", "C0400", "C0500", "D0100", "D0200", "D0300", "D0400", "D0500"], e => [e.Theme]);
        Covers(["table", "service", "document", "spreadsheet", "database", "image", "stream", "self_describing"], e => [e.Format!.Split('/')[0]]);
        Covers(["realtime", "daily", "weekly", "monthly", "quarterly", "semiannual", "annual", "irregular", "historical"], e => [e.UpdateFrequency]);
        Covers(["1", "2", "3", "4", "5"], e => [e.Grade!.Value.ToString(CultureInfo.InvariantCulture)]);
        Covers(["C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F"], e => e.Fields!.Select(f => f.Type));
        Covers(["unconditional/conditional", "conditional/refused"], e => e.Fields!.Where(f => f.SharingType is { } own && own != e.SharingType).Select(f => $"{e.SharingType}/{f.SharingType}"));
        Assert.All(entries, e => Assert.Equal(e.ProviderName, city.Departments.Single(d => d.Code == e.Draft.DepartmentCode).Name));

        var loaded = 0;
        foreach (var entry in entries.Where(e => File.Exists(Samples.Rows(id, e.Draft.Code!))))
        {
            Assert.Equal("table", entry.Draft.Format);
            var (rows, told) = await Samples.RowsAsync(await File.ReadAllBytesAsync(Samples.Rows(id, entry.Draft.Code!)), [.. entry.Draft.Fields!.Select(f => f.ToField(entry.Draft.SharingType!))]);
            Assert.Empty(told);
            if (entry.Draft.PersonalInformation == true)
            {
                Assert.All(rows, row => Assert.Contains(row, cell => cell is string text && text.Contains("示例", StringComparison.Ordinal)));
            }

            Assert.NotEmpty(rows);
            loaded++;
        }

        Assert.True(loaded >= 6);

        void Covers(string[] expected, Func<EntryDraft, IEnumerable<string?>> of) => Assert.Equal(
            expected.Order(StringComparer.Ordinal),
            entries.SelectMany(e => of(e.Draft)).Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>What departments of the three cities ask of each other in practice: the provider, words of the title, the class, personal information or none, and who is named as requester.</summary>
    [Theory]
    [InlineData("公安局", "户籍", "conditional", true, "公积金", "教育", "人力资源社会保障")]
    [InlineData("公安局", "居住证", "conditional", true, "公积金", "教育", "人力资源社会保障")]
    [InlineData("人力资源和社会保障局", "参保缴费|社保缴纳", "conditional", true, "公积金", "住建")]
    [InlineData("住房公积金管理中心", "公积金缴存", "conditional", true, "其他城市住房公积金管理中心")]
    [InlineData("医疗保障局", "参保", "conditional", true, "医疗保障", "卫生健康", "民政")]
    [InlineData("医疗保障局", "异地就医", "conditional", true, "医疗保障", "卫生健康", "民政")]
    [InlineData("自然资源和规划局", "不动产", "conditional", true, "税务", "公积金", "教育")]
    [InlineData("教育局", "学籍", "conditional", true, "教育", "公安")]
    [InlineData("市场监督管理局", "营业执照", "unconditional", true)]
    [InlineData("市场监督管理局", "市场主体登记|企业登记|经营主体登记", "unconditional", false)]
    [InlineData("发展和改革委员会", "行政处罚", "unconditional", false)]
    [InlineData("交通运输局", "公交线路", "unconditional", false)]
    [InlineData("交通运输局", "公交.*优惠", "conditional", true, "交通运输", "民政")]
    public async Task Each_city_has_the_entries_that_cities_exchange(string department, string title, string sharing, bool personal, params string[] requesters)
    {
        foreach (var id in (string[])["changsha", "zhuzhou", "xiangtan"])
        {
            var (entries, _) = await Samples.CatalogueAsync(await File.ReadAllBytesAsync(Samples.Catalogue(id)));
            Assert.Contains(entries.Where(e => e.ProviderName!.EndsWith(department, StringComparison.Ordinal)).Select(e => e.Draft), e =>
                Regex.IsMatch(e.Name!, title, RegexOptions.None, TimeSpan.FromSeconds(1)) && e.SharingType == sharing && e.PersonalInformation == personal
                && requesters.All(r => EntryRules.Condition(e.SharingConditions, "共享范围")!.Contains(r, StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task The_cities_are_no_copies_of_each_other()
    {
        List<HashSet<string>> titles = [];
        foreach (var id in (string[])["changsha", "zhuzhou", "xiangtan"])
        {
            titles.Add([.. (await Samples.CatalogueAsync(await File.ReadAllBytesAsync(Samples.Catalogue(id)))).Entries.Select(e => e.Draft.Name![3..])]);
        }

        Assert.All(titles, own => Assert.True(own.Count(t => titles.Count(other => other.Contains(t)) == 1) >= own.Count / 3));
    }
}
