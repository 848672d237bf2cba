using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;
using Exchange.Catalogue.Datasets;

namespace Exchange.Catalogue.Previews;

/// <summary>
/// The first rows of one sheet of a workbook (ECMA-376), forwards and in bounded memory: once for the numbers of the texts that its rows name, then the table of texts for those, then the rows. Formulas are never evaluated: the
/// value that the workbook keeps for a cell is shown as text. What lies outside of the package is never opened.
/// </summary>
internal sealed class XlsxPreview : IDisposable
{
    private const string Relationships = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    private const string StrictRelationships = "http://purl.oclc.org/ooxml/officeDocument/relationships";
    private const int MostSheets = 100;

    private readonly ZipArchive zip;
    private readonly PreviewTable table;
    private readonly PreviewLimits limits;
    private readonly CancellationToken cancel;
    private readonly Dictionary<string, (string Target, string Type, bool External)> parts = new(StringComparer.Ordinal);
    private readonly List<(string Name, string Id)> sheets = [];
    private readonly List<bool> dates = [];
    private readonly StringBuilder collected = new();
    private readonly char[] piece = new char[4096];
    private bool since1904;
    private long characters;

    private XlsxPreview(Stream file, PreviewTable table, PreviewLimits limits, CancellationToken cancel)
    {
        (this.table, this.limits, this.cancel) = (table, limits, cancel);
        zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true);
    }

    /// <param name="file">A package that was looked at (<see cref="Files.ZipPackage"/>).</param>
    /// <param name="sheet">Null: the first visible one.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="table">Takes the rows.</param>
    /// <param name="limits">What is refused.</param>
    /// <param name="cancel">Looked at before each row.</param>
    public static PreviewRead Read(Stream file, string? sheet, IReadOnlyList<FieldDraft> fields, PreviewTable table, PreviewLimits limits, CancellationToken cancel)
    {
        try
        {
            using var preview = new XlsxPreview(file, table, limits, cancel);
            return preview.Read(sheet, fields);
        }
        catch (Exception fault) when (fault is XmlException or InvalidDataException or EndOfStreamException or DecoderFallbackException or NotSupportedException)
        {
            throw NotPreviewedException.Damaged("XML");
        }
    }

    public void Dispose() => zip.Dispose();

    private PreviewRead Read(string? wanted, IReadOnlyList<FieldDraft> fields)
    {
        ReadRelationships();
        ReadWorkbook();
        ReadStyles();
        var (name, part) = Sheet(wanted);
        var needed = new HashSet<int>();
        foreach (var row in Rows(part))
        {
            needed.UnionWith(row.Where(c => c.Text >= 0).Select(c => c.Text));
        }

        var texts = ReadTexts(needed);
        var whole = false;
        long seen = 0;
        var header = true;
        foreach (var row in Rows(part, ended => whole = ended))
        {
            if (header)
            {
                AddHeader(row, texts, fields);
                header = false;
                continue;
            }

            AddRow(row, texts, fields);
            seen++;
        }

        return new PreviewRead { Form = "xlsx", Sheets = [.. sheets.Take(MostSheets).Select(s => s.Name)], Sheet = name, Rows = seen, Bytes = characters, Whole = whole };
    }

    private void AddHeader(List<Cell> row, Dictionary<int, string> texts, IReadOnlyList<FieldDraft> fields)
    {
        for (var i = 0; i <= row[^1].Column; i++)
        {
            var cell = row.FirstOrDefault(c => c.Column == i, new Cell(i, -1, null, null));
            table.AddColumn(Value(cell, texts)?.Trim() is { Length: > 0 } text ? text : CsvFaults.Letter(i), fields);
        }
    }

    private void AddRow(List<Cell> row, Dictionary<int, string> texts, IReadOnlyList<FieldDraft> fields)
    {
        while (table.Columns <= row[^1].Column)
        {
            table.AddColumn(CsvFaults.Letter(table.Columns), fields);
        }

        var values = new string?[row[^1].Column + 1];
        var formulas = new Dictionary<int, string>();
        foreach (var cell in row)
        {
            values[cell.Column] = Value(cell, texts);
            if (cell.Formula is { } address)
            {
                formulas[cell.Column] = address;
            }
        }

        table.Add(values, formulas.Count == 0 ? null : i => formulas.GetValueOrDefault(i));
    }

    private static string? Value(Cell cell, Dictionary<int, string> texts) => cell.Text >= 0 ? texts.GetValueOrDefault(cell.Text) ?? throw NotPreviewedException.Damaged("sharedStrings.xml") : cell.Value;

    /// <summary>The rows of a sheet that hold anything, in their order; as many as are read, and one for the header.</summary>
    /// <param name="part">The sheet.</param>
    /// <param name="ended">Told whether these were all.</param>
    private IEnumerable<List<Cell>> Rows(ZipArchiveEntry part, Action<bool>? ended = null)
    {
        using var xml = Open(part, long.MaxValue);
        var row = new List<Cell>();
        var read = 0;
        var number = 0;
        var more = xml.NextInRow();
        while (more)
        {
            if (xml.Reader is { NodeType: XmlNodeType.EndElement, LocalName: "sheetData" })
            {
                more = false;
                break;
            }

            if (xml.Reader is not { NodeType: XmlNodeType.Element, LocalName: "row" })
            {
                more = xml.NextInRow();
                continue;
            }

            // An empty row costs markup and no more.
            if (read > limits.Rows || xml.Count > 2L * limits.Window)
            {
                break;
            }

            cancel.ThrowIfCancellationRequested();
            xml.Mark();
            number = int.TryParse(xml.Reader.GetAttribute("r"), NumberStyles.None, CultureInfo.InvariantCulture, out var told) ? told : number + 1;
            row.Clear();
            ReadRow(xml, number, row);
            if (row.Count > 0)
            {
                read++;
                yield return row;
            }

            more = xml.NextInRow();
        }

        if (ended is not null)
        {
            characters += xml.Count;
            ended(!more);
        }
    }

    private void ReadRow(BoundedXml xml, int number, List<Cell> row)
    {
        var reader = xml.Reader;
        if (reader.IsEmptyElement)
        {
            return;
        }

        var (depth, column) = (reader.Depth, -1);
        while (xml.NextInRow() && reader.Depth > depth)
        {
            if (reader is not { NodeType: XmlNodeType.Element, LocalName: "c" })
            {
                continue;
            }

            column = reader.GetAttribute("r") is { } address ? Column(address) : column + 1;
            var cell = ReadCell(xml, column, number);
            if (cell is { Value: null, Text: < 0 })
            {
                continue;
            }

            if (column >= limits.Columns)
            {
                throw NotPreviewedException.TooManyColumns(limits);
            }

            if (row.Count > 0 && row[^1].Column >= column)
            {
                throw NotPreviewedException.Damaged("sheet.xml");
            }

            row.Add(cell);
        }
    }

    private Cell ReadCell(BoundedXml xml, int column, int number)
    {
        var reader = xml.Reader;
        var (type, style) = (reader.GetAttribute("t"), reader.GetAttribute("s"));
        string? text = null;
        var formula = false;
        if (!reader.IsEmptyElement)
        {
            var depth = reader.Depth;
            while (xml.NextInRow() && reader.Depth > depth)
            {
                if (reader.NodeType != XmlNodeType.Element)
                {
                    continue;
                }

                switch (reader.LocalName)
                {
                    case "f":
                        formula = true;
                        break;
                    case "v":
                        text = Content(xml);
                        break;
                    case "is":
                        CollectRuns(xml);
                        text = collected.ToString();
                        break;
                }
            }
        }

        var address = formula ? $"{CsvFaults.Letter(column)}{number.ToString(CultureInfo.InvariantCulture)}" : null;
        return string.IsNullOrEmpty(text) ? new Cell(column, -1, null, address)
            : type == "s" ? new Cell(column, int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : throw NotPreviewedException.Damaged("sheet.xml"), null, address)
            : new Cell(column, -1, type switch
            {
                "b" => text == "1" ? "true" : "false",
                null or "n" when int.TryParse(style, NumberStyles.None, CultureInfo.InvariantCulture, out var place) && place < dates.Count && dates[place] => Date(text),
                _ => text,
            }, address);
    }

    /// <summary>The text of the element that the reader is at; it is at its end afterwards.</summary>
    private string Content(BoundedXml xml)
    {
        collected.Clear();
        Collect(xml);
        return collected.ToString();
    }

    /// <summary>The text of a cell that is written in runs, without how its characters are read out.</summary>
    private void CollectRuns(BoundedXml xml)
    {
        collected.Clear();
        var reader = xml.Reader;
        if (reader.IsEmptyElement)
        {
            return;
        }

        var depth = reader.Depth;
        var phonetic = int.MaxValue;
        while (xml.NextInRow() && reader.Depth > depth)
        {
            if (reader.Depth <= phonetic)
            {
                phonetic = reader is { NodeType: XmlNodeType.Element, LocalName: "rPh", IsEmptyElement: false } ? reader.Depth : int.MaxValue;
            }

            if (phonetic == int.MaxValue && reader is { NodeType: XmlNodeType.Element, LocalName: "t" })
            {
                Collect(xml);
            }
        }
    }

    private void Collect(BoundedXml xml)
    {
        var reader = xml.Reader;
        if (reader.IsEmptyElement)
        {
            return;
        }

        var depth = reader.Depth;
        while (xml.NextInRow() && reader.Depth > depth)
        {
            if (reader.NodeType is XmlNodeType.Text or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace)
            {
                for (int read; (read = reader.ReadValueChunk(piece, 0, piece.Length)) > 0;)
                {
                    collected.Append(piece, 0, collected.Length + read <= limits.Cell ? read : throw NotPreviewedException.CellTooLong(limits));
                }
            }
        }
    }

    private Dictionary<int, string> ReadTexts(HashSet<int> needed)
    {
        var texts = new Dictionary<int, string>();
        if (needed.Count == 0 || Related("sharedStrings") is not { } part)
        {
            return texts;
        }

        using var xml = Open(part, limits.Texts);
        var (index, kept, last) = (0, 0, needed.Max());
        xml.Mark();
        while (index <= last && xml.NextInRow())
        {
            if (xml.Reader is not { NodeType: XmlNodeType.Element, LocalName: "si" })
            {
                continue;
            }

            cancel.ThrowIfCancellationRequested();
            xml.Mark();
            CollectRuns(xml);
            if (needed.Contains(index))
            {
                kept += collected.Length;
                texts[index] = kept <= limits.KeptTexts ? collected.ToString() : throw new NotPreviewedException("texts-too-large",
                    new($"要显示的文本超过 {limits.KeptTexts} 个字符。", $"The texts of the rows are longer than {limits.KeptTexts} characters together."));
            }

            index++;
        }

        characters += xml.Count;
        return texts;
    }

    private void ReadRelationships()
    {
        using var xml = Open(zip.GetEntry("xl/_rels/workbook.xml.rels") ?? throw NotPreviewedException.Damaged("workbook.xml.rels"), limits.Part);
        while (xml.Next())
        {
            var reader = xml.Reader;
            if (reader is { NodeType: XmlNodeType.Element, LocalName: "Relationship" } && reader.GetAttribute("Id") is { } id && reader.GetAttribute("Target") is { } target)
            {
                parts[id] = (target, reader.GetAttribute("Type") ?? "", reader.GetAttribute("TargetMode") == "External");
            }
        }
    }

    private void ReadWorkbook()
    {
        using var xml = Open(zip.GetEntry("xl/workbook.xml") ?? throw NotPreviewedException.Damaged("workbook.xml"), limits.Part);
        while (xml.Next())
        {
            var reader = xml.Reader;
            if (reader.NodeType != XmlNodeType.Element)
            {
                continue;
            }

            if (reader.LocalName == "workbookPr")
            {
                since1904 = reader.GetAttribute("date1904") is "1" or "true";
            }
            else if (reader.LocalName == "sheet" && reader.GetAttribute("state") is null or "visible" && reader.GetAttribute("name") is { Length: <= 255 } name
                && (reader.GetAttribute("id", Relationships) ?? reader.GetAttribute("id", StrictRelationships)) is { } id)
            {
                sheets.Add((name, id));
            }
        }
    }

    /// <summary>Which styles show a number as a date.</summary>
    private void ReadStyles()
    {
        if (Related("styles") is not { } part)
        {
            return;
        }

        using var xml = Open(part, limits.Part);
        var formats = new HashSet<int>();
        var styles = false;
        while (xml.Next())
        {
            var reader = xml.Reader;
            if (reader.LocalName == "cellXfs")
            {
                styles = reader is { NodeType: XmlNodeType.Element, IsEmptyElement: false };
            }
            else if (reader is { NodeType: XmlNodeType.Element, LocalName: "numFmt" } && Number("numFmtId") is { } id && IsDate(reader.GetAttribute("formatCode")))
            {
                formats.Add(id);
            }
            else if (styles && reader is { NodeType: XmlNodeType.Element, LocalName: "xf" })
            {
                // The numbers that every workbook knows (ECMA-376 18.8.30), those of Chinese ones among them.
                dates.Add(Number("numFmtId") is { } format && (format is >= 14 and <= 22 or >= 27 and <= 36 or >= 45 and <= 47 or >= 50 and <= 58 || formats.Contains(format)));
            }

            int? Number(string name) => int.TryParse(reader.GetAttribute(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
        }
    }

    /// <summary>A format of its own shows dates when it names a part of one outside quotes, escapes and brackets.</summary>
    private static bool IsDate(string? format)
    {
        var (quoted, bracket) = (false, false);
        for (var i = 0; i < format?.Length; i++)
        {
            switch (format[i])
            {
                case '"':
                    quoted = !quoted;
                    break;
                case '\\' or '_' or '*':
                    i++;
                    break;
                case '[' when !quoted:
                    bracket = true;
                    break;
                case ']' when !quoted:
                    bracket = false;
                    break;
                case 'y' or 'Y' or 'm' or 'M' or 'd' or 'D' or 'h' or 'H' or 's' or 'S' when !quoted && !bracket:
                    return true;
            }
        }

        return false;
    }

    /// <summary>Days since the end of 1899 (or the beginning of 1904) as ISO writes them; what is no day stays a number.</summary>
    private string Date(string text)
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var days) || days is not (>= 0 and < 2_958_466))
        {
            return text;
        }

        var moment = (since1904 ? new DateTime(1904, 1, 1) : new DateTime(1899, 12, 30)).AddSeconds(Math.Round(days * 86_400));
        return moment.ToString(days < 1 ? "HH:mm:ss" : moment.TimeOfDay == TimeSpan.Zero ? "yyyy-MM-dd" : "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture);
    }

    private (string Name, ZipArchiveEntry Part) Sheet(string? wanted)
    {
        var found = sheets.FirstOrDefault(s => wanted is null || s.Name == wanted);
        if (found.Id is null)
        {
            throw new NotPreviewedException("no-sheet", new("没有这个可见的工作表。", "There is no such visible sheet."));
        }

        return (found.Name, parts.TryGetValue(found.Id, out var part) ? Inside(part) : throw NotPreviewedException.Damaged("workbook.xml"));
    }

    private ZipArchiveEntry? Related(string type) =>
        parts.Values.FirstOrDefault(p => p.Type.EndsWith("/" + type, StringComparison.Ordinal)) is { Target: not null } part ? Inside(part) : null;

    private ZipArchiveEntry Inside((string Target, string Type, bool External) part) =>
        part.External
            ? throw new NotPreviewedException("external", new("工作簿引用了文件以外的内容。", "The workbook refers to content outside of the file."))
            : zip.GetEntry(part.Target.StartsWith('/') ? part.Target[1..] : "xl/" + part.Target) ?? throw NotPreviewedException.Damaged(CsvFaults.Shown(part.Target, 60));

    private BoundedXml Open(ZipArchiveEntry part, long most) => new(part.Open(), most, limits, table);

    private int Column(string address)
    {
        var column = 0;
        foreach (var letter in address)
        {
            if (!char.IsAsciiLetterUpper(letter))
            {
                break;
            }

            column = (column * 26) + letter - 'A' + 1;
            if (column > 16_384)
            {
                throw NotPreviewedException.TooManyColumns(limits);
            }
        }

        return column > 0 ? column - 1 : throw NotPreviewedException.Damaged("sheet.xml");
    }

    /// <summary>A cell that holds something.</summary>
    /// <param name="Column">From zero.</param>
    /// <param name="Text">Its number in the table of texts; -1 when it has its value itself.</param>
    /// <param name="Value">Its value.</param>
    /// <param name="Formula">Its address when a formula stands in it.</param>
    private readonly record struct Cell(int Column, int Text, string? Value, string? Formula);
}
