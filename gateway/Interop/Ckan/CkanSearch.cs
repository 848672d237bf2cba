using Exchange.Contracts;
using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>CKAN's fields, filters, sort orders and facets on the catalogue's index: organization is the department, group the theme, tag the sharing class.</summary>
internal static class CkanSearch
{
    /// <summary>As in CKAN: more are not an error, they are not given.</summary>
    private const int MostRows = 1000;

    /// <summary>By relevance, hits before the first shown one have to be ranked too.</summary>
    private const int DeepestRanked = 10_000;

    private static readonly Dictionary<string, Facet> Fields = new(StringComparer.Ordinal)
    {
        ["organization"] = Facet.Department,
        ["owner_org"] = Facet.Department,
        ["groups"] = Facet.Theme,
        ["tags"] = Facet.Sharing,
        ["sharing_type"] = Facet.Sharing,
        ["city"] = Facet.City,
        ["update_frequency"] = Facet.UpdateFrequency,
        ["grade"] = Facet.Grade,
        ["res_format"] = Facet.Format,
    };

    /// <summary>Fields that every entry has the one value of.</summary>
    private static readonly Dictionary<string, string> Constants = new(StringComparer.Ordinal) { ["state"] = "active", ["type"] = "dataset", ["dataset_type"] = "dataset" };

    /// <summary>An answer and what of it is asked for.</summary>
    public sealed record Found(SearchRequest Request, SearchPage Page, IReadOnlyList<IndexedEntry> Items, string Sort);

    public static Found Search(SearchIndex index, bool openOnly, DateOnly today, CkanParameters parameters)
    {
        List<string> words = [];
        List<CkanQuery.Clause> clauses = [];
        if (parameters.Text("q") is { } q && q is not ("*:*" or "*"))
        {
            // As CKAN does: what names no field is what people typed, quotes and brackets included.
            if (q.Contains(':', StringComparison.Ordinal) || q.Contains(" OR ", StringComparison.Ordinal) || q.Contains(" AND ", StringComparison.Ordinal) || q.Contains(" NOT ", StringComparison.Ordinal))
            {
                clauses.AddRange(CkanQuery.Parse(q, "q"));
            }
            else
            {
                words.Add(q);
            }
        }

        foreach (var fq in parameters.List("fq").Concat(parameters.List("fq_list")))
        {
            clauses.AddRange(CkanQuery.Parse(fq, "fq"));
        }

        words.AddRange(clauses.Where(clause => clause.Field is null or "text" or "title" or "notes" && !clause.Excluded).Select(clause => clause.Field is null ? clause.Values[0] : Phrase(clause)));
        var terms = FoldedText.Terms(string.Join(' ', words));
        if (words.Sum(word => word.Length) > SearchCatalogue.LongestQuery || terms.Count > SearchCatalogue.MostTerms)
        {
            throw CkanRefusal.Wrong("q", new($"检索词最多 {SearchCatalogue.LongestQuery} 个字符、{SearchCatalogue.MostTerms} 个词。", $"At most {SearchCatalogue.LongestQuery} characters and {SearchCatalogue.MostTerms} words"));
        }

        Dictionary<Facet, IReadOnlyCollection<string>> filters = [];
        IReadOnlyDictionary<Facet, IReadOnlyList<FacetCount>>? known = null;
        foreach (var clause in clauses.Where(clause => clause.Field is not (null or "text" or "title" or "notes") || clause.Excluded))
        {
            known ??= Known(index, openOnly);
            Apply(clause, known, filters, ref openOnly);
        }

        var rows = Math.Min(parameters.Number("rows") ?? 10, MostRows);
        var start = parameters.Number("start") ?? 0;
        var (sort, reversed, named) = Sort(parameters.Text("sort"));
        var request = new SearchRequest { Terms = terms, Filters = filters, OpenOnly = openOnly, Sort = sort, Today = today, Limit = Math.Max(rows, 1), FacetValues = int.MaxValue };
        if (sort == SearchSort.Relevance && terms.Count > 0 && start > DeepestRanked)
        {
            throw CkanRefusal.Wrong("start", new($"按相关性排序时 start 不超过 {DeepestRanked}；遍历请用 sort=metadata_created desc。", $"By relevance start is at most {DeepestRanked}; to read on, sort by metadata_created desc"));
        }

        if (!reversed)
        {
            var page = index.Search(request with { Skip = start });
            if (page.Similar)
            {
                // A program takes what it is given for what it asked.
                page = SearchPage.Nothing;
            }

            return new(request, page, rows == 0 ? [] : page.Items, named);
        }

        // The last rows of the order, read from its end.
        var all = index.Search(request with { Limit = 1 });
        var total = all.Similar ? 0 : all.Total;
        var shown = Math.Min(rows, Math.Max(0, total - start));
        var mirrored = total == 0 ? SearchPage.Nothing : index.Search(request with { Limit = Math.Max(shown, 1), Skip = total - start - shown is > 0 and var before ? before : 0 });
        return new(request, mirrored, shown == 0 ? [] : [.. mirrored.Items.Reverse()], named);
    }

