using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The changes of law and duty that an entry has to follow or has followed (art. 17), for its department and the authority.</summary>
internal static class ReadDutyChanges
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/datasets/{id:guid}/duty-changes", ListAsync).AllowCallers()
            .WithSummary("Changes of law and duty that the entry has to follow, newest first, with the last day and the extension (art. 17).");

    private static async Task<Results<Ok<DutyChangeList>, Refused>> ListAsync(Guid id, Caller caller, City city, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if (!dataset.IsInsider(caller, city))
        {
            return dataset.NotOwn(caller, city)!;
        }

        var rows = await connection.QueryAsync<DutyChange>(new CommandDefinition(
            $"select {DutyChange.Columns} from duty_changes where dataset_id = @id order by duty_change_id desc", new { id }, cancellationToken: cancel));
        return TypedResults.Ok(new DutyChangeList([.. rows.Select(DutyChangeView.Of)]));
    }

    internal sealed record DutyChangeList(IReadOnlyList<DutyChangeView> Items);
}
