using System.Globalization;
using System.Text.RegularExpressions;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>An entry of an imported table and the lines it came from.</summary>
/// <param name="Draft">Normalised and without faults of its own.</param>
/// <param name="ProviderName">信息资源提供方 as written; the importer compares it with the department's name.</param>
/// <param name="Line">The entry's first line.</param>
internal sealed record ImportedEntry(EntryDraft Draft, string? ProviderName, int Line);

/// <summary>
/// The catalogue table with the 2017 guide's headers (deploy/samples/README.md lists them): one line per 信息项. The entry's columns stand in its first line;
/// in the following lines they are repeated or left blank. Columns may come in any order; a column that the table does not know is a fault.
/// </summary>
internal static partial class CatalogueCsv
{
    public const int MostEntries = 10_000;

    private const string Guide = "《政务信息资源目录编制指南（试行）》";

    /// <summary>What names an entry. 信息资源代码 is the key of the import; without one, department and name.</summary>
    private static readonly string[] KeyHeaders = ["信息资源代码", "信息资源名称", "信息资源提供方代码"];

    private static readonly Column[] Columns =
    [
        new("信息资源代码", "code", OfItem: false, Required: false),
        new("信息资源名称", "name", OfItem: false, Required: true),
        new("信息资源提供方", "department_name", OfItem: false, Required: false),
        new("信息资源提供方代码", "department_code", OfItem: false, Required: true),
        new("信息资源摘要", "abstract", OfItem: false, Required: true),
        new("主题分类", "theme", OfItem: false, Required: true),
        new("信息资源格式", "format", OfItem: false, Required: true),
        new("共享类型", "sharing_type", OfItem: false, Required: true),
        new("共享条件", "sharing_conditions", OfItem: false, Required: true),
        new("不予共享依据", "refusal_law", OfItem: false, Required: false),
        new("共享方式", "sharing_method", OfItem: false, Required: true),
        new("是否向社会开放", "open_to_society", OfItem: false, Required: true),
        new("开放条件", "open_conditions", OfItem: false, Required: false),
        new("更新周期", "update_frequency", OfItem: false, Required: true),
        new("发布日期", "released_on", OfItem: false, Required: false),
        new("关联资源代码", "related_codes", OfItem: false, Required: false),
        new("数据分类", "classification", OfItem: false, Required: true),
        new("数据分级", "grade", OfItem: false, Required: true),
        new("信息项名称", "title", OfItem: true, Required: true),
        new("信息项标识", "name", OfItem: true, Required: true),
        new("数据类型", "type", OfItem: true, Required: true),
        new("数据长度", "length", OfItem: true, Required: true),
        new("信息项共享类型", "sharing_type", OfItem: true, Required: false),
        new("是否个人信息", "personal", OfItem: true, Required: false),
    ];

    /// <summary>All entries of the table; with any fault the caller must import none.</summary>
    public static async Task<IReadOnlyList<ImportedEntry>> ReadAsync(Stream stream, CsvFaults faults, CancellationToken cancellation)
    {
        using var table = new CsvTable(stream, faults);
        var places = await HeaderAsync(table, faults, cancellation);
        if (places is null)
        {
            return [];
        }

        List<ImportedEntry> entries = [];
        var keys = new Dictionary<string, int>(StringComparer.Ordinal);
        List<Line> group = [];
        while (await table.ReadAsync(cancellation) is { } read)
        {
            if (read.Cells.Length != places.Length)
            {
                faults.Add(read.Number, CsvFaults.WholeLine, "cell-count", "RFC 4180", new($"应有 {places.Length} 个单元格，实有 {read.Cells.Length} 个。", $"{places.Length} cells are expected, there are {read.Cells.Length}."));
                continue;
            }

            var line = new Line(read.Number, places, read.Cells);
            if (group.Count > 0 && !Continues(line, group[0]))
            {
                Finish();
            }

            group.Add(line);
            if (group.Count > 1)
            {
                CompareRepeated(group[0], line, faults);
            }
        }

        Finish();
        if (entries.Count == 0 && !faults.Any)
        {
            faults.Add(1, CsvFaults.WholeLine, "empty", Guide, new("表中没有目录。", "The table holds no entry."));
        }

        return entries;

        void Finish()
        {
            if (group.Count == 0)
            {
                return;
            }

            if (entries.Count < MostEntries)
            {
                entries.Add(Entry(group, keys, faults));
            }
            else if (entries.Count == MostEntries)
            {
                faults.Add(group[0].Number, CsvFaults.WholeLine, "too-many", null, new($"一次最多导入 {MostEntries} 条目录。", $"At most {MostEntries} entries at once."));
            }

            group.Clear();
        }
    }

