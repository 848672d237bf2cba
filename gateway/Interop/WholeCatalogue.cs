using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Interop;

/// <summary>All entries of the catalogue in one stable order (newest release first), a page at a time, so that nothing but a page is held and no writer waits.</summary>
internal static class WholeCatalogue
{
    private const int PageSize = 1000;

    public static IEnumerable<IndexedEntry> Walk(SearchIndex index, bool openOnly, string? city)
    {
        var request = new SearchRequest { OpenOnly = openOnly, Filters = Filters(city), Sort = SearchSort.Released, Limit = PageSize };
        while (true)
        {
            var page = index.Search(request);
            foreach (var entry in page.Items)
            {
                yield return entry;
            }

            if (page.Next is null)
            {
                yield break;
            }

            request = request with { After = page.Next };
        }
    }

    public static Dictionary<Facet, IReadOnlyCollection<string>> Filters(string? city) => city is null ? [] : new() { [Facet.City] = [city] };
}
