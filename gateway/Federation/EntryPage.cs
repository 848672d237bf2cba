using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Quality;
using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>What the exchange knows about an entry besides what its department published. Stands beside the entry's own members.</summary>
internal sealed record EntryPage
{
    /// <summary>What is going on around it; absent while its city has told no figures.</summary>
    public DatasetFigures? Figures { get; init; }

    public required DataFreshness Freshness { get; init; }

    /// <summary>In short; each point with what to do about it stands at the link <c>quality</c>.</summary>
    public required QualityBrief Quality { get; init; }

    public required EntryCity CityState { get; init; }

    /// <summary>At most ten, the nearest first; only what the caller may see.</summary>
    public required IReadOnlyList<RelatedView> Related { get; init; }

    public required IReadOnlyList<EntryLink> Links { get; init; }

    public static EntryPage Of(IndexedEntry entry, Caller? caller, CatalogueIndex catalogue, string publicAddress, DateOnly today)
    {
        var figures = catalogue.FiguresOf(entry);
        return new EntryPage
        {
            Figures = figures,
            Freshness = DataFreshness.Of(entry.UpdateFrequency, figures?.DataUpdatedAt, today),
            Quality = EntryQuality.Of(EntryQuality.Read(entry.Json), figures?.DataUpdatedAt, today).Brief(),
            CityState = new EntryCity(entry.City, catalogue.StateOf(entry.City), catalogue.FeedOf(entry.City)?.AsOf),
            Related = [.. (catalogue.Related?.Find(entry.Id, caller is null, 10) ?? []).Select(near => new RelatedView(near.Entry.Id, near.Entry.Name, near.Entry.City, near.Entry.DepartmentName, near.Why))],
            Links = [.. LinksOf(entry, caller, publicAddress)],
        };
    }

    /// <summary>The same without the moments that only say when one last looked.</summary>
    public EntryPage Lasting() => this with { Figures = Figures is null ? null : Figures with { AsOf = default }, CityState = CityState with { AsOf = null } };

    /// <summary>The entry byte for byte as its city published it, and these members behind its own.</summary>
    public byte[] Beside(byte[] entry) => [.. entry.AsSpan().TrimEnd(" \r\n\t"u8)[..^1], (byte)',', .. JsonSerializer.SerializeToUtf8Bytes(this, Json.Options).AsSpan(1)];

    private static IEnumerable<EntryLink> LinksOf(IndexedEntry entry, Caller? caller, string publicAddress)
    {
        var self = $"{publicAddress}/api/catalogue/datasets/{entry.Id}";
        yield return new EntryLink("self", "GET", self);
        yield return new EntryLink("history", "GET", $"{self}/history");
        yield return new EntryLink("quality", "GET", $"{self}/quality");
        yield return new EntryLink("city", "GET", $"{publicAddress}/api/cities/{entry.City}/datasets/{entry.Id}");
        if (caller?.City is { } asking && entry.Sharing != SharingClass.Refused)
        {
            // One asks in one's own city, which carries the request to the entry's.
            yield return new EntryLink("request", "POST", $"{publicAddress}/api/cities/{asking}/requests");
        }

        yield return new EntryLink("dcat", "GET", $"{publicAddress}/datasets/{entry.Id}");
        yield return new EntryLink("dcat", "GET", $"{publicAddress}/datasets/{entry.Id}.jsonld", "application/ld+json");
        yield return new EntryLink("dcat", "GET", $"{publicAddress}/datasets/{entry.Id}.ttl", "text/turtle");
    }
}

/// <summary>How the entry's city was last heard.</summary>
/// <param name="City">Which.</param>
/// <param name="State">live; lagging: its newest changes are on their way; silent: it is not heard, and what is shown is its last known state; rebuilding: its part is being pulled anew.</param>
/// <param name="AsOf">As of when the entry is known to be the newest; absent when the city was never heard.</param>
internal sealed record EntryCity(string City, CityState State, DateTimeOffset? AsOf);

/// <summary>Another entry that belongs to this one.</summary>
/// <param name="DatasetId">Which.</param>
/// <param name="Name">信息资源名称.</param>
/// <param name="City">Its city.</param>
/// <param name="DepartmentName">信息资源提供方.</param>
/// <param name="Why">All reasons: named (this entry names it, 关联资源代码), names_this, same_department, same_theme, shared_items.</param>
public sealed record RelatedView(Guid DatasetId, string Name, string City, string DepartmentName, IReadOnlyList<Relation> Why);

/// <summary>What can be read or done next.</summary>
/// <param name="Rel">self, history, quality, city (the entry at its own city), request (ask for the data), dcat.</param>
/// <param name="Method">HTTP method.</param>
/// <param name="Href">Absolute address.</param>
/// <param name="Type">Media type, where the address has one of its own.</param>
internal sealed record EntryLink(string Rel, string Method, string Href, string? Type = null);
