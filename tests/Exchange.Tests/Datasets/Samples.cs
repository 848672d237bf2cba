using System.Runtime.CompilerServices;
using System.Text;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Tests.Datasets;

/// <summary>Where the committed samples are, and a faultless draft to spoil.</summary>
internal static class Samples
{
    public static readonly string[] Cities = ["changsha", "zhuzhou", "xiangtan"];

    public static string CityFile(string city) => Path.Combine(Root(), "deploy", "cities", city + ".json");

    public static string Catalogue(string city) => Path.Combine(Root(), "deploy", "samples", city, "catalogue.csv");

    public static string Rows(string city, string code) => Path.Combine(Root(), "deploy", "samples", city, "rows", code.Replace('/', '-') + ".csv");

    public static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));

    /// <summary>What a text's table holds, read as an upload is.</summary>
    public static Task<(IReadOnlyList<ImportedEntry> Entries, CsvFaults Faults)> CatalogueAsync(string text, CsvFaults? faults = null) => CatalogueAsync(Encoding.UTF8.GetBytes(text), null, faults);

    public static async Task<(IReadOnlyList<ImportedEntry> Entries, CsvFaults Faults)> CatalogueAsync(byte[] bytes, string? charset = null, CsvFaults? faults = null)
    {
        faults ??= new CsvFaults();
        await using var file = await CsvFile.KeepAsync(new MemoryStream(bytes), charset, faults, CancellationToken.None);
        using var table = file?.Open(faults);
        return table is null ? ([], faults) : ((await CatalogueCsv.ReadAsync(table, faults, null, CancellationToken.None)).Entries, faults);
    }

    public static async Task<(List<object?[]> Rows, IReadOnlyList<Fault> Faults)> RowsAsync(byte[] bytes, IReadOnlyList<DatasetField> fields)
    {
        var faults = new CsvFaults();
        await using var file = await CsvFile.KeepAsync(new MemoryStream(bytes), null, faults, CancellationToken.None);
        using var table = file?.Open(faults);
        List<object?[]> rows = [];
        if (table is not null)
        {
            await foreach (var row in RowsCsv.ReadAsync(table, fields, faults, CancellationToken.None))
            {
                rows.Add(row);
            }
        }

        return (rows, faults.Listed.All);
    }

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
