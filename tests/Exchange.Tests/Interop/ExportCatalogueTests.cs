using System.Text;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Gateway.Interop;
using Exchange.Tests.Datasets;

namespace Exchange.Tests.Interop;

public sealed class ExportCatalogueTests
{
    [Fact]
    public async Task What_was_exported_is_imported_as_the_same_entries()
    {
        var entries = Variants.All("changsha");
        var (imported, faults) = await Samples.CatalogueAsync(await TableAsync(entries, exact: true));
        Assert.Empty(faults.Listed.All.Select(fault => $"{fault.Field} {fault.Message.Zh}"));
        Assert.Equal(entries.Count, imported.Count);
        foreach (var (entry, read) in entries.Zip(imported))
        {
            Assert.Equal(entry.DepartmentName, read.ProviderName);
            var again = read.Draft.ToEntry(entry.DatasetId, entry.Version, entry.City, entry.DepartmentName, entry.ReleasedOn, entry.PublishedAt);
            Assert.Equivalent(entry, again, strict: true);
        }
    }

    [Fact]
    public async Task A_spreadsheet_runs_none_of_it_and_a_byte_order_mark_says_what_it_is()
    {
        var safe = await TableAsync([Variants.Breaking("changsha"), .. Variants.All("changsha")], exact: false);
        Assert.Equal([0xEF, 0xBB, 0xBF], safe[..3]);
        var faults = new CsvFaults();
        await using var file = await CsvFile.KeepAsync(new MemoryStream(safe), null, faults, CancellationToken.None);
        using var table = file!.Open(faults);
        var rows = 0;
        for (; await table.ReadAsync(CancellationToken.None) is { } row; rows++)
        {
            Assert.DoesNotContain(row.Cells, cell => cell is ['=' or '+' or '-' or '@' or '＝' or '\t' or '\r', ..]);
        }

        Assert.False(faults.Any, string.Join('\n', faults.Listed.All.Select(fault => fault.Message.Zh)));
        Assert.Equal(1 + 1 + Variants.All("changsha").Sum(entry => entry.Fields.Count), rows);
    }

    [Fact]
    public void Every_column_that_must_be_there_is_exported() => Assert.Empty(CatalogueColumns.All.Where(column => column.Required).Select(column => column.Header).Except(Header()));

    private static string[] Header() => Encoding.UTF8.GetString(TableAsync([], exact: true).Result).TrimStart('\uFEFF').Trim().Split(',');

    private static async Task<byte[]> TableAsync(IReadOnlyList<DatasetEntry> entries, bool exact)
    {
        using var written = new MemoryStream();
        await ExportCatalogue.WriteAsync(entries, exact, written, CancellationToken.None);
        return written.ToArray();
    }
}
