using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>The data behind a published entry: rows from CSV, files, or the description of a service; and what was loaded, as our own people see it.</summary>
internal static class ShowData
{
    /// <summary>Seconds, where the form says nothing.</summary>
    public const int DefaultTimeout = 30;

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/entries/{id:guid}/data", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, FormFaults.None, null, StatusCodes.Status200OK, cancel)).ForSignedIn(EntriesPages.Readers);
        pages.MapForm("/entries/{id:guid}/data", HandleAsync).ForSignedIn(Roles.Officer).TakesUploads();
    }

    private static async Task<IResult> HandleAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city })
        {
            return Visit.NoDepartment();
        }

        var path = $"/api/cities/{city}/datasets/{id}";
        var act = visit.Form["act"].ToString();
        var file = visit.Form.Files.GetFile("file");
        Problem? problem;
        switch (act)
        {
            case "rows" or "file" when file is null || file.Length == 0:
                return await PageAsync(id, visit, api, FormFaults.Of("file", visit.T("请选择文件。", "Choose a file.")), null, StatusCodes.Status422UnprocessableEntity, cancel);
            case "rows":
                var keys = visit.Form["key"].OfType<string>().ToList();
                using (var content = Content(file!, "text/csv"))
                {
                    problem = (await api.PutAsync<OwnEntry>($"{path}/rows?key={Uri.EscapeDataString(string.Join(',', keys))}", content, visit.Version, null, cancel)).Problem;
                }

                break;
            case "file":
                // The name is the sender's; the API says which it takes.
                using (var content = Content(file!, "application/octet-stream"))
                {
                    problem = (await api.PutAsync<JsonObject>($"{path}/files/{Uri.EscapeDataString(Path.GetFileName(file!.FileName.Replace('\\', '/')))}", content, visit.Version, null, cancel)).Problem;
                }

                break;
            case "remove":
                problem = (await api.SendAsync<JsonObject>(HttpMethod.Delete, $"{path}/files/{Uri.EscapeDataString(visit.Form["name"].ToString())}", null, visit.Version, null, cancel)).Problem;
                break;
            case "service":
                var described = await api.GetAsync<JsonObject>($"{path}/service", cancel);
                // What could not be read cannot be kept: nothing is written then.
                problem = described.Problem is { Status: not StatusCodes.Status404NotFound } unread ? unread
                    : (await api.PutAsync<OwnEntry>($"{path}/service", Service(visit, described.Value), visit.Version, null, cancel)).Problem;
                break;
            case "remove-service":
                problem = (await api.SendAsync<OwnEntry>(HttpMethod.Delete, $"{path}/service", null, visit.Version, null, cancel)).Problem;
                break;
            default:
                return await PageAsync(id, visit, api, FormFaults.Of(null, visit.T("没有这个事项。", "There is no such act.")), null, StatusCodes.Status422UnprocessableEntity, cancel);
        }

        if (problem is null)
        {
            return visit.SeeOther($"/entries/{id}/data?done={act}");
        }

        // Faults of a table go into the report, by row and column.
        var report = act == "rows" && problem.Errors is { Count: > 0 } errors ? errors : null;
        var faults = report is not null ? FormFaults.Of("file", $"{visit.T("数据有误，未装载。", "The data has faults and was not loaded.")} {problem.Detail}") : FormFaults.Of(problem, field => IdOf(act, field));
        if (act == "service" && problem.Errors is { Count: > 0 } wrong)
        {
            // Several lines share a field: each fault says in which it is.
            faults = faults with { All = [.. faults.All.Zip(wrong, (fault, error) => LineOf(visit, error.Field) is { } line ? (fault.Field, visit.T($"“{line}”：", $"'{line}': ") + fault.Message) : fault)] };
        }

        return await PageAsync(id, visit, api, faults, report, problem.Status, cancel);
    }

    private static StreamContent Content(IFormFile file, string type)
    {
        var content = new StreamContent(file.OpenReadStream());
        content.Headers.ContentType = new(type);
        content.Headers.ContentLength = file.Length;
        return content;
    }

    /// <summary>As written, right or wrong: the API names every fault. What the page has no field for stays as it was described.</summary>
    private static JsonObject Service(Visit visit, JsonObject? described)
    {
        var form = visit.Form;
        var service = described?["service"]?.DeepClone().AsObject() ?? [];
        service["address"] = form["address"].ToString().Trim();
        service["operations"] = new JsonArray([.. CallLines(visit).Select(line => line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)).Select(parts => (JsonNode)new JsonObject
        {
            ["method"] = parts[0].ToUpperInvariant(),
            ["path"] = parts.ElementAtOrDefault(1) ?? "",
            ["query"] = new JsonArray([.. FormRead.Lines(string.Join(',', parts.Skip(2))).Select(name => (JsonNode)name)]),
        })]);
        service["probe"] = form["probe"].ToString().Trim();
        service["structure"] = new JsonArray([.. FormRead.Lines(form["structure"]).Select(name => (JsonNode)name)]);
        service["timeout_seconds"] = FormRead.Text(form["timeout"]) is not { } timeout ? DefaultTimeout : int.TryParse(timeout, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0;
        var body = new JsonObject { ["service"] = service };
        var (header, value) = (FormRead.Text(form["credential-header"]), form["credential-value"].ToString());
        if (header is not null || value.Length > 0)
        {
            body["credential"] = new JsonObject { ["header"] = header, ["value"] = value };
        }

        return body;
    }

    private static string[] CallLines(Visit visit) => visit.Form["operations"].ToString().Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The line of a fault such as <c>operations[1].path</c>; null for any other.</summary>
    private static string? LineOf(Visit visit, string field) =>
        field.Split('[', ']') is ["operations", var at, ..] && int.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var i) ? CallLines(visit).ElementAtOrDefault(i) : null;

    private static string? IdOf(string act, string field) => act switch
    {
        "service" => field switch
        {
            "address" or "probe" => field,
            "timeout_seconds" => "timeout",
            "credential.header" => "credential-header",
            "credential.value" => "credential-value",
            _ when field.StartsWith("operations", StringComparison.Ordinal) => "operations",
            _ when field.StartsWith("structure", StringComparison.Ordinal) => "structure",
            _ => null,
        },
        "rows" or "file" => "file",
        _ => null,
    };

    private static async Task<IResult> PageAsync(Guid id, Visit visit, ApiClient api, FormFaults faults, IReadOnlyList<ProblemError>? report, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: { } department })
        {
            return Visit.NoDepartment();
        }

        var path = $"/api/cities/{city}/datasets/{id}";
        var answer = await api.GetAsync<OwnEntry>(path, cancel);
        if (answer.Value is not { } entry)
        {
            return visit.Refusal(answer.Problem!);
        }

        if (entry.Text?.DepartmentCode != department)
        {
            return Pipeline.NotFound();
        }

        var format = entry.Published?.Format;
        var preview = entry.Rows?.Preview is null || status != StatusCodes.Status200OK ? null : await api.GetAsync<DataPreview>($"{path}/preview?limit=10", cancel);
        var files = format?.Contains('/', StringComparison.Ordinal) == true ? await api.GetAsync<HeldFiles>($"{path}/files", cancel) : null;
        var service = format == "service" && visit.Person.Has(Roles.Officer) ? await api.GetAsync<DescribedService>($"{path}/service", cancel) : null;
        return visit.Page<DataPage, DataModel>(new DataModel
        {
            Entry = entry,
            Preview = preview?.Value,
            Files = files?.Value?.Items,
            Service = service?.Value,
            Report = report,
            Faults = faults,
            Done = status != StatusCodes.Status200OK ? null : visit.Http.Request.Query["done"].ToString() switch
            {
                "rows" => new("数据已装载，新的读取即用新数据。", "The rows are loaded; whoever reads next reads these."),
                "file" => new("文件已上传。", "The file is handed in."),
                "remove" => new("文件已移除。", "The file is removed."),
                "service" => new("服务接口说明已保存。", "The description of the service is kept."),
                "remove-service" => new("服务接口已撤下。", "The service is taken away."),
                _ => null,
            },
        }, status);
    }
}

