using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.Flow;

/// <summary>What came in.</summary>
internal sealed record WebhookCall(string Path, string Id, string Timestamp, string Signature, string Body);

/// <summary>Answers what it is told, one after the other, and the last again and again.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication app;
    private int calls;

    public WebhookReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.Run(async http =>
        {
            using var reader = new StreamReader(http.Request.Body);
            var headers = http.Request.Headers;
            Received.Enqueue(new WebhookCall(http.Request.Path, headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString(), headers["webhook-signature"].ToString(), await reader.ReadToEndAsync()));
            http.Response.StatusCode = Answers[Math.Min(Interlocked.Increment(ref calls), Answers.Count) - 1];
            http.Response.Headers.Location = "/elsewhere";
            await http.Response.WriteAsync(new string('x', 100_000));
        });
    }

    public IReadOnlyList<int> Answers { get; set; } = [200];

    public ConcurrentQueue<WebhookCall> Received { get; } = [];

    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    public Task StartAsync() => app.StartAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
