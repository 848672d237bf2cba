using Exchange.Contracts;

namespace Exchange.Tests.Interop;

/// <summary>Entries of every kind that the catalogue knows, and texts that try to break out of whatever they are written into.</summary>
internal static class Variants
{
    /// <summary>A valid unified social credit code of nobody.</summary>
    public const string Department = "12430100EXAMPL039M";

    /// <summary>What a city's own rules let into an entry.</summary>
    public const string Nasty = "=cmd|'/c calc'!A1 \"引号\" 'x' \\ </script><b>&amp; 😀𠮷\n第二行,;\t|<urn:x> \"\"\" @zh ^^xsd:int é";

    /// <summary>What those rules refuse, for the surfaces that must hold all the same.</summary>
    public static readonly string Hostile = Nasty + "\r\u0001\u001b[31m\u007f\u0085\u2028\u202e\ufeff\uffff";

    public static IReadOnlyList<DatasetEntry> All(string city) =>
    [
        Entry(city, "开放库表（示例）") with { OpenToSociety = true, Code = "307003430100/000001", UpdateFrequency = "realtime" },
        Entry(city, "有条件开放文件（示例）") with { OpenToSociety = true, OpenConditions = "注明来源", Format = "spreadsheet/xlsx", SharingMethod = "file", Theme = "C0300", UpdateFrequency = "daily" },
        Entry(city, "有条件共享库表（示例）") with
        {
            SharingType = SharingClass.Conditional, SharingConditions = "共享范围：其他城市住房公积金管理中心；使用用途：异地贷款核验", UpdateFrequency = "weekly", Grade = 3, PersonalInformation = true,
            RelatedCodes = ["307003430100/000001", "307003430100/000007"], Code = "307003430100/000002",
            Fields =
            [
                new() { Name = "account_no", Title = "个人账号", Type = "C", Length = 30, SharingType = SharingClass.Conditional, Personal = true },
                new() { Name = "balance", Title = "账户余额", Type = "Y", SharingType = SharingClass.Refused, Personal = true },
                new() { Name = "paid_on", Title = "缴存日期", Type = "D", SharingType = SharingClass.Conditional },
            ],
        },
        Entry(city, "不予共享（示例）") with
        {
            SharingType = SharingClass.Refused, SharingConditions = "统计调查中的单个调查对象资料", RefusalLaw = "《中华人民共和国统计法》第二十八条", Theme = "A0400", UpdateFrequency = "annual",
            Fields = [new() { Name = "unit", Title = "单位", Type = "C", Length = 60, SharingType = SharingClass.Refused }],
        },
        Entry(city, "服务接口（示例）") with { Format = "service", SharingMethod = "service", Theme = "D0400", UpdateFrequency = "irregular", Code = "307003430100/000004" },
        Entry(city, "版式文件（示例）") with { Format = "document/ofd", SharingMethod = "file", UpdateFrequency = "historical" },
        Entry(city, "重要数据（示例）") with { Classification = "important", Grade = 5, UpdateFrequency = "semiannual", Format = "self_describing/xml", SharingMethod = "file" },
        Entry(city, "+1=2 \"危险\" </script> 😀𠮷") with
        {
            OpenToSociety = true, Abstract = Nasty, OpenConditions = "@SUM(1,2)", UpdateFrequency = "quarterly",
            Fields = [new() { Name = "a", Title = "-1,\"乙\";😀", Type = "N", Length = 12, SharingType = SharingClass.Unconditional }, new() { Name = "b", Title = "＝丙", Type = "G", SharingType = SharingClass.Unconditional }],
        },
    ];

    /// <summary>An entry whose every text is hostile.</summary>
    public static DatasetEntry Breaking(string city) => Entry(city, Hostile) with
    {
        OpenToSociety = true, Abstract = Hostile, DepartmentName = Hostile, DepartmentCode = "X> <b\"\\ 示例", Code = Hostile, Theme = "<Z\"9 >", UpdateFrequency = "some\"times", Format = "odd/\"><x",
        SharingMethod = "file", SharingType = SharingClass.Conditional, SharingConditions = Hostile, OpenConditions = Hostile, RefusalLaw = Hostile,
        Fields = [new() { Name = "a", Title = Hostile, Type = "C", Length = 1, SharingType = SharingClass.Unconditional }],
    };

    private static DatasetEntry Entry(string city, string name) => new()
    {
        DatasetId = Guid.CreateVersion7(),
        Version = 1,
        City = city,
        Name = name,
        DepartmentCode = Department,
        DepartmentName = "示例住房公积金管理中心",
        Abstract = "虚构示例。",
        Theme = "C0200",
        Format = "table",
        UpdateFrequency = "monthly",
        SharingType = SharingClass.Unconditional,
        SharingMethod = "rows",
        Classification = "general",
        Grade = 2,
        Fields = [new() { Name = "a", Title = "示例项", Type = "C", Length = 10, SharingType = SharingClass.Unconditional }],
        ReleasedOn = new DateOnly(2026, 11, 1),
        PublishedAt = new DateTimeOffset(2026, 11, 1, 2, 3, 4, 567, TimeSpan.Zero),
    };
}
