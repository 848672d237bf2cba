using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;

namespace Exchange.Hosting;

/// <summary>
/// The way out of a process that is told to stop (SIGTERM): readiness says no at once, every answer closes its connection, and only after the drain time does it
/// stop listening. Whoever spreads requests over several processes has then gone over to another one, and no kept connection is cut under a request.
/// </summary>
internal sealed class Drain(ServiceSettings service) : IHostedLifecycleService
{
    public bool Draining { get; private set; }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        Draining = true;
        return Task.Delay(service.Drain, cancellationToken).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

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
