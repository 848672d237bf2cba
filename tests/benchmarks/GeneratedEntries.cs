using System.Globalization;
using Exchange.Contracts;

namespace Exchange.Benchmarks;

/// <summary>Entries as three cities' departments and their districts keep them, the same for the same number.</summary>
internal static class GeneratedEntries
{
    internal static readonly (string Id, string Name, string[] Districts)[] Cities =
    [
        ("changsha", "长沙市", ["芙蓉区", "天心区", "岳麓区", "开福区", "雨花区", "望城区", "长沙县", "浏阳市", "宁乡市"]),
        ("zhuzhou", "株洲市", ["荷塘区", "芦淞区", "石峰区", "天元区", "渌口区", "攸县", "茶陵县", "炎陵县", "醴陵市"]),
        ("xiangtan", "湘潭市", ["雨湖区", "岳塘区", "湘潭县", "湘乡市", "韶山市"]),
    ];

    internal static readonly (string Department, string Theme, string[] Subjects)[] Departments =
    [
        ("人力资源和社会保障局", "C0300", ["社会保险参保", "就业失业登记", "职业技能培训", "劳动合同备案", "工伤认定", "高校毕业生就业", "养老保险待遇"]),
        ("公安局", "A0100", ["户籍人口", "居住证签发", "机动车登记", "机动车驾驶证", "出入境证件", "旅馆业治安"]),
        ("民政局", "C0300", ["婚姻登记", "社会救助对象", "最低生活保障", "养老机构", "社会组织", "殡葬服务", "地名地址"]),
        ("医疗保障局", "C0200", ["医疗保险参保", "医保定点机构", "异地就医备案", "医疗救助", "药品集中采购"]),
        ("卫生健康委员会", "C0200", ["医疗卫生机构", "出生医学证明", "无偿献血", "预防接种", "执业医师", "传染病监测"]),
        ("教育局", "C0100", ["中小学学籍", "学校名录", "教师资格", "学生资助", "幼儿园备案", "校车许可"]),
        ("市场监督管理局", "A0200", ["市场主体登记", "行政处罚", "特种设备", "食品经营许可", "药品零售", "计量器具检定"]),
        ("住房公积金管理中心", "C0400", ["公积金缴存", "公积金贷款", "公积金提取", "服务网点"]),
        ("自然资源和规划局", "A0300", ["不动产登记", "建设用地规划许可", "地理影像", "矿业权", "地质灾害隐患点"]),
        ("住房和城乡建设局", "C0400", ["商品房网签", "建筑工程施工许可", "保障性住房", "物业企业", "历史建筑", "桥梁检测"]),
        ("交通运输局", "B0300", ["公交线路站点", "道路运输经营许可", "桥梁养护", "渡口渡船", "出租汽车驾驶员", "公路养护"]),
        ("生态环境局", "C0500", ["空气质量", "排污许可", "水质断面监测", "危险废物转移", "环境影响评价"]),
        ("农业农村局", "B0100", ["农产品价格", "高标准农田", "农机购置补贴", "动物检疫", "农民合作社"]),
        ("水利局", "C0500", ["河道水情", "水库大坝", "取水许可", "水土保持方案", "山洪灾害防治"]),
        ("应急管理局", "D0500", ["应急避难场所", "重大危险源", "安全生产许可", "自然灾害灾情", "消防站点"]),
        ("发展和改革委员会", "A0400", ["重点建设项目", "信用信息", "价格监测", "宏观经济指标", "节能审查"]),
        ("财政局", "B0500", ["政府采购合同", "惠农补贴发放", "行政事业收费", "财政预算"]),
        ("城市管理和综合执法局", "D0300", ["城市管理部件", "渣土运输许可", "户外广告设置", "生活垃圾分类", "公共停车场"]),
        ("文化旅游广电局", "D0200", ["公共文化场馆", "旅行社名录", "文物保护单位", "娱乐场所许可", "景区客流"]),
        ("行政审批服务局", "D0100", ["政务服务事项", "电子证照", "办件信息", "中介服务机构"]),
    ];

