using System.Runtime.CompilerServices;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Reads the rows of a <c>table</c> dataset against the entry's fields, as a stream: the header names every field by its name or its title, in any order;
/// an empty cell is no value. Lines with faults are left out of what is yielded; the caller keeps nothing when there were any.
/// </summary>
internal static class RowsCsv
{
    private const string Art16 = "第16条";

    /// <summary>The values of each faultless line, in the order of the entry's fields.</summary>
    public static async IAsyncEnumerable<object?[]> ReadAsync(Stream stream, IReadOnlyList<DatasetField> fields, CsvFaults faults, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var table = new CsvTable(stream, faults);
        var header = await table.ReadAsync(cancellation);
        if (header is not { } first)
        {
            if (!faults.Any)
            {
                faults.Add(1, CsvFaults.WholeLine, "empty", Art16, new("文件为空，缺少表头。", "The file is empty; a header is needed."));
            }

            yield break;
        }

        var places = Places(first, fields, faults);
        if (places is null)
        {
            yield break;
        }

        while (await table.ReadAsync(cancellation) is { } line)
        {
            var before = faults.Total;
            if (line.Cells.Length != places.Length)
            {
                faults.Add(line.Number, CsvFaults.WholeLine, "cell-count", "RFC 4180", new($"应有 {places.Length} 个单元格，实有 {line.Cells.Length} 个。", $"{places.Length} cells are expected, there are {line.Cells.Length}."));
                continue;
            }

            var values = new object?[fields.Count];
            for (var i = 0; i < places.Length; i++)
            {
                var field = fields[places[i]];
                var (value, fault) = FieldTypes.Read(field.Type, field.Length, line.Cells[i]);
                if (fault is not null)
                {
                    faults.Add(line.Number, field.Title, "cell-value", Art16, fault);
                }

                values[places[i]] = value;
            }

            if (faults.Total == before)
            {
                yield return values;
            }
        }
    }

    /// <summary>For each column of the file the field it holds; null when the header has faults.</summary>
    private static int[]? Places(CsvLine header, IReadOnlyList<DatasetField> fields, CsvFaults faults)
    {
        var places = new int[header.Cells.Length];
        var seen = new HashSet<int>();
        var before = faults.Total;
        for (var i = 0; i < places.Length; i++)
        {
            var name = header.Cells[i].Trim();
            var place = fields.Index().Where(f => f.Item.Name == name || f.Item.Title == name).Select(f => (int?)f.Index).FirstOrDefault();
            places[i] = place ?? -1;
            if (place is null)
            {
                faults.Add(header.Number, Shown(name), "unknown-column", Art16, new("目录中没有这一信息项。", "The entry has no such data item."));
            }
            else if (!seen.Add(place.Value))
            {
                faults.Add(header.Number, Shown(name), "column-twice", Art16, new("这一列重复。", "This column stands twice."));
            }
        }

        foreach (var (index, field) in fields.Index())
        {
            if (!seen.Contains(index))
            {
                faults.Add(header.Number, field.Title, "column-missing", Art16, new("缺少这一列。", "This column is missing."));
            }
        }

        return faults.Total == before ? places : null;
    }

    /// <summary>A header cell comes from the file and may be anything; only a short piece goes back.</summary>
    private static string Shown(string name) => name.Length == 0 ? "（空）" : name.Length <= 60 ? name : name[..60] + "…";
}
