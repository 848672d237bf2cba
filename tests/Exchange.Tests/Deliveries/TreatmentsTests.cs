using System.Security.Cryptography;
using System.Text;
using Exchange.Catalogue.Grants;
using Xunit;

namespace Exchange.Tests.Deliveries;

/// <summary>What each treatment makes of a value, of one that is not of its kind, and of hostile ones.</summary>
public sealed class TreatmentsTests
{
    private static readonly byte[] Key = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];

    [Theory]
    [InlineData("plain", "张三丰", "张三丰")]
    [InlineData("masked", "张三丰", "***")]
    [InlineData("masked", "1", "***")]
    [InlineData("masked:name", "张三", "张*")]
    [InlineData("masked:name", "张小三", "张*三")]
    [InlineData("masked:name", "欧阳娜娜", "欧**娜")]
    [InlineData("masked:name", "阿卜杜拉·买买提", "阿******提")]
    [InlineData("masked:name", "𠮷田三", "𠮷*三")]
    [InlineData("masked:name", "张", "*")]
    [InlineData("masked:name", "张三13812345678", "***")]
    [InlineData("masked:name", "430102199001011234", "***")]
    [InlineData("masked:name", "张三，住长沙", "***")]
    [InlineData("masked:name", " ", "***")]
    [InlineData("masked:name", "一二三四五六七八九十一二三四五六七八九十一", "***")]
    [InlineData("masked:id_number", "430102199001011234", "430102********1234")]
    [InlineData("masked:id_number", "43010219900101123X", "430102********123X")]
    [InlineData("masked:id_number", " 43010219900101123x ", "430102********123x")]
    [InlineData("masked:id_number", "430102900101123", "430102******123")]
    [InlineData("masked:id_number", "4301021990010112", "***")]
    [InlineData("masked:id_number", "E12345678", "***")]
    [InlineData("masked:id_number", "４３０１０２１９９００１０１１２３４", "***")]
    [InlineData("masked:id_number", "43010219900101X234", "***")]
    [InlineData("masked:phone", "13812345678", "138****5678")]
    [InlineData("masked:phone", "+86 13812345678", "+86 138****5678")]
    [InlineData("masked:phone", "138-1234-5678", "138****5678")]
    [InlineData("masked:phone", "0731-84591234", "0731-****1234")]
    [InlineData("masked:phone", "073184591234", "0731****1234")]
    [InlineData("masked:phone", "12345", "***")]
    [InlineData("masked:phone", "13812345678 张三", "***")]
    [InlineData("masked:phone", "23812345678", "***")]
    [InlineData("masked:bank_card", "6222021234567890123", "************0123")]
    [InlineData("masked:bank_card", "6222 0212 3456 7890", "************7890")]
    [InlineData("masked:bank_card", "622202123456", "***")]
    [InlineData("masked:bank_card", "62220212345678901234", "***")]
    [InlineData("masked:bank_card", "1234", "***")]
    [InlineData("masked:bank_card", "6222O21234567890", "***")]
    [InlineData("masked:address", "湖南省长沙市岳麓区麓山南路1号3栋", "湖南省长沙市岳麓区***")]
    [InlineData("masked:address", "长沙市岳麓区麓山南路1号", "长沙市岳麓区***")]
    [InlineData("masked:address", "湖南省湘潭市湘潭县易俗河镇", "湖南省湘潭市湘潭县***")]
    [InlineData("masked:address", "湖南省湘潭市湘乡市东山街道", "湖南省湘潭市湘乡市***")]
    [InlineData("masked:address", "湖南省怀化市通道侗族自治县双江镇", "湖南省怀化市通道侗族自治县***")]
    [InlineData("masked:address", "湖南省湘西土家族苗族自治州吉首市乾州街", "湖南省湘西土家族苗族自治州吉首市***")]
    [InlineData("masked:address", "北京市海淀区中关村大街1号", "北京市海淀区***")]
    [InlineData("masked:address", "湖南省长沙市阳光小区3栋", "湖南省长沙市***")]
    [InlineData("masked:address", "湖南省人民医院家属区", "湖南省***")]
    [InlineData("masked:address", "阳光小区3栋402室", "***")]
    [InlineData("masked:address", "张三家所在县", "***")]
    [InlineData("masked:address", "13812345678", "***")]
    [InlineData("masked:address", "长沙市岳麓区", "长沙市岳麓区***")]
    [InlineData("generalised:district", "湖南省株洲市天元区神农大道1号", "湖南省株洲市天元区")]
    [InlineData("generalised:district", "神农大道1号", "***")]
    [InlineData("generalised:month", "2026-03-05", "2026-03")]
    [InlineData("generalised:month", "20260305", "2026-03")]
    [InlineData("generalised:month", "2026-03-05T08:30:00+08:00", "2026-03")]
    [InlineData("generalised:month", "2026-13-05", "***")]
    [InlineData("generalised:month", "2026年3月5日", "***")]
    [InlineData("generalised:band:10000", "23456.78", "20000..30000")]
    [InlineData("generalised:band:10000", "20000", "20000..30000")]
    [InlineData("generalised:band:100", "-1", "-100..0")]
    [InlineData("generalised:band:0.5", "0.7", "0.5..1")]
    [InlineData("generalised:band:10", "1E+300", "***")]
    [InlineData("generalised:band:10", "十", "***")]
    [InlineData("dropped", "张三丰", null)]
    [InlineData("hashed", null, null)]
    [InlineData("masked", null, null)]
    public void Each_treatment_shows_what_its_form_allows_and_no_more(string word, string? value, string? shown)
    {
        Assert.Equal(shown, Treatments.Apply(Treatments.Parse(word)!.Value, value, Key));
    }

    [Fact]
    public void A_hash_is_the_hmac_of_the_value_and_needs_the_grants_key()
    {
        var hashed = Treatments.Parse("hashed")!.Value;
        var longer = new string('长', 5000);

        Assert.Equal(Convert.ToHexStringLower(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes("430102199001011234"))), Treatments.Apply(hashed, "430102199001011234", Key));
        Assert.Equal(Convert.ToHexStringLower(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes(longer))), Treatments.Apply(hashed, longer, Key));
        Assert.NotEqual(Treatments.Apply(hashed, "甲", Key), Treatments.Apply(hashed, "甲", Key.AsSpan(1)));
        Assert.Throws<InvalidOperationException>(() => Treatments.Apply(hashed, "甲", []));
    }

    [Theory]
    [InlineData("masked:")]
    [InlineData("Masked")]
    [InlineData("masked:passport")]
    [InlineData("generalised:band")]
    [InlineData("generalised:band:")]
    [InlineData("generalised:band:0")]
    [InlineData("generalised:band:-5")]
    [InlineData("generalised:band:1e3")]
    [InlineData("")]
    [InlineData(null)]
    public void What_is_no_treatment_is_none_and_in_a_grant_it_hides(string? word)
    {
        Assert.Null(Treatments.Parse(word));
        Assert.Equal(TreatmentKind.Masked, Treatments.Of(new Dictionary<string, string> { ["a"] = word! }, "a").Kind);
    }

    [Theory]
    [InlineData("masked:name", "CMG")]
    [InlineData("masked:address", "CMG")]
    [InlineData("generalised:district", "CMG")]
    [InlineData("masked", "CMGNI")]
    [InlineData("masked:id_number", "CMGNI")]
    [InlineData("masked:phone", "CMGNI")]
    [InlineData("masked:bank_card", "CMGNI")]
    [InlineData("generalised:month", "DT")]
    [InlineData("generalised:band:10", "NYIBF")]
    [InlineData("hashed", "CNYDTMGBIF")]
    [InlineData("plain", "CNYDTLMGBIF")]
    [InlineData("dropped", "CNYDTLMGBIF")]
    public void A_treatment_fits_the_types_that_its_kind_is_written_in(string word, string types)
    {
        Assert.Equal(types.Order(), "CNYDTLMGBIF".Where(type => Treatments.Fits(Treatments.Parse(word)!.Value, type.ToString())).Order());
    }
}
