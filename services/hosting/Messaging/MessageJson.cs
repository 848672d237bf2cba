using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Exchange.Hosting.Messaging;

/// <summary>Messages on the wire: MassTransit's JSON envelope, camelCase, Chinese unescaped.</summary>
public static class MessageJson
{
    public const string ContentType = "application/vnd.masstransit+json";

    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.Create(UnicodeRanges.All) };

    /// <summary>The final bytes of a message. Made once and stored, so that a second sending is the first one again.</summary>
    public static byte[] Envelope(Guid messageId, Guid? correlationId, string source, string exchange, string type, ReadOnlySpan<byte> message, DateTimeOffset at)
    {
        var buffer = new ArrayBufferWriter<byte>(message.Length + 512);
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = Options.Encoder, SkipValidation = true }))
        {
            writer.WriteStartObject();
            writer.WriteString("messageId", messageId);
            if (correlationId is { } correlation)
            {
                writer.WriteString("correlationId", correlation);
                writer.WriteString("conversationId", correlation);
            }

            writer.WriteString("sourceAddress", $"exchange://{source}");
            writer.WriteString("destinationAddress", $"exchange://{exchange}");
            writer.WriteStartArray("messageType");
            writer.WriteStringValue(Urn(type));
            writer.WriteEndArray();
            writer.WritePropertyName("message");
            writer.WriteRawValue(message, skipInputValidation: true);
            writer.WriteString("sentTime", at);
            writer.WriteStartObject("headers");
            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static string Urn(string type)
    {
        var dot = type.LastIndexOf('.');
        return $"urn:message:{type[..dot]}:{type[(dot + 1)..]}";
    }
}
