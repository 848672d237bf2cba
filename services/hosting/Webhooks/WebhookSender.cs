using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using Dapper;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Exchange.Hosting.Webhooks;

/// <summary>A delivery that this process tries now.</summary>
/// <param name="DeliveryId">Also the <c>webhook-id</c> of every attempt.</param>
/// <param name="Attempt">Number of this one.</param>
/// <param name="Url">Where it goes.</param>
/// <param name="Secret">Signs it.</param>
/// <param name="ContentType">Media type of the body.</param>
/// <param name="Body">The same in every attempt.</param>
public sealed record ClaimedDelivery(Guid DeliveryId, int Attempt, string Url, byte[] Secret, string ContentType, byte[] Body);

/// <summary>
/// Sends what waits in a service's table <c>webhook_deliveries</c>, signed as Standard Webhooks says. An attempt is leased by the database's clock before it is made, so that of several
/// processes one makes it; one that dies meanwhile leaves it to the others when the lease runs out. What is sent, and in which order to one webhook, is the service's.
/// </summary>
public abstract partial class WebhookSender(Database database, WebhookSettings settings, IHostEnvironment environment, TimeProvider clock, ILogger log) : BackgroundService
{
    private const int AtOnce = 16;
    private const int MostRead = 1024;

    private static readonly TimeSpan CleanEvery = TimeSpan.FromMinutes(10);

    private readonly HttpClient client = new(WebhookAddress.Handler(environment.IsProduction())) { Timeout = Timeout.InfiniteTimeSpan };

    public override void Dispose()
    {
        client.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// Counts an attempt of at most <paramref name="most"/> deliveries that are due and leases them for <paramref name="lease"/>; never two to one webhook at a time,
    /// so that a slow receiver holds up itself alone.
    /// </summary>
    protected abstract Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(NpgsqlConnection connection, TimeSpan lease, int most, CancellationToken cancel);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        List<Task> running = [];
        var cleaned = TimeSpan.MinValue;
        var since = Stopwatch.StartNew();
        while (!stoppingToken.IsCancellationRequested)
        {
            var claimed = 0;
            try
            {
                if (cleaned == TimeSpan.MinValue || since.Elapsed - cleaned > CleanEvery)
                {
                    cleaned = since.Elapsed;
                    await CleanAsync(stoppingToken);
                }

                running.RemoveAll(task => task.IsCompleted);
                foreach (var delivery in await ClaimAsync(AtOnce - running.Count, stoppingToken))
                {
                    claimed++;
                    running.Add(DeliverAsync(delivery, stoppingToken));
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogLater(log, fault);
            }

            if (claimed == 0)
            {
                // The end of one delivery lets the next to the same webhook go.
                await Task.WhenAny([Task.Delay(settings.Every, stoppingToken), .. running]);
            }
        }

        await Task.WhenAll(running);
    }

    private async Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(int most, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await ClaimAsync(connection, (settings.AnswerWithin * 2) + TimeSpan.FromSeconds(10), most, cancel);
    }

    private async Task DeliverAsync(ClaimedDelivery delivery, CancellationToken cancel)
    {
        await Task.Yield();
        try
        {
            var took = Stopwatch.StartNew();
            var (status, error) = await PostAsync(delivery, cancel);
            await EndAsync(delivery, status, error, (int)took.ElapsedMilliseconds, cancel);
        }
        catch (Exception fault) when (!cancel.IsCancellationRequested)
        {
            // The lease runs out and the next attempt is made then.
            LogLater(log, fault);
        }
        catch (OperationCanceledException)
        {
            // This process stops; as above.
        }
    }

    private async Task<(int? Status, string? Error)> PostAsync(ClaimedDelivery delivery, CancellationToken cancel)
    {
        var id = delivery.DeliveryId.ToString();
        var timestamp = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url) { Content = new ByteArrayContent(delivery.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(delivery.ContentType, "utf-8");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", WebhookSecret.Sign(delivery.Secret, id, timestamp, delivery.Body));
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(settings.AnswerWithin);
        try
        {
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, soon.Token);
            await using var rest = await answer.Content.ReadAsStreamAsync(soon.Token);
            _ = await rest.ReadAtLeastAsync(new byte[MostRead], MostRead, throwOnEndOfStream: false, soon.Token);
            return ((int)answer.StatusCode, answer.IsSuccessStatusCode ? null : $"HTTP {(int)answer.StatusCode}");
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            return (null, string.Create(CultureInfo.InvariantCulture, $"no answer within {settings.AnswerWithin.TotalSeconds:0.#} s"));
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException)
        {
            return (null, fault.InnerException is { } inner && fault is HttpRequestException ? $"{fault.Message} {inner.Message}" : fault.Message);
        }
    }

    /// <summary>The attempt is logged. Whoever asked for another one meanwhile gets it.</summary>
    private async Task EndAsync(ClaimedDelivery delivery, int? status, string? error, int took, CancellationToken cancel)
    {
        var wait = settings.RetryAfter(delivery.Attempt, Random.Shared.NextDouble());
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into webhook_attempts (delivery_id, attempt, status, error, took_ms) values (@DeliveryId, @Attempt, @status, left(@error, 500), @took) on conflict do nothing
            """, new { delivery.DeliveryId, delivery.Attempt, status, error, took }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("""
            update webhook_deliveries
            set leased_till = null,
                state = case when @done then 'done' when clock_timestamp() + @wait > give_up_at then 'failed' else 'waiting' end,
                next_try = case when @done or clock_timestamp() + @wait > give_up_at then null else clock_timestamp() + @wait end,
                ended_at = case when @done or clock_timestamp() + @wait > give_up_at then clock_timestamp() end
            where delivery_id = @DeliveryId and attempts = @Attempt and state = 'waiting'
            """, new { delivery.DeliveryId, delivery.Attempt, wait, done = error is null }, cancellationToken: cancel));
        await transaction.CommitAsync(cancel);
    }

    private async Task CleanAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            with old as (select delivery_id from webhook_deliveries where ended_at < clock_timestamp() - interval '30 days' limit 5000 for update skip locked),
                 gone as (delete from webhook_attempts where delivery_id in (select delivery_id from old))
            select 1
            """, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("""
            delete from webhook_deliveries d where ended_at < clock_timestamp() - interval '30 days' and not exists (select from webhook_attempts a where a.delivery_id = d.delivery_id)
            """, cancellationToken: cancel));
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A webhook's delivery stopped at a fault and is tried again later")]
    private static partial void LogLater(ILogger log, Exception fault);
}
