using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>The pages of a department that keeps its catalogue: its entries, the editor, the data behind them, and tables that are imported.</summary>
internal static class EntriesPages
{
    /// <summary>Bytes of the largest upload by a form. It is laid down while it comes in and then passed on, so its size costs no memory; larger ones go to the API itself.</summary>
    public const long LargestUpload = 256L << 20;

    public static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead];

    public static void Map(IEndpointRouteBuilder pages)
    {
        ListEntries.Map(pages);
        EditEntry.Map(pages);
        ShowEntry.Map(pages);
        ShowData.Map(pages);
        ImportEntries.Map(pages);
    }

    public static RouteHandlerBuilder TakesUploads(this RouteHandlerBuilder route) =>
        route.WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(LargestUpload + (1 << 20))).WithFormOptions(multipartBodyLengthLimit: LargestUpload);
}
