using Dapper;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>Has a source read now instead of at its time.</summary>
internal static class RunSource
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/operations/sources/{source}/run", HandleAsync)
        .AllowOperators()
        .WithTags("operations")
        .WithSummary("Read a harvested catalogue now")
        .WithDescription("202: some replica begins within a second or two, unless a run is under way; then that one counts. The source's list of runs shows it when it is done.");

    private static async Task<IResult> HandleAsync(string source, GatewaySettings settings, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return settings.Sources.Any(s => s.Id == source) && await connection.ExecuteAsync(new CommandDefinition(Due, new { source }, cancellationToken: cancel)) == 1
            ? TypedResults.Accepted((string?)null)
            : Pipeline.NotFound();
    }

    internal const string Due = "update harvest_sources set next_run_at = clock_timestamp() where source = @source";
}
