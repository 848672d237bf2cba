using System.Security.Cryptography;
using System.Text;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>The forms in which the catalogue is served to harvesters.</summary>
internal enum RdfForm
{
    JsonLd,
    Turtle,
    SchemaOrg,
}

internal static class RdfForms
{
    private static readonly string Build = typeof(RdfForms).Module.ModuleVersionId.ToString("N")[..8];

    public static string Extension(this RdfForm form) => form == RdfForm.Turtle ? "ttl" : "jsonld";

    public static string ContentType(this RdfForm form) => form switch
    {
        RdfForm.Turtle => "text/turtle; charset=utf-8",
        RdfForm.JsonLd => "application/ld+json",
        _ => $"application/ld+json;profile=\"{SchemaOrg.Profile}\"",
    };

    /// <summary>
    /// What the caller likes best, in the order in which it is written among equals; JSON-LD for those who say nothing or nothing that is here, because JSON is what every program reads.
    /// schema.org is a profile of the same media type, so it is asked for by that parameter; <c>?profile=schema.org</c> is for links and pages, which cannot set headers.
    /// </summary>
    public static RdfForm Wanted(this HttpRequest request)
    {
        if (request.Query["profile"] == "schema.org")
        {
            return RdfForm.SchemaOrg;
        }

        foreach (var accepted in request.GetTypedHeaders().Accept.Where(accepted => accepted.Quality != 0).OrderByDescending(accepted => accepted.Quality ?? 1))
        {
            switch (accepted.MediaType.ToString().ToLowerInvariant())
            {
                case "text/turtle" or "application/x-turtle" or "text/*":
                    return RdfForm.Turtle;
                case "application/ld+json":
                    var profile = accepted.Parameters.FirstOrDefault(parameter => parameter.Name.Equals("profile", StringComparison.OrdinalIgnoreCase))?.Value.ToString().Trim('"');
                    return profile?.Split(' ').Any(part => part.TrimEnd('/') is "https://schema.org" or "http://schema.org") == true ? RdfForm.SchemaOrg : RdfForm.JsonLd;
                case "application/json" or "application/*" or "*/*":
                    return RdfForm.JsonLd;
            }
        }

        return RdfForm.JsonLd;
    }

    /// <summary>True for a browser: HTML is named, and nothing of ours is liked better.</summary>
    public static bool WantsPage(this HttpRequest request) => request.Query["profile"].Count == 0
        && request.GetTypedHeaders().Accept.Where(accepted => accepted.Quality != 0).MaxBy(accepted => accepted.Quality ?? 1)?.MediaType.Value is { } best && best.Equals("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Names what <paramref name="shown"/> says in this form; another build of the program may write it differently.</summary>
    public static string Tag(this RdfForm form, string shown) => $"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Build}|{form}|{shown}")).AsSpan(0, 10))}\"";
}
