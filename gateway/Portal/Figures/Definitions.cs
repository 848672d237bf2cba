namespace Exchange.Gateway.Portal.Figures;

/// <summary>What every figure means: what is counted, how, by which day, where it comes from and on which article it rests.</summary>
internal static class Definitions
{
    public static void Map(IEndpointRouteBuilder pages) =>
        pages.MapPage("/figures/definitions", (Visit visit) => visit.Page<DefinitionsPage, DefinitionsModel>(new DefinitionsModel())).ForAnyone();
}

/// <summary>The definitions are the same for everyone.</summary>
public sealed record DefinitionsModel;
