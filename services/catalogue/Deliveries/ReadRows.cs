using System.Text.Json;
using CsvHelper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Rows under a grant, as CSV (RFC 4180) or JSON. No record, no exchange: the opening is committed before the first byte leaves, the end with rows, bytes and SHA-256 after the last.
/// Only granted fields are read; rows stream from the database in constant memory; the grant is watched while they do.
/// </summary>
internal sealed class ReadRows(Database database, RowTables tables, Transfer transfer)
{
    private static readonly Rule UnknownFormat = new("unknown-format", StatusCodes.Status422UnprocessableEntity, null,
        new("不支持的数据格式。", "There is no such format."),
        new("format 须为 csv 或 json。", "format is csv or json."));

    public static void Map(RouteGroupBuilder grants) => grants.MapGet("/{id:guid}/data", (Guid id, string? format, Caller caller, City city, ReadRows reader, HttpContext http) => reader.HandleAsync(id, format, caller, city, http))
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("The rows of a granted dataset, granted fields only, as CSV or JSON. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .Produces(StatusCodes.Status200OK, contentType: "text/csv", additionalContentTypes: "application/json");

    private async Task<IResult> HandleAsync(Guid id, string? format, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var grant = await ReadGrants.FindAsync(database, id, caller, city, cancel);
        if (grant is null || caller.City != grant.AskingCity || caller.Department != grant.AskingDepartment)
        {
            return Pipeline.NotFound();
        }

        if (transfer.Refusal(grant) is { } refused)
        {
            return refused;
        }

        var form = format ?? (http.Request.GetTypedHeaders().Accept.Any(a => a.MediaType == "application/json") ? "json" : "csv");
        if (form is not ("csv" or "json"))
        {
            return new Refused(UnknownFormat);
        }

        if (transfer.Behind is { } behind)
        {
            return behind;
        }

        await using var rows = await tables.OpenAsync(grant.DatasetId, grant.Fields, cancel);
        if (rows is null)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        return await transfer.RunAsync(http, grant, caller.Subject, new Shipment
        {
            Form = form,
            Fields = grant.Fields,
            Head = response =>
            {
                response.ContentType = form == "csv" ? "text/csv; charset=utf-8" : "application/json; charset=utf-8";
                response.Headers.ContentDisposition = $"attachment; filename=\"{grant.ExchangeId}.{form}\"";
            },
            Write = async (body, stop) =>
            {
                await (form == "csv" ? WriteCsvAsync(body, rows, stop) : WriteJsonAsync(body, rows, stop));
                // The end waits for a commit; the reader's connection need not.
                await rows.DisposeAsync();
            },
            Rows = () => rows.Read,
        });
    }

    private static async Task WriteCsvAsync(Stream body, GrantedRows rows, CancellationToken cancel)
    {
        await using var csv = CsvWriter.Create(body, CsvWriterOptions.Default, leaveOpen: true);
        foreach (var field in rows.Fields)
        {
            csv.WriteField(field);
        }

        await csv.EndRecordAsync(cancel);
        while (await rows.NextAsync(cancel))
        {
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                csv.WriteField(rows.Text(i));
            }

            await csv.EndRecordAsync(cancel);
        }

        await csv.FlushAsync(cancel);
    }

    private static async Task WriteJsonAsync(Stream body, GrantedRows rows, CancellationToken cancel)
    {
        await using var json = new Utf8JsonWriter(body, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        json.WriteStartArray();
        while (await rows.NextAsync(cancel))
        {
            json.WriteStartObject();
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                rows.Write(json, i);
            }

            json.WriteEndObject();
            if (json.BytesPending > 32 * 1024)
            {
                await json.FlushAsync(cancel);
            }
        }

        json.WriteEndArray();
        await json.FlushAsync(cancel);
    }
}
