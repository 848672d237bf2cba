namespace Exchange.Gateway.Federation;

/// <summary>What to try when nothing holds all words of a query: each with how many entries it finds.</summary>
internal sealed record SearchSuggestion
{
    /// <summary>Words to search for.</summary>
    public required string Q { get; init; }

    /// <summary>What is different: <c>filters</c> (none of them), <c>words</c> (some left out) or <c>spelling</c> (what sounds the same).</summary>
    public required string Change { get; init; }

    /// <summary>Entries it finds.</summary>
    public required int Total { get; init; }
}

internal static class SearchSuggestions
{
    private const int Most = 5;
    private const int LongestTerm = 32;
    private const int MostSpellings = 3;

    public static IReadOnlyList<SearchSuggestion> For(SearchIndex index, SearchRequest request)
    {
        List<SearchSuggestion> suggestions = [];
        if (request.Filters.Count > 0)
        {
            Add("filters", request.Terms, index.CountOf(request with { Filters = new Dictionary<Facet, IReadOnlyCollection<string>>() }));
        }

        for (var i = 0; i < request.Terms.Count && request.Terms.Count <= Most; i++)
        {
            var term = request.Terms[i];
            if (term.Length <= LongestTerm && Holding([term]) == 0)
            {
                foreach (var word in index.SoundLike(term, request.OpenOnly).Take(MostSpellings))
                {
                    Try("spelling", [.. request.Terms.Select((other, at) => at == i ? word : other)]);
                }

                if (LongestKnown(term) is { } part)
                {
                    Try("words", [.. request.Terms.Select((other, at) => at == i ? part : other)]);
                }
            }

            if (request.Terms.Count > 1)
            {
                Try("words", [.. request.Terms.Where((_, at) => at != i)]);
            }
        }

        return [.. suggestions.DistinctBy(suggestion => suggestion.Q + suggestion.Change).Take(Most)];

        int Holding(IReadOnlyList<string> terms) => index.CountOf(request with { Terms = terms });

        void Try(string change, IReadOnlyList<string> terms) => Add(change, terms, Holding(terms));

        void Add(string change, IReadOnlyList<string> terms, int total)
        {
            if (total > 0)
            {
                suggestions.Add(new SearchSuggestion { Q = string.Join(' ', terms.Select(term => term.Contains(' ', StringComparison.Ordinal) ? $"\"{term}\"" : term)), Change = change, Total = total });
            }
        }

        // Each start goes on where the one before it ended: what is longer than the best so far is tried, and nothing else.
        string? LongestKnown(string term)
        {
            string? longest = null;
            for (var start = 0; start < term.Length; start++)
            {
                for (var length = (longest?.Length ?? 1) + 1; start + length <= term.Length && Holding([term.Substring(start, length)]) > 0; length++)
                {
                    longest = term.Substring(start, length);
                }
            }

            return longest;
        }
    }
}
