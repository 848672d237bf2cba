namespace Exchange.Gateway.Portal.Authority;

/// <summary>What the authority is told: consents asked for, reviews, breaches that come up to it.</summary>
internal static class CityNotices
{
    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/authority/notices", async (Visit visit, ApiClient api, string? cursor, CancellationToken cancel) =>
    {
        var answer = await api.GetAsync<NoticeAnswer>(visit.Api($"/notices?limit=50{(string.IsNullOrEmpty(cursor) ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}"), cancel);
        return visit.Page<CityNoticesPage, CityNoticesModel>(new CityNoticesModel(answer.Problem, answer.Value?.Items ?? [], answer.Value?.Next), answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }).ForAuthority();

    /// <summary>Where what a notice tells of is looked at.</summary>
    public static string? PageOf(NoticeLine notice) => notice switch
    {
        { Type: "catalogue.review" or "catalogue.review_reminder" or "catalogue.review_breached", DatasetId: { } dataset } => $"/authority/reviews/{dataset}",
        { Type: "catalogue.extend_update" } => "/authority/consents",
        { ExchangeId: { } exchange } => $"/authority/exchanges/{exchange}",
        { DatasetId: { } dataset } => $"/datasets/{dataset}",
        _ => null,
    };
}

/// <summary>A page of notices, newest first.</summary>
public sealed record CityNoticesModel(Hosting.Problem? Problem, IReadOnlyList<NoticeLine> Items, string? Next);
