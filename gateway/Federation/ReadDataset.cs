using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.OpenApi;

namespace Exchange.Gateway.Federation;

/// <summary>One entry of the catalogue with what the exchange knows about it. An entry that is not open is, for a caller without a token, simply not there.</summary>
internal static class ReadDataset
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/datasets/{id:guid}", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("One entry of the catalogue")
        .WithDescription("The entry as its city published it, and beside its members: figures, freshness against the declared cycle, the state of its city, related entries, links. The ETag is weak: as_of alone does not change it.")
        .Produces<DatasetEntry>()
        .Produces(StatusCodes.Status304NotModified)
        .Produces<Problem>(StatusCodes.Status404NotFound, "application/problem+json")
        .AddOpenApiOperationTransformer(static async (operation, context, cancel) =>
        {
            if (operation.Responses?["200"].Content?["application/json"] is { } shown)
            {
                shown.Schema = new OpenApiSchema { AllOf = [shown.Schema!, await context.GetOrCreateSchemaAsync(typeof(EntryPage), cancellationToken: cancel)] };
            }
        });

    private static IResult Handle(Guid id, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service, TimeProvider clock)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        if (catalogue.Current?.Find(id) is not { } entry || (caller is null && !entry.Open))
        {
            return Pipeline.NotFound();
        }

        var page = EntryPage.Of(entry, caller, catalogue, service.PublicAddress, DataFreshness.DayOf(clock.GetUtcNow()));
        return http.NotModified(ConditionalReads.WeakTag(page.Lasting().Beside(entry.Json)), caller)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(page.Beside(entry.Json), "application/json; charset=utf-8");
    }
}