    /// <summary>All values of all facets that the caller may know of, with their counts.</summary>
    public static IReadOnlyDictionary<Facet, IReadOnlyList<FacetCount>> Known(SearchIndex index, bool openOnly) =>
        index.Search(new SearchRequest { OpenOnly = openOnly, Limit = 1, FacetValues = int.MaxValue }).Facets;

    /// <summary>The counts of one CKAN facet over what was found, most frequent first.</summary>
    public static List<CkanFacetItem> Facets(SearchIndex index, Found found, string field)
    {
        if (field == "license_id")
        {
            // No entry states a licence; portals ask for it by default.
            return [];
        }

        if (!Fields.TryGetValue(field, out var facet))
        {
            throw CkanRefusal.Wrong("facet.field", new($"可用的分面：{string.Join("、", Fields.Keys)}。", $"Facets to be had: {string.Join(", ", Fields.Keys)}"));
        }

        if (facet != Facet.Format)
        {
            return [.. Within(found.Request, found.Page, facet).Select(count => new CkanFacetItem
            {
                Name = CkanNames.Of(facet, count.Value), DisplayName = CkanNames.Title(facet, count.Value, count.Label), Count = count.Count,
            })];
        }

        var filters = new Dictionary<Facet, IReadOnlyCollection<string>>(found.Request.Filters);
        ToBeHad(filters);
        var request = found.Request with { Filters = filters, Limit = 1 };
        return [.. Within(request, found.Page.Total == 0 ? found.Page : index.Search(request), facet).SelectMany(count => EntryForms.Of(count.Value).Select(form => (form.Format, count.Count)))
            .GroupBy(pair => pair.Format, StringComparer.Ordinal)
            .Select(group => new CkanFacetItem { Name = group.Key, DisplayName = group.Key, Count = group.Sum(pair => pair.Count) })
            .OrderByDescending(item => item.Count).ThenBy(item => item.Name, StringComparer.Ordinal)];
    }

    /// <summary>The index counts a facet as if its own filter were not there; CKAN counts what was found.</summary>
    private static IEnumerable<FacetCount> Within(SearchRequest request, SearchPage page, Facet facet) =>
        !page.Facets.TryGetValue(facet, out var counts) ? [] : request.Filters.TryGetValue(facet, out var chosen) ? counts.Where(count => chosen.Contains(count.Value)) : counts;

    /// <summary>What may not be shared has a format and is yet to be had in none.</summary>
    private static void ToBeHad(Dictionary<Facet, IReadOnlyCollection<string>> filters) =>
        filters[Facet.Sharing] = [.. (filters.GetValueOrDefault(Facet.Sharing) ?? SharingClass.All).Where(value => value != SharingClass.Refused)];

