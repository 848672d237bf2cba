using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>One entry of the catalogue. An entry that is not open is, for a caller without a token, simply not there.</summary>
internal static class ReadDataset
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/datasets/{id:guid}", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("One entry of the catalogue")
        .Produces<DatasetEntry>()
        .Produces(StatusCodes.Status304NotModified)
        .Produces<Problem>(StatusCodes.Status404NotFound, "application/problem+json");

    private static IResult Handle(Guid id, HttpContext http, Caller? caller, CatalogueIndex catalogue)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        if (catalogue.Current?.Find(id) is not { } entry || (caller is null && !entry.Open))
        {
            return Pipeline.NotFound();
        }

        http.SetETag(entry.Version);
        http.Response.Headers.Vary = "Authorization";
        http.Response.Headers.CacheControl = caller is null ? "public, no-cache" : "private, no-cache";
        return http.Request.Headers.IfNoneMatch.Any(tags => tags!.Split(',').Any(tag => tag.Trim() == http.Response.Headers.ETag))
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(entry.Json, "application/json; charset=utf-8");
    }
}
