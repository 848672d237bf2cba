using Exchange.Tests;
using Exchange.Tests.Browser;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Exchange.Tests;

/// <summary>Two collections run at a time; one that takes minutes and starts last would run alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] Longest = [FaultyExchange.Name, BrowserExchange.Name, ExchangeWithInventedNews.Name, RunningExchange.Name, ExchangeOnSmallDisks.Name];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(c => Array.IndexOf(Longest, c.TestCollectionDisplayName) is var at and >= 0 ? at : Longest.Length)];
}
