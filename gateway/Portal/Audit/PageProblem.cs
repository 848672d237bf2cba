using System.Text.Json;
using Exchange.Gateway.Portal.Shared;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>What the API refused, shown as a page in the words that it gave.</summary>
internal sealed class PageProblem(Problem problem) : IResult, IStatusCodeHttpResult
{
    private static readonly JsonSerializerOptions Reading = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };

    public int? StatusCode => problem.Status;

    public static PageProblem Of(Problem problem) => new(problem);

    public static async Task<IResult> OfAsync(HttpResponseMessage answer, CancellationToken cancel)
    {
        try
        {
            var problem = await JsonSerializer.DeserializeAsync<Problem>(await answer.Content.ReadAsStreamAsync(cancel), Reading, cancel);
            return problem is null ? Pipeline.NotFound() : new PageProblem(problem);
        }
        catch (JsonException)
        {
            return Pipeline.NotFound();
        }
    }

    public Task ExecuteAsync(HttpContext httpContext) => httpContext.RequestServices.GetRequiredService<Visit>().Page<RefusalPage, Problem>(problem, problem.Status).ExecuteAsync(httpContext);
}
