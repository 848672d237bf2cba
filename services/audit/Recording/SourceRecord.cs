using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Audit.Recording;

/// <summary>One event as its source made it: the bytes that are logged, and what search and completeness read from them.</summary>
internal sealed partial record SourceRecord
{
    private const int LargestContent = 65_000; // a leaf has 65,535 bytes at most, and the envelope needs some of them
    private const int LongestText = 500;
    private const string TimeFormat = "yyyy-MM-dd'T'HH:mm:ss.fff'Z'";

    public required Guid EventId { get; init; }
    public required string Type { get; init; }
    public required string Source { get; init; }
    public long? Seq { get; init; }
    public byte[]? Prev { get; init; }
    public required DateTimeOffset At { get; init; }
    public Guid? ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public long? ServiceVersion { get; init; }
    public string? Purpose { get; init; }
    public string? Approval { get; init; }
    public string? Result { get; init; }

    /// <summary>How many data records it carried.</summary>
    public long? Records { get; init; }
    public long? Bytes { get; init; }
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
    public Guid? DeliveryId => Guid.TryParse(Details.GetValueOrDefault("delivery_id"), out var delivery) ? delivery : null;
    public string? Sha256 => Details.GetValueOrDefault("sha256");
    public required byte[] Content { get; init; }
    public required byte[] Digest { get; init; }
    public string? TraceParent { get; init; }

    public static string Time(DateTimeOffset at) => at.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    /// <summary>The record, or why its content can never be logged.</summary>
    public static (SourceRecord? Record, string? Fault) Parse(string source, RecordedEvent recorded)
    {
        if (recorded is not { Bytes: { Length: > 0 } bytes })
        {
            return (null, "the record is empty");
        }
        if (bytes.Length > LargestContent)
        {
            return (null, $"the record has {bytes.Length} bytes, more than {LargestContent}");
        }
        if (CanonicalJson.Read(bytes) is not { } content)
        {
            return (null, "the record is not a canonical JSON object");
        }
        try
        {
            var fields = new Fields(content);
            var record = new SourceRecord
            {
                EventId = Guid.ParseExact(fields.Required("id"), "D"),
                Type = fields.Required("type"),
                Source = fields.Required("source"),
                Seq = fields.Number("seq") ?? throw new FormatException("seq is missing"),
                Prev = fields.Hash("prev"),
                At = DateTimeOffset.ParseExact(fields.Required("at"), TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal),
                ExchangeId = fields.Text("exchange_id") is { } exchange ? Guid.ParseExact(exchange, "D") : null,
                Requesting = fields.Text("requesting"),
                Providing = fields.Text("providing"),
                Service = fields.Text("service"),
                ServiceVersion = fields.Number("service_version"),
                Purpose = fields.Text("purpose"),
                Approval = fields.Text("approval"),
                Result = fields.Text("result"),
                Records = fields.Number("records"),
                Bytes = fields.Number("bytes"),
                Details = fields.Members("details"),
                Content = bytes,
                Digest = SHA256.HashData(bytes),
                TraceParent = recorded.TraceParent,
            };
            fields.Check();
            return record switch
            {
                _ when record.EventId != recorded.EventId => (null, "the record's id is not the one it was sent under"),
                _ when record.Source != source => (null, $"the record names another source than {source}, which sent it"),
                _ when !TypePattern.IsMatch(record.Type) => (null, "type is no event type"),
                _ when record.Seq < 1 => (null, "seq counts from 1"),
                _ when (record.Seq == 1) != (record.Prev is null) => (null, "prev is there exactly when seq is above 1"),
                _ => (record, null),
            };
        }
        catch (FormatException fault)
        {
            return (null, fault.Message);
        }
    }

    /// <summary>A leaf that the log itself has to say something with. It has no source sequence: its place in the tree is its order.</summary>
    public static SourceRecord OfTheLog(string type, DateTimeOffset at, Guid? exchangeId, IReadOnlyDictionary<string, string> details)
    {
        var id = Guid.CreateVersion7(at);
        var content = new JsonObject
        {
            ["v"] = 1,
            ["type"] = type,
            ["id"] = id.ToString(),
            ["source"] = "audit",
            ["at"] = Time(at),
            ["details"] = new JsonObject(details.Select(detail => KeyValuePair.Create(detail.Key, (JsonNode?)detail.Value))),
            ["nonce"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
        };
        if (exchangeId is not null)
        {
            content["exchange_id"] = exchangeId.ToString();
        }
        var bytes = CanonicalJson.Write(content);
        return new SourceRecord { EventId = id, Type = type, Source = "audit", At = at, ExchangeId = exchangeId, Details = details, Content = bytes, Digest = SHA256.HashData(bytes) };
    }

    /// <summary>What is hashed and served: the source's bytes verbatim and the time the log received them.</summary>
    public byte[] Leaf(DateTimeOffset receivedAt) =>
        [.. "{\"event\":"u8, .. Content, .. ",\"received_at\":\""u8, .. System.Text.Encoding.ASCII.GetBytes(Time(receivedAt)), .. "\"}"u8];

    [GeneratedRegex("^[a-z][a-z_]*(\\.[a-z][a-z_]*)*\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex TypePattern { get; }

    /// <summary>Reads members of the expected form; a <see cref="FormatException"/> names the one that has another.</summary>
    private sealed class Fields(JsonElement content)
    {
        public string Required(string name) => Text(name) ?? throw new FormatException($"{name} is missing");

        public string? Text(string name) => content.TryGetProperty(name, out var value) ? Text(name, value) : null;

        public long? Number(string name) =>
            !content.TryGetProperty(name, out var value) ? null
            : value.ValueKind == JsonValueKind.Number && value.GetInt64() is >= 0 and var number ? number
            : throw new FormatException($"{name} is not a count");

        public byte[]? Hash(string name) => Text(name) is { } text ? Bytes32(name, text) : null;

        /// <summary>What nothing reads here, but every reader of the log may rely on. Further fields pass: a source may be newer than the log.</summary>
        public void Check()
        {
            if (Number("v") != 1)
            {
                throw new FormatException("v is not 1");
            }
            Bytes32("nonce", Required("nonce"));
            foreach (var (name, commitment) in Members("commitments"))
            {
                Bytes32($"commitments.{name}", commitment);
            }
        }

        public Dictionary<string, string> Members(string name) =>
            !content.TryGetProperty(name, out var members) ? []
            : members.ValueKind == JsonValueKind.Object ? members.EnumerateObject().ToDictionary(member => member.Name, member => Text($"{name}.{member.Name}", member.Value), StringComparer.Ordinal)
            : throw new FormatException($"{name} is not an object");

        private static string Text(string name, JsonElement value) =>
            value.ValueKind == JsonValueKind.String && value.GetString() is { Length: <= LongestText } result && !result.Contains('\0', StringComparison.Ordinal)
                ? result
                : throw new FormatException($"{name} is not a text of at most {LongestText} characters");

        private static byte[] Bytes32(string name, string text)
        {
            var bytes = new byte[32];
            return text.Length == 44 && Convert.TryFromBase64String(text, bytes, out var length) && length == 32 && Convert.ToBase64String(bytes) == text
                ? bytes
                : throw new FormatException($"{name} is not the base64 of 32 bytes");
        }
    }
}
