using Dapper;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Authority;

/// <summary>The disputes about what the city owns (art. 28), newest exchange first: the data authority follows them and writes their steps down.</summary>
internal static class ReadDisputes
{
    public static void Map(RouteGroupBuilder authority) => authority.MapGet("/disputes", ListAsync).AllowCallers(Roles.Authority)
        .WithSummary("Exchanges of the city with a dispute (art. 28), newest first; open ones alone with open=true. For its data authority.");

    private static async Task<Results<Ok<DisputeList>, Refused>> ListAsync(Caller caller, City city, Database database, RequestViews views, bool? open, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (caller.City != city.Id)
        {
            return new Refused(OwnAuthority.Foreign);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<SharingRow>(new CommandDefinition(SharingRow.Select + """
             where side = 'owning' and owning_city = @city and dispute is not null
               and (@open::boolean is null or (dispute ->> 'stage' <> 'settled') = @open) and (@after::uuid is null or exchange_id < @after)
            order by exchange_id desc
            limit @size
            """, new { city = city.Id, open, after, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new DisputeList([.. page.Select(row => views.Of(row))], rows.Count > size ? Pages.Cursor(page[^1].ExchangeId) : null));
    }

    internal sealed record DisputeList(IReadOnlyList<RequestView> Items, string? Next);
}
