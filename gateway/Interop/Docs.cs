using System.IO.Compression;
using System.Reflection;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Swashbuckle.AspNetCore.SwaggerUI;

namespace Exchange.Gateway.Interop;

/// <summary>
/// <c>/docs</c>: Swagger UI's files from its package behind a page of our own, because the package's page needs inline script, which the
/// content security policy does not allow.
/// </summary>
internal static class Docs
{
    private const string ResourcePrefix = "Swashbuckle.AspNetCore.SwaggerUI.node_modules.swagger_ui_dist.";
    private const string DocsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

    private static readonly Dictionary<string, string> Assets = new()
    {
        ["swagger-ui.css"] = "text/css; charset=utf-8",
        ["swagger-ui-bundle.js"] = "text/javascript; charset=utf-8",
        ["favicon-32x32.png"] = "image/png",
    };

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/docs", (HttpContext http) => Page(http, DocsPolicy, Index)).AllowAnyone().ExcludeFromDescription();
        routes.MapGet("/docs/start.js", () => TypedResults.Text(Script, "text/javascript", System.Text.Encoding.UTF8)).AllowAnyone().ExcludeFromDescription();
        routes.MapGet("/docs/assets/{name}", Asset).AllowAnyone().ExcludeFromDescription();
    }

    private static ContentHttpResult Page(HttpContext http, string policy, string html)
    {
        http.Response.Headers.ContentSecurityPolicy = policy;
        http.Response.Headers.Vary = "Accept-Language";
        return TypedResults.Text(html, "text/html", System.Text.Encoding.UTF8);
    }

    private static IResult Asset(string name, HttpContext http)
    {
        if (!Assets.TryGetValue(name, out var type) || Open(name) is not { } stream)
        {
            return Pipeline.NotFound();
        }

        http.Response.Headers.CacheControl = "public, max-age=86400";
        return TypedResults.Stream(stream, type);
    }

    /// <summary>The package keeps its larger files compressed.</summary>
    private static Stream? Open(string name)
    {
        var assembly = typeof(SwaggerUIOptions).GetTypeInfo().Assembly;
        var stream = assembly.GetManifestResourceStream(ResourcePrefix + name);
        if (stream is null)
        {
            return null;
        }

        var compressed = stream.ReadByte() == 0x1f && stream.ReadByte() == 0x8b;
        stream.Position = 0;
        return compressed ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    private const string Script = """
        window.addEventListener("load", () => SwaggerUIBundle({ url: "/openapi/v1.json", dom_id: "#docs", deepLinking: true, docExpansion: "none", validatorUrl: null }));
        """;

    private const string Index = """
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Exchange: API</title>
        <link rel="icon" type="image/png" href="/docs/assets/favicon-32x32.png">
        <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
        <script src="/docs/assets/swagger-ui-bundle.js" defer></script>
        <script src="/docs/start.js" defer></script>
        <div id="docs"></div>
        <noscript>The description as a file: <a href="/openapi/v1.json">/openapi/v1.json</a></noscript>
        </html>
        """;
}
