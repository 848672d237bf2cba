using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>Files to keep: the proof of one record, and what a search found as a signed report or a table. They pass through as the audit service writes them.</summary>
internal static class TakeAway
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/audit/proofs/{year:int}/{id:guid}", (int year, Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PassAsync(visit, api, $"/api/audit/log/{year}/proof/{id}", cancel)).ForSignedIn(AuditPages.Readers);

        // A form, so that no other site begins it: each export is on record.
        pages.MapForm("/audit/export", (Visit visit, ApiClient api, CancellationToken cancel) =>
        {
            var filters = SearchTheLog.Fields.Select(field => KeyValuePair.Create(field, visit.Form[field].ToString()));
            return PassAsync(visit, api, AuditPages.With("/api/audit/export", filters, "format", visit.Form["format"] == "csv" ? "csv" : "json"), cancel);
        }).ForSignedIn(AuditPages.Readers);
    }

    private static async Task<IResult> PassAsync(Visit visit, ApiClient api, string path, CancellationToken cancel)
    {
        var answer = await api.OpenAsync(path, null, cancel);
        if (!answer.IsSuccessStatusCode)
        {
            using (answer)
            {
                return visit.Refusal(await api.ProblemOfAsync(answer, cancel));
            }
        }

        return new Passed(answer);
    }

    private sealed class Passed(HttpResponseMessage answer) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            using (answer)
            {
                var response = httpContext.Response;
                response.ContentType = answer.Content.Headers.ContentType?.ToString();
                response.Headers.ContentDisposition = answer.Content.Headers.ContentDisposition?.ToString();
                response.Headers.CacheControl = "private, no-store";
                await answer.Content.CopyToAsync(response.Body, httpContext.RequestAborted);
            }
        }
    }
}
