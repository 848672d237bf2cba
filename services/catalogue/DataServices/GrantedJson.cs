using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Exchange.Catalogue.Grants;

namespace Exchange.Catalogue.DataServices;

/// <summary>
/// Lets through of a JSON body what the grant names, in constant memory. A property passes when it is a granted data item, with its values treated; objects and arrays
/// that are no data item pass only under the names that the department declared as structure, and then only what they hold of granted items. Whatever else there is, names included, is left out:
/// what nobody thought of is not delivered.
/// </summary>
/// <param name="scope">The data items that leave, and how each is treated.</param>
/// <param name="key">The grant's key, for hashes.</param>
/// <param name="structure">Names of objects and arrays that only hold others.</param>
internal sealed class GrantedJson(GrantedScope scope, byte[] key, IEnumerable<string> structure)
{
    /// <summary>Bytes of one value or name at most; no data item is longer.</summary>
    internal const int LongestToken = 1 << 20;

    private const int FlushAt = 32 * 1024;

    // Of each open object or array: the data item that its values belong to, or none where it is structure.
    private readonly Stack<string?> open = new();
    private readonly HashSet<string> granted = scope.Delivered.ToHashSet(StringComparer.Ordinal);
    private readonly HashSet<string> structure = structure.ToHashSet(StringComparer.Ordinal);
    private string? property;

    // Depth of what is left out; -1 while nothing is.
    private int leftOut = -1;
    private bool skipNext;

    /// <summary>Reads to the end of the body.</summary>
    /// <exception cref="JsonException">The body is not JSON, or deeper than 64 levels, or holds a value of more than a megabyte.</exception>
    public async Task CopyAsync(PipeReader from, Stream to, CancellationToken cancel)
    {
        var waiting = new ArrayBufferWriter<byte>(FlushAt * 2);
        // Depth and order are the reader's to check; what is written follows it token by token.
        using var json = new Utf8JsonWriter(waiting, new JsonWriterOptions { SkipValidation = true, Encoder = Hosting.Json.Options.Encoder });
        var state = new JsonReaderState(new JsonReaderOptions { MaxDepth = 64 });
        while (true)
        {
            var read = await from.ReadAsync(cancel);
            var consumed = Pass(read.Buffer, read.IsCompleted, ref state, json);
            if (read.Buffer.Slice(consumed).Length > LongestToken)
            {
                throw new JsonException("A value is longer than any data item.");
            }

            from.AdvanceTo(consumed, read.Buffer.End);
            json.Flush();
            if (waiting.WrittenCount > FlushAt || read.IsCompleted)
            {
                await to.WriteAsync(waiting.WrittenMemory, cancel);
                waiting.ResetWrittenCount();
            }

            if (read.IsCompleted)
            {
                return;
            }
        }
    }

    private SequencePosition Pass(ReadOnlySequence<byte> bytes, bool last, ref JsonReaderState state, Utf8JsonWriter json)
    {
        var reader = new Utf8JsonReader(bytes, last, state);
        while (reader.Read())
        {
            Take(ref reader, json);
        }

        state = reader.CurrentState;
        return reader.Position;
    }

    private void Take(ref Utf8JsonReader reader, Utf8JsonWriter json)
    {
        if (leftOut >= 0)
        {
            if (reader.CurrentDepth == leftOut && reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                leftOut = -1;
            }

            return;
        }

        if (reader.TokenType == JsonTokenType.PropertyName)
        {
            property = reader.GetString()!;
            skipNext = !granted.Contains(property) && !structure.Contains(property);
            return;
        }

        var item = property is null ? open.TryPeek(out var around) ? around : null : granted.Contains(property) ? property : null;
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject or JsonTokenType.StartArray when skipNext:
                leftOut = reader.CurrentDepth;
                break;
            case JsonTokenType.StartObject:
                WriteName(json);
                json.WriteStartObject();
                open.Push(item);
                break;
            case JsonTokenType.StartArray:
                WriteName(json);
                json.WriteStartArray();
                open.Push(item);
                break;
            case JsonTokenType.EndObject:
                json.WriteEndObject();
                open.Pop();
                break;
            case JsonTokenType.EndArray:
                json.WriteEndArray();
                open.Pop();
                break;
            default:
                // A bare value belongs to a data item or is left out; structure holds none.
                if (item is not null && !skipNext)
                {
                    WriteName(json);
                    WriteValue(ref reader, json, item);
                }

                break;
        }

        property = null;
        skipNext = false;
    }

    private void WriteName(Utf8JsonWriter json)
    {
        if (property is not null)
        {
            json.WritePropertyName(property);
        }
    }

    private void WriteValue(ref Utf8JsonReader reader, Utf8JsonWriter json, string item)
    {
        if (reader.TokenType == JsonTokenType.Null)
        {
            json.WriteNullValue();
            return;
        }

        var text = reader.TokenType == JsonTokenType.String ? reader.GetString()! : Encoding.UTF8.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
        var treated = Treatments.Apply(scope.Of(item), text, key);
        if (reader.TokenType == JsonTokenType.String || !string.Equals(treated, text, StringComparison.Ordinal))
        {
            json.WriteStringValue(treated);
        }
        else
        {
            json.WriteRawValue(text, skipInputValidation: true);
        }
    }
}
