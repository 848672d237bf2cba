using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.OpenApi;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>
/// The read side of CKAN's Action API over the one catalogue, for clients that know nothing of this exchange: actions by GET or POST, CKAN's envelope, its kinds of errors and
/// their status codes. Whoever has no token sees what is open to society, counts included.
/// </summary>
internal static class CkanApi
{
    private const string Prefix = "/api/3/action";

    /// <summary>Older clients leave the version out.</summary>
    private const string Unversioned = "/api/action";

    /// <param name="Summary">What it answers.</param>
    /// <param name="Parameters">Their names.</param>
    /// <param name="Description">What the names do not say.</param>
    private sealed record Action(string Name, string Summary, string[] Parameters, string Description, Func<CkanRequest, object> Act);

    private static readonly Action[] Actions =
    [
        new("package_search", "Search datasets", ["q", "fq", "sort", "rows", "start", "facet.field", "facet.limit", "facet.mincount"], "q: words, phrases in quotes, *:*. fq: organization, groups, tags, res_format, city, update_frequency, grade, private:false; joined by spaces or AND, values of one field by OR in brackets, excluded by -. sort: score desc, metadata_created, metadata_modified, id, name, title_string; all but score and title by day of release. rows is at most 1000, start at most 10,000 by relevance. An unknown field or sort is refused.", CkanActions.PackageSearch),
        new("package_show", "One dataset", ["id"], "id: its id, which is its name too.", CkanActions.PackageShow),
        new("package_list", "The names of all datasets, newest release first", ["limit", "offset"], "", CkanActions.PackageList),
        new("current_package_list_with_resources", "Datasets with their resources, newest release first", ["limit", "offset"], "limit is at most 1000.", CkanActions.CurrentPackages),
        new("resource_show", "One resource", ["id"], "", CkanActions.ResourceShow),
        new("organization_list", "Departments with datasets", ["all_fields", "sort", "limit", "offset", "organizations"], "sort: name, title, package_count desc.", request => CkanActions.Groups(request, Facet.Department)),
        new("organization_show", "One department", ["id", "include_datasets"], "id: its unified social credit code.", request => CkanActions.Group(request, Facet.Department)),
        new("group_list", "Themes with datasets", ["all_fields", "sort", "limit", "offset", "groups"], "sort: name, title, package_count desc.", request => CkanActions.Groups(request, Facet.Theme)),
        new("group_show", "One theme", ["id", "include_datasets"], "id: its topic code.", request => CkanActions.Group(request, Facet.Theme)),
        new("tag_list", "Sharing classes in use", ["query", "all_fields"], "", CkanActions.Tags),
        new("status_show", "What kind of site this is", [], "", CkanActions.Status),
        new("site_read", "Whether the site may be read", [], "", _ => true),
        new("help_show", "What an action takes", ["name"], "", request => Help(request.Parameters)),
    ];

    public static bool Serves(PathString path) => path.StartsWithSegments(Prefix, StringComparison.OrdinalIgnoreCase) || path.StartsWithSegments(Unversioned, StringComparison.OrdinalIgnoreCase);

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (var action in Actions)
        {
            Task<IResult> Handle(HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service, TimeProvider clock) => AnswerAsync(action, http, caller, catalogue, service, clock);
            routes.MapGet($"{Prefix}/{action.Name}", Handle).AllowAnyone()
                .WithTags("ckan")
                .WithSummary($"CKAN: {action.Summary}")
                .WithDescription($"{action.Description} Parameters stand in the query, or by POST in a JSON object or a form; POST answers the same. A token stands bare in Authorization or in X-CKAN-API-Key. Errors are CKAN's: 409 Validation Error, 404 Not Found Error, 403 Authorization Error.".TrimStart())
                .AddOpenApiOperationTransformer((operation, _, _) =>
                {
                    operation.Parameters = [.. action.Parameters.Select(name => new OpenApiParameter { Name = name, In = ParameterLocation.Query, Schema = new OpenApiSchema { Type = JsonSchemaType.String } })];
                    return Task.CompletedTask;
                })
                .Produces<CkanEnvelope>()
                .Produces<CkanEnvelope>(StatusCodes.Status403Forbidden)
                .Produces<CkanEnvelope>(StatusCodes.Status404NotFound)
                .Produces<CkanEnvelope>(StatusCodes.Status409Conflict);
            routes.MapPost($"{Prefix}/{action.Name}", Handle).AllowAnyone().ExcludeFromDescription();
            routes.MapMethods($"{Unversioned}/{action.Name}", [HttpMethods.Get, HttpMethods.Post], Handle).AllowAnyone().ExcludeFromDescription();
        }

