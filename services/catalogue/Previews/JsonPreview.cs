using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Exchange.Catalogue.Datasets;

namespace Exchange.Catalogue.Previews;

/// <summary>
/// The first objects of a JSON file: of an array, or one after the other (NDJSON); a single object is one row. The columns are the names in the order in which they come up; objects and arrays inside a row are
/// shown as their text. Of a name that stands twice in one object the later value counts, as it does for most readers.
/// </summary>
internal ref struct JsonPreview
{
    private readonly ReadOnlySpan<byte> window;
    private readonly bool whole;
    private readonly IReadOnlyList<FieldDraft> fields;
    private readonly PreviewTable table;
    private readonly PreviewLimits limits;
    private readonly List<string?> row = [];
    private Utf8JsonReader reader;

    /// <summary>Where the row that is being read begins; -1 between rows.</summary>
    private long begin = -1;

    private JsonPreview(ReadOnlySpan<byte> window, bool whole, IReadOnlyList<FieldDraft> fields, PreviewTable table, PreviewLimits limits)
    {
        this.window = window;
        this.whole = whole;
        this.fields = fields;
        this.table = table;
        this.limits = limits;
        reader = new Utf8JsonReader(window, whole, new JsonReaderState(new JsonReaderOptions { AllowMultipleValues = true, MaxDepth = limits.Depth + 8 }));
    }

    /// <param name="window">The file's beginning.</param>
    /// <param name="whole">It is all of the file.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="table">Takes the rows.</param>
    /// <param name="limits">What is refused.</param>
    public static PreviewRead Read(ReadOnlySpan<byte> window, bool whole, IReadOnlyList<FieldDraft> fields, PreviewTable table, PreviewLimits limits)
    {
        var text = window.StartsWith(Encoding.UTF8.Preamble) ? window[3..] : window;
        if (!IsUtf8(text, whole))
        {
            throw NotPreviewedException.Encoding();
        }

        var preview = new JsonPreview(text, whole, fields, table, limits);
        try
        {
            var (form, ended) = preview.ReadRows();
            return new PreviewRead { Form = form, Encoding = "utf-8", Rows = table.Count, Bytes = window.Length, Whole = ended };
        }
        catch (JsonException fault)
        {
            throw new NotPreviewedException("json-broken", new($"JSON 有误：第 {fault.LineNumber + 1} 行，第 {fault.BytePositionInLine + 1} 字节。", $"The JSON is broken at line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}."));
        }
        catch (InvalidOperationException)
        {
            // What the reader says of an escape that is half of a character.
            throw NotPreviewedException.Encoding();
        }
    }

    private static bool IsUtf8(ReadOnlySpan<byte> text, bool whole)
    {
        // The window may end in the middle of a character.
        for (var cut = 0; cut <= (whole ? 0 : Math.Min(3, text.Length)); cut++)
        {
            if (Utf8.IsValid(text[..^cut]))
            {
                return true;
            }
        }

        return false;
    }

    private (string Form, bool Whole) ReadRows()
    {
        var array = false;
        var ended = false;
        while (Next())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartArray when reader.CurrentDepth == 0 && table.Count == 0 && !array:
                    array = true;
                    break;
                case JsonTokenType.EndArray when reader.CurrentDepth == 0 && array:
                    ended = true;
                    break;
                case JsonTokenType.StartObject when !ended && reader.CurrentDepth == (array ? 1 : 0):
                    if (table.IsFull)
                    {
                        return (Form(array), false);
                    }

                    if (!ReadRow())
                    {
                        return CutOff(array);
                    }

                    break;
                default:
                    throw new NotPreviewedException("no-objects", new("JSON 须为对象的数组，或逐个的对象。", "The JSON must be an array of objects, or objects one after the other."));
            }
        }

        return whole ? (Form(array), true) : CutOff(array);
    }

    private readonly string Form(bool array) => array || table.Count <= 1 ? "json" : "ndjson";

    /// <summary>The window ended here, or in a row that goes on behind it.</summary>
    private readonly (string Form, bool Whole) CutOff(bool array)
    {
        if (table.Count == 0 || (begin >= 0 && window.Length - begin > limits.Line))
        {
            throw NotPreviewedException.LineTooLong(limits);
        }

        return (Form(array), false);
    }

    private bool ReadRow()
    {
        row.Clear();
        begin = reader.TokenStartIndex;
        var depth = reader.CurrentDepth;
        while (Next())
        {
            if (reader.TokenType == JsonTokenType.EndObject && reader.CurrentDepth == depth)
            {
                begin = -1;
                table.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(row));
                return true;
            }

            Short(reader.ValueSpan.Length);
            var name = reader.GetString()!;
            if (!Next())
            {
                return false;
            }

            var place = table.Place(name, fields);
            while (row.Count <= place)
            {
                row.Add(null);
            }

            if (!ReadValue(out var value))
            {
                return false;
            }

            row[place] = value;
        }

        return false;
    }

    private bool ReadValue(out string? value)
    {
        value = null;
        switch (reader.TokenType)
        {
            case JsonTokenType.Null:
                return true;
            case JsonTokenType.String:
                Short(reader.ValueSpan.Length);
                value = reader.GetString();
                return true;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                var (from, depth) = ((int)reader.TokenStartIndex, reader.CurrentDepth);
                do
                {
                    if (!Next())
                    {
                        return false;
                    }
                }
                while (reader.CurrentDepth > depth);
                Short((int)reader.BytesConsumed - from);
                value = Encoding.UTF8.GetString(window[from..(int)reader.BytesConsumed]);
                return true;
            default:
                Short(reader.ValueSpan.Length);
                value = Encoding.UTF8.GetString(reader.ValueSpan);
                return true;
        }
    }

    /// <summary>Bytes are at least as many as characters, escapes counted.</summary>
    private readonly void Short(int bytes)
    {
        if (bytes > limits.Cell)
        {
            throw NotPreviewedException.CellTooLong(limits);
        }
    }

    private bool Next()
    {
        if (!reader.Read())
        {
            return false;
        }

        if (reader.CurrentDepth > limits.Depth)
        {
            throw NotPreviewedException.TooDeep(limits);
        }

        if (begin >= 0 && reader.BytesConsumed - begin > limits.Line)
        {
            throw NotPreviewedException.LineTooLong(limits);
        }

        return true;
    }
}
