using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
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
    private readonly ConcurrentDictionary<Guid, FiguresChange> figures = new();
    private readonly ConcurrentDictionary<Guid, IReadOnlyList<Version>> versions = new();
    private readonly Lock counting = new();
    private Guid epoch = Guid.NewGuid();
    private Guid figuresEpoch = Guid.NewGuid();
    private long change;
    private long figuresCount;

    private FakeCity(string name)
    {
        Name = name;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.MapGet("/datasets/digest", (bool? figures) => Silent ? Results.StatusCode(503) : Results.Json(Digest(figures == true), Json.Options));
        app.MapGet("/datasets/figures", (long after, int limit) => Results.Json(
            new { epoch = figuresEpoch, items = figures.Values.Where(f => f.Change > after).OrderBy(f => f.Change).Take(limit) }, Json.Options));
        app.MapGet("/datasets/{id:guid}/versions", TellVersions);
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

    /// <summary>How often somebody asked for an entry's versions.</summary>
    public ConcurrentDictionary<Guid, int> VersionsTold { get; } = new();

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
        versions.AddOrUpdate(entry.DatasetId, _ => [new Version(entry, null, null)], (_, older) => [new Version(entry, null, null), .. older]);
        feed[entry.DatasetId] = new FeedChange(message.Change, entry.DatasetId, entry.Version, false, typeof(DatasetPublished).FullName!, JsonSerializer.SerializeToNode(message, MessageJson.Options)!);
        return message;
    }

    public DatasetWithdrawn Withdraw(DatasetEntry entry)
    {
        var message = new DatasetWithdrawn
        {
            City = Name, Epoch = epoch, Change = Interlocked.Increment(ref change), DatasetId = entry.DatasetId, Version = entry.Version + 1, Reason = "示例", WithdrawnAt = DateTimeOffset.UtcNow,
        };
        versions.AddOrUpdate(entry.DatasetId, _ => [], (_, all) => [all[0] with { WithdrawnAt = message.WithdrawnAt, WithdrawnReason = message.Reason }, .. all.Skip(1)]);
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

    /// <summary>As the city's sweep counts them.</summary>
    public void Count(Guid dataset, int openCorrections = 0, int runningGrants = 0, int grants = 0, long deliveries = 0, DateTimeOffset? dataUpdatedAt = null)
    {
        lock (counting)
        {
            figures[dataset] = new FiguresChange
            {
                Change = ++figuresCount, DatasetId = dataset, OpenCorrections = openCorrections, RunningGrants = runningGrants, Grants = grants, Deliveries = deliveries, DataUpdatedAt = dataUpdatedAt,
            };
        }
    }

    /// <summary>As after a restore: the feed of figures begins anew, without these.</summary>
    public void RestartFigures(params Guid[] lost)
    {
        lock (counting)
        {
            figuresEpoch = Guid.NewGuid();
            foreach (var id in lost)
            {
                figures.TryRemove(id, out _);
            }
        }
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private static int PartOf(Guid key) => key.ToByteArray(bigEndian: true)[15];

    private JsonObject Digest(bool withFigures)
    {
        var digest = (JsonObject)JsonSerializer.SerializeToNode(new FeedDigest(
            epoch, change, feed.Count, feed.Values.Aggregate(0L, (hash, c) => hash ^ FeedHash.Of(c.Key, c.Version, c.Tombstone)).ToString("x16"), DateTimeOffset.UtcNow), Json.Options)!;
        lock (counting)
        {
            if (withFigures)
            {
                digest["figures"] = JsonSerializer.SerializeToNode(new FiguresDigest(figuresEpoch, figuresCount, DateTimeOffset.UtcNow, figures.Values.Sum(f => f.Change)), Json.Options);
            }
        }

        return digest;
    }

    private IResult TellVersions(Guid id, bool? open, int? before, int limit)
    {
        VersionsTold.AddOrUpdate(id, 1, (_, times) => times + 1);
        return Silent ? Results.StatusCode(503) : !versions.TryGetValue(id, out var all) ? Results.NotFound() : Results.Json(
            new { items = all.Where(v => (open != true || v.Entry.OpenToSociety) && (before is null || v.Entry.Version < before)).Take(limit) }, Json.Options);
    }

    private sealed record Version(DatasetEntry Entry, DateTimeOffset? WithdrawnAt, string? WithdrawnReason);

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
