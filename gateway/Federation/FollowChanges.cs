using System.Text.Json;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exchange.Gateway.Federation;

/// <summary>The change feed for integrators: the newest version of each entry, in the order of changes. Whoever asks again with <c>next</c> misses nothing.</summary>
internal static class FollowChanges
{
    public const string Path = "/api/catalogue/changes";
    private const int MostPerPage = 500;

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Path, HandleAsync)
        .AllowCallers()
        .WithTags("catalogue")
        .WithSummary("Changes of the catalogue")
        .WithDescription("Start without after; then send next of each answer as after. An entry that changed several times appears once, at its newest place. 410 means that the feed was rebuilt: start again. With Accept: application/cloudevents-batch+json the changes are CloudEvents, and where to go on is in the Link header. /api/catalogue/events brings the same as they happen.")
        .Produces<ChangePage>(StatusCodes.Status200OK, "application/json")
        .Produces<Problem>(StatusCodes.Status410Gone, "application/problem+json")
        .AddOpenApiOperationTransformer(DescribeBatchAsync);

    private static async Task<IResult> HandleAsync(
        string? after, [FromQuery] string[]? city, int? limit, HttpContext http, GatewaySettings settings, ServiceSettings service, Database database, CancellationToken cancel)
    {
        var from = after is { Length: > 0 } ? Cursor.ReadChange(after) : (Guid.Empty, 0);
        if (from is not { } place)
        {
            return new Refused(ChangeFeed.WrongCursor);
        }

        var faults = new Faults();
        var cities = AskedCities.Read(city, settings, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var most = Math.Clamp(limit ?? 100, 1, MostPerPage);
        await using var connection = await database.OpenAsync(cancel);
        var (position, rows) = await ChangeFeed.ReadAsync(connection, place.Change, cities, most + 1, cancel);
        if (place.Epoch != Guid.Empty && (place.Epoch != position.Epoch || place.Change > position.Change))
        {
            return new Refused(ChangeFeed.Rebuilt);
        }

        var shown = rows.Take(most).ToList();
        var more = rows.Count > most;
        // On the last page the position counts: what lies before it and is not shown is of other cities.
        var next = Cursor.Of(position.Epoch, more ? shown[^1].Change : Math.Max(position.Change, shown.Count > 0 ? shown[^1].Change : 0));
        http.Response.Headers.CacheControl = "private, no-cache";
        http.Response.Headers.Vary = "Accept, Authorization";
        http.Response.Headers.Link = $"<{service.PublicAddress}{Path}{QueryString.Create([new("after", next), .. cities?.Select(c => new KeyValuePair<string, string?>("city", c)) ?? [], new("limit", $"{most}")])}>; rel=\"next\"";
        return WantsEvents(http.Request)
            ? TypedResults.Json(shown.ConvertAll(row => CloudEvent.Of(row, position.Epoch, service)), Json.Options, CloudEvent.BatchMediaType)
            : TypedResults.Ok(new ChangePage { Changes = shown.ConvertAll(row => row.Shown()), Next = next, More = more });
    }

    /// <summary>The framework describes one form per status; the batch is the other one.</summary>
    private static async Task DescribeBatchAsync(OpenApiOperation operation, OpenApiOperationTransformerContext context, CancellationToken cancel)
    {
        await CloudEvent.DescribeAsync(typeof(CloudEvent), context, cancel);
        await CloudEvent.DescribeAsync(typeof(DatasetChange), context, cancel);
        operation.Responses!["200"].Content![CloudEvent.BatchMediaType] = new OpenApiMediaType
        {
            Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchemaReference(nameof(CloudEvent), context.Document) },
        };
    }

    /// <summary>Who names the batch and does not like JSON better.</summary>
    private static bool WantsEvents(HttpRequest request)
    {
        var accepted = request.GetTypedHeaders().Accept;
        return Quality(CloudEvent.BatchMediaType) is > 0 and var batch && batch >= Quality("application/json");

        double Quality(string type) => accepted.Where(a => a.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase)).Select(a => a.Quality ?? 1).DefaultIfEmpty(0).Max();
    }

    internal sealed record ChangePage
    {
        public required IReadOnlyList<DatasetChange> Changes { get; init; }

        /// <summary>Where to go on, also when nothing is new yet.</summary>
        public required string Next { get; init; }

        /// <summary>True when asking again at once brings more.</summary>
        public required bool More { get; init; }
    }
}
