using System.Globalization;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Portal.Entry;
using Exchange.Hosting;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>
/// One entry under its IRI. The answer comes at once, in the form that Accept asks for, instead of by a redirect to each form's address: one request less for every link that a harvester
/// follows. Content-Location names the form's own address; the entry's record has an IRI of its own beside the dataset's.
/// </summary>
internal static class ReadDatasetGraph
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        Route("/datasets/{id:guid}", null, "One entry as DCAT-AP 3, in the form that Accept asks for; for people its page");
        Route("/datasets/{id:guid}.jsonld", RdfForm.JsonLd, "One entry as DCAT-AP 3 in JSON-LD");
        Route("/datasets/{id:guid}.ttl", RdfForm.Turtle, "One entry as DCAT-AP 3 in Turtle");

        void Route(string path, RdfForm? form, string summary) => routes.MapGet(path, (Guid id, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service) =>
                Handle(form, id, http, caller, catalogue, service))
            .AllowAnyone()
            .WithTags("dcat")
            .WithSummary(summary)
            .WithDescription("As schema.org's Dataset with Accept: application/ld+json;profile=\"https://schema.org/\" or ?profile=schema.org. An entry that is not open to society is there for holders of a token only.")
            .Produces(StatusCodes.Status200OK, contentType: form == RdfForm.Turtle ? "text/turtle" : "application/ld+json", additionalContentTypes: form is null ? ["text/turtle"] : [])
            .Produces(StatusCodes.Status304NotModified)
            .Produces<Problem>(StatusCodes.Status404NotFound, "application/problem+json");
    }

    private static async Task<IResult> Handle(RdfForm? fixedForm, Guid id, HttpContext http, Caller? caller, CatalogueIndex catalogue, ServiceSettings service)
    {
        if (fixedForm is null && http.Request.WantsPage())
        {
            return await EntryPages.ShowAsync(id, http);
        }

        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            return TypedResults.Challenge();
        }

        if (catalogue.Current is not { } index)
        {
            return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
        }

        if (index.Find(id) is not { } found || (caller is null && !found.Open))
        {
            return Pipeline.NotFound();
        }

        var form = fixedForm == RdfForm.Turtle ? RdfForm.Turtle : http.Request.Wanted() is var wanted && (fixedForm is null || wanted == RdfForm.SchemaOrg) ? wanted : RdfForm.JsonLd;
        var headers = http.Response.Headers;
        headers.Vary = fixedForm == RdfForm.Turtle ? "Authorization" : "Accept, Authorization";
        headers.CacheControl = caller is null ? "public, no-cache" : "private, no-cache";
        headers.ContentLocation = $"/datasets/{id}.{form.Extension()}{(form == RdfForm.SchemaOrg ? "?profile=schema.org" : "")}";
        if (http.IsKnown(form.Tag(string.Create(CultureInfo.InvariantCulture, $"{id}|{found.Version}"))))
        {
            return TypedResults.StatusCode(StatusCodes.Status304NotModified);
        }

        var entry = CatalogueTables.Entry(found);
        return form == RdfForm.SchemaOrg
            ? TypedResults.Bytes(SchemaOrg.Of(entry, service.PublicAddress), form.ContentType())
            : new GraphAnswer(form, new DcatGraph(service.PublicAddress).Entry(entry));
    }
}
