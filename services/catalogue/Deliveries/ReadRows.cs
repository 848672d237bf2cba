using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Rows under a grant, as CSV (RFC 4180), JSON or NDJSON, whole or in pages, chosen and sorted by what is granted plain (<see cref="RowQuery"/>). No record, no exchange: the opening is committed before the first byte leaves, the end with rows, bytes and SHA-256 after the last.
/// Only granted fields and rows are read, and each value leaves as the grant treats it; rows stream from the database in constant memory; the grant is watched while they do.
/// </summary>
internal sealed class ReadRows(RowTables tables, GrantKeys keys, Transfer transfer, ServiceSettings service)
{
    private static readonly Rule UnknownFormat = new("unknown-format", StatusCodes.Status422UnprocessableEntity, null,
        new("不支持的数据格式。", "There is no such format."),
        new("format 须为 csv、json 或 ndjson。", "format is csv, json or ndjson."));

    private static readonly Rule OtherCursor = new("other-cursor", StatusCodes.Status422UnprocessableEntity, null,
        new("游标不属于此授权下的这一查询。", "The cursor does not belong to this query under this grant."),
        new("请用给出游标的 Link 地址继续，或不带游标从第一页开始。", "Go on with the address in the Link header that gave it, or start from the first page without one."));

    private static readonly Rule RowsReplaced = new("rows-replaced", StatusCodes.Status410Gone, null,
        new("数据已被整体替换，或授权的范围已变更，不能从原处继续。", "The rows were replaced as a whole, or what is granted has changed; the pages do not go on from there."),
        new("请不带游标从第一页重新读取。", "Start again from the first page, without a cursor."));

    private readonly RowCursors cursors = new(keys);

    public static void Map(RouteGroupBuilder grants) => grants.MapGet("/{id:guid}/data", GetAsync)
        .AllowCallers(Roles.Integrator, Roles.Officer)
        .WithSummary("The rows of a granted dataset, granted fields only and treated as agreed, as CSV, JSON or NDJSON. Each call is a delivery of its own (header Exchange-Delivery-Id).")
        .WithDescription("""
            `filter[field]=value` chooses rows, also `filter[field][gte]=value` (eq, gt, gte, lt, lte; prefix for text; an empty value: rows without one); `sort=field,-other` sorts them. Both take fields that are granted plain only.
            `limit` (1 to 10000) gives pages: the header `Link` with `rel="next"` is the address of the next one, its `cursor` opaque; 410 says that the rows were replaced meanwhile. Without a limit everything is sent.
            `formula_safe=true` writes CSV that no spreadsheet takes for formulas.
            """)
        .Produces(StatusCodes.Status200OK, contentType: "text/csv", additionalContentTypes: ["application/json", "application/x-ndjson"])
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json");

    // sort, limit and cursor stand here for the description; with filter[…] they are read together, so that every fault is told at once.
    private static Task<IResult> GetAsync(
        Guid id, string? format, [FromQuery(Name = "formula_safe")] bool? formulaSafe, string? sort, string? limit, string? cursor, Caller caller, City city, ReadRows reader, HttpContext http) =>
        reader.HandleAsync(id, format, formulaSafe == true, caller, city, http);

    private async Task<IResult> HandleAsync(Guid id, string? format, bool formulaSafe, Caller caller, City city, HttpContext http)
    {
        var cancel = http.RequestAborted;
        var (entered, refused) = await transfer.EnterAsync(id, caller, city, http);
        if (entered is not { } grant)
        {
            return refused!;
        }

        var form = format ?? Accepted(http);
        if (!RowForms.All.Contains(form, StringComparer.Ordinal))
        {
            return new Refused(UnknownFormat);
        }

        if (transfer.Behind is { } behind)
        {
            return behind;
        }

        if (await tables.FindAsync(grant.DatasetId, cancel) is not { } table)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        var faults = new Faults();
        var scope = grant.Scope;
        var query = RowQuery.Read(http.Request.Query, scope, table, faults);
        if (formulaSafe && form != RowForms.Csv)
        {
            faults.Add("formula_safe", "csv-only", null, new("仅用于 CSV。", "It is for CSV only."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (RowSelect.Of(table, scope, query) is not { } select)
        {
            return new Refused(Transfer.SourceSilent) { RetryAfter = 10 };
        }

        string? start = null;
        if (query.Cursor is { } cursor)
        {
            if (cursors.Open(id, cursor) is not { } place || !place.Query.AsSpan().SequenceEqual(query.Digest))
            {
                return new Refused(OtherCursor);
            }

            if (place.Table != table.Number || !await tables.HoldsAsync(select, place.Place, cancel))
            {
                return new Refused(RowsReplaced);
            }

            start = place.Place;
        }

        await using var rows = await tables.OpenAsync(select, scope, start, keys.ForHashes(id), cancel);
        if (rows.Next is { } next)
        {
            http.Response.Headers.Link = $"<{NextPage(http, city, cursors.Seal(id, new RowPlace(table.Number, next, query.Digest)))}>; rel=\"next\"";
        }

        var sent = await transfer.RunAsync(http, grant, caller.Subject, new Shipment
        {
            Form = form,
            Fields = scope.Delivered,
            Head = response =>
            {
                response.ContentType = RowForms.MediaType(form);
                response.Headers.ContentDisposition = $"attachment; filename=\"{grant.ExchangeId}.{form}\"";
            },
            Write = async (body, stop) =>
            {
                await RowForms.WriteAsync(form, formulaSafe, body, rows, stop);
                // The end waits for a commit; the reader's connection need not.
                await rows.DisposeAsync();
            },
            Rows = () => rows.Read,
        });
        if (sent is Refused)
        {
            http.Response.Headers.Remove(HeaderNames.Link);
        }

        return sent;
    }

    private static string Accepted(HttpContext http)
    {
        var accepted = http.Request.GetTypedHeaders().Accept.Select(a => a.MediaType.Value).ToList();
        return accepted.Contains("application/x-ndjson") ? RowForms.NdJson : accepted.Contains("application/json") ? RowForms.Json : RowForms.Csv;
    }

    /// <summary>The same query from the next page's beginning, under the public address.</summary>
    private string NextPage(HttpContext http, City city, string cursor) => QueryHelpers.AddQueryString(
        $"{service.PublicAddress}/api/cities/{city.Id}/grants/{http.GetRouteValue("id")}/data",
        http.Request.Query.Where(p => p.Key != "cursor").Append(KeyValuePair.Create("cursor", new StringValues(cursor))));
}
