using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using Exchange.Catalogue.Grants;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Catalogue.Standing;

/// <summary>What there is to pull, and as whom.</summary>
/// <param name="Exchange">The exchange.</param>
/// <param name="Department">The asking department.</param>
/// <param name="OwningCity">Where the rows are.</param>
/// <param name="Purpose">What it was set up for, in the agreed words.</param>
internal sealed record PullOrder(Guid Exchange, string Department, string OwningCity, string Purpose);

/// <summary>How far a pull is; written by it, read beside it.</summary>
internal sealed class PullProgress(DateTimeOffset startedAt)
{
    private long rows;
    private long bytes;

    public DateTimeOffset StartedAt => startedAt;

    public bool Whole { get; set; }

    public long Rows { get => Interlocked.Read(ref rows); set => Interlocked.Exchange(ref rows, value); }

    public long Bytes { get => Interlocked.Read(ref bytes); set => Interlocked.Exchange(ref bytes, value); }
}

/// <summary>How a pull ended.</summary>
internal abstract record PullOutcome
{
    /// <summary>The copy is as the provider's rows were.</summary>
    public sealed record Done(StandingPull Pull) : PullOutcome;

    /// <summary>Something went wrong that may go better the next time. The copy is as it was.</summary>
    public sealed record Fault(string Reason, string? Said = null) : PullOutcome;

    /// <summary>The other side said no, or not now. The copy is as it was.</summary>
    public sealed record Waits(string Reason, string? Said, TimeSpan? For) : PullOutcome;
}

/// <summary>
/// One pull: asks the provider for what has changed since the copy's position, carries it into the copy in one transaction and acknowledges the delivery with the digest of what arrived.
/// When the provider cannot tell changes since then (410), everything comes and takes the copy's place; a large state comes in parts, each committed for itself beside the copy until the last is there.
/// </summary>
internal sealed partial class PullChanges(PulledTables tables, GatewayClient gateway, TimeProvider clock, ILogger<PullChanges> log)
{
    private const long LongestLine = 64 << 20;
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(60);

    public async Task<PullOutcome> RunAsync(PullOrder order, PullProgress progress, CancellationToken cancel)
    {
        try
        {
            await tables.PrepareAsync(cancel);
            var position = await tables.FindAsync(order.Exchange, cancel);
            if (position is not null && !await tables.IsAcknowledgedAsync(order.Exchange, cancel))
            {
                await AcknowledgeAsync(order, position, cancel);
            }

            var sum = new StandingPull { DeliveryId = Guid.Empty, StartedAt = progress.StartedAt, EndedAt = progress.StartedAt, Whole = false, Upserted = 0, Deleted = 0, Bytes = 0 };
            while (true)
            {
                var outcome = await StepAsync(order, position, progress, sum, cancel);
                if (outcome is not PullOutcome.Done(var pull))
                {
                    return outcome;
                }

                position = await tables.FindAsync(order.Exchange, cancel);
                if (position?.PartCursor is null)
                {
                    return outcome;
                }

                // Another part of the same state. What has come of it is committed: whatever happens, it goes on from here.
                sum = pull;
            }
        }
        catch (Exception fault) when (!cancel.IsCancellationRequested && OutcomeOf(fault) is { } outcome)
        {
            LogFault(log, fault, order.Exchange, outcome.Reason);
            return outcome;
        }
    }

    /// <summary>Null for what is nobody's fault but ours.</summary>
    private static PullOutcome.Fault? OutcomeOf(Exception fault) => fault switch
    {
        NotUnderstoodException => new(StandingWords.NotUnderstood, fault.Message),
        JsonException or KeyNotFoundException or InvalidOperationException => new(StandingWords.NotUnderstood),
        Npgsql.PostgresException { SqlState: Npgsql.PostgresErrorCodes.UniqueViolation or Npgsql.PostgresErrorCodes.NotNullViolation } => new(StandingWords.NotUnderstood, "key"),
        Npgsql.NpgsqlException or PositionMovedException => new(StandingWords.Storage),
        HttpRequestException { HttpRequestError: not HttpRequestError.ResponseEnded } or OperationCanceledException => new(StandingWords.Away),
        _ when TransientFault.Is(fault) => new(StandingWords.Cut),
        _ => null,
    };

    private async Task<PullOutcome> StepAsync(PullOrder order, PulledPosition? position, PullProgress progress, StandingPull sum, CancellationToken cancel)
    {
        var cursor = position?.PartCursor ?? position?.Cursor;
        using var changes = await AskAsync(order, cursor, cancel);
        if (changes.StatusCode != HttpStatusCode.Gone || cursor is null)
        {
            return await TakeAsync(order, changes, position, progress, sum, cancel);
        }

        using var everything = await AskAsync(order, null, cancel);
        return await TakeAsync(order, everything, position, progress, sum, cancel);
    }

