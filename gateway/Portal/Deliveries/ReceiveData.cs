using System.Globalization;
using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Portal.Requests;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>
/// Data that was granted, to look at or to take away. It is the API's own delivery that is handed on, byte for byte and with the purpose stated, so that what lies on the person's disk is what the receipt says.
/// When the source breaks off, so does the answer: half a file never looks like a whole one.
/// </summary>
internal static class ReceiveData
{
    /// <summary>Who may read data, as the API has it.</summary>
    private static readonly string[] Readers = [Roles.Officer];

    private static readonly string[] Forms = ["csv", "json", "ndjson"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests/{id:guid}/data", ShowAsync).ForSignedIn();
        pages.MapForm("/requests/{id:guid}/data", DownloadAsync).ForSignedIn(Readers);
        pages.MapPage("/requests/{id:guid}/data/preview", PreviewAsync).ForSignedIn(Readers);
    }

    private static async Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        return refusal ?? await PageAsync(request!, visit, api, null, cancel);
    }

    private static async Task<IResult> PageAsync(RequestView request, Visit visit, ApiClient api, Problem? problem, CancellationToken cancel)
    {
        var mayRead = ShowRequest.IsOurs(visit.Person, request) && visit.Person!.Has(Readers);
        var entry = await api.GetAsync<DatasetEntry>($"/api/catalogue/datasets/{request.Dataset.Id}", cancel);
        var files = mayRead && request is { State: "active", SharedAs: "file" } ? await api.GetAsync<OfferedFiles>($"{request.GrantAddress}/files?purpose={request.PurposeCode}", cancel) : null;
        return visit.Page<DataPage, DataModel>(new DataModel
        {
            Request = request,
            Entry = entry.Value,
            MayRead = mayRead,
            Files = files?.Value?.Items,
            Problem = problem ?? files?.Problem,
        }, problem?.Status ?? StatusCodes.Status200OK);
    }

    private static async Task<IResult> DownloadAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        string path;
        if (visit.Form["file"].ToString() is { Length: > 0 } name)
        {
            path = $"{request!.GrantAddress}/files/{Uri.EscapeDataString(name)}" + (int.TryParse(visit.Form["file_version"], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? string.Create(CultureInfo.InvariantCulture, $"?version={version}") : "");
        }
        else
        {
            var form = visit.Form["format"].ToString();
            var safe = form == "csv-safe";
            path = $"{request!.GrantAddress}/data?format={(safe || !Forms.Contains(form, StringComparer.Ordinal) ? "csv" : form)}{(safe ? "&formula_safe=true" : "")}";
        }

        using var answer = await api.OpenAsync(path, headers => headers.TryAddWithoutValidation("Purpose", request.PurposeCode), cancel);
        return answer.IsSuccessStatusCode ? await HandOnAsync(answer, visit, cancel)
            : await PageAsync(request, visit, api, await api.ProblemOfAsync(answer, cancel), cancel);
    }

    private static async Task<IResult> HandOnAsync(HttpResponseMessage answer, Visit visit, CancellationToken cancel)
    {
        var response = visit.Http.Response;
        response.ContentType = answer.Content.Headers.ContentType?.ToString() ?? "application/octet-stream";
        response.ContentLength = answer.Content.Headers.ContentLength;
        // Never shown in this site's name, whatever is in it.
        response.Headers.ContentDisposition = answer.Content.Headers.TryGetValues("Content-Disposition", out var disposition) ? disposition.First() : "attachment";
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (answer.Headers.TryGetValues("Exchange-Delivery-Id", out var delivery))
        {
            response.Headers["Exchange-Delivery-Id"] = delivery.First();
        }

        try
        {
            await answer.Content.CopyToAsync(response.Body, cancel);
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            visit.Http.Abort();
        }

        return Results.Empty;
    }

    private static async Task<IResult> PreviewAsync(Guid id, Visit visit, ApiClient api, string? file, int? version, string? sheet, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var path = file is null ? $"{request!.GrantAddress}/preview?purpose={request.PurposeCode}"
            : $"{request!.GrantAddress}/files/{Uri.EscapeDataString(file)}/preview?purpose={request.PurposeCode}{(version is null ? "" : string.Create(CultureInfo.InvariantCulture, $"&version={version}"))}{(sheet is null ? "" : $"&sheet={Uri.EscapeDataString(sheet)}")}";
        var answer = await api.GetAsync<PreviewView>(path, cancel);
        return answer.Succeeded
            ? visit.Page<PreviewPage, PreviewModel>(new PreviewModel { Request = request, File = file, Preview = answer.Value! })
            : await PageAsync(request, visit, api, answer.Problem, cancel);
    }
}

/// <summary>What can be received.</summary>
public sealed record DataModel
{
    public required RequestView Request { get; init; }
    public DatasetEntry? Entry { get; init; }

    /// <summary>The reader may receive data.</summary>
    public required bool MayRead { get; init; }

    /// <summary>Of a grant of files.</summary>
    public IReadOnlyList<OfferedFile>? Files { get; init; }

    public Problem? Problem { get; init; }

    public string Title(string field) => Entry?.Fields.FirstOrDefault(one => one.Name == field)?.Title ?? field;
}

/// <summary>First rows.</summary>
public sealed record PreviewModel
{
    public required RequestView Request { get; init; }

    /// <summary>Null for rows of a table.</summary>
    public string? File { get; init; }

    public required PreviewView Preview { get; init; }
}
