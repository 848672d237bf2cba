using Exchange.Catalogue;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Xunit;

namespace Exchange.Tests.Departments;

public sealed class CityFileTests
{
    [Theory]
    [InlineData("changsha", "430100", "长沙")]
    [InlineData("zhuzhou", "430200", "株洲")]
    [InlineData("xiangtan", "430300", "湘潭")]
    public void Each_city_file_can_be_read(string id, string code, string shortName)
    {
        var city = City.Read(Samples.CityFile(id));
        Assert.Equal((id, code, shortName), (city.Id, city.Code, city.ShortName));
        Assert.True(city.Departments.Count >= 6);
        Assert.All(city.Departments, d => Assert.Contains("EXAMPL", d.Code, StringComparison.Ordinal));
        Assert.All(city.Departments, d => Assert.True(d.CorrectionRules?.Contains("示例", StringComparison.Ordinal) == true && d.CorrectionChannel?.Contains("示例", StringComparison.Ordinal) == true));
    }

    [Fact]
    public void All_faults_of_a_file_are_told_at_once()
    {
        var text = File.ReadAllText(Samples.CityFile("changsha"))
            .Replace("\"reply_conditional\": 10", "\"reply_conditional\": 11", StringComparison.Ordinal)
            .Replace("\"delivery\": 20", "\"delivery\": 0", StringComparison.Ordinal)
            .Replace("\"automatic\"", "\"sometimes\"", StringComparison.Ordinal)
            .Replace("11430100EXAMPL0714", "11430100EXAMPL0715", StringComparison.Ordinal);
        var faults = Refused(text);
        Assert.Equal(4, faults.Count);
        Assert.Contains(faults, f => f.Contains("reply_conditional", StringComparison.Ordinal) && f.Contains("art. 21", StringComparison.Ordinal));
        Assert.Contains(faults, f => f.Contains("11430100EXAMPL0715", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("retention_years", 2, "29")]
    [InlineData("extension", 11, "21")]
    [InlineData("correction", 11, "26")]
    [InlineData("catalogue_update", 11, "17")]
    [InlineData("catalogue_review", 3, "17")]
    [InlineData("catalogue_extension", 6, "17")]
    public void No_limit_is_longer_and_no_retention_shorter_than_the_law_has_it(string limit, int value, string article)
    {
        var fault = Assert.Single(Refused(File.ReadAllText(Samples.CityFile("changsha")).Replace("\"limits\": {", $"\"limits\": {{ \"{limit}\": {value},", StringComparison.Ordinal)));
        Assert.Contains(limit, fault, StringComparison.Ordinal);
        Assert.Contains($"art. {article}", fault, StringComparison.Ordinal);
    }

    [Fact]
    public void A_setting_that_nobody_reads_stops_the_start() =>
        Assert.Contains("limts", Assert.Single(Refused(File.ReadAllText(Samples.CityFile("xiangtan")).Replace("\"limits\"", "\"limts\"", StringComparison.Ordinal))), StringComparison.Ordinal);

    private static IReadOnlyList<string> Refused(string text)
    {
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, text);
            return Assert.Throws<InvalidSettingsException>(() => City.Read(file)).Faults;
        }
        finally
        {
            File.Delete(file);
        }
    }
}
