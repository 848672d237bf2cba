using System.Globalization;
using System.Text.RegularExpressions;
using Exchange.Hosting;
using static Exchange.Catalogue.Datasets.CatalogueColumns;

namespace Exchange.Catalogue.Datasets;

/// <summary>An entry of an imported table and the row it came from.</summary>
/// <param name="Draft">Normalised and without faults of its own.</param>
/// <param name="ProviderName">信息资源提供方 as written; the importer compares it with the department's name.</param>
/// <param name="Row">The entry's first row in the spreadsheet.</param>
internal sealed record ImportedEntry(EntryDraft Draft, string? ProviderName, int Row);

/// <summary>Where each column of the catalogue table stands in a file, and under which header.</summary>
internal sealed class CatalogueHeader(IReadOnlyDictionary<CatalogueColumn, (int Index, string Header)> places)
{
    public bool Has(CatalogueColumn column) => places.ContainsKey(column);

    public string? In(string[] cells, CatalogueColumn column) =>
        places.TryGetValue(column, out var place) && !string.IsNullOrWhiteSpace(cells[place.Index]) ? cells[place.Index] : null;

    public CsvCell Cell(CatalogueColumn column, string? value) => places.TryGetValue(column, out var place) ? new(place.Index, place.Header, value, column.Header) : new(null, column.Header, value);
}

/// <summary>What a table holds. Without a header that could be read there are no entries.</summary>
internal sealed record CatalogueTable(CatalogueHeader Header, IReadOnlyList<ImportedEntry> Entries);

/// <summary>
/// The catalogue table with the 2017 guide's headers or what departments write for them (<see cref="CatalogueColumns"/>): one row per 信息项. The entry's columns
/// stand in its first row; in the following rows they are repeated or left blank. Columns may come in any order; one that the table does not know is a fault.
/// </summary>
internal static partial class CatalogueCsv
{
    public const int MostEntries = 50_000;

    private const string Guide = "《政务信息资源目录编制指南（试行）》";

    private static readonly CatalogueHeader NoHeader = new(new Dictionary<CatalogueColumn, (int, string)>());

    /// <summary>What names an entry. 信息资源代码 is the key of the import; without one, department and name.</summary>
    private static readonly CatalogueColumn[] Keys = [Code, Name, DepartmentCode];

    /// <summary>All entries of the table; with any fault the caller must import none.</summary>
    /// <param name="read">Told the number of each row as it was read.</param>
    public static async Task<CatalogueTable> ReadAsync(CsvTable table, CsvFaults faults, Action<int>? read, CancellationToken cancellation)
    {
        if (await HeaderAsync(table, faults, cancellation) is not { } header)
        {
            return new(NoHeader, []);
        }

        List<ImportedEntry> entries = [];
        var keys = new Dictionary<string, int>(StringComparer.Ordinal);
        List<Row> group = [];
        while (await table.ReadAsync(cancellation) is { } next)
        {
            read?.Invoke(next.Number);
            var row = new Row(next.Number, header, next.Cells);
            if (group.Count > 0 && !Continues(row, group[0]))
            {
                Finish();
            }

            group.Add(row);
            if (group.Count > 1)
            {
                CompareRepeated(group[0], row, faults);
            }
        }

        Finish();
        if (entries.Count == 0 && !faults.Any)
        {
            faults.Add(1, "empty", Guide, new("表中没有目录。", "The table holds no entry."), new("请在表头之下填写目录，每行一个信息项。", "Fill in entries below the header, one data item per row."));
        }

        return new(header, entries);

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
                faults.Add(group[0].Number, "too-many", null, new($"一次最多导入 {MostEntries} 条目录。", $"At most {MostEntries} entries at once."), new("请拆分为几个文件分别导入。", "Split the table and import its parts."));
            }

