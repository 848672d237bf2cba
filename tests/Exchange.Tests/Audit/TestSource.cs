using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Exchange.Audit.Recording;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Tests.Audit;

/// <summary>Makes records as a city or the gateway does: numbered, chained, canonical.</summary>
internal sealed class TestSource(string name)
{
    private long seq;
    private byte[]? previous;

    public string Name => name;

    public RecordedEvent Next(string type = "request.submitted", Guid? exchange = null, Action<JsonObject>? more = null, string? trace = null)
    {
        var id = Guid.CreateVersion7();
        var content = new JsonObject
        {
            ["v"] = 1,
            ["type"] = type,
            ["id"] = id.ToString(),
            ["source"] = name,
            ["seq"] = ++seq,
            ["at"] = "2026-11-21T19:59:59.000Z",
            ["nonce"] = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)),
        };
        if (previous is not null)
        {
            content["prev"] = Convert.ToBase64String(previous);
        }
        if (exchange is not null)
        {
            content["exchange_id"] = exchange.ToString();
        }
        more?.Invoke(content);
        var bytes = CanonicalJson.Write(content);
        previous = SHA256.HashData(bytes);
        return new RecordedEvent { EventId = id, Bytes = bytes, TraceParent = trace };
    }

    /// <summary>The source as it is now, as a copy of its database from this moment would bring it back.</summary>
    public TestSource Copied() => new(name) { seq = seq, previous = previous };

    public SourceRecord NextRecord(string type = "request.submitted", Guid? exchange = null, Action<JsonObject>? more = null) => Parsed(Next(type, exchange, more));

    public SourceRecord Parsed(RecordedEvent recorded)
    {
        var (record, fault) = SourceRecord.Parse(name, recorded);
        Assert.Null(fault);
        return record!;
    }

    /// <summary>The same event id with another content.</summary>
    public static RecordedEvent Altered(RecordedEvent recorded)
    {
        var content = JsonNode.Parse(recorded.Bytes)!.AsObject();
        content["result"] = "altered";
        return recorded with { Bytes = CanonicalJson.Write(content) };
    }
}
