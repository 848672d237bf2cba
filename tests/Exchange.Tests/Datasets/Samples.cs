using System.Runtime.CompilerServices;
using System.Text;
using Exchange.Catalogue.Datasets;

namespace Exchange.Tests.Datasets;

/// <summary>Where the committed samples are, and a faultless draft to spoil.</summary>
internal static class Samples
{
    public static readonly string[] Cities = ["changsha", "zhuzhou", "xiangtan"];

    public static string CityFile(string city) => Path.Combine(Root(), "deploy", "cities", city + ".json");

    public static string Catalogue(string city) => Path.Combine(Root(), "deploy", "samples", city, "catalogue.csv");

    public static string Rows(string city, string code) => Path.Combine(Root(), "deploy", "samples", city, "rows", code.Replace('/', '-') + ".csv");

    public static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    public static Stream Utf8(string text) => new MemoryStream(Encoding.UTF8.GetBytes(text));

    public static EntryDraft Draft => new()
    {
        Code = "307003430100/000009",
        Name = "公积金缴存（示例）",
        DepartmentCode = "12430100EXAMPL039M",
        Abstract = "虚构示例。",
        Theme = "C0400",
        Format = "table",
        UpdateFrequency = "monthly",
        SharingType = "conditional",
        SharingConditions = "共享范围：其他城市住房公积金管理中心；使用用途：异地贷款核验",
        SharingMethod = "rows",
        OpenToSociety = false,
        Classification = "general",
        Grade = 3,
        Fields =
        [
            new() { Name = "account_no", Title = "个人账号", Type = "C", Length = 30, SharingType = "conditional", Personal = true },
            new() { Name = "balance", Title = "账户余额", Type = "Y", Personal = true },
        ],
    };
}