    private Task<HttpResponseMessage> AskAsync(PullOrder order, string? cursor, CancellationToken cancel) =>
        gateway.SendAsync(HttpMethod.Get, order.Department, order.OwningCity, $"grants/{order.Exchange}/changes{(cursor is null ? "" : $"?after={Uri.EscapeDataString(cursor)}")}",
            request => request.Headers.Add(PurposeCode.Header, PurposeCode.Of(order.Purpose)), cancel);

    private async Task<PullOutcome> TakeAsync(PullOrder order, HttpResponseMessage answer, PulledPosition? position, PullProgress progress, StandingPull sum, CancellationToken cancel)
    {
        if (!answer.IsSuccessStatusCode)
        {
            return await RefusalAsync(answer, cancel);
        }

        if (!answer.Headers.TryGetValues("Exchange-Delivery-Id", out var ids) || !Guid.TryParse(ids.First(), out var delivery))
        {
            throw new NotUnderstoodException("The answer names no delivery.");
        }

        using var idle = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        await using var body = await answer.Content.ReadAsStreamAsync(cancel);
        var lines = new ChangeLines(body, idle, Silence, LongestLine);
        var begin = Begin.Read(await lines.NextAsync() ?? throw new IOException("The stream was cut before its first line."));
        if (begin.Whole ? begin.Continued && position?.PartCursor is null : position is not { Cursor: not null, PartCursor: null })
        {
            throw new NotUnderstoodException("It goes on from where the copy is not.");
        }

        progress.Whole = begin.Whole;
        await using var incoming = await tables.BeginAsync(begin.Whole, begin.Fields, begin.Key, clock.GetUtcNow(), cancel);
        string? cursor = null;
        var more = false;
        while (await lines.NextAsync() is { } line)
        {
            using (line)
            {
                var root = line.RootElement;
                switch (cursor is null ? root.GetProperty("op").GetString() : null)
                {
                    case "upsert":
                        await incoming.UpsertAsync(root.GetProperty("row"), cancel);
                        break;
                    case "delete":
                        await incoming.DeleteAsync(root.GetProperty("key"), cancel);
                        break;
                    case "end" when root.GetProperty("changes").GetInt64() == incoming.Rows:
                        (cursor, more) = (root.GetProperty("cursor").GetString(), root.TryGetProperty("more", out var parts) && parts.GetBoolean());
                        break;
                    default:
                        throw new NotUnderstoodException("A line is of no known kind, or stands behind the end.");
                }
            }

            (progress.Rows, progress.Bytes) = (sum.Upserted + sum.Deleted + incoming.Rows, sum.Bytes + lines.Bytes);
        }

        if (cursor is null)
        {
            throw new IOException("The stream was cut before its last line.");
        }

        if (more && !begin.Whole)
        {
            throw new NotUnderstoodException("Only a whole state comes in parts.");
        }

        // While parts are on their way the copy is as it was, with its columns and its cursor.
        var reached = new PulledPosition
        {
            Cursor = more ? position?.Cursor : cursor,
            PartCursor = more ? cursor : null,
            Columns = more ? position?.Columns ?? [] : incoming.Columns,
            Key = more ? position?.Key ?? [] : incoming.Key,
            DeliveryId = delivery,
            Sha256 = lines.Sha256,
            Bytes = lines.Bytes,
            Rows = incoming.Rows,
        };
        await incoming.ApplyAsync(order.Exchange, position, reached, begin.Continued, cancel);
        var ended = clock.Now();
        await AcknowledgeAsync(order, reached, cancel);
        return new PullOutcome.Done(new StandingPull
        {
            DeliveryId = delivery,
            StartedAt = progress.StartedAt,
            EndedAt = ended,
            Whole = begin.Whole,
            Upserted = sum.Upserted + incoming.Upserted,
            Deleted = sum.Deleted + incoming.Deleted,
            Bytes = sum.Bytes + lines.Bytes,
        });
    }

    /// <summary>The receiver's own report. It is given again with the next pull when it does not get through now; the copy does not depend on it.</summary>
    private async Task AcknowledgeAsync(PullOrder order, PulledPosition reached, CancellationToken cancel)
    {
        try
        {
            using var answer = await gateway.SendAsync(HttpMethod.Post, order.Department, order.OwningCity, $"grants/{order.Exchange}/deliveries/{reached.DeliveryId}/acknowledge",
                request => request.Content = JsonContent.Create(new { reached.Sha256, reached.Bytes, reached.Rows }, options: Json.Options), cancel);
            // 404 and 409: it was restored, or knows another word of ours; saying it again changes nothing.
            if (answer.IsSuccessStatusCode || answer.StatusCode is HttpStatusCode.NotFound || (answer.StatusCode == HttpStatusCode.Conflict && answer.Headers.RetryAfter is null))
            {
                await tables.AcknowledgedAsync(order.Exchange, reached.DeliveryId, cancel);
            }
        }
        catch (Exception fault) when (TransientFault.Is(fault) && !cancel.IsCancellationRequested)
        {
            // The next pull says it.
        }
    }