    private static async Task<Column[]?> HeaderAsync(CsvTable table, CsvFaults faults, CancellationToken cancellation)
    {
        if (await table.ReadAsync(cancellation) is not { } header)
        {
            if (!faults.Any)
            {
                faults.Add(1, CsvFaults.WholeLine, "empty", Guide, new("文件为空，缺少表头。", "The file is empty; a header is needed."));
            }

            return null;
        }

        var places = new Column[header.Cells.Length];
        var before = faults.Total;
        for (var i = 0; i < places.Length; i++)
        {
            var name = header.Cells[i].Trim();
            var shown = name.Length is 0 or > 60 ? $"#{i + 1}" : name;
            if (Columns.FirstOrDefault(c => c.Header == name) is not { } column)
            {
                faults.Add(header.Number, shown, "unknown-column", Guide, new("不是目录表的列。", "The catalogue table has no such column."));
                continue;
            }

            if (places.Contains(column))
            {
                faults.Add(header.Number, shown, "column-twice", Guide, new("这一列重复。", "This column stands twice."));
            }

            places[i] = column;
        }

        foreach (var column in Columns.Where(c => c.Required && !places.Contains(c)))
        {
            faults.Add(header.Number, column.Header, "column-missing", Guide, new("缺少这一列。", "This column is missing."));
        }

        return faults.Total == before ? places : null;
    }

    /// <summary>A line belongs to the entry above it unless it names another one.</summary>
    private static bool Continues(Line line, Line first) =>
        KeyHeaders.All(h => line[h] is not { } cell || cell == first[h]);

    private static void CompareRepeated(Line first, Line line, CsvFaults faults)
    {
        foreach (var column in Columns.Where(c => !c.OfItem))
        {
            if (line[column.Header] is { } repeated && repeated != first[column.Header])
            {
                faults.Add(line.Number, column.Header, "entry-differs", Guide, new(
                    $"与同一目录第 {first.Number} 行的内容不同；应相同或留空。",
                    $"This differs from line {first.Number} of the same entry; repeat it or leave it blank."));
            }
        }
    }

