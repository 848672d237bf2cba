using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.DataServices;

/// <summary>A department's own interface; answers its probe, and everything else as it is told.</summary>
internal sealed class BureauService : IAsyncDisposable
{
    private readonly WebApplication app;

    public BureauService()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.Run(async http =>
        {
            if (http.Request.Path == "/bureau/v1/status")
            {
                return;
            }

            using var reader = new StreamReader(http.Request.Body);
            Calls.Enqueue(new Call($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}", http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase), await reader.ReadToEndAsync()));
            await Answer(http);
        });
    }

    public Func<HttpContext, Task> Answer { get; set; } = http => http.Response.WriteAsJsonAsync(Array.Empty<object>());

    public ConcurrentQueue<Call> Calls { get; } = [];

    public string Address => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single() + "/bureau";

    public Task StartAsync() => app.StartAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    internal sealed record Call(string Line, IReadOnlyDictionary<string, string> Headers, string Body);
}