    private static async Task<PullOutcome> RefusalAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        var said = await TitleAsync(answer, cancel);
        var after = answer.Headers.RetryAfter?.Delta;
        return (int)answer.StatusCode switch
        {
            401 => new PullOutcome.Waits(StandingWords.NoAccess, said, after),
            429 => new PullOutcome.Waits(StandingWords.Quota, said, after ?? TimeSpan.FromMinutes(1)),
            >= 500 => new PullOutcome.Fault(StandingWords.Away, said),
            _ => new PullOutcome.Waits(StandingWords.Refused, said, after),
        };
    }

    /// <summary>What the other side's problem says in one sentence, at most.</summary>
    private static async Task<string?> TitleAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        if (answer.Content.Headers.ContentType?.MediaType != "application/problem+json")
        {
            return null;
        }

        try
        {
            await using var body = await answer.Content.ReadAsStreamAsync(cancel);
            var piece = new byte[16 * 1024];
            var read = await body.ReadAtLeastAsync(piece, piece.Length, throwOnEndOfStream: false, cancel);
            using var problem = JsonDocument.Parse(piece.AsMemory(0, read));
            var title = problem.RootElement.TryGetProperty("title", out var sentence) && sentence.ValueKind == JsonValueKind.String ? sentence.GetString()! : null;
            return title is { Length: > 200 } ? title[..200] : title?.Replace("\0", "", StringComparison.Ordinal);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The pull of exchange {Exchange} did not come to its end ({Reason}); the copy is as it was")]
    private static partial void LogFault(ILogger log, Exception fault, Guid exchange, string reason);

    /// <summary>The first line: what the lines after it hold.</summary>
    private sealed record Begin(bool Whole, bool Continued, IReadOnlyList<string> Key, IReadOnlyList<(string Name, string Type)> Fields)
    {
        public static Begin Read(JsonDocument line)
        {
            using (line)
            {
                var root = line.RootElement;
                if (root.GetProperty("op").GetString() != "begin")
                {
                    throw new NotUnderstoodException("The first line is no beginning.");
                }

                var begin = new Begin(
                    root.GetProperty("whole").GetBoolean(),
                    root.TryGetProperty("continued", out var continued) && continued.GetBoolean(),
                    [.. root.GetProperty("key").EnumerateArray().Select(k => k.GetString()!)],
                    [.. root.GetProperty("fields").EnumerateArray().Select(f => (f.GetProperty("name").GetString()!, f.GetProperty("type").GetString()!))]);
                return begin.Key.Count > 0 && begin.Key.All(k => begin.Fields.Any(f => f.Name == k)) && begin.Fields.DistinctBy(f => f.Name).Count() == begin.Fields.Count
                    ? begin
                    : throw new NotUnderstoodException("The first line names no key among its fields.");
            }
        }
    }
}

/// <summary>NDJSON line by line in bounded memory, with count and digest of all bytes.</summary>
internal sealed class ChangeLines(Stream body, CancellationTokenSource idle, TimeSpan silence, long longest)
{
    private readonly PipeReader reader = PipeReader.Create(body, new StreamPipeReaderOptions(bufferSize: 64 * 1024));
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private ReadOnlySequence<byte> waiting;
    private bool started;
    private bool ended;

    public long Bytes { get; private set; }

    public string Sha256 => Convert.ToHexStringLower(hash.GetCurrentHash());

    /// <summary>The next whole line; null at the end. A rest without a line's end was cut.</summary>
    public async Task<JsonDocument?> NextAsync()
    {
        while (true)
        {
            if (waiting.PositionOf((byte)'\n') is { } end)
            {
                var line = waiting.Slice(0, end);
                Measure(waiting.Slice(0, waiting.GetPosition(1, end)));
                var document = JsonDocument.Parse(line);
                waiting = waiting.Slice(waiting.GetPosition(1, end));
                return document;
            }

            if (ended)
            {
                return waiting.IsEmpty ? null : throw new IOException("The stream was cut in a line.");
            }

            if (waiting.Length > longest)
            {
                throw new NotUnderstoodException("A line is too long.");
            }

            if (started)
            {
                reader.AdvanceTo(waiting.Start, waiting.End);
            }

            started = true;
            idle.CancelAfter(silence);
            var read = await reader.ReadAsync(idle.Token);
            (waiting, ended) = (read.Buffer, read.IsCompleted);
        }
    }

    private void Measure(ReadOnlySequence<byte> bytes)
    {
        foreach (var piece in bytes)
        {
            hash.AppendData(piece.Span);
        }

        Bytes += bytes.Length;
    }
}
