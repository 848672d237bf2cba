using System.Text.Json;
using Exchange.Gateway.Federation;
using Exchange.Tests.Datasets;

namespace Exchange.Tests.Federation;

/// <summary>What people type, and the entries of the three cities' samples that they would expect among the first five.</summary>
public sealed class RelevanceTests : IAsyncLifetime
{
    private readonly SearchIndex index = new();

    public async ValueTask InitializeAsync()
    {
        var number = 0;
        foreach (var city in Samples.Cities)
        {
            foreach (var entry in (await Samples.CatalogueAsync(await File.ReadAllBytesAsync(Samples.Catalogue(city)))).Entries)
            {
                var draft = entry.Draft;
                index.Set(new IndexedEntry
                {
                    Id = new Guid(++number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
                    Version = 1,
                    City = city,
                    Name = draft.Name!,
                    Abstract = draft.Abstract!,
                    DepartmentCode = draft.DepartmentCode!,
                    DepartmentName = entry.ProviderName!,
                    Code = draft.Code,
                    FieldTitles = [.. draft.Fields!.Select(field => field.Title!)],
                    Theme = draft.Theme!,
                    Sharing = draft.SharingType!,
                    Format = draft.Format!,
                    UpdateFrequency = draft.UpdateFrequency!,
                    Grade = draft.Grade!.Value,
                    ReleasedOn = new DateOnly(2026, 1, 1),
                });
            }
        }
    }

    public ValueTask DisposeAsync()
    {
        index.Dispose();
        return ValueTask.CompletedTask;
    }

    [Theory]
    // Words as they stand in titles.
    [InlineData("公积金", "长沙市住房公积金缴存与贷款", "株洲市住房公积金缴存与贷款", "湘潭市公积金缴存和贷款信息")]
    [InlineData("行政区划代码", "长沙市县级行政区划代码", "株洲市县级行政区划代码", "湘潭市县级行政区划代码")]
    [InlineData("学籍", "长沙市中小学学籍", "株洲市中小学学籍", "湘潭市中小学生学籍信息")]
    [InlineData("婚姻登记", "长沙市婚姻登记", "株洲市婚姻登记核验", "湘潭市婚姻登记信息")]
    [InlineData("居住证", "长沙市居住证签发", "株洲市流动人口居住证", "湘潭市居住证签发")]
    [InlineData("不动产", "长沙市不动产登记查询", "株洲市不动产权属登记核验", "湘潭市不动产登记查询")]
    [InlineData("营业执照", "长沙市营业执照电子证照", "株洲市电子营业执照信息核验", "湘潭市营业执照照面信息")]
    [InlineData("排污许可", "长沙市排污许可信息", "株洲市排污许可证信息", "湘潭市排污许可管理信息")]
    [InlineData("高标准农田", "长沙市高标准农田图斑", "株洲市高标准农田建设项目图斑", "湘潭市高标准农田分布")]
    [InlineData("湘莲", "湘潭市湘莲种植面积")]
    [InlineData("渣土", "长沙市渣土运输许可")]
    [InlineData("烟花爆竹", "株洲市烟花爆竹安全生产许可")]
    [InlineData("水库", "湘潭市水库大坝安全鉴定")]
    [InlineData("二手车", "株洲市二手车交易市场")]
    [InlineData("收养", "长沙市收养登记", "湘潭市收养登记")]
    [InlineData("异地就医", "长沙市异地就医备案", "株洲市异地就医备案", "湘潭市异地就医备案")]
    [InlineData("出生医学证明", "长沙市出生医学证明签发", "株洲市出生医学证明核验", "湘潭市出生医学证明信息")]
    [InlineData("历史建筑", "长沙市历史建筑影像档案", "株洲市历史建筑图像档案", "湘潭市历史建筑照片档案")]
    // A city and a thing, with and without a space.
    [InlineData("长沙 公积金", "长沙市住房公积金缴存与贷款", "长沙市公积金服务网点")]
    [InlineData("公积金 湘潭", "湘潭市公积金缴存和贷款信息", "湘潭市公积金办理窗口")]
    [InlineData("株洲 学籍", "株洲市中小学学籍")]
    [InlineData("湘潭 户籍", "湘潭市人口户籍信息")]
    [InlineData("长沙公积金", "长沙市住房公积金缴存与贷款", "长沙市公积金服务网点")]
    [InlineData("湘潭公积金贷款", "湘潭市公积金缴存和贷款信息")]
    [InlineData("株洲居住证", "株洲市流动人口居住证")]
    [InlineData("长沙婚姻登记", "长沙市婚姻登记")]
    [InlineData("湘潭不动产", "湘潭市不动产登记查询")]
    [InlineData("长沙空气质量", "长沙市环境空气质量小时值")]
    [InlineData("株洲空气质量", "株洲市空气质量自动监测数据")]
    [InlineData("长沙地铁站点 轨道交通", "长沙市轨道交通线路站点")]
    // Several words in any order.
    [InlineData("处罚 市场监管", "长沙市市场监管行政处罚", "株洲市市场监管行政处罚", "湘潭市市场监管行政处罚")]
    [InlineData("缴费 社保", "长沙市社会保险参保缴费", "株洲市职工社保参保缴费明细")]
    [InlineData("名录 医疗卫生机构", "长沙市医疗卫生机构名录")]
    [InlineData("网签 商品房", "长沙市商品房买卖合同网签备案", "株洲市新建商品房网签")]
    [InlineData("优惠 公交", "长沙市公交卡优惠资格", "株洲市公交优惠乘车资格名单", "湘潭市公交卡优惠乘车资格")]
    [InlineData("客流 景区", "湘潭市红色旅游景区客流")]
    [InlineData("\"重大危险源\" 湘潭", "湘潭市重大危险源企业")]
    [InlineData("\"危险化学品重大危险源\"", "株洲市危险化学品重大危险源")]
    // Short names.
    [InlineData("社保", "长沙市社会保险参保缴费", "株洲市职工社保参保缴费明细", "湘潭市社保缴纳情况")]
    [InlineData("医保参保", "长沙市基本医疗保险参保信息", "株洲市医保参保人员登记", "湘潭市医疗保险参保情况")]
    [InlineData("医保定点", "长沙市医保定点医药机构名录", "株洲市医保定点医疗机构名录", "湘潭市医保定点机构名录")]
    [InlineData("长沙市人社局", "长沙市社会保险参保缴费", "长沙市就业失业登记")]
    [InlineData("湘潭市人社局 就业", "湘潭市劳动者就业登记")]
    [InlineData("发改委 重点建设项目", "长沙市重点建设项目清单", "株洲市重点建设项目清单", "湘潭市重点建设项目清单")]
    [InlineData("卫健委 名录", "长沙市医疗卫生机构名录")]
    [InlineData("住建局 网签", "长沙市商品房买卖合同网签备案", "株洲市新建商品房网签", "湘潭市房屋交易网签备案")]
    [InlineData("株洲市工信局", "株洲市规上工业企业信息", "株洲市轨道交通装备产业链企业", "株洲市装备企业产能利用")]
    [InlineData("长沙市城管局", "长沙市城市管理部件", "长沙市渣土运输许可")]
    [InlineData("自规局 影像", "长沙市基础地理影像", "株洲市卫星影像")]
    [InlineData("公积金中心 网点", "长沙市公积金服务网点")]
    // Initials.
    [InlineData("gjj", "株洲市住房公积金缴存与贷款", "湘潭市公积金缴存和贷款信息", "长沙市公积金服务网点", "湘潭市公积金办理窗口")] // 宏观经济 sounds so too, and takes a place.
    [InlineData("jzz", "长沙市居住证签发", "株洲市流动人口居住证", "湘潭市居住证签发")]
    [InlineData("hydj", "长沙市婚姻登记", "株洲市婚姻登记核验", "湘潭市婚姻登记信息")]
    [InlineData("csgjjfwwd", "长沙市公积金服务网点")]
    [InlineData("xtxl", "湘潭市湘莲种植面积")]
    // Traditional characters, full width, other spelling and case.
    [InlineData("長沙 學籍", "长沙市中小学学籍")]
    [InlineData("醫療衛生機構", "长沙市医疗卫生机构名录", "株洲市医疗卫生机构基本信息", "湘潭市医疗卫生机构一览表")]
    [InlineData("２０２６年　节假日", "法定节假日与调休安排（2025—2026年）（长沙）", "法定节假日与调休安排（2025—2026年）（株洲）", "法定节假日与调休安排（2025—2026年）（湘潭）")]
    [InlineData("ＺＦＧＪＪ", "长沙市住房公积金缴存与贷款", "株洲市住房公积金缴存与贷款")]
    // A wrong character, a word too many, words run together.
    [InlineData("住房公积京缴存", "长沙市住房公积金缴存与贷款", "株洲市住房公积金缴存与贷款")]
    [InlineData("婚姻登记信息查询", "湘潭市婚姻登记信息")]
    [InlineData("空气质量监测数据", "株洲市空气质量自动监测数据")]
    [InlineData("重大危险源企业名单", "湘潭市重大危险源企业")]
    [InlineData("轨道交通客流数据", "长沙市轨道交通断面客流")]
    [InlineData("排污许可证管理信息", "湘潭市排污许可管理信息", "株洲市排污许可证信息")]
    // What stands in abstracts, fields and codes only.
    [InlineData("区划代码", "长沙市县级行政区划代码", "株洲市县级行政区划代码", "湘潭市县级行政区划代码")]
    [InlineData("307007430100/000001", "长沙市县级行政区划代码")]
    public void What_people_expect_is_among_the_first_five(string query, params string[] expected)
    {
        var page = index.Search(new SearchRequest { Terms = FoldedText.Terms(query), Limit = 5, Today = new DateOnly(2026, 6, 1) });
        var first = page.Items.Select(item => item.Name.Replace("（示例）", "", StringComparison.Ordinal)).ToList();
        Assert.True(expected.All(first.Contains), $"{query} → {JsonSerializer.Serialize(first, Exchange.Hosting.Json.Options)} ({page.Total}{(page.Similar ? ", similar" : "")})");
    }
}
