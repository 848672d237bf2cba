using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>What each action answers.</summary>
internal static class CkanActions
{
    private const int MostPackages = 1000;
    private const int FacetLimit = 50;

    public static object PackageSearch(CkanRequest request)
    {
        var parameters = request.Parameters;
        var found = CkanSearch.Search(request.Index, request.OpenOnly, request.Today, parameters);
        Dictionary<string, IReadOnlyDictionary<string, int>> facets = [];
        Dictionary<string, CkanSearchFacet> searchFacets = [];
        if (parameters.Text("facet")?.ToLowerInvariant() != "false")
        {
            var most = parameters.Number("facet.limit", -1) ?? FacetLimit;
            var least = parameters.Number("facet.mincount") ?? 1;
            foreach (var field in parameters.List("facet.field").Where(field => field.Length > 0).Distinct(StringComparer.Ordinal))
            {
                var items = CkanSearch.Facets(request.Index, found, field).Where(item => item.Count >= least).Take(most < 0 ? int.MaxValue : most).ToList();
                facets[field] = items.ToDictionary(item => item.Name, item => item.Count, StringComparer.Ordinal);
                searchFacets[field] = new(field, items);
            }
        }

        return new CkanSearchResult { Count = found.Page.Total, Sort = found.Sort, Results = [.. found.Items.Select(Package(request))], Facets = facets, SearchFacets = searchFacets };
    }

    public static object PackageShow(CkanRequest request) => Package(request)(Find(request, request.Parameters.Required("id", "name_or_id")));

    public static object PackageList(CkanRequest request)
    {
        var offset = request.Parameters.Number("offset") ?? 0;
        var limit = request.Parameters.Number("limit");
        return WholeCatalogue.Walk(request.Index, request.OpenOnly, null).Skip(offset).Take(limit ?? int.MaxValue).Select(entry => entry.Id.ToString());
    }

    public static object CurrentPackages(CkanRequest request) => request.Index.Search(new SearchRequest
    {
        OpenOnly = request.OpenOnly,
        Sort = SearchSort.Released,
        Skip = request.Parameters.Number("offset") ?? 0,
        Limit = Math.Min(request.Parameters.Number("limit", 1) ?? MostPackages, MostPackages),
    }).Items.Select(Package(request));

    public static object ResourceShow(CkanRequest request)
    {
        var id = request.Parameters.Required("id");
        var package = CkanPackage.Of(CatalogueTables.Entry(Find(request, id.Length > 36 ? id[..36] : id)), request.Address);
        return package.Resources.FirstOrDefault(resource => resource.Id == id) ?? throw CkanRefusal.NotFound();
    }

    public static object Groups(CkanRequest request, Facet facet)
    {
        var parameters = request.Parameters;
        var only = parameters.List(facet == Facet.Department ? "organizations" : "groups");
        var sort = (parameters.Text("sort") ?? parameters.Text("order_by") ?? "name asc").ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var groups = CkanSearch.Known(request.Index, request.OpenOnly)[facet]
            .Select(count => GroupOf(facet, count))
            .Where(group => only.Count == 0 || only.Contains(group.Name, StringComparer.OrdinalIgnoreCase));
        var ordered = sort[0] switch
        {
            "package_count" or "packages" => groups.OrderBy(group => group.PackageCount).ThenByDescending(group => group.Name, StringComparer.Ordinal),
            "title" or "display_name" => groups.OrderBy(group => group.Title, StringComparer.Ordinal),
            "name" => groups.OrderBy(group => group.Name, StringComparer.Ordinal),
            _ => throw CkanRefusal.Wrong("sort", new("可用的排序：package_count、name、title。", "Cannot sort by this; there are package_count, name and title")),
        };
        var shown = (sort is [_, "desc"] or ["package_count" or "packages"] ? ordered.Reverse() : ordered)
            .Skip(parameters.Number("offset") ?? 0).Take(parameters.Number("limit") ?? int.MaxValue);
        return parameters.Flag("all_fields") ? shown : shown.Select(group => group.Name);
    }

    public static object Group(CkanRequest request, Facet facet)
    {
        var id = request.Parameters.Required("id");
        var count = CkanSearch.Known(request.Index, request.OpenOnly)[facet].FirstOrDefault(count => count.Value.Equals(id, StringComparison.OrdinalIgnoreCase)) ?? throw CkanRefusal.NotFound();
        var group = GroupOf(facet, count);
        return !request.Parameters.Flag("include_datasets") ? group : group with
        {
            Packages = [.. request.Index.Search(new SearchRequest
            {
                OpenOnly = request.OpenOnly,
                Filters = new Dictionary<Facet, IReadOnlyCollection<string>> { [facet] = [count.Value] },
                Sort = SearchSort.Released,
                Limit = MostPackages,
            }).Items.Select(Package(request))],
        };
    }

    public static object Tags(CkanRequest request)
    {
        var query = request.Parameters.Text("query") ?? "";
        var tags = CkanSearch.Known(request.Index, request.OpenOnly)[Facet.Sharing].Select(count => CkanTag.Of(count.Value))
            .Where(tag => tag.Name.Contains(query, StringComparison.OrdinalIgnoreCase)).OrderBy(tag => tag.Name, StringComparer.Ordinal);
        return request.Parameters.Flag("all_fields") ? tags : tags.Select(tag => tag.Name);
    }

    public static object Status(CkanRequest request) => new CkanStatus
    {
        SiteUrl = request.Address,
        SiteTitle = "政务数据共享交换",
        SiteDescription = "各市政务数据目录、共享申请与交付的统一入口。",
    };

    private static Func<IndexedEntry, CkanPackage> Package(CkanRequest request) => entry => CkanPackage.Of(CatalogueTables.Entry(entry), request.Address);

    private static IndexedEntry Find(CkanRequest request, string id) =>
        Guid.TryParse(id, out var guid) && request.Index.Find(guid) is { } entry && (entry.Open || !request.OpenOnly) ? entry : throw CkanRefusal.NotFound();

    private static CkanGroup GroupOf(Facet facet, FacetCount count)
    {
        var title = CkanNames.Title(facet, count.Value, count.Label);
        return new()
        {
            Id = CkanNames.Of(facet, count.Value),
            Name = CkanNames.Of(facet, count.Value),
            Title = title,
            DisplayName = title,
            IsOrganization = facet == Facet.Department,
            Type = facet == Facet.Department ? "organization" : "group",
            PackageCount = count.Count,
        };
    }
}
