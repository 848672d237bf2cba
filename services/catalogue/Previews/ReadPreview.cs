using System.Globalization;
using System.Text.Json;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.Previews;

/// <summary>
/// First rows and figures of what somebody may have. Under a grant they are of what it gives, read as a delivery reads it and recorded as one (<see cref="Transfer"/>, form <c>preview</c>): its fields, rows and treatments, and of files the whole ones
/// only. Who works in the owning department sees its own data as it is; nobody else does. All is read, and its source given back, before the first byte leaves: a reader who is slow holds nothing up.
/// </summary>
internal sealed class ReadPreview(Database database, RowTables tables, FileStore store, FilePreview files, PreviewLimits limits, GrantKeys keys, Transfer transfer)
{
    private const string Form = "preview";

    private const string Description = """
        `limit` says how many rows are shown: 20 when left out, 100 at most. The figures are over up to 10,000 rows; `read.whole` says whether these were all.
        Files are read under limits; what goes beyond one is refused (422 `preview-content`), and `errors` names the limit.
        """;

    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapGet("/{id:guid}/preview", (Guid id, string? limit, Caller caller, City city, ReadPreview reader, HttpContext http) => reader.GrantedRowsAsync(id, limit, caller, city, http))
            .AllowCallers(Roles.Integrator, Roles.Officer)
            .WithSummary("The first rows of a granted dataset, granted fields and rows only and treated as agreed, with figures of each field. A delivery of its own (header Exchange-Delivery-Id).").WithDescription(Description)
            .Produces<Preview>();
        grants.MapGet("/{id:guid}/files/{name}/preview", (Guid id, string name, int? version, string? sheet, string? limit, Caller caller, City city, ReadPreview reader, HttpContext http) =>
                reader.GrantedFileAsync(id, name, version, sheet, limit, caller, city, http))
            .AllowCallers(Roles.Integrator, Roles.Officer)
            .WithSummary("The first rows of a CSV, XLSX or JSON file of a granted dataset, with figures of each column; sheet names one of a workbook. A delivery of its own (header Exchange-Delivery-Id).").WithDescription(Description)
            .Produces<Preview>();
    }

    public static void MapOwn(IEndpointRouteBuilder datasets)
    {
        datasets.MapGet("/datasets/{id:guid}/preview", (Guid id, string? limit, Caller caller, City city, ReadPreview reader, HttpContext http) => reader.OwnRowsAsync(id, limit, caller, city, http))
            .AllowPersons(Roles.Officer, Roles.Reviewer)
            .WithSummary("The first rows of a dataset as they were loaded, with figures of each field; for its own department.").WithDescription(Description)
            .Produces<Preview>();
        datasets.MapGet("/datasets/{id:guid}/files/{name}/preview", (Guid id, string name, int? version, string? sheet, string? limit, Caller caller, City city, ReadPreview reader, HttpContext http) =>
                reader.OwnFileAsync(id, name, version, sheet, limit, caller, city, http))
            .AllowPersons(Roles.Officer, Roles.Reviewer)
            .WithSummary("The first rows of a CSV, XLSX or JSON file as it was handed in, with figures of each column; for its own department.").WithDescription(Description)
            .Produces<Preview>();
    }

    private async Task<IResult> GrantedRowsAsync(Guid id, string? limit, Caller caller, City city, HttpContext http)
    {
        var (grant, show, refused) = await EnterAsync(id, limit, caller, city, http);
        if (refused is not null)
        {
            return refused;
        }

        var scope = grant!.Scope;
        return await tables.FindAsync(grant.DatasetId, http.RequestAborted) is { } table && RowSelect.Of(table, scope, RowQuery.First(limits.Rows)) is { } select
            ? await DeliverAsync(http, grant, caller, scope.Delivered, null, stop => RowsAsync(table, select, scope, keys.ForHashes(id), show, stop))
            : new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
    }

    private async Task<IResult> GrantedFileAsync(Guid id, string name, int? version, string? sheet, string? limit, Caller caller, City city, HttpContext http)
    {
        var (grant, show, refused) = await EnterAsync(id, limit, caller, city, http);
        if (refused is not null)
        {
            return refused;
        }

        DatasetFile? found;
        IReadOnlyList<FieldDraft> fields;
        await using (var connection = await database.OpenAsync(http.RequestAborted))
        {
            found = Newest(await DatasetFile.DeliverableAsync(connection, grant!.DatasetId, grant.Scope, http.RequestAborted), name, version);
            if (found is null)
            {
                return Pipeline.NotFound();
            }

            fields = await FieldsAsync(connection, found, http.RequestAborted);
        }

        return FilePreview.Has(found.Format)
            ? await DeliverAsync(http, grant, caller, found.Fields, found, stop => FileAsync(found, fields, sheet, show, stop))
            : new Refused(PreviewRefusals.NoPreview);
    }

    private async Task<IResult> OwnRowsAsync(Guid id, string? limit, Caller caller, City city, HttpContext http)
    {
        RowTable? table;
        int show;
        await using (var connection = await database.OpenAsync(http.RequestAborted))
        {
            var (dataset, shown, refused) = await OwnAsync(connection, id, limit, caller, city, http.RequestAborted);
            if (refused is not null)
            {
                return refused;
            }

            show = shown;
            table = await RowTables.FindAsync(connection, dataset!.DatasetId, http.RequestAborted);
        }

        var scope = new GrantedScope([.. table?.Columns.Select(c => c.Field.Name) ?? []]);
        if (table is null || RowSelect.Of(table, scope, RowQuery.First(limits.Rows)) is not { } select)
        {
            return new Refused(PreviewRefusals.NoRows);
        }

        var (preview, fault) = await RowsAsync(table, select, scope, key: [], show, http.RequestAborted);
        return fault is not null ? fault : Show(http, preview!);
    }

    private async Task<IResult> OwnFileAsync(Guid id, string name, int? version, string? sheet, string? limit, Caller caller, City city, HttpContext http)
    {
        DatasetFile? found;
        IReadOnlyList<FieldDraft> fields;
        int show;
        await using (var connection = await database.OpenAsync(http.RequestAborted))
        {
            var (dataset, shown, refused) = await OwnAsync(connection, id, limit, caller, city, http.RequestAborted);
            if (refused is not null)
            {
                return refused;
            }

            show = shown;
            found = Newest(await DatasetFile.AllAsync(connection, dataset!.DatasetId, http.RequestAborted), name, version);
            if (found is null)
            {
                return Pipeline.NotFound();
            }

            fields = await FieldsAsync(connection, found, http.RequestAborted);
        }

        var (preview, fault) = await FileAsync(found, fields, sheet, show, http.RequestAborted);
        return fault is not null ? fault : Show(http, preview!);
    }

    /// <summary>The grant when data may flow under it to this caller now, or why not.</summary>
    private async Task<(Grant? Grant, int Show, Refused? Refusal)> EnterAsync(Guid id, string? limit, Caller caller, City city, HttpContext http)
    {
        var (grant, refused) = await transfer.EnterAsync(id, caller, city, http);
        var (show, fault) = Shown(limit);
        return (grant, show, refused ?? fault ?? transfer.Behind);
    }

    private static async Task<(Dataset? Dataset, int Show, Refused? Refusal)> OwnAsync(Npgsql.NpgsqlConnection connection, Guid id, string? limit, Caller caller, City city, CancellationToken cancel)
    {
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset)
        {
            return (null, 0, Pipeline.NotFound());
        }

        var (show, faults) = Shown(limit);
        return (dataset, show, dataset.NotOwn(caller, city) ?? faults);
    }

    private static (int Show, Refused? Refusal) Shown(string? limit)
    {
        if (string.IsNullOrEmpty(limit))
        {
            return (PreviewLimits.Shown, null);
        }

        if (int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var show) && show is >= 1 and <= PreviewLimits.MostShown)
        {
            return (show, null);
        }

        var faults = new Faults();
        faults.Add("limit", "range", null, new($"须在 1 到 {PreviewLimits.MostShown} 之间。", $"It is between 1 and {PreviewLimits.MostShown}."));
        return (0, new Refused(faults));
    }

    private static DatasetFile? Newest(IReadOnlyList<DatasetFile> all, string name, int? version)
    {
        var composed = name.Normalize();
        return all.FirstOrDefault(f => f.Name == composed && (version is null || f.FileVersion == version));
    }

    /// <summary>Of the entry under which the file was handed in.</summary>
    private static async Task<IReadOnlyList<FieldDraft>> FieldsAsync(Npgsql.NpgsqlConnection connection, DatasetFile file, CancellationToken cancel) =>
        await Dataset.FindAsync(connection, file.DatasetId, cancel) is { } dataset && await dataset.VersionAsync(connection, file.EntryVersion, cancel) is { } version ? version.Entry.Fields ?? [] : [];

    private async Task<(Preview? Preview, Refused? Refusal)> RowsAsync(RowTable table, RowSelect select, GrantedScope scope, byte[] key, int show, CancellationToken cancel)
    {
        await using var rows = await tables.OpenAsync(select, scope, start: null, key, cancel);
        try
        {
            return (await RowsPreview.ReadAsync(rows, table.Columns, scope, show, limits, cancel), null);
        }
        catch (NotPreviewedException fault)
        {
            return (null, fault.Refusal);
        }
    }

    private async Task<(Preview? Preview, Refused? Refusal)> FileAsync(DatasetFile found, IReadOnlyList<FieldDraft> fields, string? sheet, int show, CancellationToken cancel)
    {
        await using var file = store.Open(found.StoredAs);
        return file is null || file.Length != found.Bytes
            ? (null, new Refused(Transfer.SourceSilent) { RetryAfter = 10 })
            : await files.ReadAsync(file, found.Format, fields, sheet, show, cancel);
    }

    /// <summary>Reads once the delivery is open: then quotas cover the work too, and the grant is watched while it is done. What cannot be previewed ends it as failed.</summary>
    private Task<IResult> DeliverAsync(
        HttpContext http, Grant grant, Caller caller, IReadOnlyList<string> fields, DatasetFile? file, Func<CancellationToken, Task<(Preview? Preview, Refused? Refusal)>> read)
    {
        var facts = new Dictionary<string, string>(StringComparer.Ordinal);
        if (file is not null)
        {
            facts["file_version"] = file.FileVersion.ToString(CultureInfo.InvariantCulture);
            facts["file_sha256"] = file.Sha256;
        }

        var rows = 0;
        return transfer.RunAsync(http, grant, caller.Subject, new Shipment
        {
            Form = Form,
            Fields = fields,
            FileName = file?.Name,
            Facts = facts,
            Head = response => response.ContentType = "application/json; charset=utf-8",
            Write = async (to, stop) =>
            {
                var (preview, refused) = await read(stop);
                if (preview is null)
                {
                    throw new NothingSentException(refused!);
                }

                // For the record of the end.
                facts["counted_rows"] = preview.Read.Rows.ToString(CultureInfo.InvariantCulture);
                rows = preview.Rows.Count;
                try
                {
                    await to.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(preview, Json.Options), stop);
                }
                catch (NothingSentException)
                {
                    rows = 0;
                    throw;
                }
            },
            Rows = () => rows,
        });
    }

    private static Microsoft.AspNetCore.Http.HttpResults.Ok<Preview> Show(HttpContext http, Preview preview)
    {
        http.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(preview);
    }
}
