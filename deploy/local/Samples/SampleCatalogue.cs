using System.Text;
using CsvHelper;

namespace Exchange.Local.Samples;

/// <summary>A city's sample catalogue is one table; each department imports its own part of it, byte for byte as it stands there.</summary>
internal static class SampleCatalogue
{
    private const string Provider = "信息资源提供方代码";

    public static IReadOnlyList<(string Department, byte[] Csv)> ByDepartment(string path)
    {
        using var file = File.OpenRead(path);
        using var reader = CsvReader.Create(file, new CsvReaderOptions { Separator = ',', HasHeader = false });
        byte[] header = [];
        var column = -1;
        var parts = new List<(string Department, MemoryStream Lines)>();
        MemoryStream? current = null;
        while (reader.Read())
        {
            if (column < 0)
            {
                header = Line(reader);
                column = Enumerable.Range(0, reader.FieldCount).FirstOrDefault(i => reader.GetString(i) == Provider, -1);
                if (column < 0)
                    throw new LocalFault($"{path}: the column {Provider} is missing.");
                continue;
            }
            // An entry's further lines leave its columns blank: they follow the first.
            if (reader.GetString(column) is { Length: > 0 } department)
            {
                current = parts.FirstOrDefault(p => p.Department == department).Lines;
                if (current is null)
                    parts.Add((department, current = new MemoryStream()));
            }
            (current ?? throw new LocalFault($"{path}: the first entry names no department.")).Write(Line(reader));
        }
        return [.. parts.Select(p => (p.Department, (byte[])[.. header, .. p.Lines.ToArray()]))];
    }

    private static byte[] Line(CsvReader reader) => [.. reader.RawRecord, .. Encoding.ASCII.GetBytes(reader.RawRecord is [.., (byte)'\n'] ? "" : "\r\n")];
}
