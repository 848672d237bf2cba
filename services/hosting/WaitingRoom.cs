using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>
/// A process that starts before its database waits instead of dying: it lives, and everyone who asks it for work is told to come back.
/// Otherwise whoever watches it would start it again and again, for all services at once, just when the database has most to do.
/// </summary>
internal static partial class WaitingRoom
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    private static readonly Rule Waiting = new("starting", StatusCodes.Status503ServiceUnavailable, null,
        new("服务正在等待其数据库，尚未开始工作。", "The service waits for its database and has not begun to work."),
        new("请稍后重试。", "Retry shortly."));

    /// <summary>Runs what needs the database until it succeeds; false when the process was told to stop meanwhile. Faults that waiting does not mend are thrown.</summary>
    public static async Task<bool> PassAsync(string[] args, IServiceProvider services, Func<CancellationToken, Task> enter)
    {
        WebApplication? room = null;
        try
        {
            while (true)
            {
                var stop = room?.Lifetime.ApplicationStopping ?? CancellationToken.None;
                try
                {
                    await enter(stop);
                    return true;
                }
                catch (Exception) when (stop.IsCancellationRequested)
                {
                    return false;
                }
                catch (Exception fault) when (TransientFault.Is(fault))
                {
                    if (room is null)
                    {
                        LogWaiting(services.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(WaitingRoom).FullName!), fault.Message);
                        room = Open(args, services.GetRequiredService<ServiceSettings>());
                        await room.StartAsync(CancellationToken.None);
                    }
                }

                await Task.Delay(Pause, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        finally
        {
            // Gives the port back before the service itself listens.
            if (room is not null)
            {
                await room.DisposeAsync();
            }
        }
    }

    private static WebApplication Open(string[] args, ServiceSettings service)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(service);
        var room = builder.Build();
        room.Run(http => http.Request.Path == "/health/live" ? Task.CompletedTask : new Refused(Waiting) { RetryAfter = 2 }.ExecuteAsync(http));
        return room;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The database does not answer ({Reason}); waiting for it")]
    private static partial void LogWaiting(ILogger log, string reason);
}
