using Exchange.Gateway.Federation;
using Exchange.Gateway.Searches;
using Exchange.Tests.Federation;
using FsCheck;
using FsCheck.Fluent;

namespace Exchange.Tests.Searches;

public sealed class SavedQueryTests
{
    [Fact]
    public void An_entry_matches_a_saved_query_when_the_index_finds_all_words_in_it()
    {
        var cases =
            from entries in SearchIndexTests.Entries.ListOf(20)
            from requests in SearchIndexTests.Requests.ListOf(10)
            select (entries, requests);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(150), Prop.ForAll(cases.ToArbitrary(), given =>
        {
            var entries = given.entries.DistinctBy(entry => entry.Id).ToList();
            using var index = SearchIndex.Build(entries);
            foreach (var request in given.requests.Select(asked => asked with { OpenOnly = false, Sort = SearchSort.Name, Limit = 100 }))
            {
                var query = new SavedQuery(request);
                var page = index.Search(request);
                var found = page.Similar ? [] : page.Items;
                Assert.Equal(found.Select(entry => entry.Id).Order(), entries.Where(entry => query.Matches(entry, FoldedText.Of(entry, out _))).Select(entry => entry.Id).Order());
            }

            return true;
        }));
    }
}
