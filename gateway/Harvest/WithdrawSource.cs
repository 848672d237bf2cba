using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Harvest;

/// <summary>Takes the entries of a source out of the catalogue that was taken out of the settings. Only then: as long as it is configured, its next run would bring them back.</summary>
internal static class WithdrawSource
{
    private static readonly Rule StillConfigured = new("source-configured", StatusCodes.Status409Conflict, null,
        new("该来源仍在设置中，或正在被读取。", "The source still stands in the settings, or is being read."),
        new("请先从来源文件夹中移除其文件并重启全部网关。", "Take its file out of the folder of sources and restart all gateways first."));

    public static void Map(IEndpointRouteBuilder routes) => routes.MapPost("/operations/sources/{source}/withdraw", HandleAsync)
        .AllowOperators()
        .WithTags("operations")
        .WithSummary("Take the entries of a harvested catalogue away that is no longer configured")
        .Produces(StatusCodes.Status204NoContent)
        .Produces<Problem>(StatusCodes.Status409Conflict, "application/problem+json");

    private static async Task<IResult> HandleAsync(string source, GatewaySettings settings, Database database, Leases leases, CancellationToken cancel)
    {
        if (settings.Sources.Any(s => s.Id == source))
        {
            return new Refused(StillConfigured);
        }

        await using var connection = await database.OpenAsync(cancel);
        if (!await HarvestTables.IsSourceAsync(connection, source, cancel))
        {
            return Pipeline.NotFound();
        }

        if (await leases.AcquireAsync(HarvestRun.LeaseOf(source), TimeSpan.FromMinutes(5), cancel) is not { } token)
        {
            return new Refused(StillConfigured);
        }

        try
        {
            var standing = await HarvestTables.ReadStandingAsync(connection, source, cancel);
            foreach (var step in standing.Where(s => s.Value.Hash is not null).Chunk(HarvestRun.StepSize))
            {
                await using var transaction = await connection.BeginTransactionAsync(cancel);
                if (!await leases.FenceAsync(connection, HarvestRun.LeaseOf(source), token, cancel))
                {
                    return new Refused(StillConfigured);
                }

                await HarvestTables.ApplyAsync(connection, source, step.Select(s => (s.Key, s.Value.Version + 1, (string?)null)), cancel);
                await transaction.CommitAsync(cancel);
            }

            await HarvestTables.ForgetAsync(connection, source, cancel);
            return TypedResults.NoContent();
        }
        finally
        {
            await leases.ReleaseAsync(HarvestRun.LeaseOf(source), CancellationToken.None);
        }
    }
}