    internal static readonly string[] Forms = ["信息", "名录", "明细", "统计", "登记", "台账", "月报", "备案信息", "变更记录", "核验结果"];
    private static readonly string[] Formats = ["table", "spreadsheet/xlsx", "service", "document/pdf", "database/mysql", "self_describing/json"];
    private static readonly string[] Frequencies = ["realtime", "daily", "weekly", "monthly", "quarterly", "semiannual", "annual", "irregular", "historical"];
    private static readonly string[] Uses = ["用于跨部门核验", "供政务服务事项办理时比对", "支撑统计分析与辅助决策", "供行业监管使用", "支撑跨城通办"];

    private static readonly (string Name, string Title, string Type)[] Fields =
    [
        ("org_code", "统一社会信用代码", "C"), ("org_name", "单位名称", "C"), ("address", "地址", "C"), ("issued_on", "登记日期", "D"), ("valid_to", "有效期至", "D"), ("status", "状态", "C"),
        ("amount", "金额", "Y"), ("longitude", "经度", "F"), ("latitude", "纬度", "F"), ("person_name", "姓名", "C"), ("phone", "联系电话", "C"), ("category", "类别", "C"), ("quantity", "数量", "I"), ("updated_at", "更新时间", "T"),
    ];

    public static DatasetEntry Of(int number)
    {
        var random = new Random(number);
        var (city, cityName, districts) = Cities[random.Next(Cities.Length)];
        var (department, theme, subjects) = Departments[random.Next(Departments.Length)];
        var subject = subjects[random.Next(subjects.Length)];
        var place = random.Next(4) == 0 ? cityName : cityName + districts[random.Next(districts.Length)];
        var form = Forms[random.Next(Forms.Length)];
        var year = 2015 + random.Next(12);
        var sharing = random.Next(10) switch { < 5 => SharingClass.Unconditional, < 9 => SharingClass.Conditional, _ => SharingClass.Refused };
        var fields = Enumerable.Range(0, 5 + random.Next(5)).Select(i => Fields[(number + (i * 3)) % Fields.Length]).DistinctBy(field => field.Name).ToList();
        var released = new DateOnly(2024, 1, 1).AddDays(random.Next(1000));
        return new DatasetEntry
        {
            DatasetId = new Guid(number, 0, 0x7000, [0x80, 0, 0, 0, 0, 0, 0, 0]),
            Version = 1,
            City = city,
            Code = string.Create(CultureInfo.InvariantCulture, $"307{random.Next(1, 30):000}{number % 1000:000}/{number:000000}"),
            Name = $"{place}{subject}{form}（{year}年）",
            DepartmentCode = string.Create(CultureInfo.InvariantCulture, $"11{Array.FindIndex(Cities, c => c.Id == city) + 1}30100EXAMPL{Array.FindIndex(Departments, d => d.Department == department):000}X"),
            DepartmentName = cityName + department,
            Abstract = $"{place}{department}在履行职责中形成的{subject}{form}，覆盖{year}年度，按{Frequencies[number % Frequencies.Length] switch { "daily" => "日", "monthly" => "月", _ => "期" }}汇总，{Uses[random.Next(Uses.Length)]}。第{number}号（示例）",
            Theme = theme,
            Format = Formats[random.Next(Formats.Length)],
            UpdateFrequency = Frequencies[number % Frequencies.Length],
            SharingType = sharing,
            SharingConditions = sharing == SharingClass.Conditional ? "共享范围：市级部门；使用用途：业务核验" : null,
            RefusalLaw = sharing == SharingClass.Refused ? "《示例法》第三十条" : null,
            SharingMethod = "rows",
            OpenToSociety = sharing == SharingClass.Unconditional && random.Next(3) == 0,
            Classification = "general",
            Grade = 1 + random.Next(4),
            Fields = [.. fields.Select(field => new DatasetField { Name = field.Name, Title = field.Title, Type = field.Type, Length = field.Type == "C" ? 60 : null, SharingType = sharing, Personal = field.Name is "person_name" or "phone" })],
            ReleasedOn = released,
            PublishedAt = new DateTimeOffset(released, new TimeOnly(2, 0), TimeSpan.Zero),
        };
    }
}