        foreach (var prefix in (string[])[Prefix, Unversioned])
        {
            routes.MapMethods($"{prefix}/{{name}}", [HttpMethods.Get, HttpMethods.Post], (string name) => Sentence($"Bad request - Action name not known: {name}", StatusCodes.Status400BadRequest))
                .AllowAnyone().ExcludeFromDescription();
        }
    }

    private static async Task<IResult> AnswerAsync(Action action, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service, TimeProvider clock)
    {
        var help = $"{service.PublicAddress}{Prefix}/help_show?name={action.Name}";
        http.Response.Headers.CacheControl = caller is null ? "public, max-age=1" : "private, no-cache";
        http.Response.Headers.Vary = "Authorization, X-CKAN-API-Key";
        try
        {
            if (caller is null && http.Request.Headers.Authorization.Count > 0)
            {
                throw CkanRefusal.Forbidden();
            }

            if (catalogue.Current is not { } index)
            {
                return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
            }

            var parameters = await CkanParameters.ReadAsync(http.Request, http.RequestAborted);
            var result = action.Act(new CkanRequest(parameters, index, caller is null, DateOnly.FromDateTime(clock.GetUtcNow().ToOffset(TimeSpan.FromHours(8)).DateTime), service.PublicAddress));
            return TypedResults.Json(new CkanEnvelope { Help = help, Success = true, Result = result }, Json.Options, "application/json; charset=utf-8");
        }
        catch (CkanRefusal refusal)
        {
            http.Response.Headers.CacheControl = "no-store";
            return TypedResults.Json(new CkanEnvelope { Help = help, Success = false, Error = ErrorOf(refusal, http.Language()) }, Json.Options, "application/json; charset=utf-8", refusal.Status);
        }
        catch (CkanBadRequest bad)
        {
            return Sentence(bad.Message, bad.Status);
        }
        catch (BadHttpRequestException bad)
        {
            return Sentence("Bad request - the body is larger than this takes, or incomplete", bad.StatusCode);
        }
    }

    private static Dictionary<string, object> ErrorOf(CkanRefusal refusal, string language)
    {
        var error = new Dictionary<string, object> { ["__type"] = refusal.Kind, ["message"] = refusal.Told.In(language) };
        if (refusal.Parameter is { } parameter)
        {
            error[parameter] = (string[])[refusal.Told.In(language)];
        }

        return error;
    }

    private static JsonHttpResult<string> Sentence(string text, int status) => TypedResults.Json(text, Json.Options, "application/json; charset=utf-8", status);

    private static string Help(CkanParameters parameters)
    {
        var name = parameters.Required("name");
        return Actions.FirstOrDefault(action => action.Name == name) is { } action ? $"{action.Summary}.\n\n{string.Join(", ", action.Parameters)}\n\n{action.Description}" : throw CkanRefusal.NotFound();
    }
}

/// <summary>One call of an action.</summary>
/// <param name="Today">In Beijing; decides what is stale.</param>
/// <param name="Address">The public one.</param>
internal sealed record CkanRequest(CkanParameters Parameters, SearchIndex Index, bool OpenOnly, DateOnly Today, string Address);

/// <summary>CKAN's answer: a result, or an error with <c>__type</c> and either a message or the parameters at fault.</summary>
internal sealed record CkanEnvelope
{
    /// <summary>Where the action is explained.</summary>
    public required string Help { get; init; }

    public required bool Success { get; init; }

    /// <summary>What the action answers with.</summary>
    public object? Result { get; init; }

    public IReadOnlyDictionary<string, object>? Error { get; init; }
}
