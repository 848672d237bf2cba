namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>What was granted, received.</summary>
internal static class DeliveryPages
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        ReceiveData.Map(pages);
        ShowDeliveries.Map(pages);
        KeepStanding.Map(pages);
    }
}
