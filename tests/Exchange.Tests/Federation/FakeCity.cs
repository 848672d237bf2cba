using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.Federation;

/// <summary>A city as the gateway sees it: a change feed, a delivery, and an answer that tells what arrived. It really listens.</summary>
internal sealed class FakeCity : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentDictionary<Guid, FeedChange> feed = new();
    private Guid epoch = Guid.NewGuid();
    private long change;

    private FakeCity(string name)
    {
        Name = name;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.MapGet("/datasets/digest", () => Silent ? Results.StatusCode(503) : Results.Json(Digest(), Json.Options));
        app.MapGet("/datasets/changes", (long after, int limit, int? part) =>
        {
            WholeReads += after == 0 && part is null ? 1 : 0;
            return Results.Json(new { epoch, change, items = feed.Values.Where(c => c.Change > after && (part is null || PartOf(c.Key) == part)).OrderBy(c => c.Change).Take(limit) }, Json.Options);
        });
        app.MapGet("/datasets/parts", () => Results.Json(
            new { epoch, change, parts = feed.Values.GroupBy(c => PartOf(c.Key)).Select(part => new FeedPart(part.Key, part.Count(), part.Aggregate(0L, (hash, c) => hash ^ FeedHash.Of(c.Key, c.Version, c.Tombstone)))) }, Json.Options));
        app.MapGet("/grants/{id:guid}/data", DeliverAsync);
        app.MapGet("/openapi/v1.json", () => Results.Content(OpenApi, "application/json"));
        app.Map("/{**rest}", (HttpContext http) => Results.Json(new
        {
            service = Name,
            method = http.Request.Method,
            path = http.Request.Path.Value,
            query = http.Request.QueryString.Value,
            headers = http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString()),
        }));
    }

    public string Name { get; }

    public string Address { get; private set; } = "";

    public Guid Epoch => epoch;

    public bool Silent { get; set; }

    /// <summary>How often the whole feed was asked for from its beginning.</summary>
    public int WholeReads { get; private set; }

    /// <summary>Ends deliveries in the middle.</summary>
    public bool BreaksOff { get; set; }

    public static byte[] Rows { get; } = [.. Enumerable.Range(0, 20_000).SelectMany(i => System.Text.Encoding.UTF8.GetBytes($"{i},示例街道\n"))];

    public static async Task<FakeCity> StartAsync(string name)
    {
        var city = new FakeCity(name);
        await city.app.StartAsync();
        city.Address = city.app.Urls.Single();
        return city;
    }

    /// <summary>Numbers the change in the city's feed and returns the message that would be published.</summary>
    public DatasetPublished Publish(DatasetEntry entry)
    {
        var message = new DatasetPublished { City = Name, Epoch = epoch, Change = Interlocked.Increment(ref change), Entry = entry };
        feed[entry.DatasetId] = new FeedChange(message.Change, entry.DatasetId, entry.Version, false, typeof(DatasetPublished).FullName!, JsonSerializer.SerializeToNode(message, MessageJson.Options)!);
        return message;
    }

    public DatasetWithdrawn Withdraw(DatasetEntry entry)
    {
        var message = new DatasetWithdrawn
        {
            City = Name, Epoch = epoch, Change = Interlocked.Increment(ref change), DatasetId = entry.DatasetId, Version = entry.Version + 1, Reason = "示例", WithdrawnAt = DateTimeOffset.UtcNow,
        };
        feed[entry.DatasetId] = new FeedChange(message.Change, entry.DatasetId, message.Version, true, typeof(DatasetWithdrawn).FullName!, JsonSerializer.SerializeToNode(message, MessageJson.Options)!);
        return message;
    }

    /// <summary>As after a restore: another epoch, and the given entries are gone as if they had never been.</summary>
    public void Restart(params Guid[] lost)
    {
        epoch = Guid.NewGuid();
        foreach (var id in lost)
        {
            feed.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private static int PartOf(Guid key) => key.ToByteArray(bigEndian: true)[15];

    private FeedDigest Digest() => new(
        epoch, change, feed.Count, feed.Values.Aggregate(0L, (hash, c) => hash ^ FeedHash.Of(c.Key, c.Version, c.Tombstone)).ToString("x16"), DateTimeOffset.UtcNow);

    private async Task DeliverAsync(HttpContext http, Guid id)
    {
        http.Response.ContentType = "text/csv; charset=utf-8";
        http.Response.Headers["Exchange-Delivery-Id"] = id.ToString();
        http.Response.Headers["Exchange-Requesting"] = "11430200EXAMPL0126";
        http.Response.Headers["Exchange-Providing"] = "11430100EXAMPL0121";
        http.Response.Headers.SetCookie = "spy=1";
        for (var at = 0; at < Rows.Length; at += 8192)
        {
            if (BreaksOff && at > Rows.Length / 2)
            {
                http.Abort();
                return;
            }

            await http.Response.Body.WriteAsync(Rows.AsMemory(at, Math.Min(8192, Rows.Length - at)));
        }
    }

    private const string OpenApi = """
        {"openapi":"3.1.1","info":{"title":"x","version":"1"},"paths":{
          "/departments":{"get":{"operationId":"list","tags":["departments"],"responses":{"200":{"description":"OK","content":{"application/json":{"schema":{"$ref":"#/components/schemas/Department"}}}}}}},
          "/datasets/digest":{"get":{"responses":{"200":{"description":"OK"}}}},
          "/operations/quarantine":{"get":{"responses":{"200":{"description":"OK"}}}}},
         "components":{"schemas":{"Department":{"type":"object","properties":{"parent":{"$ref":"#/components/schemas/Department"}}}}}}
        """;
}
