using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Exchange.Hosting;

/// <summary>
/// The way out of a process that is told to stop (SIGTERM): readiness says no at once, every answer closes its connection, and only after the drain time does it
/// stop listening. Whoever spreads requests over several processes has then gone over to another one, and no kept connection is cut under a request.
/// </summary>
public sealed class Drain(ServiceSettings service) : IHostedLifecycleService, IDisposable
{
    private readonly CancellationTokenSource over = new();

    public bool Draining { get; private set; }

    /// <summary>Cancelled when the drain time is over: ends answers that have no end of their own, whose readers now find another process.</summary>
    public CancellationToken Over => over.Token;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        Draining = true;
        await Task.Delay(service.Drain, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await over.CancelAsync();
    }

    public void Dispose() => over.Dispose();

    public Task CloseConnectionAsync(HttpContext http, RequestDelegate next)
    {
        if (Draining)
        {
            http.Response.Headers.Connection = "close";
        }

        return next(http);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
