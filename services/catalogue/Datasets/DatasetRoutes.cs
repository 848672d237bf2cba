using Dapper;
using Exchange.Catalogue.Departments;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>The publishing side: departments and their datasets, and what its routes share.</summary>
internal static class DatasetRoutes
{
    public static void AddDatasets(this IServiceCollection services)
    {
        services.AddSingleton<RowTables>();
        services.AddScoped<PublishedEntries>();
        services.AddHostedService<SeedDepartments>();
        services.AddHostedService<DropRowTables>();
    }

    public static void MapDatasets(this IEndpointRouteBuilder routes)
    {
        ListDepartments.Map(routes);
        ChangeDepartment.Map(routes);
        ReadDatasets.Map(routes);
        ReadHistory.Map(routes);
        ReadChanges.Map(routes);
        DraftDataset.Map(routes);
        ReviseDataset.Map(routes);
        ImportCatalogue.Map(routes);
        AssessDataset.Map(routes);
        ApproveDataset.Map(routes);
        PublishDataset.Map(routes);
        WithdrawDataset.Map(routes);
        LoadRows.Map(routes);
        GiveStandingSignOff.Map(routes);
    }

    /// <summary>The dataset as it now is for this reader, with its ETag.</summary>
    public static async Task<Results<Ok<DatasetView>, Refused>> ShowAsync(NpgsqlConnection connection, Guid id, City city, Caller? reader, HttpContext http, CancellationToken cancel)
    {
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset || await DatasetViews.ReadAsync(connection, dataset, city, reader, cancel) is not { } view)
        {
            return Pipeline.NotFound();
        }

        http.SetETag(view.Revision);
        return TypedResults.Ok(view);
    }

    /// <summary>Every change of anything about a dataset gives it a new ETag. The caller holds the row's lock.</summary>
    public static async Task TouchAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("update datasets set revision = revision + 1 where dataset_id = @id", new { id }, cancellationToken: cancel));
}
