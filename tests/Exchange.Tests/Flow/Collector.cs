using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.Flow;

/// <summary>A small OTLP/HTTP collector: keeps service, trace and name of every span it is sent.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentBag<Span> spans = [];
    private readonly ConcurrentDictionary<string, int> posts = new(StringComparer.Ordinal);

    private Collector(WebApplication app) => this.app = app;

    public IReadOnlyCollection<Span> Spans => spans;

    /// <summary>How often each path (<c>/v1/traces</c>, <c>/v1/metrics</c>, <c>/v1/logs</c>) was posted to.</summary>
    public IReadOnlyDictionary<string, int> Posts => posts;

    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public static async Task<Collector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var collector = new Collector(builder.Build());
        collector.app.MapPost("/v1/{signal}", async (string signal, HttpContext http) =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            collector.posts.AddOrUpdate($"/v1/{signal}", 1, (_, n) => n + 1);
            if (signal == "traces")
            {
                collector.Read(body.ToArray());
            }
        });
        await collector.app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    // ExportTraceServiceRequest: resource_spans 1 { resource 1 { attributes 1 { key 1, value 2 { string 1 } } }, scope_spans 2 { spans 2 { trace_id 1, name 5 } } }.
    private void Read(byte[] export)
    {
        foreach (var resourceSpans in Fields(export, 1))
        {
            var service = Fields(resourceSpans, 1).SelectMany(r => Fields(r, 1))
                .Where(a => Text(Fields(a, 1)) == "service.name").Select(a => Text(Fields(Fields(a, 2).First(), 1))).FirstOrDefault() ?? "";
            foreach (var span in Fields(resourceSpans, 2).SelectMany(s => Fields(s, 2)))
            {
                spans.Add(new Span(service, Convert.ToHexStringLower(Fields(span, 1).First()), Text(Fields(span, 5))));
            }
        }
    }

    private static string Text(IEnumerable<byte[]> values) => Encoding.UTF8.GetString(values.FirstOrDefault() ?? []);

    /// <summary>The length-delimited fields with this number.</summary>
    private static IEnumerable<byte[]> Fields(byte[] message, int wanted)
    {
        for (var at = 0; at < message.Length;)
        {
            var tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    var length = (int)Varint(message, ref at);
                    if ((int)(tag >> 3) == wanted)
                    {
                        yield return message[at..(at + length)];
                    }

                    at += length;
                    break;
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var part = message[at++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80)
            {
                return value;
            }
        }
    }

    public sealed record Span(string Service, string Trace, string Name);
}