/// <summary>What the page of an entry's data shows.</summary>
public sealed record DataModel
{
    public required OwnEntry Entry { get; init; }
    public DataPreview? Preview { get; init; }
    public IReadOnlyList<HeldFile>? Files { get; init; }
    public DescribedService? Service { get; init; }

    /// <summary>What was wrong with a table, by row and column.</summary>
    public IReadOnlyList<ProblemError>? Report { get; init; }

    public required FormFaults Faults { get; init; }
    public Text? Done { get; init; }
}

/// <summary>The first rows as they are held.</summary>
public sealed record DataPreview
{
    public IReadOnlyList<PreviewedColumn> Columns { get; init; } = [];
    public IReadOnlyList<IReadOnlyList<string?>> Rows { get; init; } = [];
    public bool More { get; init; }
}

/// <summary>A column of a preview.</summary>
public sealed record PreviewedColumn(string Name, string? Title);

/// <summary>The files of an entry.</summary>
public sealed record HeldFiles
{
    public IReadOnlyList<HeldFile> Items { get; init; } = [];
}

/// <summary>A version of a file.</summary>
public sealed record HeldFile
{
    public required string Name { get; init; }
    public required int Version { get; init; }
    public required bool Newest { get; init; }
    public required long Bytes { get; init; }
    public required string Sha256 { get; init; }
    public required DateTimeOffset StoredAt { get; init; }
    public string? StoredBy { get; init; }
}

/// <summary>A service as its department described it.</summary>
public sealed record DescribedService(ServiceText Service, string? CredentialHeader, DateTimeOffset DescribedAt);

/// <summary>How it may be called.</summary>
public sealed record ServiceText
{
    public string Address { get; init; } = "";
    public IReadOnlyList<ServiceCall> Operations { get; init; } = [];
    public string Probe { get; init; } = "";
    public IReadOnlyList<string> Structure { get; init; } = [];
    public int TimeoutSeconds { get; init; }
}

/// <summary>One call that is allowed.</summary>
public sealed record ServiceCall
{
    public string Method { get; init; } = "";
    public string Path { get; init; } = "";
    public IReadOnlyList<string> Query { get; init; } = [];
}
