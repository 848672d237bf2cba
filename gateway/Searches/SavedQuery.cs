using System.Text.Json;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Searches;

/// <summary>A saved search made ready to be asked of one entry at a time: true for exactly the entries in which <see cref="SearchIndex"/> finds all words.</summary>
internal sealed class SavedQuery
{
    /// <summary>What a change of an entry can change. Whatever else a search may filter by has a feed of its own, if any.</summary>
    public static readonly IReadOnlySet<Facet> Kept = new HashSet<Facet> { Facet.City, Facet.Department, Facet.Theme, Facet.Sharing, Facet.Format, Facet.UpdateFrequency, Facet.Grade };

    private readonly IReadOnlyList<string> terms;
    private readonly (Facet Facet, HashSet<string> Values)[] filters;

    public SavedQuery(SearchRequest request)
    {
        // The longest says no soonest.
        terms = [.. request.Terms.OrderByDescending(term => term.Length)];
        filters = [.. request.Filters.Select(filter => (filter.Key, filter.Value.ToHashSet(StringComparer.Ordinal)))];
    }

    /// <summary>As the search's route would understand it.</summary>
    public static SearchRequest Request(SearchCatalogue.Query query, Faults faults) => new() { Terms = query.Terms(faults), Filters = query.Filters() };

    public static SavedQuery Read(string query) => new(Request(JsonSerializer.Deserialize<SearchCatalogue.Query>(query, CatalogueTables.Tolerant)!, new Faults()));

    /// <param name="entry">The entry.</param>
    /// <param name="text">Its <see cref="FoldedText.Of"/>, made once for all searches.</param>
    public bool Matches(IndexedEntry entry, string text)
    {
        foreach (var (facet, values) in filters)
        {
            if (!values.Contains(entry.FacetValue(facet)))
            {
                return false;
            }
        }

        foreach (var term in terms)
        {
            if (!text.Contains(term, StringComparison.Ordinal))
            {
                return false;
            }
        }

        return true;
    }
}
