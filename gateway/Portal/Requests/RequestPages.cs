namespace Exchange.Gateway.Portal.Requests;

/// <summary>The asking side: ask, follow, act.</summary>
internal static class RequestPages
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        ListRequests.Map(pages);
        AskForData.Map(pages);
        ShowRequest.Map(pages);
        ActOnRequest.Map(pages);
    }
}
