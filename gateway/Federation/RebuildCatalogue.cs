using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Federation;

/// <summary>Lets an operator have the read model pulled anew from every city and every harvested catalogue, should it ever be in doubt. The old one serves until the new one is there.</summary>
internal static class RebuildCatalogue
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/operations/catalogue/rebuild", HandleAsync)
        .AllowOperators()
        .WithTags("operations")
        .WithSummary("Pull the whole catalogue from the cities again");

    private static async Task<Accepted> HandleAsync(Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync("update city_feeds set rebuild_wanted = true; update harvest_sources set next_run_at = clock_timestamp()");
        return TypedResults.Accepted((string?)null);
    }
}
