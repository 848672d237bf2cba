using Dapper;
using Exchange.Catalogue.DataServices;
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
        services.AddScoped<CatalogueDuties>();
        services.AddHostedService<SeedDepartments>();
        services.AddHostedService<DropRowTables>();
        services.AddHostedService<SweepFigures>();
        services.AddSingleton<ImportSignal>();
        services.AddHostedService<RunImports>();
    }

    public static void MapDatasets(this IEndpointRouteBuilder routes)
    {
        var departments = routes.MapGroup("").WithTags("departments");
        ListDepartments.Map(departments);
        ChangeDepartment.Map(departments);

        var datasets = routes.MapGroup("").WithTags("datasets");
        ReadDatasets.Map(datasets);
        ReadHistory.Map(datasets);
        ReadChanges.Map(datasets);
        ReadFigures.Map(datasets);
        ReadVersions.Map(datasets);
        DraftDataset.Map(datasets);
        ReviseDataset.Map(datasets);
        ImportCatalogue.Map(datasets);
        ReadImports.Map(datasets);
        AssessDataset.Map(datasets);
        ApproveDataset.Map(datasets);
        PublishDataset.Map(datasets);
        ReturnDataset.Map(datasets);
        WithdrawDataset.Map(datasets);
        StateDutyChange.Map(datasets);
        ExtendUpdate.Map(datasets);
        ReadDutyChanges.Map(datasets);
        LoadRows.Map(datasets);
        DescribeService.Map(datasets);
        GiveStandingSignOff.Map(datasets);
    }

    /// <summary>The dataset as it now is for this reader, with its ETag.</summary>
    public static async Task<Results<Ok<DatasetView>, Refused>> ShowAsync(NpgsqlConnection connection, Guid id, City city, Caller? reader, HttpContext http, CancellationToken cancel)
    {
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset || await DatasetViews.ReadAsync(connection, dataset, city, reader, cancel) is not { } view)
        {
            return Pipeline.NotFound();
        }

        http.SetETag(view.Revision);
        return TypedResults.Ok(view.Rows is { } rows && reader is not null && reader.City == city.Id && reader.Department == dataset.DepartmentCode && (reader.Has(Roles.Officer) || reader.Has(Roles.Reviewer))
            ? view with { Rows = rows with { Preview = $"{http.RequestServices.GetRequiredService<ServiceSettings>().PublicAddress}/api/cities/{city.Id}/datasets/{id}/preview" } }
            : view);
    }

    /// <summary>Every change of anything about a dataset gives it a new ETag. The caller holds the row's lock.</summary>
    public static async Task TouchAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel) =>
        await connection.ExecuteAsync(new CommandDefinition("update datasets set revision = revision + 1 where dataset_id = @id", new { id }, cancellationToken: cancel));
}
