using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Gateway.Federation;

/// <summary>
/// The change feed as server-sent events: the id of each event is the cursor behind it, so whoever comes back with <c>Last-Event-ID</c>, to whichever replica, goes on where it was.
/// A stream ends when its token does, when its process is drained, and when its reader does not keep up; nothing is missed by that.
/// Written by hand, for the framework's writer has no comments (heartbeats) and would write each change anew for each reader.
/// </summary>
internal static class StreamChanges
{
    public const string Path = "/api/catalogue/events";
    private const int FlushAt = 32 * 1024;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Path, HandleAsync)
        .AllowCallers()
        .WithTags("catalogue")
        .WithSummary("Changes of the catalogue as they happen")
        .WithDescription("Server-sent events, each with one CloudEvent; its id is a cursor of /api/catalogue/changes. Last-Event-ID (or after, on the first connection) says where to go on; without either everything comes first. A comment at least every 15 seconds. The stream ends when the token expires: come back with a new one and Last-Event-ID. An event named rebuilt, and 410 on coming back, mean that cursors of before are no longer valid: start again without one.")
        .Produces<string>(StatusCodes.Status200OK, "text/event-stream")
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json")
        .Produces<Problem>(StatusCodes.Status429TooManyRequests, "application/problem+json")
        .Produces<Problem>(StatusCodes.Status503ServiceUnavailable, "application/problem+json");

    private static async Task<IResult> HandleAsync(
        [FromHeader(Name = "Last-Event-ID")] string? lastEventId, string? after, [FromQuery] string[]? city,
        HttpContext http, Caller caller, GatewaySettings gateway, FeedSettings settings, ServiceSettings service, ChangeStream stream, Database database, Drain drain, TimeProvider clock, CancellationToken cancel)
    {
        var given = lastEventId is { Length: > 0 } ? lastEventId : after;
        var from = given is { Length: > 0 } ? Cursor.ReadChange(given) : (Guid.Empty, 0);
        if (from is not { } place)
        {
            return new Refused(ChangeFeed.WrongCursor);
        }

        var faults = new Faults();
        var cities = AskedCities.Read(city, gateway, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        FeedPosition position;
        await using (var connection = await database.OpenAsync(cancel))
        {
            (position, _) = await ChangeFeed.ReadAsync(connection, long.MaxValue, null, 1, cancel);
        }

        if (place.Epoch != Guid.Empty && (place.Epoch != position.Epoch || place.Change > position.Change))
        {
            return new Refused(ChangeFeed.Rebuilt);
        }

        using var seat = stream.Enter(caller.Subject, out var full);
        if (seat is null)
        {
            return new Refused(full!) { RetryAfter = 10 };
        }

        var expires = DateTimeOffset.FromUnixTimeSeconds(long.Parse(http.User.FindFirst("exp")!.Value, CultureInfo.InvariantCulture));
        var reader = new Reader(http, stream, settings, service, clock, cities, expires, position.Epoch, place.Change);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancel, drain.Over);
        try
        {
            await reader.RunAsync(ending.Token);
        }
        catch (Exception fault) when (TransientFault.Is(fault))
        {
            // The reader went away, the process is drained or the database does not answer: the reader comes back.
        }

        return TypedResults.Empty;
    }

    private sealed class Reader(
        HttpContext http, ChangeStream stream, FeedSettings settings, ServiceSettings service, TimeProvider clock, string[]? cities, DateTimeOffset expires, Guid epoch, long start)
    {
        private long place = start;
        private long told = start;

        public async Task RunAsync(CancellationToken ending)
        {
            http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            var headers = http.Response.Headers;
            headers.ContentType = "text/event-stream";
            headers.CacheControl = "no-store";
            // What nginx and its like are told not to do.
            headers["X-Accel-Buffering"] = "no";
            await WriteAsync(string.Create(CultureInfo.InvariantCulture, $"retry: {settings.RetryAfter.TotalMilliseconds:0}\n\n"));
            while (!ending.IsCancellationRequested)
            {
                var next = stream.Next;
                if (clock.GetUtcNow() >= expires)
                {
                    await WriteAsync(": the token has expired; come back with a new one and Last-Event-ID\n\n");
                    return;
                }

                var frames = stream.After(epoch, place, out var rebuilt);
                if (frames is null && !rebuilt)
                {
                    (var current, var behind, frames) = await stream.FromTableAsync(place, cities, ending);
                    rebuilt = current != epoch;
                    place = rebuilt ? place : behind;
                    // None: memory begins here as soon as it is there.
                }

                if (rebuilt)
                {
                    var problem = new Refused(ChangeFeed.Rebuilt).ToProblem(http.Language(), service.PublicAddress);
                    await WriteAsync($"event: rebuilt\ndata: {JsonSerializer.Serialize(problem, Json.Options)}\n\n");
                    return;
                }

                if (frames!.Count > 0)
                {
                    place = Math.Max(place, frames[^1].Change);
                    await WriteAsync(frames);
                    continue;
                }

                await WaitAsync(next, ending);
            }
        }

        private async Task WaitAsync(Task next, CancellationToken ending)
        {
            var left = expires - clock.GetUtcNow();
            var wait = left < settings.HeartbeatEvery ? left : settings.HeartbeatEvery;
            if (wait <= TimeSpan.Zero)
            {
                return;
            }

            try
            {
                await next.WaitAsync(wait, ending);
            }
            catch (TimeoutException)
            {
                // An id without data moves a reader's place and tells it nothing: what lay between was of other cities.
                await WriteAsync(told < place ? $": alive\nid: {Cursor.Of(epoch, told = place)}\n\n" : ": alive\n\n");
            }
        }

        private async Task WriteAsync(IReadOnlyList<Frame> frames)
        {
            var pending = 0;
            foreach (var frame in frames)
            {
                if (cities is not null && !cities.Contains(frame.City))
                {
                    continue;
                }

                http.Response.BodyWriter.Write(frame.Bytes);
                told = frame.Change;
                if ((pending += frame.Bytes.Length) >= FlushAt)
                {
                    await FlushAsync();
                    pending = 0;
                }
            }

            if (pending > 0)
            {
                await FlushAsync();
            }
        }

        private Task WriteAsync(string text)
        {
            http.Response.BodyWriter.Write(Encoding.UTF8.GetBytes(text));
            return FlushAsync();
        }

        /// <summary>Waits until the reader has taken it, save what its connection holds. The end of the process does not cut an event: only slowness does.</summary>
        private async Task FlushAsync()
        {
            using var slow = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted);
            slow.CancelAfter(settings.SlowAfter);
            try
            {
                await http.Response.BodyWriter.FlushAsync(slow.Token);
            }
            catch (OperationCanceledException) when (!http.RequestAborted.IsCancellationRequested)
            {
                http.Abort();
                throw;
            }
        }
    }
}
