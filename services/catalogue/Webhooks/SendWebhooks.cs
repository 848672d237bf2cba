using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;

namespace Exchange.Catalogue.Webhooks;

/// <summary>
/// Sends notices to departments' systems, signed as Standard Webhooks says. An attempt is leased by the database's clock before it is made, so that of several processes one makes it;
/// one that dies meanwhile leaves it to the others when the lease runs out. To one webhook one delivery is on its way at a time: a slow receiver holds up itself alone.
/// </summary>
internal sealed partial class SendWebhooks(Database database, WebhookSettings settings, IHostEnvironment environment, TimeProvider clock, ILogger<SendWebhooks> log) : BackgroundService
{
    private const int AtOnce = 16;
    private const int MostRead = 1024;

    private static readonly TimeSpan CleanEvery = TimeSpan.FromMinutes(10);

    private readonly HttpClient client = new(WebhookAddress.Handler(environment.IsProduction())) { Timeout = Timeout.InfiniteTimeSpan };

    /// <summary>One delivery for each webhook that takes this notice, in the notice's transaction. Whoever removes a webhook meanwhile waits, and finds what was queued.</summary>
    public static async Task QueueAsync(Transaction transaction, Notice notice, Guid id, City city, WebhookSettings settings, CancellationToken cancel)
    {
        var webhooks = (await transaction.Connection.QueryAsync<Guid>(new CommandDefinition("""
            select webhook_id from webhooks
            where removed_at is null and (types = '{}' or @Type = any(types))
              and (department = @Department or (@Department::text is null and (@Role <> 'authority' or department = @Code)))
            for share
            """, new { notice.Type, notice.Department, notice.Role, city.Authority.Code }, cancellationToken: cancel))).AsList();
        if (webhooks.Count > 0)
        {
            await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                insert into webhook_deliveries (delivery_id, webhook_id, notice_id, state, next_try, give_up_at)
                select delivery, webhook, @id, 'waiting', clock_timestamp(), clock_timestamp() + @GiveUpAfter from unnest(@deliveries, @webhooks) as f (delivery, webhook)
                """, new { id, settings.GiveUpAfter, deliveries = webhooks.Select(_ => Guid.CreateVersion7()).ToArray(), webhooks = webhooks.ToArray() }, cancellationToken: cancel));
        }
    }

    /// <summary>The header <c>webhook-signature</c>: HMAC-SHA256 over id, time and body.</summary>
    public static string Sign(byte[] secret, string id, string timestamp, byte[] body) =>
        "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, (byte[])[.. Encoding.UTF8.GetBytes($"{id}.{timestamp}."), .. body]));

    public override void Dispose()
    {
        client.Dispose();
        base.Dispose();
    }

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

    /// <summary>The longest waiting delivery of each webhook that has none on its way.</summary>
    private async Task<IReadOnlyList<Claimed>> ClaimAsync(int most, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return (await connection.QueryAsync<Claimed>(new CommandDefinition("""
            update webhook_deliveries d
            set attempts = d.attempts + 1, leased_till = clock_timestamp() + @lease
            from webhooks w, notices n
            where w.webhook_id = d.webhook_id and n.notice_id = d.notice_id and d.delivery_id in (
                select c.delivery_id from webhook_deliveries c
                where c.state = 'waiting' and c.next_try <= clock_timestamp() and (c.leased_till is null or c.leased_till < clock_timestamp())
                  and not exists (
                    select from webhook_deliveries o
                    where o.webhook_id = c.webhook_id and o.state = 'waiting' and o.delivery_id <> c.delivery_id
                      and (o.leased_till > clock_timestamp() or (o.next_try <= clock_timestamp() and (o.next_try, o.delivery_id) < (c.next_try, c.delivery_id))))
                limit @most
                for update skip locked)
            returning d.delivery_id, d.attempts, w.url, w.secret, n.notice_id, n.type, n.exchange_id, n.dataset_id, n.reference, n.details::text as details, n.at
            """, new { lease = settings.AnswerWithin * 2 + TimeSpan.FromSeconds(10), most }, cancellationToken: cancel))).AsList();
    }

    private async Task DeliverAsync(Claimed delivery, CancellationToken cancel)
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

    private async Task<(int? Status, string? Error)> PostAsync(Claimed delivery, CancellationToken cancel)
    {
        var id = delivery.DeliveryId.ToString();
        var timestamp = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var body = JsonSerializer.SerializeToUtf8Bytes(
            new Message(delivery.NoticeId, delivery.Type, delivery.At, delivery.ExchangeId, delivery.DatasetId, delivery.Reference, JsonSerializer.Deserialize<Dictionary<string, string>>(delivery.Details, Json.Options)!), Json.Options);
        using var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json", "utf-8");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp);
        request.Headers.Add("webhook-signature", Sign(delivery.Secret, id, timestamp, body));
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
    private async Task EndAsync(Claimed delivery, int? status, string? error, int took, CancellationToken cancel)
    {
        var wait = settings.RetryAfter(delivery.Attempts, Random.Shared.NextDouble());
        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into webhook_attempts (delivery_id, attempt, status, error, took_ms) values (@DeliveryId, @Attempts, @status, left(@error, 500), @took) on conflict do nothing
            """, new { delivery.DeliveryId, delivery.Attempts, status, error, took }, cancellationToken: cancel));
        await connection.ExecuteAsync(new CommandDefinition("""
            update webhook_deliveries
            set leased_till = null,
                state = case when @done then 'done' when clock_timestamp() + @wait > give_up_at then 'failed' else 'waiting' end,
                next_try = case when @done or clock_timestamp() + @wait > give_up_at then null else clock_timestamp() + @wait end,
                ended_at = case when @done or clock_timestamp() + @wait > give_up_at then clock_timestamp() end
            where delivery_id = @DeliveryId and attempts = @Attempts and state = 'waiting'
            """, new { delivery.DeliveryId, delivery.Attempts, wait, done = error is null }, cancellationToken: cancel));
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

    /// <summary>What a receiver gets.</summary>
    internal sealed record Message(Guid Id, string Type, DateTimeOffset At, Guid? ExchangeId, Guid? DatasetId, string? Reference, IReadOnlyDictionary<string, string> Details);

    private sealed record Claimed
    {
        public required Guid DeliveryId { get; init; }
        public required int Attempts { get; init; }
        public required string Url { get; init; }
        public required byte[] Secret { get; init; }
        public required Guid NoticeId { get; init; }
        public required string Type { get; init; }
        public Guid? ExchangeId { get; init; }
        public Guid? DatasetId { get; init; }
        public string? Reference { get; init; }
        public required string Details { get; init; }
        public required DateTimeOffset At { get; init; }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "A webhook's delivery stopped at a fault and is tried again later")]
    private static partial void LogLater(ILogger log, Exception fault);
}
