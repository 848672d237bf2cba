using System.Globalization;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>
/// The whole catalogue for harvesters, a page at a time: <c>hydra:next</c> and a Link header lead on, to the same form. Newest release first, and the place of an entry stays the same
/// while others come and go, so a harvest misses nothing that was there when it began.
/// </summary>
internal static class ReadCatalogueGraph
{
    private const int DefaultLimit = 100;
    private const int LargestLimit = 1000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        Route("/catalog", null);
        Route("/catalog.jsonld", RdfForm.JsonLd);
        Route("/catalog.ttl", RdfForm.Turtle);

        void Route(string path, RdfForm? form) => routes.MapGet(path, (
                [FromQuery(Name = "city")] string? city, [FromQuery(Name = "limit")] int? limit, [FromQuery(Name = "cursor")] string? cursor, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service, GatewaySettings settings) =>
                Handle(form, city, limit, cursor, http, caller, catalogue, service, settings))
            .AllowAnyone()
            .WithTags("dcat")
            .WithSummary(form switch { RdfForm.Turtle => "The catalogue as DCAT-AP 3 in Turtle", RdfForm.JsonLd => "The catalogue as DCAT-AP 3 in JSON-LD", _ => "The catalogue as DCAT-AP 3, in the form that Accept asks for" })
            .WithDescription("One page; hydra:next and the Link header lead to the next. limit is 1 to 1,000, 100 when left out. Callers without a token see the entries that are open to society.")
            .Produces(StatusCodes.Status200OK, contentType: form == RdfForm.Turtle ? "text/turtle" : "application/ld+json", additionalContentTypes: form is null ? ["text/turtle"] : [])
            .Produces(StatusCodes.Status304NotModified)
            .Produces<Problem>(StatusCodes.Status422UnprocessableEntity, "application/problem+json");
    }

    private static IResult Handle(
        RdfForm? fixedForm, string? city, int? limit, string? cursor, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service, GatewaySettings settings)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        var faults = new Faults();
        city = AskedCities.ReadOne(city, settings, faults);
        if (limit is < 1 or > LargestLimit)
        {
            faults.Add("limit", "out-of-range", null, new($"limit 应在 1 至 {LargestLimit} 之间。", $"limit is between 1 and {LargestLimit}."));
        }

        var question = $"dcat|{caller is null}|{city}";
        PagePlace? after = null;
        if (!string.IsNullOrEmpty(cursor) && (after = Cursor.Read(cursor, question)) is null)
        {
            faults.Add("cursor", "unknown-cursor", null, new("游标无效，请从第一页重新开始。", "The cursor is not valid here; start again at the first page."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (catalogue.Current is not { } index)
        {
            return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
        }

        // schema.org knows no pages of a catalogue.
        var form = fixedForm ?? (http.Request.Wanted() == RdfForm.Turtle ? RdfForm.Turtle : RdfForm.JsonLd);
        var page = index.Search(new SearchRequest { OpenOnly = caller is null, Filters = WholeCatalogue.Filters(city), Sort = SearchSort.Released, Limit = limit ?? DefaultLimit, After = after });
        var next = page.Next is null ? null : Address(Cursor.Of(page.Next, question));
        var headers = http.Response.Headers;
        headers.Vary = fixedForm is null ? "Accept, Authorization" : "Authorization";
        headers.CacheControl = caller is null ? "public, no-cache" : "private, no-cache";
        headers.ContentLocation = new Uri(Address(cursor)).PathAndQuery;
        if (next is not null)
        {
            headers.Link = $"<{next}>; rel=\"next\"";
        }

        return http.IsKnown(form.Tag($"{Address(cursor)}|{page.Total}|{next}|{string.Join('|', page.Items.Select(item => $"{item.Id:N}{item.Version}"))}"))
            ? TypedResults.StatusCode(StatusCodes.Status304NotModified)
            : new GraphAnswer(form, new DcatGraph(service.PublicAddress).Page([.. page.Items.Select(CatalogueTables.Entry)], page.Total, Address(null), Address(cursor), next));

        string Address(string? at)
        {
            var parts = new[] { ("city", city), ("limit", limit?.ToString(CultureInfo.InvariantCulture)), ("cursor", string.IsNullOrEmpty(at) ? null : at) }.Where(part => part.Item2 is not null);
            var query = string.Join('&', parts.Select(part => $"{part.Item1}={Uri.EscapeDataString(part.Item2!)}"));
            return $"{service.PublicAddress}/catalog.{form.Extension()}{(query.Length > 0 ? "?" + query : "")}";
        }
    }
}

/// <summary>A graph written as it is made.</summary>
internal sealed class GraphAnswer(RdfForm form, IEnumerable<RdfNode> nodes) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.ContentType = form.ContentType();
        return RdfWriters.WriteAsync(form == RdfForm.Turtle, nodes, httpContext.Response.BodyWriter, httpContext.RequestAborted);
    }
}
