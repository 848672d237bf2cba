using System.Runtime.CompilerServices;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// Reads the rows of a <c>table</c> dataset against the entry's fields, as a stream: the header names every field by its name or its title, in any order;
/// an empty cell is no value. Rows with faults are left out of what is yielded; the caller keeps nothing when there were any.
/// </summary>
internal static class RowsCsv
{
    private const string Art16 = "第16条";

    /// <summary>The values of each faultless row, in the order of the entry's fields.</summary>
    public static async IAsyncEnumerable<object?[]> ReadAsync(CsvTable table, IReadOnlyList<DatasetField> fields, CsvFaults faults, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (await table.ReadAsync(cancellation) is not { } header)
        {
            if (!faults.Any)
            {
                faults.Add(1, "empty", Art16, new("文件为空，缺少表头。", "The file is empty; a header is needed."));
            }

            yield break;
        }

        var places = Places(header, fields, faults);
        if (places is null)
        {
            yield break;
        }

        while (await table.ReadAsync(cancellation) is { } row)
        {
            var before = faults.Total;
            var values = new object?[fields.Count];
            for (var i = 0; i < places.Length; i++)
            {
                var field = fields[places[i]];
                var (value, fault) = FieldTypes.Read(field.Type, field.Length, row.Cells[i]);
                if (fault is not null)
                {
                    faults.Add(row.Number, new(i, header.Cells[i].Trim(), row.Cells[i], field.Title), "cell-value", Art16, fault, FieldTypes.Advice(field.Type));
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
    private static int[]? Places(CsvRow header, IReadOnlyList<DatasetField> fields, CsvFaults faults)
    {
        var places = new int[header.Cells.Length];
        var seen = new HashSet<int>();
        var before = faults.Total;
        for (var i = 0; i < places.Length; i++)
        {
            var name = header.Cells[i].Trim();
            var cell = new CsvCell(i, name.Length == 0 ? $"#{i + 1}" : name, name);
            var place = fields.Index().Where(f => f.Item.Name == name || f.Item.Title == name).Select(f => (int?)f.Index).FirstOrDefault();
            places[i] = place ?? -1;
            if (place is null)
            {
                faults.Add(header.Number, cell, "unknown-column", Art16, new("目录中没有这一信息项。", "The entry has no such data item."),
                    new($"请改为目录中的信息项名称或标识，或删去这一列：{CsvFaults.Shown(string.Join("、", fields.Select(f => f.Title)), 200)}。", $"Name it as the entry does, or take the column out: {CsvFaults.Shown(string.Join(", ", fields.Select(f => f.Name)), 200)}."));
            }
            else if (!seen.Add(place.Value))
            {
                faults.Add(header.Number, cell, "column-twice", Art16, new("这一列重复。", "This column stands twice."), new("请只保留一列。", "Keep one of them."));
            }
        }

        foreach (var (index, field) in fields.Index())
        {
            if (!seen.Contains(index))
            {
                faults.Add(header.Number, new(null, field.Title), "column-missing", Art16, new("缺少这一列。", "This column is missing."), new("请补上这一列，没有值的单元格留空。", "Add the column; cells without a value stay blank."));
            }
        }

        return faults.Total == before ? places : null;
    }
}
