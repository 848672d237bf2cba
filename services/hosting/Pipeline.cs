using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Exchange.Hosting;

/// <summary>The request pipeline of every service: safe input, problems instead of exceptions, identity, default deny.</summary>
public static partial class Pipeline
{
    private static readonly Rule Malformed = new("malformed-request", StatusCodes.Status400BadRequest, null,
        new("请求无法解析。", "The request cannot be read."),
        new("请按接口说明（/docs）检查请求格式，编码须为 UTF-8。", "Check its form against /docs; the encoding is UTF-8."));

    private static readonly Rule TooLarge = new("body-too-large", StatusCodes.Status413PayloadTooLarge, null,
        new("请求体超过此接口的上限。", "The body is larger than this route takes."),
        new("请拆分后分批提交。", "Split it and send the parts."));

    private static readonly Rule WrongMediaType = new("media-type", StatusCodes.Status415UnsupportedMediaType, null,
        new("不支持的内容类型。", "This content type is not taken here."),
        new("请按接口说明设置 Content-Type。", "Set Content-Type as /docs says."));

    private static readonly Rule NotThere = new("not-found", StatusCodes.Status404NotFound, null,
        new("没有这个资源，或您无权得知它是否存在。", "There is no such resource, or you may not know whether there is."),
        new("请核对地址与编号；如确需访问，请联系提供方的共享工作机构。", "Check the address and id; if you need it, ask the provider's sharing office."));

    private static readonly Rule WrongMethod = new("method-not-allowed", StatusCodes.Status405MethodNotAllowed, null,
        new("此资源不支持该方法。", "The resource does not take this method."),
        new("允许的方法见 Allow 响应头。", "See the Allow header for the ones it takes."));

    private static readonly Rule Away = new("temporarily-unavailable", StatusCodes.Status503ServiceUnavailable, null,
        new("服务所依赖的部件暂时不可用，本次操作未确认完成。", "A part this service needs is away; whether this act was done is not confirmed."),
        new("请稍后用同一个 Idempotency-Key 重试，结果不会重复。", "Retry shortly with the same Idempotency-Key; it will not be done twice."));

    private static readonly Rule Broken = new("internal-error", StatusCodes.Status500InternalServerError, null,
        new("服务内部出错，操作未完成。", "The service failed; the act was not done."),
        new("请把 trace_id 告知运维人员。", "Tell the operators the trace_id."));

    /// <summary>The refusal to hand out for whatever the caller may not see: the same for absent and forbidden things.</summary>
    /// <param name="recorded">The rule under which it is on record when the thing is there but not the caller's; the caller is not told.</param>
    public static Refused NotFound(Rule? recorded = null) => new(NotThere) { Recorded = recorded };

    /// <summary>The reader's language: <c>zh</c> unless the header prefers English.</summary>
    public static string Language(this HttpContext context)
    {
        var preferred = context.Request.GetTypedHeaders().AcceptLanguage
            .OrderByDescending(l => l.Quality ?? 1)
            .Select(l => l.Value.ToString())
            .FirstOrDefault(l => l.StartsWith("zh", StringComparison.OrdinalIgnoreCase) || l.StartsWith("en", StringComparison.OrdinalIgnoreCase));
        return preferred?.StartsWith("en", StringComparison.OrdinalIgnoreCase) == true ? "en" : "zh";
    }

    internal static void UsePipeline(this WebApplication app)
    {
        app.Use(app.Services.GetRequiredService<Drain>().CloseConnectionAsync);
        app.Use(CatchAsync);
        app.UseStatusCodePages(context => ExplainAsync(context.HttpContext));
        app.Use(RefuseUnreadableAsync);
        app.UseRouting();
        app.Use(RefuseCharsetAsync);
        app.Use(BufferForKeyAsync);
        app.UseAuthentication();
        app.Use(CountRefusalAsync);
        app.UseAuthorization();
    }

    /// <summary>A source makes its endpoints anew each time it is asked; together they are made once, for the check of policies, the router and the description.</summary>
    internal static void MakeEndpointsOnce(this WebApplication app)
    {
        var sources = ((IEndpointRouteBuilder)app).DataSources;
        var routes = new CompositeEndpointDataSource([.. sources]);
        sources.Clear();
        sources.Add(routes);
    }

