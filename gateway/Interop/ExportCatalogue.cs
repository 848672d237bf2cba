using System.Globalization;
using System.Text;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Gateway.Interop;

/// <summary>
/// The catalogue as the table of the 2017 guide, one row per 信息项, for an upper level's platform to take in (arts. 12, 30). It is what a city's own import reads:
/// both take headers and words from <see cref="GuideTable"/>.
/// </summary>
internal static class ExportCatalogue
{
    private static readonly (string Header, Func<DatasetEntry, string?> Of)[] EntryColumns =
    [
        (GuideTable.Code, entry => entry.Code),
        (GuideTable.Name, entry => entry.Name),
        (GuideTable.Department, entry => entry.DepartmentName),
        (GuideTable.DepartmentCode, entry => entry.DepartmentCode),
        (GuideTable.Abstract, entry => entry.Abstract),
        (GuideTable.Theme, entry => Shown(GuideTable.Themes, entry.Theme)),
        (GuideTable.Format, entry => FormatOf(entry.Format)),
        (GuideTable.SharingType, entry => Shown(GuideTable.SharingTypes, entry.SharingType)),
        (GuideTable.Conditions, entry => entry.SharingConditions),
        (GuideTable.RefusalLaw, entry => entry.RefusalLaw),
        (GuideTable.Method, entry => Shown(GuideTable.Methods, entry.SharingMethod)),
        (GuideTable.Open, entry => YesNo(entry.OpenToSociety)),
        (GuideTable.OpenConditions, entry => entry.OpenConditions),
        (GuideTable.Frequency, entry => Shown(GuideTable.Frequencies, entry.UpdateFrequency)),
        (GuideTable.ReleasedOn, entry => entry.ReleasedOn.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
        (GuideTable.Related, entry => string.Join(GuideTable.Separator, entry.RelatedCodes)),
        (GuideTable.Classification, entry => Shown(GuideTable.Classifications, entry.Classification)),
        (GuideTable.Grade, entry => entry.Grade.ToString(CultureInfo.InvariantCulture)),
    ];

    private static readonly (string Header, Func<DatasetField, string?> Of)[] ItemColumns =
    [
        (GuideTable.ItemTitle, item => item.Title),
        (GuideTable.ItemName, item => item.Name),
        (GuideTable.ItemType, item => Shown(GuideTable.FieldTypes, item.Type)),
        (GuideTable.ItemLength, item => item.Length?.ToString(CultureInfo.InvariantCulture)),
        (GuideTable.ItemSharing, item => Shown(GuideTable.SharingTypes, item.SharingType)),
        (GuideTable.ItemPersonal, item => YesNo(item.Personal)),
    ];

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/export", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("The catalogue, or one city's, as the 2017 guide's table (CSV, UTF-8 with byte order mark)")
        .WithDescription("One row per data item under the guide's Chinese headers; a city's import takes the file as it is. cells=safe (default) marks cells that a spreadsheet would run as formulas, cells=exact leaves every character as it is, for programs. Callers without a token get the entries that are open to society.")
        .Produces(StatusCodes.Status200OK, contentType: "text/csv")
        .Produces<Problem>(StatusCodes.Status422UnprocessableEntity, "application/problem+json");

    private static IResult Handle([FromQuery(Name = "city")] string? city, [FromQuery(Name = "cells")] string? cells, HttpContext http, Caller? caller, CatalogueIndex catalogue, GatewaySettings settings)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        var faults = new Faults();
        city = AskedCities.ReadOne(city, settings, faults);
        if (cells is not (null or "safe" or "exact"))
        {
            faults.Add("cells", "unknown-value", null, new("cells 应为 safe 或 exact。", "cells is safe or exact."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (catalogue.Current is not { } index)
        {
            return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
        }

        http.Response.Headers.CacheControl = caller is null ? "public, no-cache" : "private, no-store";
        http.Response.Headers.Vary = "Authorization";
        http.Response.Headers.ContentDisposition = $"attachment; filename=\"catalogue{(city is null ? "" : "-" + city)}.csv\"";
        http.Response.ContentType = "text/csv; charset=utf-8";
        return new Table(WholeCatalogue.Walk(index, caller is null, city).Select(CatalogueTables.Entry), cells == "exact");
    }

    /// <summary>Writes header and rows; the entry's columns stand in the row of its first item only, and an entry follows another one's last item.</summary>
    public static async Task WriteAsync(IEnumerable<DatasetEntry> entries, bool exact, Stream body, CancellationToken cancel)
    {
        Func<string?, string> cell = exact ? CsvCells.Exact : CsvCells.Safe;
        await using var text = new StreamWriter(body, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true), bufferSize: 32 * 1024, leaveOpen: true);
        await text.WriteAsync(string.Join(',', EntryColumns.Select(column => column.Header).Concat(ItemColumns.Select(column => column.Header))) + "\r\n");
        var line = new StringBuilder();
        foreach (var entry in entries)
        {
            // An entry without items is against the rules of its city and still an entry: its row stays.
            for (var i = 0; i < Math.Max(1, entry.Fields.Count); i++)
            {
                foreach (var (_, of) in EntryColumns)
                {
                    line.Append(i == 0 ? cell(of(entry)) : "").Append(',');
                }

                line.AppendJoin(',', ItemColumns.Select(column => i < entry.Fields.Count ? cell(column.Of(entry.Fields[i])) : "")).Append("\r\n");
            }

            await text.WriteAsync(line, cancel);
            line.Clear();
        }
    }

    private static string Shown(IReadOnlyDictionary<string, string> words, string word) => words.GetValueOrDefault(word, word);

    private static string FormatOf(string format) => format.Split('/', 2) is [var group, var extension] ? $"{Shown(GuideTable.FormatGroups, group)}/{extension}" : Shown(GuideTable.FormatGroups, format);

    private static string YesNo(bool value) => value ? GuideTable.Yes : GuideTable.No;

    private sealed class Table(IEnumerable<DatasetEntry> entries, bool exact) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext) => WriteAsync(entries, exact, httpContext.Response.Body, httpContext.RequestAborted);
    }
}
