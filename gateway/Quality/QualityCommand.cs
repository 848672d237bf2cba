using System.Globalization;
using System.Text.Json;
using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Quality;

/// <summary>
/// The same reports without gateway, database or network: a department scores an exported entry before it is published, or checks what the gateway says.
/// One entry gives its report byte for byte as <c>/api/catalogue/datasets/{id}/quality</c> does; an array gives an array, several entries one after the other a line each.
/// Exit code 0, or 2 for wrong use and unreadable input; nothing is written then.
/// </summary>
internal static class QualityCommand
{
    private const string Usage = """
        用法 / usage: Exchange.Gateway quality FILE [--on YYYY-MM-DD] [--data-updated TIME]
          FILE            条目的 JSON：一个、数组或每行一个；- 为标准输入 / entries as JSON: one, an array, or one a line; - is standard input
          --on            评分日（北京），默认今天 / the day it is judged on, in Beijing; today when left out
          --data-updated  数据最近更新时间，如 2026-11-21T08:00:00Z / when the data was last updated
        """;

    private static readonly byte[] ByteOrderMark = [0xEF, 0xBB, 0xBF];

    public static int Run(IReadOnlyList<string> arguments, Stream output, TextWriter errors, TimeProvider clock)
    {
        try
        {
            var (file, on, updatedAt) = Options(arguments);
            output.Write(Score(Read(file), updatedAt, on ?? DataFreshness.DayOf(clock.GetUtcNow())));
            output.Flush();
            return 0;
        }
        catch (Unusable fault)
        {
            errors.WriteLine(fault.Message);
            return 2;
        }
    }

    private static (string File, DateOnly? On, DateTimeOffset? UpdatedAt) Options(IReadOnlyList<string> arguments)
    {
        string? file = null;
        DateOnly? on = null;
        DateTimeOffset? updatedAt = null;
        for (var i = 0; i < arguments.Count; i++)
        {
            var value = i + 1 < arguments.Count ? arguments[i + 1] : null;
            switch (arguments[i])
            {
                case "--on" when DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day):
                    (on, i) = (day, i + 1);
                    break;
                case "--data-updated" when DateTimeOffset.TryParse(value, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at):
                    (updatedAt, i) = (at, i + 1);
                    break;
                case "-" or [not '-', ..] when file is null:
                    file = arguments[i];
                    break;
                default:
                    throw new Unusable($"{arguments[i]} ?\n{Usage}");
            }
        }

        return (file ?? throw new Unusable(Usage), on, updatedAt);
    }

    private static byte[] Read(string file)
    {
        try
        {
            using var source = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            using var bytes = new MemoryStream();
            source.CopyTo(bytes);
            return bytes.ToArray();
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new Unusable(fault.Message);
        }
    }

    private static byte[] Score(byte[] input, DateTimeOffset? updatedAt, DateOnly on)
    {
        var from = input.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
        using var written = new MemoryStream();
        var array = false;
        var count = 0;
        var reader = new Utf8JsonReader(input.AsSpan(from), new JsonReaderOptions { AllowMultipleValues = true });
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.StartArray when reader.CurrentDepth == 0 && count == 0 && !array:
                        array = true;
                        written.WriteByte((byte)'[');
                        break;
                    case JsonTokenType.EndArray:
                        written.WriteByte((byte)']');
                        break;
                    case JsonTokenType.StartObject when reader.CurrentDepth == (array ? 1 : 0):
                        if (count++ > 0)
                        {
                            written.WriteByte((byte)(array ? ',' : '\n'));
                        }

                        var start = from + (int)reader.TokenStartIndex;
                        reader.Skip();
                        var entry = Entry(input, start, from + (int)reader.BytesConsumed);
                        written.Write(EntryQuality.Of(entry, updatedAt, on).ToJson());
                        break;
                    default:
                        throw Fault(input, from + (int)reader.TokenStartIndex, "$", "这里应当是一个条目 / an entry is expected here");
                }
            }
        }
        catch (JsonException fault)
        {
            throw new Unusable($"{Line(fault.LineNumber ?? 0)}{fault.Message.Split(" LineNumber:")[0]}");
        }

        return count > 0 || array ? written.ToArray() : throw new Unusable("文件中没有条目 / the file holds no entry");
    }

    private static Contracts.DatasetEntry Entry(byte[] input, int start, int end)
    {
        try
        {
            return EntryQuality.Read(input.AsSpan(start, end - start));
        }
        catch (JsonException fault)
        {
            var line = input.AsSpan(0, start).Count((byte)'\n') + (fault.LineNumber ?? 0);
            throw new Unusable($"{Line(line)}{fault.Path ?? "$"}: {Words(fault)}");
        }
    }

    private static Unusable Fault(byte[] input, int at, string path, string message) => new($"{Line(input.AsSpan(0, at).Count((byte)'\n'))}{path}: {message}");

    private static string Line(long before) => string.Create(CultureInfo.InvariantCulture, $"第 {before + 1} 行 / line {before + 1}: ");

    /// <summary>The library's words name types of ours; only what concerns the reader is passed on.</summary>
    private static string Words(JsonException fault) =>
        fault.Message.Contains("missing required properties", StringComparison.Ordinal) ? $"缺少 / missing: {fault.Message[(fault.Message.IndexOf("including:", StringComparison.Ordinal) + "including:".Length)..].Trim()}"
        : fault.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal) ? "值的类型或格式不符 / the value has another type or form than this field takes"
        : fault.Message.Split(" Path: ")[0];

    private sealed class Unusable(string message) : Exception(message);
}
