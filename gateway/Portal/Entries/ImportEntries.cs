using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>Imports a catalogue table: the city takes it in the background, the page follows how far it is, and shows the report by line and column.</summary>
internal static class ImportEntries
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/entries/import", (Visit visit, ApiClient api, CancellationToken cancel) => ListAsync(visit, api, FormFaults.None, StatusCodes.Status200OK, cancel)).ForSignedIn(Roles.Officer);
        pages.MapForm("/entries/import", HandleAsync).ForSignedIn(Roles.Officer).TakesUploads();
        pages.MapPage("/entries/import/{id:guid}", ShowAsync).ForSignedIn(Roles.Officer);
        pages.MapPage("/entries/import/{id:guid}/report.csv", ReportAsync).ForSignedIn(Roles.Officer);
    }

    private static async Task<IResult> HandleAsync(Visit visit, ApiClient api, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city })
        {
            return Visit.NoDepartment();
        }

        if (visit.Form.Files.GetFile("file") is not { Length: > 0 } file)
        {
            return await ListAsync(visit, api, FormFaults.Of("file", visit.T("请选择文件。", "Choose a file.")), StatusCodes.Status422UnprocessableEntity, cancel);
        }

        using var content = new StreamContent(file.OpenReadStream());
        content.Headers.ContentType = new("text/csv");
        content.Headers.ContentLength = file.Length;
        var answer = await api.SendAsync<ImportState>(HttpMethod.Post, $"/api/cities/{city}/datasets/import", content, null, null, cancel, headers => headers.Add("Prefer", "respond-async"));
        return answer.Value is { } import
            ? visit.SeeOther($"/entries/import/{import.Id}")
            : await ListAsync(visit, api, FormFaults.Of(answer.Problem!, _ => "file"), answer.Problem!.Status, cancel);
    }

    private static async Task<IResult> ListAsync(Visit visit, ApiClient api, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var path = $"/api/cities/{city}/datasets/imports?limit=20";
        var answer = await api.GetAsync<ImportStates>(path, cancel);
        return answer.Value is { } list
            ? visit.Page<ImportListPage, ImportListModel>(new ImportListModel { Items = list.Items, Faults = faults, LivePath = path }, status)
            : visit.Refusal(answer.Problem!);
    }

    private static async Task<IResult> ShowAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var path = $"/api/cities/{visit.Person!.City}/datasets/imports/{id}";
        var answer = await api.GetAsync<ImportState>(path, cancel);
        return answer.Value is { } import ? visit.Page<ImportPage, ImportModel>(new ImportModel { Import = import, LivePath = path }) : visit.Refusal(answer.Problem!);
    }

    /// <summary>The report for a spreadsheet, as the API writes it.</summary>
    private static async Task<IResult> ReportAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var answer = await api.OpenAsync($"/api/cities/{visit.Person!.City}/datasets/imports/{id}/report?format=csv", null, cancel);
        visit.Http.Response.RegisterForDispose(answer);
        return answer.IsSuccessStatusCode
            ? TypedResults.Stream(await answer.Content.ReadAsStreamAsync(cancel), "text/csv; charset=utf-8", $"import-{id}.csv")
            : Pipeline.NotFound();
    }
}

/// <summary>Recent imports.</summary>
public sealed record ImportStates
{
    public IReadOnlyList<ImportState> Items { get; init; } = [];
}

/// <summary>How far an import is, and what came of it.</summary>
public sealed record ImportState
{
    public required Guid Id { get; init; }

    /// <summary>waiting, reading, writing, done, refused or failed.</summary>
    public required string State { get; init; }

    public int Percent { get; init; }
    public int RowsRead { get; init; }
    public int RowsTotal { get; init; }
    public int EntriesWritten { get; init; }
    public int EntriesTotal { get; init; }
    public long Bytes { get; init; }
    public required string SubmittedBy { get; init; }
    public required DateTimeOffset SubmittedAt { get; init; }
    public DateTimeOffset? EndedAt { get; init; }
    public ImportOutcome? Result { get; init; }
    public Problem? Problem { get; init; }

    public bool Ended => State is "done" or "refused" or "failed";
}

/// <summary>What an import did.</summary>
public sealed record ImportOutcome(int Created, int Revised, int Unchanged, IReadOnlyList<ImportLine> Entries);

/// <summary>One entry of the table: created, revised or unchanged.</summary>
public sealed record ImportLine(int Line, Guid DatasetId, string? Code, string Name, string Outcome);

/// <summary>What the page of imports shows.</summary>
public sealed record ImportListModel
{
    public required IReadOnlyList<ImportState> Items { get; init; }
    public required FormFaults Faults { get; init; }
    public required string LivePath { get; init; }
}

/// <summary>What the page of one import shows.</summary>
public sealed record ImportModel
{
    public required ImportState Import { get; init; }
    public required string LivePath { get; init; }
}
