using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Exchange.Hosting.Openings;

namespace Exchange.Hosting;

/// <summary>
/// What a use case writes, in its own transaction, about what it did. Codes, ids and counts stand in clear because they concern agencies;
/// anything personal goes into <see cref="Openings"/> and only its commitment leaves the service.
/// </summary>
public sealed record AuditRecord
{
    /// <summary>Word for what happened, such as <c>request.submitted</c>.</summary>
    public required string Type { get; init; }

    public Guid? ExchangeId { get; init; }

    /// <summary>Credit code of the requesting department.</summary>
    public string? Requesting { get; init; }

    /// <summary>Credit code of the providing department.</summary>
    public string? Providing { get; init; }

    /// <summary>Id of the dataset or service concerned.</summary>
    public Guid? Service { get; init; }

    public int? ServiceVersion { get; init; }

    /// <summary>
    /// What the exchange rests on, in clear: the legal basis (使用依据) as the request states it. Art. 20 makes it a statement of an agency and not of a person;
    /// scenario, scope and whatever else people wrote stay commitments.
    /// </summary>
    public string? Purpose { get; init; }

    public string? Approval { get; init; }

    public string? Result { get; init; }

    public long? Records { get; init; }

    public long? Bytes { get; init; }

    /// <summary>Further facts in clear, never personal data.</summary>
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>();

    /// <summary>Values that may have to be forgotten: the record carries HMAC-SHA256 under a key of its own for each; key and value stay, sealed, in this service's erasable store.</summary>
    public IReadOnlyDictionary<string, string> Openings { get; init; } = new Dictionary<string, string>();

    /// <summary>The same record with one more fact in clear.</summary>
    public AuditRecord With(string detail, string value) => this with { Details = new Dictionary<string, string>(Details, StringComparer.Ordinal) { [detail] = value } };

    /// <summary>The record without what only the relay can give: source sequence and previous hash.</summary>
    internal (JsonObject Content, IReadOnlyList<AuditOpening> Openings) Draft(Guid eventId, string source, DateTimeOffset at)
    {
        var openings = Openings.Select(o => new AuditOpening(eventId, Month.Of(at), o.Key, RandomNumberGenerator.GetBytes(32), o.Value)).ToList();
        var content = new JsonObject
        {
            ["v"] = 1,
            ["type"] = Type,
            ["id"] = eventId.ToString(),
            ["source"] = source,
            ["at"] = at.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture),
            ["nonce"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
        };
        Add("exchange_id", ExchangeId?.ToString());
        Add("requesting", Requesting);
        Add("providing", Providing);
        Add("service", Service?.ToString());
        Add("service_version", ServiceVersion);
        Add("purpose", Short(Purpose));
        Add("approval", Approval);
        Add("result", Result);
        Add("records", Records);
        Add("bytes", Bytes);
        if (openings.Count > 0)
        {
            content["commitments"] = new JsonObject(openings.Select(o => KeyValuePair.Create(o.Name, (JsonNode?)Convert.ToBase64String(o.Commitment))));
        }

        if (Details.Count > 0)
        {
            content["details"] = new JsonObject(Details.Select(d => KeyValuePair.Create(d.Key, (JsonNode?)Short(d.Value))));
        }

        return (content, openings);

        // The log takes texts of at most 500 characters; a longer one is named by its beginning and its hash, so that the act never fails on it.
        static string? Short(string? text) => text is not { Length: > 400 } ? text : $"{text[..(char.IsHighSurrogate(text[299]) ? 299 : 300)]}… sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))}";

        void Add(string name, JsonNode? value)
        {
            if (value is not null)
            {
                content[name] = value;
            }
        }
    }
}

/// <summary>What a commitment was made of; only sealed does it lie in the service's store.</summary>
internal sealed record AuditOpening(Guid EventId, Month Month, string Name, byte[] Key, string Value)
{
    public byte[] Commitment => HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes(Value));
}