    /// <summary>Stops the start of a service that has a route without a policy.</summary>
    internal static void RequirePolicies(this WebApplication app)
    {
        var open = ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()
            .Where(route => route.Metadata.GetMetadata<IAllowAnonymous>() is null && route.Metadata.GetMetadata<AuthorizationPolicy>() is null && route.Metadata.GetMetadata<IAuthorizeData>() is null)
            .Select(route => route.DisplayName ?? route.RoutePattern.RawText)
            .ToList();
        if (open.Count > 0)
        {
            throw new InvalidOperationException($"These routes have no policy: {string.Join("; ", open)}. Give each AllowAnyone, AllowCallers or AllowPersons.");
        }
    }

    private static async Task CatchAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
            TagActivity(context);
        }
        catch (Exception fault) when (!context.Response.HasStarted)
        {
            if (context.RequestAborted.IsCancellationRequested)
            {
                context.Response.StatusCode = StatusCodes.Status499ClientClosedRequest;
                return;
            }

            var refused = Explain(fault);
            if (refused.Rule == Broken)
            {
                LogBroken(context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger("Exchange.Requests"), fault, context.Request.Method, context.Request.Path);
            }

            context.Response.Clear();
            await refused.ExecuteAsync(context);
            TagActivity(context);
        }
    }

    private static Refused Explain(Exception fault) => fault switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } => new(TooLarge),
        BadHttpRequestException { StatusCode: StatusCodes.Status415UnsupportedMediaType } => new(WrongMediaType),
        BadHttpRequestException { InnerException: JsonException json } => new(Malformed, JsonDetail(json)),
        BadHttpRequestException bad => new(Malformed, BindingDetail(bad.Message)),
        JsonException json => new(Malformed, JsonDetail(json)),
        InvalidDataException or System.Text.DecoderFallbackException => new(Malformed, Text.Same(fault.Message)),
        _ when TransientFault.Is(fault) => new(Away) { RetryAfter = 2 },
        _ => new(Broken),
    };

    private static Text JsonDetail(JsonException fault)
    {
        var place = string.Create(CultureInfo.InvariantCulture, $"{fault.Path ?? "$"} ({fault.LineNumber + 1}:{fault.BytePositionInLine + 1})");
        var message = fault.Message.StartsWith("The JSON value could not be converted", StringComparison.Ordinal) ? null : fault.Message.Split(" Path: ")[0];
        return message is null
            ? new($"JSON {place}：此处的值类型或格式不符。", $"JSON at {place}: the value has another type or form than this field takes.")
            : new($"JSON {place}：{message}", $"JSON at {place}: {message}");
    }

    /// <summary>The framework's own words name parameters and types of ours; only what concerns the caller is passed on.</summary>
    private static Text? BindingDetail(string message)
    {
        if (BoundParameter().Match(message) is { Success: true } bound)
        {
            return new($"参数 {bound.Groups["name"].Value} 的值无效。", $"The value of {bound.Groups["name"].Value} is not valid.");
        }

        return message.Contains("body", StringComparison.OrdinalIgnoreCase) ? new("缺少请求体，或请求体不完整。", "The body is missing or incomplete.") : null;
    }

    [GeneratedRegex("^Failed to bind parameter \"\\S+ (?<name>\\w+)\"", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex BoundParameter();

    private static Task ExplainAsync(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => new Refused(NotThere).ExecuteAsync(context),
        StatusCodes.Status405MethodNotAllowed => new Refused(WrongMethod).ExecuteAsync(context),
        StatusCodes.Status413PayloadTooLarge => new Refused(TooLarge).ExecuteAsync(context),
        StatusCodes.Status415UnsupportedMediaType => new Refused(WrongMediaType).ExecuteAsync(context),
        StatusCodes.Status400BadRequest => new Refused(Malformed).ExecuteAsync(context),
        _ => Task.CompletedTask,
    };

    /// <summary>What no handler should have to think of: U+0000 and broken UTF-8 in the address, a body with two lengths (request smuggling).</summary>
    private static Task RefuseUnreadableAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        if (request.Headers.TransferEncoding.Count > 0 && request.Headers.ContainsKey("Content-Length"))
        {
            return new Refused(Malformed, new("Content-Length 与 Transfer-Encoding 不得同时出现。", "Content-Length and Transfer-Encoding may not stand together.")).ExecuteAsync(context);
        }

        if (Unreadable(request.Path.Value) || request.Query.Any(q => Unreadable(q.Key) || q.Value.Any(Unreadable)))
        {
            return new Refused(Malformed, new("地址或参数中含有 U+0000 或无效的 UTF-8。", "The address or a parameter holds U+0000 or is not valid UTF-8.")).ExecuteAsync(context);
        }

        return next(context);

        static bool Unreadable(string? text) => text is not null && (text.Contains('\0', StringComparison.Ordinal) || text.Contains('\uFFFD', StringComparison.Ordinal));
    }

    /// <summary>UTF-8 everywhere, unless the route names what else it reads.</summary>
    private static Task RefuseCharsetAsync(HttpContext context, RequestDelegate next) =>
        context.Request.Charset() is { } charset && charset != "utf-8" && context.GetEndpoint()?.Metadata.GetMetadata<TakesCharsets>()?.Names.Contains(charset) != true
            ? new Refused(WrongMediaType, new($"编码 {charset} 不受支持，请使用 UTF-8。", $"The encoding {charset} is not taken; send UTF-8.")).ExecuteAsync(context)
            : next(context);

    /// <summary>The charset that Content-Type names, in lower case; null when it names none.</summary>
    public static string? Charset(this HttpRequest request) =>
        request.GetTypedHeaders().ContentType is { Charset.HasValue: true } type ? type.Charset.ToString().Trim('"').ToLowerInvariant() : null;

    private static Task BufferForKeyAsync(HttpContext context, RequestDelegate next)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<TakesIdempotencyKey>() is not null)
        {
            context.Request.EnableBuffering();
        }

        return next(context);
    }

    /// <summary>Refusals that rest on a rule of access or of the regulation are remembered for the log (architecture: one leaf per caller, rule and minute).</summary>
    private static async Task CountRefusalAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        if (context.Items.TryGetValue(typeof(Refused), out var item) && item is Refused refused && (refused.Recorded ?? refused.Rule) is var rule
            && (rule.Status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden || rule.Article is { } article && article.StartsWith('第')))
        {
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText ?? "";
            context.RequestServices.GetRequiredService<CountedRecords>().Note(Refusal(Caller.From(context.User), rule, $"{context.Request.Method} {route}"));
        }
    }

    private static CountedAct Refusal(Caller? caller, Rule rule, string route)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["rule"] = rule.Type, ["by"] = caller is null ? "strangers" : "caller" };
        if (caller is not null)
        {
            details["route"] = route;
        }

        if (caller?.City is { } city)
        {
            details["city"] = city;
        }

        return new CountedAct
        {
            Type = "refusal",
            Subject = caller?.Subject ?? "",
            Department = caller?.Department,
            Result = "refused",
            Details = details,
            Within = caller is null ? TimeSpan.FromHours(1) : TimeSpan.FromMinutes(1),
        };
    }

    /// <summary>The framework's server span leaves route and status out unless asked.</summary>
    private static void TagActivity(HttpContext context)
    {
        if (context.Features.Get<IHttpActivityFeature>()?.Activity is { } activity)
        {
            var route = (context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText;
            activity.SetTag("http.request.method", context.Request.Method);
            activity.SetTag("http.route", route);
            activity.SetTag("http.response.status_code", context.Response.StatusCode);
            activity.DisplayName = $"{context.Request.Method} {route}";
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogBroken(ILogger log, Exception fault, string method, string path);
}

/// <summary>Marks a route that reads other encodings than UTF-8, by their lower-case names in Content-Type.</summary>
public sealed record TakesCharsets(params IReadOnlyList<string> Names)
{
    /// <summary>What departments' spreadsheets are saved in: GB 18030 and the older sets that it contains.</summary>
    public static readonly TakesCharsets Chinese = new("gb18030", "gbk", "gb2312", "cp936");
}
