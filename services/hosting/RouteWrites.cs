using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Exchange.Hosting;

/// <summary>
/// What a state-changing route has in common: the transaction is open before the handler and commits when its result is below 400.
/// <see cref="WritesOnce"/> adds Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): the key and the answer are written in that same transaction and kept 7 days.
/// </summary>
public static class RouteWrites
{
    private const string Header = "Idempotency-Key";

    private static readonly Rule KeyMissing = new("idempotency-key-missing", StatusCodes.Status400BadRequest, null,
        new("缺少 Idempotency-Key 请求头。", "The Idempotency-Key header is missing."),
        new("请为每个新操作生成一个唯一键（如 UUID）；重试时使用同一个键。", "Send a key that is unique to this act, such as a UUID, and the same one when you retry."));

    internal static readonly Rule KeyReused = new("idempotency-key-reused", StatusCodes.Status422UnprocessableEntity, null,
        new("该 Idempotency-Key 已用于另一项内容不同的操作。", "This Idempotency-Key was used for another act or another body."),
        new("请为新操作使用新的键。", "Use a new key for a new act."));

    /// <summary>The same form is being carried out at this moment.</summary>
    public static readonly Rule KeyInFlight = new("idempotency-key-in-flight", StatusCodes.Status409Conflict, null,
        new("使用同一 Idempotency-Key 的操作正在办理。", "An act with this Idempotency-Key is still being carried out."),
        new("请稍后用同一个键重试，将得到第一次的结果。", "Retry with the same key in a moment; you will get the first answer."));

    private static readonly Rule VersionRequired = new("if-match-required", StatusCodes.Status428PreconditionRequired, null,
        new("缺少 If-Match 请求头。", "The If-Match header is missing."),
        new("请先读取该资源，用其 ETag 作为 If-Match。", "Read the resource first and send its ETag as If-Match."));

    /// <summary>Somebody else acted on the resource in between.</summary>
    public static readonly Rule VersionChanged = new("version-changed", StatusCodes.Status412PreconditionFailed, null,
        new("该资源在您读取之后已被更改。", "The resource has changed since you read it."),
        new("请重新读取并核对后再提交。", "Read it again, check it and send your change anew."));

    public static RouteHandlerBuilder Writes(this RouteHandlerBuilder route) => route.AddEndpointFilter((context, next) => RunAsync(context, next, once: false));

    public static RouteHandlerBuilder WritesOnce(this RouteHandlerBuilder route) =>
        route.WithMetadata(new TakesIdempotencyKey()).AddEndpointFilter((context, next) => RunAsync(context, next, once: true));

    public static void SetETag(this HttpContext context, int version) => context.Response.Headers.ETag = $"\"{version}\"";

    /// <summary>Null when If-Match names this version; else 428 (missing) or 412 (changed).</summary>
    public static Refused? IfMatch(this HttpContext context, int version)
    {
        var sent = context.Request.Headers.IfMatch;
        if (sent.Count == 0)
        {
            return new Refused(VersionRequired);
        }

        return sent.Any(value => value!.Split(',').Any(tag => tag.Trim() == $"\"{version}\"")) ? null : new Refused(VersionChanged);
    }

