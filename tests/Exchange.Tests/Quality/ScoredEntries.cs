using Exchange.Contracts;

namespace Exchange.Tests.Quality;

/// <summary>Entries that lack nothing, one of each kind.</summary>
internal static class ScoredEntries
{
    public static readonly DateOnly Today = new(2026, 11, 22);

    public static readonly DateTimeOffset Updated = new(2026, 11, 20, 3, 0, 0, TimeSpan.Zero);

    public const string Conditions = "共享范围：省内人力资源社会保障、公积金、住建部门；使用用途：核验参保状态";

    public static DatasetField Field => new() { Name = "insured_state", Title = "参保状态", Type = "C", Length = 10, SharingType = SharingClass.Conditional };

    public static DatasetEntry Conditional => new()
    {
        DatasetId = new Guid("01a202de-22d5-746f-8fe4-32f0c847bcaf"),
        Version = 3,
        City = "changsha",
        Code = "307002430100/000002",
        Name = "长沙市社会保险参保缴费",
        DepartmentCode = "11430100EXAMPL020U",
        DepartmentName = "长沙市人力资源和社会保障局",
        Abstract = "职工按月记录的缴纳状态、基数和起止时间，每月结算后更新，覆盖全部用人单位。",
        Theme = "C0300",
        Format = "table",
        UpdateFrequency = "monthly",
        SharingType = SharingClass.Conditional,
        SharingConditions = Conditions,
        SharingMethod = "rows",
        Classification = "general",
        Grade = 3,
        PersonalInformation = true,
        Fields =
        [
            new() { Name = "document_no", Title = "证件号码", Type = "C", Length = 18, SharingType = SharingClass.Conditional, Personal = true },
            Field,
            new() { Name = "starts_on", Title = "参保日期", Type = "D", SharingType = SharingClass.Conditional },
            new() { Name = "paid", Title = "缴费金额", Type = "Y", SharingType = SharingClass.Refused },
        ],
        RelatedCodes = ["307002430100/000001"],
        ReleasedOn = new DateOnly(2026, 1, 5),
        PublishedAt = new DateTimeOffset(2026, 3, 1, 0, 0, 0, TimeSpan.Zero),
    };

    public static DatasetEntry Open => Conditional with
    {
        Name = "长沙市公交线路站点",
        SharingType = SharingClass.Unconditional,
        SharingConditions = null,
        OpenToSociety = true,
        OpenConditions = "无条件开放，使用时注明来源",
        Grade = 1,
        PersonalInformation = false,
        Fields = [new() { Name = "stop_name", Title = "站点名称", Type = "C", Length = 40, SharingType = SharingClass.Unconditional }],
    };

    public static DatasetEntry NotShared => Conditional with
    {
        Name = "长沙市在办案件线索",
        SharingType = SharingClass.Refused,
        SharingConditions = "共享后可能妨碍正在进行的调查",
        RefusalLaw = "《中华人民共和国监察法》第十八条",
        Fields = [.. Conditional.Fields.Select(f => f with { SharingType = SharingClass.Refused })],
    };
}
