using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// The data items that tell the rows of a table apart, as its department names them with the rows. Two states of a table are compared by them (<c>GET /grants/{id}/changes</c>), and a receiver keeps its copy by them,
/// so they are few, short, and of types whose equal values are written alike.
/// </summary>
internal static class RowKeys
{
    private const int MostFields = 3;
    private const int LongestText = 200;
    private const string Parameter = "key";

    private static readonly string[] Types = ["C", "I", "D"];

    private static readonly Text Advice = new(
        $"key 写 1 至 {MostFields} 个信息项标识，用逗号分隔；类型为 C（长度不超过 {LongestText}）、I 或 D。不需要主键时写 key=（空）。",
        $"key takes the names of 1 to {MostFields} data items, separated by commas, of type C (at most {LongestText} characters), I or D. Write key= (empty) for none.");

    /// <summary>The key of the rows that are there now, as it was named; null when there is none.</summary>
    public static async Task<string?> BeforeAsync(NpgsqlConnection connection, Guid dataset, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<string[]?>(new CommandDefinition("select key from dataset_rows where dataset_id = @dataset", new { dataset }, cancellationToken: cancel)) is { } before
            ? string.Join(',', before)
            : null;

    /// <summary>The named items, checked against the entry's; empty for none. Faults stand at row 1, where the file names its columns.</summary>
    public static IReadOnlyList<string> Read(string? key, IReadOnlyList<DatasetField> fields, CsvFaults faults)
    {
        if (string.IsNullOrWhiteSpace(key))
        {
            return [];
        }

        var names = key.Split(',', StringSplitOptions.TrimEntries);
        foreach (var (place, name) in names.Index())
        {
            if (fields.FirstOrDefault(f => f.Name == name) is not { } field)
            {
                Fault(name, "key-unknown", new("目录中没有作主键的这一信息项。", "The entry has no such data item to be in the key."));
            }
            else if (names.Take(place).Contains(name, StringComparer.Ordinal))
            {
                Fault(name, "key-twice", new("主键中的信息项重复。", "The data item stands twice in the key."));
            }
            else if (!Types.Contains(field.Type, StringComparer.Ordinal) || (field.Type == "C" && field.Length > LongestText))
            {
                Fault(name, "key-type", new("此信息项的类型或长度不能作主键。", "A data item of this type or length cannot be in the key."));
            }
        }

        if (names.Length > MostFields)
        {
            Fault(key, "key-count", new($"主键最多 {MostFields} 个信息项。", $"A key has {MostFields} data items at most."));
        }

        return names;

        void Fault(string name, string rule, Text message) => faults.Add(1, new CsvCell(null, CsvFaults.Shown(name, 60), Name: Parameter), rule, null, message, Advice);
    }

    /// <summary>Looks at the rows as they were copied: each has its key, and no two have the same. What is wrong is told by the file's own row numbers.</summary>
    public static async Task CheckAsync(NpgsqlConnection loader, string table, IReadOnlyList<DatasetField> fields, IReadOnlyList<string> key, CsvFile file, CsvFaults faults, CancellationToken cancel)
    {
        if (key.Count == 0)
        {
            return;
        }

        string[] columns = [.. key.Select(k => RowTables.Column(fields.Index().First(f => f.Item.Name == k).Index))];
        var missing = string.Join(" or ", columns.Select(c => $"{c} is null"));
        var together = string.Join(", ", columns);
        if (!await loader.ExecuteScalarAsync<bool>(new CommandDefinition(
            $"select exists (select from data.{table} where {missing}) or exists (select from data.{table} group by {together} having count(*) > 1)", cancellationToken: cancel)))
        {
            return;
        }

        var wrong = (await loader.QueryAsync<(long Place, bool Missing)>(new CommandDefinition(
            $"""
            select place, missing
            from (select row_number() over (order by ctid) as place, {missing} as missing, count(*) over (partition by {together}) as rows from data.{table}) r
            where missing or rows > 1
            order by place
            """, cancellationToken: cancel))).ToDictionary(w => w.Place, w => w.Missing);
        // Once more through the file, for the numbers by which its writer finds the rows: every row in it is a row of the table.
        using var again = file.Open(new CsvFaults());
        await again.ReadAsync(cancel);
        for (var place = 1L; await again.ReadAsync(cancel) is { } row; place++)
        {
            if (wrong.TryGetValue(place, out var absent))
            {
                faults.Add(row.Number, new CsvCell(null, string.Join(", ", key), Name: Parameter), absent ? "key-missing" : "key-taken", null, absent
                    ? new("主键没有值。", "The key has no value.")
                    : new("另有一行的主键与此行相同。", "Another row has the same key."), Advice);
            }
        }
    }
}