            group.Clear();
        }
    }

    private static async Task<CatalogueHeader?> HeaderAsync(CsvTable table, CsvFaults faults, CancellationToken cancellation)
    {
        if (await table.ReadAsync(cancellation) is not { } first)
        {
            if (!faults.Any)
            {
                faults.Add(1, "empty", Guide, new("文件为空，缺少表头。", "The file is empty; a header is needed."));
            }

            return null;
        }

        if (first.Cells.Length < 3 && first.Cells.All(c => Find(c) is null && Either(c) is null))
        {
            faults.Add(first.Number, new(0, first.Cells[0], first.Cells[0]), "header-missing", Guide, new("第一行应是表头，这里却不是。", "The first row must be the header; this is none."),
                new("请删去表头之上的标题、说明等行，使第一行就是各列的名称；分隔符应为逗号、分号或制表符。", "Take away titles and notes above the header, so that the first row names the columns; they are separated by commas, semicolons or tabs."));
            return null;
        }

        var places = new Dictionary<CatalogueColumn, (int Index, string Header)>();
        var before = faults.Total;
        for (var i = 0; i < first.Cells.Length; i++)
        {
            var written = first.Cells[i].Trim();
            var cell = new CsvCell(i, written.Length == 0 ? $"#{i + 1}" : written, written);
            if (Find(written) is { } column)
            {
                if (!places.TryAdd(column, (i, written)))
                {
                    var (index, header) = places[column];
                    faults.Add(first.Number, cell, "column-twice", Guide,
                        new($"{CsvFaults.Letter(index)} 列“{CsvFaults.Shown(header, 60)}”和 {CsvFaults.Letter(i)} 列“{CsvFaults.Shown(written, 60)}”都是“{column.Header}”。", $"Column {CsvFaults.Letter(index)} ({CsvFaults.Shown(header, 60)}) and column {CsvFaults.Letter(i)} ({CsvFaults.Shown(written, 60)}) are both {column.Header}."),
                        new("请只保留一列；如是另一内容，请改用该列的标准名称（如目录的“共享类型”与信息项的“信息项共享类型”）。", "Keep one of them; if it is something else, give it that column's own name (共享类型 is the entry's, 信息项共享类型 the item's)."));
                }
            }
            else if (Either(written) is var (one, other))
            {
                faults.Add(first.Number, cell, "ambiguous-column", Guide, new($"可能是“{one.Header}”，也可能是“{other.Header}”。", $"This could be {one.Header} or {other.Header}."),
                    new($"请改为“{one.Header}”或“{other.Header}”。", $"Rename it to {one.Header} or {other.Header}."));
            }
            else
            {
                faults.Add(first.Number, cell, "unknown-column", Guide, new("不是目录表的列。", "The catalogue table has no such column."), Nearest(written) is var (known, nearest)
                    ? new($"是否为“{nearest.Header}”{(known == Fold(nearest.Header) ? "" : $"（{known}）")}？是则改名，否则请删去这一列。", $"Is it {nearest.Header}{(known == Fold(nearest.Header) ? "" : $" ({known})")}? Then rename it; else take the column out.")
                    : new("请删去这一列，或改用目录表的列名。", "Take the column out, or give it the name of one that the table has."));
            }
        }

        foreach (var column in All.Where(c => c.Required && !places.ContainsKey(c)))
        {
            faults.Add(first.Number, new(null, column.Header), "column-missing", Guide, new("缺少这一列。", "This column is missing."), column.Advice);
        }

        return faults.Total == before ? new(places) : null;
    }

    /// <summary>A row belongs to the entry above it unless it names another one.</summary>
    private static bool Continues(Row row, Row first) =>
        Keys.All(column => row[column] is not { } cell || cell == first[column]);

    private static void CompareRepeated(Row first, Row row, CsvFaults faults)
    {
        foreach (var column in All)
        {
            if (!column.OfItem && column.Field is not null && row[column] is { } repeated && repeated != first[column])
            {
                row.Fault(faults, column, "entry-differs", Guide, new(
                    $"与同一目录第 {first.Number} 行的内容不同；应相同或留空。",
                    $"This differs from row {first.Number} of the same entry; repeat it or leave it blank."),
                    new("同一目录的各信息项行中，目录的列填写相同内容或留空。", "In the rows of one entry's items repeat the entry's columns or leave them blank."));
            }
        }
    }

    private static ImportedEntry Entry(List<Row> rows, Dictionary<string, int> keys, CsvFaults faults)
    {
        var first = rows[0];
        var draft = new EntryDraft
        {
            Code = Narrow(first[Code]),
            Name = first[Name],
            DepartmentCode = Narrow(first[DepartmentCode])?.ToUpperInvariant(),
            Abstract = first[Abstract],
            Theme = Vocabularies.Theme.Word(first[Theme]),
            Format = FormatOf(first[Format]),
            UpdateFrequency = Vocabularies.Frequency.Word(first[Frequency]),
            SharingType = Vocabularies.Sharing.Word(first[SharingType]),
            SharingConditions = first[Conditions],
            SharingMethod = Vocabularies.Method.Word(first[Method]),
            RefusalLaw = first[RefusalLaw],
            OpenToSociety = YesNo(first, Open, faults),
            OpenConditions = first[OpenConditions],
            Classification = Vocabularies.Classification.Word(first[Classification]),
            Grade = Whole(first, Grade, faults),
            RelatedCodes = [.. (Narrow(first[Related]) ?? "").Split([';', ',', '、', '\n'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)],
            Fields = [.. rows.Select(row => new FieldDraft
            {
                Title = row[ItemTitle],
                Name = Narrow(row[ItemName]),
                Type = Vocabularies.FieldType.Word(row[ItemType]),
                Length = Whole(row, ItemLength, faults),
                SharingType = Vocabularies.Sharing.Word(row[ItemSharing]),
                Personal = YesNo(row, ItemPersonal, faults),
            })],
        };
        if (first[Open] is null)
        {
            first.Fault(faults, Open, "required", Guide, new("此项必填。", "This field is required."), Open.Advice);
        }

        foreach (var row in rows)
        {
            if (row[Secret] is { } secret && Vocabularies.NotSecret.Word(secret) != "no")
            {
                row.Fault(faults, Secret, "secret", "第3条", new("涉及国家秘密、工作秘密的数据不适用政务数据共享，不能编入目录。", "What is a state or work secret is outside data sharing and has no place in the catalogue."), Secret.Advice);
            }
        }

        foreach (var fault in EntryRules.Check(draft).All)
        {
            var (row, column) = Place(fault.Field, rows);
            if (!row.Misread.Contains(column))
            {
                row.Fault(faults, column, fault.Rule, fault.Article, fault.Message, column.Advice);
            }
        }

        var key = draft.Code is { } code ? $"code {code}" : $"name {draft.DepartmentCode} {draft.Name}";
        if (!keys.TryAdd(key, first.Number))
        {
            first.Fault(faults, draft.Code is null ? Name : Code, "entry-twice", Guide, new(
                $"与第 {keys[key]} 行是同一目录；同一目录的各行应当连续。",
                $"Row {keys[key]} is the same entry; the rows of an entry must follow each other."),
                new("请把同一目录的各行移到一起，或更正代码、名称。", "Bring the rows of the entry together, or correct the code or name."));
        }

        return new(draft.Normalised(), first[Department], first.Number);
    }

    /// <summary>Where in the table a fault of the draft stands.</summary>
    private static (Row Row, CatalogueColumn Column) Place(string field, List<Row> rows)
    {
        var item = ItemPath().Match(field);
        if (item.Success)
        {
            var row = rows[int.Parse(item.Groups["index"].Value, CultureInfo.InvariantCulture)];
            return (row, All.First(c => c.OfItem && c.Field == (item.Groups["member"].Value is { Length: > 0 } member ? member : "title")));
        }

        var bracket = field.IndexOf('[', StringComparison.Ordinal);
        var name = bracket < 0 ? field : field[..bracket];
        return (rows[0], All.FirstOrDefault(c => !c.OfItem && c.Field == name) ?? ItemTitle);
    }

    /// <summary>Codes and machine names typed in full-width forms mean the same.</summary>
    private static string? Narrow(string? cell) => cell?.Normalize(System.Text.NormalizationForm.FormKC).Trim();

    private static string? FormatOf(string? cell)
    {
        var narrow = Narrow(cell);
        var slash = narrow?.IndexOf('/', StringComparison.Ordinal) ?? -1;
        return slash < 0 ? Vocabularies.FormatGroup.Word(cell) : $"{Vocabularies.FormatGroup.Word(narrow![..slash])}/{narrow[(slash + 1)..].Trim().ToLowerInvariant()}";
    }

    private static bool? YesNo(Row row, CatalogueColumn column, CsvFaults faults)
    {
        switch (Vocabularies.YesNo.Word(row[column]))
        {
            case null:
                return null;
            case "yes":
                return true;
            case "no":
                return false;
            default:
                row.Misread.Add(column);
                row.Fault(faults, column, "unknown-value", Guide, new("应为：是、否。", "This must be 是 (yes) or 否 (no)."), column.Advice);
                return null;
        }
    }

    private static int? Whole(Row row, CatalogueColumn column, CsvFaults faults)
    {
        if (row[column] is not { } cell)
        {
            return null;
        }

        if (int.TryParse(WholePart().Match(Fold(cell)).Groups["number"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number;
        }

        row.Misread.Add(column);
        row.Fault(faults, column, "not-a-number", Guide, new("应为整数。", "This must be a whole number."), column.Advice);
        return null;
    }

    [GeneratedRegex(@"^fields\[(?<index>[0-9]+)\](\.(?<member>.+))?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex ItemPath();

    /// <summary>2级, 第2级, 18位, 30个字符: what stands around a number says the same as the column.</summary>
    [GeneratedRegex(@"^第?(?<number>[0-9]{1,9})(\.0+)?(级|位|个?字符)?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex WholePart();

    /// <summary>One row by column; a blank cell is null.</summary>
    private sealed class Row(int number, CatalogueHeader header, string[] cells)
    {
        public int Number => number;

        /// <summary>Cells whose text was no value: told once, not again as missing.</summary>
        public HashSet<CatalogueColumn> Misread { get; } = [];

        public string? this[CatalogueColumn column] => header.In(cells, column)?.Trim().ReplaceLineEndings("\n");

        public void Fault(CsvFaults faults, CatalogueColumn column, string rule, string? article, Text message, Text advice) =>
            faults.Add(number, header.Cell(column, header.In(cells, column)), rule, article, message, advice);
    }
}
