using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Files;

/// <summary>A dataset's files in all their versions, for its own department and the city's authority. Those who were granted it read their own list under the grant.</summary>
internal static class ListFiles
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/datasets/{id:guid}/files", GetAsync).AllowCallers()
            .WithSummary("The files of a dataset with all their versions: size, SHA-256, when and by whom; for its department and the authority.");

    private static async Task<Results<Ok<FileList>, Refused>> GetAsync(Guid id, Caller caller, City city, Database database, ServiceSettings service, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset || !dataset.IsInsider(caller, city))
        {
            return Pipeline.NotFound();
        }

        http.SetETag(dataset.Revision);
        var address = caller.Department == dataset.DepartmentCode ? $"{service.PublicAddress}/api/cities/{city.Id}/datasets/{id}/files" : null;
        return TypedResults.Ok(new FileList(FileView.Of(await DatasetFile.AllAsync(connection, id, cancel), insider: true, address)));
    }
}