    private static ImportedEntry Entry(List<Line> lines, Dictionary<string, int> keys, CsvFaults faults)
    {
        var first = lines[0];
        var draft = new EntryDraft
        {
            Code = first["信息资源代码"],
            Name = first["信息资源名称"],
            DepartmentCode = first["信息资源提供方代码"],
            Abstract = first["信息资源摘要"],
            Theme = Vocabularies.Theme.Word(first["主题分类"]),
            Format = FormatOf(first["信息资源格式"]),
            UpdateFrequency = Vocabularies.Frequency.Word(first["更新周期"]),
            SharingType = Vocabularies.Sharing.Word(first["共享类型"]),
            SharingConditions = first["共享条件"],
            SharingMethod = Vocabularies.Method.Word(first["共享方式"]),
            RefusalLaw = first["不予共享依据"],
            OpenToSociety = YesNo(first, "是否向社会开放", faults),
            OpenConditions = first["开放条件"],
            Classification = Vocabularies.Classification.Word(first["数据分类"]),
            Grade = Whole(first, "数据分级", faults),
            RelatedCodes = [.. (first["关联资源代码"] ?? "").Split([';', '；', ',', '，', '、', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
            Fields = [.. lines.Select(l => new FieldDraft
            {
                Title = l["信息项名称"],
                Name = l["信息项标识"],
                Type = Vocabularies.FieldType.Word(l["数据类型"]),
                Length = Whole(l, "数据长度", faults),
                SharingType = Vocabularies.Sharing.Word(l["信息项共享类型"]),
                Personal = YesNo(l, "是否个人信息", faults),
            })],
        };
        if (first["是否向社会开放"] is null)
        {
            faults.Add(first.Number, "是否向社会开放", "required", Guide, new("此项必填。", "This field is required."));
        }

        foreach (var fault in EntryRules.Check(draft).All)
        {
            var (line, header) = Place(fault.Field, lines);
            if (!line.Misread.Contains(header))
            {
                faults.Add(line.Number, header, fault.Rule, fault.Article, fault.Message);
            }
        }

        var key = draft.Code is { } code ? $"code {code}" : $"name {draft.DepartmentCode} {draft.Name}";
        if (!keys.TryAdd(key, first.Number))
        {
            faults.Add(first.Number, draft.Code is null ? "信息资源名称" : "信息资源代码", "entry-twice", Guide, new(
                $"与第 {keys[key]} 行是同一目录；同一目录的各行应当连续。",
                $"Line {keys[key]} is the same entry; the lines of an entry must follow each other."));
        }

        return new(draft.Normalised(), first["信息资源提供方"], first.Number);
    }

    /// <summary>Where in the table a fault of the draft stands.</summary>
    private static (Line Line, string Header) Place(string field, List<Line> lines)
    {
        var item = ItemPath().Match(field);
        if (item.Success)
        {
            var line = lines[int.Parse(item.Groups["index"].Value, CultureInfo.InvariantCulture)];
            return (line, Columns.First(c => c.OfItem && c.Field == (item.Groups["member"].Value is { Length: > 0 } member ? member : "title")).Header);
        }

        var bracket = field.IndexOf('[', StringComparison.Ordinal);
        var name = bracket < 0 ? field : field[..bracket];
        return (lines[0], Columns.FirstOrDefault(c => !c.OfItem && c.Field == name)?.Header ?? "信息项名称");
    }

    private static string? FormatOf(string? cell)
    {
        var slash = cell?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        return slash < 0 ? Vocabularies.FormatGroup.Word(cell) : $"{Vocabularies.FormatGroup.Word(cell![..slash])}/{cell[(slash + 1)..].Trim().ToLowerInvariant()}";
    }

    private static bool? YesNo(Line line, string header, CsvFaults faults)
    {
        switch (line[header])
        {
            case null:
                return null;
            case "是" or "1" or "true":
                return true;
            case "否" or "0" or "false":
                return false;
            default:
                line.Misread.Add(header);
                faults.Add(line.Number, header, "unknown-value", Guide, new("应为：是、否。", "This must be 是 (yes) or 否 (no)."));
                return null;
        }
    }

    private static int? Whole(Line line, string header, CsvFaults faults)
    {
        if (line[header] is not { } cell)
        {
            return null;
        }

        if (int.TryParse(cell.TrimEnd('级'), NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        line.Misread.Add(header);
        faults.Add(line.Number, header, "not-a-number", Guide, new("应为整数。", "This must be a whole number."));
        return null;
    }

    [GeneratedRegex(@"^fields\[(?<index>[0-9]+)\](\.(?<member>.+))?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ItemPath();

    private sealed record Column(string Header, string Field, bool OfItem, bool Required);

    /// <summary>One line by header; a blank cell is null.</summary>
    private sealed class Line(int number, Column[] places, string[] cells)
    {
        private readonly Dictionary<string, string> byHeader = places.Zip(cells)
            .Where(p => !string.IsNullOrWhiteSpace(p.Second))
            .ToDictionary(p => p.First.Header, p => p.Second.Trim().ReplaceLineEndings("\n"));

        public int Number => number;

        /// <summary>Cells whose text was no value: told once, not again as missing.</summary>
        public HashSet<string> Misread { get; } = [];

        public string? this[string header] => byHeader.GetValueOrDefault(header);
    }
}
