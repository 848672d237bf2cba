using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The city's own catalogue. With a token all published entries, without one those open to society; the department and the authority also find what is in work.</summary>
internal static class ReadDatasets
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/datasets", AllAsync).AllowAnyone().WithSummary("This city's catalogue, page by page: with a token all published entries, without one those open to society.");
        routes.MapGet("/datasets/{id:guid}", OneAsync).AllowAnyone().WithSummary("One entry; its department and the authority also see what is in work.");
    }

    /// <param name="state">A state of the newest version; without one, everything the reader may see.</param>
    /// <param name="department">Credit code of the department.</param>
    /// <param name="q">A part of the name.</param>
    private static async Task<Results<Ok<DatasetPage>, Refused>> AllAsync(
        Caller? caller, City city, Database database, CancellationToken cancel, string? state = null, string? department = null, string? code = null, string? q = null, int? limit = null, string? cursor = null)
    {
        var faults = new Faults();
        var most = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var inCity = caller?.City == city.Id;
        var ids = (await connection.QueryAsync<Guid>(new CommandDefinition("""
            select d.dataset_id
            from datasets d
            join lateral (select v.state from dataset_versions v where v.dataset_id = d.dataset_id order by v.version desc limit 1) newest on true
            left join dataset_versions p on p.dataset_id = d.dataset_id and p.version = d.published_version
            cross join lateral (select @authority or d.department_code = @own as insider) who
            where (@after::uuid is null or d.dataset_id > @after)
              and (@department is null or d.department_code = @department)
              and (@code is null or d.code = @code)
              and (@q is null or strpos(lower(case when who.insider then d.name else p.entry ->> 'name' end), lower(@q)) > 0)
              and (who.insider or (p.version is not null and (@known or (p.entry ->> 'open_to_society')::boolean)))
              and (@state is null or case when who.insider then newest.state else p.state end = @state)
            order by d.dataset_id
            limit @more
            """, new
        {
            after,
            department,
            code,
            q = string.IsNullOrWhiteSpace(q) ? null : q.Trim(),
            state,
            known = caller is not null,
            authority = inCity && caller!.Has(Roles.Authority),
            own = inCity ? caller!.Department : null,
            more = most + 1,
        }, cancellationToken: cancel))).ToList();
        List<DatasetView> items = [];
        foreach (var id in ids.Take(most))
        {
            if (await Dataset.FindAsync(connection, id, cancel) is { } dataset && await DatasetViews.ReadAsync(connection, dataset, city, caller, cancel) is { } view)
            {
                items.Add(view);
            }
        }

        return TypedResults.Ok(new DatasetPage(items, ids.Count > most ? Pages.Cursor(ids[most - 1]) : null));
    }

    private static async Task<Results<Ok<DatasetView>, Refused>> OneAsync(Guid id, Caller? caller, City city, Database database, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }
}

internal sealed record DatasetPage(IReadOnlyList<DatasetView> Items, string? Next);
