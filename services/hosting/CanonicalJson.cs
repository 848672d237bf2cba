using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Exchange.Hosting;

/// <summary>
/// RFC 8785 for the values we put under a hash: ASCII keys, strings, integers below 2^53, booleans, arrays, objects.
/// Anything else is refused with <see cref="ArgumentException"/>, because two writers could disagree about its bytes.
/// </summary>
public static class CanonicalJson
{
    private const long LargestInteger = (1L << 53) - 1;
    private const int DeepestNesting = 64;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static byte[] Write(JsonNode value)
    {
        var output = new ArrayBufferWriter<byte>(512);
        Write(value, output, 0);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The object in <paramref name="bytes"/> when they are exactly what <see cref="Write(JsonNode)"/> makes of it, else null. It belongs to itself: nobody need dispose of it.</summary>
    public static JsonElement? Read(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { MaxDepth = DeepestNesting });
            var value = JsonElement.ParseValue(ref reader);
            var output = new ArrayBufferWriter<byte>(bytes.Length + 16);
            return value.ValueKind == JsonValueKind.Object && reader.BytesConsumed == bytes.Length && IsInOrder(value, output) && bytes.SequenceEqual(output.WrittenSpan) ? value : null;
        }
        catch (Exception e) when (e is JsonException or ArgumentException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Writes what was read, as it stands; false where the canonical order of keys, and with it their uniqueness, is not kept.</summary>
    private static bool IsInOrder(JsonElement value, ArrayBufferWriter<byte> output)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                output.Write("{"u8);
                string? last = null;
                foreach (var member in value.EnumerateObject())
                {
                    var key = member.Name;
                    if (last is not null && string.CompareOrdinal(last, key) >= 0)
                    {
                        return false;
                    }
                    WriteKey(key, last is null, output);
                    last = key;
                    if (!IsInOrder(member.Value, output))
                    {
                        return false;
                    }
                }
                output.Write("}"u8);
                return true;
            case JsonValueKind.Array:
                output.Write("["u8);
                var first = true;
                foreach (var item in value.EnumerateArray())
                {
                    if (!first)
                    {
                        output.Write(","u8);
                    }
                    first = false;
                    if (!IsInOrder(item, output))
                    {
                        return false;
                    }
                }
                output.Write("]"u8);
                return true;
            case JsonValueKind.String:
                WriteString(value.GetString()!, output);
                return true;
            case JsonValueKind.True:
                output.Write("true"u8);
                return true;
            case JsonValueKind.False:
                output.Write("false"u8);
                return true;
            case JsonValueKind.Number when value.TryGetInt64(out var number):
                WriteNumber(number, output);
                return true;
            default:
                return false;
        }
    }

    private static void Write(JsonNode? node, ArrayBufferWriter<byte> output, int depth)
    {
        if (depth > DeepestNesting)
        {
            throw new ArgumentException($"Nested deeper than {DeepestNesting}.");
        }
        switch (node)
        {
            case JsonObject value:
                WriteObject(value, output, depth);
                break;
            case JsonArray array:
                output.Write("["u8);
                for (var i = 0; i < array.Count; i++)
                {
                    if (i > 0)
                    {
                        output.Write(","u8);
                    }
                    Write(array[i], output, depth + 1);
                }
                output.Write("]"u8);
                break;
            case JsonValue value:
                WriteValue(value, output);
                break;
            default:
                throw new ArgumentException("A null has no place in a canonical record; leave the key out.");
        }
    }

    private static void WriteObject(JsonObject value, ArrayBufferWriter<byte> output, int depth)
    {
        output.Write("{"u8);
        var first = true;
        // Ordinal order of ASCII keys is the order by UTF-16 code units that the RFC asks for.
        foreach (var (key, member) in value.OrderBy(member => member.Key, StringComparer.Ordinal))
        {
            WriteKey(key, first, output);
            first = false;
            Write(member, output, depth + 1);
        }
        output.Write("}"u8);
    }

    private static void WriteKey(string key, bool first, ArrayBufferWriter<byte> output)
    {
        if (!Ascii.IsValid(key))
        {
            throw new ArgumentException("A key holds a character outside ASCII.");
        }
        if (!first)
        {
            output.Write(","u8);
        }
        WriteString(key, output);
        output.Write(":"u8);
    }

    private static void WriteNumber(long number, ArrayBufferWriter<byte> output)
    {
        if (number is < -LargestInteger or > LargestInteger)
        {
            throw new ArgumentException($"{number} is no integer below 2^53.");
        }
        Span<byte> digits = stackalloc byte[20];
        number.TryFormat(digits, out var length, default, CultureInfo.InvariantCulture);
        output.Write(digits[..length]);
    }

    private static void WriteValue(JsonValue value, ArrayBufferWriter<byte> output)
    {
        switch (value.GetValueKind())
        {
            case JsonValueKind.True:
                output.Write("true"u8);
                break;
            case JsonValueKind.False:
                output.Write("false"u8);
                break;
            case JsonValueKind.String:
                WriteString(StringOf(value), output);
                break;
            case JsonValueKind.Number when long.TryParse(value.ToJsonString(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number):
                WriteNumber(number, output);
                break;
            default:
                throw new ArgumentException($"{value.GetValueKind()} {value.ToJsonString()} is neither a string, a boolean nor an integer below 2^53.");
        }
    }

    private static string StringOf(JsonValue value)
    {
        try
        {
            return value.GetValue<string>();
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException("A string that is not one: an incomplete surrogate pair, or a value of another type.", e);
        }
    }

    private static void WriteString(string value, ArrayBufferWriter<byte> output)
    {
        output.Write("\""u8);
        var rest = value.AsSpan();
        while (rest.IndexOfAny(Escaped) is var at && at >= 0)
        {
            WriteRaw(rest[..at], output);
            output.Write(rest[at] switch
            {
                '"' => "\\\""u8,
                '\\' => "\\\\"u8,
                '\b' => "\\b"u8,
                '\t' => "\\t"u8,
                '\n' => "\\n"u8,
                '\f' => "\\f"u8,
                '\r' => "\\r"u8,
                var control => Encoding.ASCII.GetBytes($"\\u{(int)control:x4}"),
            });
            rest = rest[(at + 1)..];
        }
        WriteRaw(rest, output);
        output.Write("\""u8);
    }

    // U+007F, U+2028 and all the others go out as they are; System.Text.Json would escape some of them.
    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        [.. Enumerable.Range(0, 0x20).Select(code => (char)code), '"', '\\']);

    private static void WriteRaw(ReadOnlySpan<char> text, ArrayBufferWriter<byte> output)
    {
        try
        {
            Strict.GetBytes(text, output);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException("A string holds an incomplete surrogate pair.", e);
        }
    }
}