    private static async ValueTask<object?> RunAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next, bool once)
    {
        var http = context.HttpContext;
        var cancel = http.RequestAborted;
        var transaction = http.RequestServices.GetRequiredService<Transaction>();
        string? key = null;
        if (once)
        {
            key = http.Request.Headers[Header].ToString().Trim();
            if (key.Length is 0 or > 200 || key.Any(c => c is < ' ' or > '~'))
            {
                return new Refused(KeyMissing);
            }
        }

        await transaction.BeginAsync(cancel);
        var subject = Caller.From(http.User)?.Subject ?? "";
        var operation = $"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}";
        var bodyHash = once ? await BodyHashAsync(http, cancel) : [];
        if (once && await StoredAnswerAsync(transaction.Connection, subject, key!, operation, bodyHash) is { } stored)
        {
            await transaction.RollbackAsync();
            return stored;
        }

        var result = await next(context);
        var answer = await BufferAsync(http, result);
        if (answer.Status >= 400)
        {
            await transaction.RollbackAsync();
            return answer;
        }

        if (once)
        {
            await transaction.Connection.ExecuteAsync("""
                insert into idempotency_keys (subject, key, operation, body_hash, status, headers, body)
                values (@subject, @key, @operation, @bodyHash, @Status, @headers::jsonb, @Body)
                """, new { subject, key, operation, bodyHash, answer.Status, headers = JsonSerializer.Serialize(answer.Headers), answer.Body });
        }

        await transaction.CommitAsync(cancel);
        return answer;
    }

    /// <summary>The first answer to this key, a refusal, or null when the act is new. The advisory lock tells "in flight" from "new" and ends with the transaction.</summary>
    private static async Task<IResult?> StoredAnswerAsync(NpgsqlConnection connection, string subject, string key, string operation, byte[] bodyHash)
    {
        var lockKey = BitConverter.ToInt64(SHA256.HashData(Encoding.UTF8.GetBytes($"{subject}\n{key}")));
        if (!await connection.ExecuteScalarAsync<bool>("select pg_try_advisory_xact_lock(@lockKey)", new { lockKey }))
        {
            return new Refused(KeyInFlight) { RetryAfter = 1 };
        }

        var row = await connection.QuerySingleOrDefaultAsync<StoredAnswer>("""
            select operation, body_hash, status, headers::text as headers, body from idempotency_keys where subject = @subject and key = @key
            """, new { subject, key });
        if (row is null)
        {
            return null;
        }

        return row.Operation == operation && row.BodyHash.AsSpan().SequenceEqual(bodyHash)
            ? new BufferedAnswer(row.Status, JsonSerializer.Deserialize<Dictionary<string, string>>(row.Headers)!, row.Body)
            : new Refused(KeyReused);
    }

    private static async Task<byte[]> BodyHashAsync(HttpContext http, CancellationToken cancel)
    {
        // The binder has read the body into the arguments; buffering (set up before routing reached the handler) lets us read it again.
        http.Request.Body.Position = 0;
        return await SHA256.HashDataAsync(http.Request.Body, cancel);
    }

    /// <summary>Runs the result into memory, so that nothing is told to the caller before the commit.</summary>
    private static async Task<BufferedAnswer> BufferAsync(HttpContext http, object? result)
    {
        var (original, aborted) = (http.Response.Body, http.RequestAborted);
        using var buffer = new MemoryStream();
        http.Response.Body = buffer;
        // The framework writes nothing, and says nothing, once the caller is gone. The act may still be committed, and its answer is then told to whoever repeats it.
        http.RequestAborted = CancellationToken.None;
        try
        {
            switch (result)
            {
                case null:
                    http.Response.StatusCode = StatusCodes.Status204NoContent;
                    break;
                case IResult http1:
                    await http1.ExecuteAsync(http);
                    break;
                default:
                    await http.Response.WriteAsJsonAsync(result, Json.Options, http.RequestAborted);
                    break;
            }
        }
        finally
        {
            http.Response.Body = original;
            http.RequestAborted = aborted;
        }

        string[] kept = ["Content-Type", "Location", "ETag", "Content-Language", "Retry-After"];
        var headers = kept.Where(h => http.Response.Headers.ContainsKey(h)).ToDictionary(h => h, h => http.Response.Headers[h].ToString(), StringComparer.Ordinal);
        return new BufferedAnswer(http.Response.StatusCode, headers, buffer.ToArray());
    }

    private sealed record StoredAnswer
    {
        public required string Operation { get; init; }
        public required byte[] BodyHash { get; init; }
        public required int Status { get; init; }
        public required string Headers { get; init; }
        public required byte[] Body { get; init; }
    }

    private sealed record BufferedAnswer(int Status, Dictionary<string, string> Headers, byte[] Body) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = Status;
            foreach (var (name, value) in Headers)
            {
                httpContext.Response.Headers[name] = value;
            }

            if (Body.Length > 0)
            {
                httpContext.Response.ContentLength = Body.Length;
                await httpContext.Response.Body.WriteAsync(Body, httpContext.RequestAborted);
            }
        }
    }
}

/// <summary>Marks a route that needs an Idempotency-Key; its body is buffered and OpenAPI shows the header.</summary>
public sealed record TakesIdempotencyKey;
