using System.Collections.Frozen;
using System.Security.Cryptography;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>The portal's style sheet, its script and its picture. Each address names the content, so a browser never asks again and never shows an old one.</summary>
internal static class SiteFiles
{
    private static readonly FrozenDictionary<string, Asset> Files = new (string Name, string Type)[]
    {
        ("portal.css", "text/css; charset=utf-8"),
        ("portal.js", "text/javascript; charset=utf-8"),
        ("portal.svg", "image/svg+xml"),
    }.ToFrozenDictionary(file => file.Name, file => Read(file.Name, file.Type), StringComparer.Ordinal);

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/assets/{tag:length(16)}/{name}", (string tag, string name, HttpContext http) =>
    {
        if (!Files.TryGetValue(name, out var asset) || asset.Tag != tag)
        {
            return Pipeline.NotFound();
        }

        http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        return (IResult)TypedResults.Bytes(asset.Bytes, asset.Type);
    }).AllowAnyone().ExcludeFromDescription();

    public static string Url(string name) => $"/assets/{Files[name].Tag}/{name}";

    private static Asset Read(string name, string type)
    {
        using var stream = typeof(SiteFiles).Assembly.GetManifestResourceStream($"Exchange.Gateway.Portal.Assets.{name}")!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return new Asset(bytes, type, Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]);
    }

    private sealed record Asset(byte[] Bytes, string Type, string Tag);
}
