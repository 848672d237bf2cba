namespace Exchange.Gateway.Portal.Figures;

/// <summary>The leader's screen and what its figures lead to.</summary>
internal static class FigurePages
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        Overview.Map(pages);
        Definitions.Map(pages);
        FigureRows.Map(pages);
        StaleData.Map(pages);
    }
}
