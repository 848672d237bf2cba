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

    /// <summary>What its department says of it, with what it wants to be shown in <c>X-Api-Key</c>.</summary>
    public object Description(string secret, string? address = null) => new
    {
        Service = new
        {
            Address = address ?? Address,
            Operations = new object[] { new { Method = "GET", Path = "/v1/status" }, new { Method = "GET", Path = "/v1/persons/{number}", Query = new[] { "page" } }, new { Method = "POST", Path = "/v1/query" } },
            Probe = "/v1/status",
            Structure = new[] { "data" },
            ResponseHeaders = new[] { "X-Batch" },
            TimeoutSeconds = 1,
            MostResponseBytes = 500_000,
        },
        Credential = new { Header = "X-Api-Key", Value = secret },
    };

    public Task StartAsync() => app.StartAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    internal sealed record Call(string Line, IReadOnlyDictionary<string, string> Headers, string Body);
}
