using Exchange.Hosting;
using Microsoft.AspNetCore.Http.Features;

namespace Exchange.Gateway.Routing;

/// <summary>
/// What holds for every request before anything looks at its path: addresses that two parsers could read differently are refused, and answers carry the headers
/// that keep a browser from doing more with them than was meant.
/// </summary>
internal sealed class Edge(ServiceSettings service) : IStartupFilter
{
    private const string NothingAllowed = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    private static readonly string[] Ambiguous = ["%2f", "%5c", "%25", "%00", "%2e", "\\", "..", "//", "/./"];

    private static readonly Rule AmbiguousPath = new("ambiguous-path", StatusCodes.Status400BadRequest, null,
        new("地址中含有可作多种解释的字符。", "The address holds characters that can be read in more than one way."),
        new("请去掉编码的斜线、反斜线、百分号、连续斜线和 . 或 .. 路径段。", "Leave out encoded slashes, backslashes, percent signs, double slashes and . or .. segments."));

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(HandleAsync);
        next(app);
    };

    /// <summary>True when the path as it stood on the wire could be read in two ways.</summary>
    internal static bool IsAmbiguous(string rawTarget)
    {
        var path = rawTarget.AsSpan();
        if (path.IndexOfAny('?', '#') is >= 0 and var end)
        {
            path = path[..end];
        }

        if (!path.StartsWith("/") && path.IndexOf("://") is >= 0 and var scheme)
        {
            // Absolute form: the path begins behind the authority.
            var rest = path[(scheme + 3)..];
            path = rest.IndexOf('/') is >= 0 and var slash ? rest[slash..] : "/";
        }

        foreach (var part in Ambiguous)
        {
            if (path.Contains(part, StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }

    private Task HandleAsync(HttpContext http, RequestDelegate next)
    {
        http.Response.OnStarting(static state =>
        {
            var (response, https) = ((HttpResponse, bool))state;
            var headers = response.Headers;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Resource-Policy"] = "same-origin";
            if (headers.ContentSecurityPolicy.Count == 0)
            {
                headers.ContentSecurityPolicy = NothingAllowed;
            }

            if (https)
            {
                headers.StrictTransportSecurity = "max-age=31536000";
            }

            return Task.CompletedTask;
        }, (http.Response, service.PublicAddress.StartsWith("https:", StringComparison.Ordinal)));
        if (http.Connection.RemoteIpAddress is { IsIPv4MappedToIPv6: true } mapped)
        {
            // On a dual-stack socket: the services and their logs see the address as people write it.
            http.Connection.RemoteIpAddress = mapped.MapToIPv4();
        }

        return IsAmbiguous(http.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "/") ? new Refused(AmbiguousPath).ExecuteAsync(http) : next(http);
    }
}
