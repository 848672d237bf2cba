using System.Text;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>How far a department's imports are and what came of them: for its own officers, to others they do not exist.</summary>
internal static class ReadImports
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/datasets/imports", AllAsync).AllowCallers(Roles.Officer).WithSummary("The own department's recent imports, the newest first.");
        routes.MapGet("/datasets/imports/{id:guid}", OneAsync).AllowCallers(Roles.Officer).WithSummary("How far an import is; at its end what it did, or the problem.");
        routes.MapGet("/datasets/imports/{id:guid}/report", ReportAsync).AllowCallers(Roles.Officer)
            .Produces<ImportReport>(StatusCodes.Status200OK, "application/json", "text/csv")
            .WithSummary("The report of an import that has ended, fault by fault or entry by entry: JSON, or CSV for spreadsheets (Accept: text/csv or format=csv).");
    }

    private static async Task<Results<Ok<ImportList>, Refused>> AllAsync(Caller caller, City city, ServiceSettings service, Database database, HttpContext http, CancellationToken cancel, int? limit = null)
    {
        var faults = new Faults();
        var most = Pages.Limit(limit, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (caller.City != city.Id || caller.Department is null)
        {
            return Pipeline.NotFound();
        }

        await using var connection = await database.OpenAsync(cancel);
        return TypedResults.Ok(new ImportList([.. (await Imports.RecentAsync(connection, caller.Department, most, cancel)).Select(i => i.ToView(city, service, http.Language(), whole: false))]));
    }

    private static async Task<Results<Ok<ImportView>, Refused>> OneAsync(Guid id, Caller caller, City city, ServiceSettings service, Database database, HttpContext http, CancellationToken cancel)
    {
        http.Response.Headers.CacheControl = "no-store";
        return await FindAsync(id, caller, city, database, cancel) is { } import ? TypedResults.Ok(import.ToView(city, service, http.Language())) : Pipeline.NotFound();
    }

    private static async Task<Results<Ok<ImportReport>, FileContentHttpResult, Refused>> ReportAsync(
        Guid id, Caller caller, City city, Database database, HttpContext http, CancellationToken cancel, string? format = null)
    {
        if (format is not (null or "csv" or "json"))
        {
            var faults = new Faults();
            faults.Add("format", "unknown-value", null, new("应为 json 或 csv。", "This must be json or csv."));
            return new Refused(faults);
        }

        if (await FindAsync(id, caller, city, database, cancel) is not { } import)
        {
            return Pipeline.NotFound();
        }

        if (!import.Ended)
        {
            return new Refused(DatasetRefusals.ImportRunning) { RetryAfter = 2 };
        }

        var language = http.Language();
        var report = new ImportReport(import.ImportId, import.State, import.FaultsTotal ?? 0, import.Refusal?.Rule.Title.In(language), [.. import.Faults.Select(f => ProblemError.Of(f, language))], import.Result?.Entries ?? []);
        http.Response.Headers.CacheControl = "no-store";
        http.Response.Headers.Vary = "Accept, Accept-Language";
        http.Response.Headers.ContentLanguage = language == "en" ? "en" : "zh-CN";
        return format == "csv" || (format is null && PrefersCsv(http.Request))
            ? TypedResults.File([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(Csv(report, language))], "text/csv; charset=utf-8", $"import-{id}.csv")
            : TypedResults.Ok(report);
    }

    private static async Task<Import?> FindAsync(Guid id, Caller caller, City city, Database database, CancellationToken cancel)
    {
        if (caller.City != city.Id || caller.Department is null)
        {
            return null;
        }

        await using var connection = await database.OpenAsync(cancel);
        return await Imports.FindAsync(connection, id, caller.Department, cancel);
    }

    private static bool PrefersCsv(HttpRequest request) =>
        request.GetTypedHeaders().Accept.OrderByDescending(a => a.Quality ?? 1).Select(a => a.MediaType.Value).FirstOrDefault(m => m is "text/csv" or "application/json" or "*/*" or "application/*") == "text/csv";

    private static string Csv(ImportReport report, string language)
    {
        var zh = language == "zh";
        var text = new StringBuilder();
        if (report.State == "done")
        {
            Row(zh ? ["行", "信息资源代码", "信息资源名称", "结果", "目录编号"] : ["row", "code", "name", "outcome", "dataset_id"]);
            foreach (var entry in report.Entries)
            {
                Row([entry.Line.ToString(System.Globalization.CultureInfo.InvariantCulture), entry.Code, entry.Name, zh ? Outcome(entry.Outcome) : entry.Outcome, entry.DatasetId.ToString()]);
            }
        }
        else
        {
            Row(zh ? ["行", "列", "列名", "原内容", "问题", "改法", "依据", "规则"] : ["row", "column", "header", "value", "problem", "advice", "article", "rule"]);
            foreach (var fault in report.Errors)
            {
                Row([fault.Row?.ToString(System.Globalization.CultureInfo.InvariantCulture), fault.ColumnLetter, fault.Column, fault.Value, fault.Message, fault.Advice, fault.Article, fault.Rule]);
            }

            if (report.Errors.Count == 0)
            {
                Row(["", "", "", "", report.Problem, "", "", ""]);
            }
        }

        return text.ToString();

        void Row(IReadOnlyList<string?> cells) => text.AppendJoin(',', cells.Select(CsvCells.Safe)).Append("\r\n");
    }

    private static string Outcome(string outcome) => outcome switch { "created" => "新增", "revised" => "修订", _ => "未变" };
}

internal sealed record ImportList(IReadOnlyList<ImportView> Items);

/// <summary>What came of an import.</summary>
/// <param name="FaultsTotal">All faults; the first 500 are listed.</param>
/// <param name="Problem">Why nothing was imported; null when it was.</param>
internal sealed record ImportReport(Guid Id, string State, int FaultsTotal, string? Problem, IReadOnlyList<ProblemError> Errors, IReadOnlyList<ImportedLine> Entries);
