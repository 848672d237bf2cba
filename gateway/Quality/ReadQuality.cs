using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Quality;

/// <summary>The report of one entry, computed from the entry as it stands. Whoever may not see the entry may not see its report.</summary>
internal static class ReadQuality
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/datasets/{id:guid}/quality", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("The quality report of one entry")
        .WithDescription("Each point with the field it comes from and what to do about it, by the rules of /api/catalogue/quality/rules. The command “Exchange.Gateway quality FILE” gives the same bytes for the same entry and day.")
        .Produces<QualityReport>()
        .Produces(StatusCodes.Status304NotModified)
        .Produces<Problem>(StatusCodes.Status404NotFound, "application/problem+json");

    private static IResult Handle(Guid id, HttpContext http, Caller? caller, CatalogueIndex catalogue, TimeProvider clock)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        if (catalogue.Current?.Find(id) is not { } entry || (caller is null && !entry.Open))
        {
            return Pipeline.NotFound();
        }

        // The day and the time of update are part of what is answered: the version alone would not tell that it changed.
        var report = EntryQuality.Of(EntryQuality.Read(entry.Json), catalogue.FiguresOf(entry)?.DataUpdatedAt, DataFreshness.DayOf(clock.GetUtcNow())).ToJson();
        return http.NotModified(ConditionalReads.WeakTag(report), caller)
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : TypedResults.Bytes(report, "application/json; charset=utf-8");
    }
}