    private static void Apply(CkanQuery.Clause clause, IReadOnlyDictionary<Facet, IReadOnlyList<FacetCount>> known, Dictionary<Facet, IReadOnlyCollection<string>> filters, ref bool openOnly)
    {
        var field = clause.Field!;
        if (field is "private" or "capacity")
        {
            var open = clause.Values is ["false" or "False" or "public"];
            if (clause.Values.Count != 1 || open == clause.Excluded)
            {
                throw CkanRefusal.Wrong("fq", new("只能筛选向社会开放的条目（private:false）。", "Only entries that are open to society can be asked for apart (private:false)"));
            }

            openOnly = true;
            return;
        }

        if (Constants.TryGetValue(field, out var constant))
        {
            if (clause.Excluded == clause.Values.Any(value => value == "*" || value == constant))
            {
                filters[Facet.City] = [];
            }

            return;
        }

        if (!Fields.TryGetValue(field.StartsWith("extras_", StringComparison.Ordinal) ? field["extras_".Length..] : field, out var facet))
        {
            throw CkanRefusal.Wrong("fq", new($"不支持字段 {field}；可用：{string.Join("、", Fields.Keys)}。", $"Search Query is invalid: undefined field {field}; there are {string.Join(", ", Fields.Keys)}"));
        }

        var chosen = known[facet].Select(count => count.Value)
            .Where(value => clause.Excluded != clause.Values.Any(wanted => Names(facet, value).Any(name => Matches(wanted, name))))
            .ToHashSet(StringComparer.Ordinal);
        filters[facet] = filters.TryGetValue(facet, out var narrower) ? [.. narrower.Where(chosen.Contains)] : chosen;
        if (facet == Facet.Format && !clause.Excluded)
        {
            ToBeHad(filters);
        }
    }

    private static IEnumerable<string> Names(Facet facet, string value) => facet switch
    {
        Facet.Format => EntryForms.Of(value).Select(form => form.Format),
        _ => [value, CkanNames.Of(facet, value)],
    };

    private static bool Matches(string wanted, string name) =>
        wanted.EndsWith('*') ? name.StartsWith(wanted[..^1], StringComparison.OrdinalIgnoreCase) : name.Equals(wanted, StringComparison.OrdinalIgnoreCase);

    private static string Phrase(CkanQuery.Clause clause) => clause.Values is [var one] ? one is "*" ? "" : $"\"{one.Trim('*')}\""
        : throw CkanRefusal.Wrong("q", new("检索词之间不支持 OR。", "Search Query is invalid: words cannot be alternatives"));

    /// <summary>
    /// The first key decides. The index knows relevance, day of release and title; an entry's id begins with the time it was made, so by id or name is by release too, and
    /// metadata_modified is answered in the order of release.
    /// </summary>
    private static (SearchSort Sort, bool Reversed, string Named) Sort(string? sort)
    {
        var parts = sort?.Split(',')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];
        var descending = parts is [_, var direction] && direction.Equals("desc", StringComparison.OrdinalIgnoreCase);
        return parts switch
        {
            [] or ["score" or "relevance", ..] => (SearchSort.Relevance, false, "score desc, metadata_created desc"),
            ["metadata_created" or "metadata_modified" or "id" or "name", ..] => (SearchSort.Released, !descending, descending ? "metadata_created desc" : "metadata_created asc"),
            ["title" or "title_string", ..] => (SearchSort.Name, descending, descending ? "title_string desc" : "title_string asc"),
            _ => throw CkanRefusal.Wrong("sort", new("可用的排序：score desc、metadata_created、metadata_modified、id、name、title_string，后接 asc 或 desc。", "Cannot sort by this; there are score desc, metadata_created, metadata_modified, id, name and title_string with asc or desc")),
        };
    }
}

/// <summary>How CKAN's clients call the values of facets: names are lower case, titles are for people.</summary>
internal static class CkanNames
{
    public static string Of(Facet facet, string value) => facet == Facet.Sharing ? GuideTable.SharingTypes.GetValueOrDefault(value, value) : value.ToLowerInvariant();

    public static string Title(Facet facet, string value, string? label) => label ?? facet switch
    {
        Facet.Theme => GuideTable.Themes.GetValueOrDefault(value, value),
        Facet.Sharing => GuideTable.SharingTypes.GetValueOrDefault(value, value),
        Facet.UpdateFrequency => GuideTable.Frequencies.GetValueOrDefault(value, value),
        _ => value,
    };
}
