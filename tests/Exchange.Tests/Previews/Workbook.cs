using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Exchange.Tests.Previews;

/// <summary>Writes small workbooks as spreadsheet programs do, and spoils them.</summary>
internal sealed record Workbook
{
    private const string Main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private const string Rels = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

    /// <summary>Sheets by name: their rows, or a whole part when it begins with a declaration.</summary>
    public IReadOnlyList<(string Name, string Rows)> Sheets { get; init; } = [];

    /// <summary>The content of the table of texts; null for none.</summary>
    public string? Texts { get; init; }

    public string? Styles { get; init; }

    public string WorkbookProperties { get; init; } = "";

    /// <summary>Attributes of a sheet in the list, by its name.</summary>
    public IReadOnlyDictionary<string, string> States { get; init; } = new Dictionary<string, string>();

    /// <summary>The relationship of the first sheet.</summary>
    public string FirstTarget { get; init; } = "Target=\"worksheets/sheet1.xml\"";

    public IReadOnlyList<(string Name, byte[] Content)> More { get; init; } = [];

    public static Workbook Of(string rows) => new() { Sheets = [("数据", rows)] };

    public byte[] ToBytes()
    {
        var sheets = string.Concat(Sheets.Select((s, i) => $"<sheet name=\"{s.Name}\" sheetId=\"{i + 1}\" {States.GetValueOrDefault(s.Name)} r:id=\"rId{i + 1}\"/>"));
        var targets = string.Concat(Sheets.Select((_, i) => $"<Relationship Id=\"rId{i + 1}\" Type=\"{Rels}/worksheet\" {(i == 0 ? FirstTarget : $"Target=\"/xl/worksheets/sheet{i + 1}.xml\"")}/>"));
        List<(string, byte[])> parts =
        [
            ("[Content_Types].xml", Utf8("<Types/>")),
            ("xl/workbook.xml", Utf8($"<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<workbook xmlns=\"{Main}\" xmlns:r=\"{Rels}\">{WorkbookProperties}<sheets>{sheets}</sheets></workbook>")),
            ("xl/_rels/workbook.xml.rels", Utf8($"<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{targets}<Relationship Id=\"rIdT\" Type=\"{Rels}/sharedStrings\" Target=\"sharedStrings.xml\"/><Relationship Id=\"rIdS\" Type=\"{Rels}/styles\" Target=\"styles.xml\"/></Relationships>")),
            ("xl/styles.xml", Utf8($"<styleSheet xmlns=\"{Main}\">{Styles}</styleSheet>")),
            ("xl/sharedStrings.xml", Utf8(Texts is ['<', '?', ..] ? Texts : $"<sst xmlns=\"{Main}\">{Texts}</sst>")),
            .. Sheets.Select((s, i) => ($"xl/worksheets/sheet{i + 1}.xml", Utf8(s.Rows is ['<', '?', ..] ? s.Rows : $"\uFEFF<?xml version=\"1.0\"?><!-- 说明 --><worksheet xmlns=\"{Main}\"><cols><col min=\"1\" max=\"3\"/></cols><sheetData>{s.Rows}</sheetData><mergeCells/></worksheet>"))),
            .. More,
        ];
        using var file = new MemoryStream();
        using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in parts)
            {
                using var part = zip.CreateEntry(name, CompressionLevel.Fastest).Open();
                part.Write(content);
            }
        }

        return file.ToArray();
    }

    /// <summary>Changes the directory's record of a part: its place and its length are given.</summary>
    public static byte[] Patch(byte[] package, string part, Action<byte[], int> change)
    {
        for (var at = Directory(package).Offset; BinaryPrimitives.ReadUInt32LittleEndian(package.AsSpan(at)) == 0x02014b50; at += LengthOf(package, at))
        {
            if (NameOf(package, at) == part)
            {
                change(package, at);
                return package;
            }
        }

        throw new InvalidOperationException($"No part {part}.");
    }

    /// <summary>More parts that all are the same bytes of the file: each is small there, together they are endless.</summary>
    public static byte[] Overlap(byte[] package, string part, int times)
    {
        var (offset, _) = Directory(package);
        byte[] record = [];
        Patch(package, part, (bytes, at) => record = bytes[at..(at + LengthOf(bytes, at))]);
        var directory = package[offset..^22].ToList();
        for (var i = 0; i < times; i++)
        {
            var copy = (byte[])record.Clone();
            Encoding.ASCII.GetBytes(i.ToString("D6", System.Globalization.CultureInfo.InvariantCulture)).CopyTo(copy, 46);
            directory.AddRange(copy);
        }

        byte[] end = package[^22..];
        var count = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(10)) + times);
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(8), count);
        BinaryPrimitives.WriteUInt16LittleEndian(end.AsSpan(10), count);
        BinaryPrimitives.WriteUInt32LittleEndian(end.AsSpan(12), (uint)directory.Count);
        return [.. package[..offset], .. directory, .. end];
    }

    private static (int Offset, int Length) Directory(byte[] package) =>
        ((int)BinaryPrimitives.ReadUInt32LittleEndian(package.AsSpan(package.Length - 22 + 16)), (int)BinaryPrimitives.ReadUInt32LittleEndian(package.AsSpan(package.Length - 22 + 12)));

    private static int LengthOf(byte[] package, int at) =>
        46 + BinaryPrimitives.ReadUInt16LittleEndian(package.AsSpan(at + 28)) + BinaryPrimitives.ReadUInt16LittleEndian(package.AsSpan(at + 30)) + BinaryPrimitives.ReadUInt16LittleEndian(package.AsSpan(at + 32));

    private static string NameOf(byte[] package, int at) => Encoding.UTF8.GetString(package, at + 46, BinaryPrimitives.ReadUInt16LittleEndian(package.AsSpan(at + 28)));

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);
}
