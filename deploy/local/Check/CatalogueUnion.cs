using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Local.Accounts;

namespace Exchange.Local.Check;

/// <summary>The cross-city catalogue, and what each city knows of the others, is what the cities publish: the same entries, versions and texts, nothing more, nothing less.</summary>
internal static class CatalogueUnion
{
    /// <summary>What was stored by an older release may lack members, what a newer one stored may have more.</summary>
    private static readonly JsonSerializerOptions Stored = new(Json.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private static readonly JsonSerializerOptions Wire = new(MessageJson.Options) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip };

    private static readonly Text Rebuild = new("由网关的 operator 重建：POST /api/operations/gateway/catalogue/rebuild（重建期间旧目录照常服务）。", "Let the gateway's operator rebuild it: POST /api/operations/gateway/catalogue/rebuild (the old one serves meanwhile).");

    private static readonly Text CatchUp = new(
        "该市启动时和每十分钟向各市核对并取回副本：重启该市服务，或稍候再查。",
        "The city compares with every other at its start and every ten minutes and gets a copy of what differs: restart its service, or wait and check again.");

    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, [.. view.Exchange.Cities, Stack.Gateway]);
        var union = new Dictionary<Guid, Entry>();
        foreach (var city in view.Cities)
            await ReadCityAsync(city, union, tally, ct);
        tally.Compared(union.Count, "个条目", "entries of the cities");

        if (view[Stack.Gateway] is { } gateway)
        {
            // A row without a hash is what a full pull no longer found in its city: a tombstone that the gateway wrote itself.
            var rows = await gateway.ListAsync<CopyRow>("select dataset_id, city, version, tombstone as withdrawn, entry, row_hash is null as own from datasets", ct: ct);
            Compare(view, gateway.Service, "datasets", [.. rows.Where(r => !r.Own)], union, Rebuild, tally);
            await CheckSearchAsync(view, union, tally, ct);
        }
        foreach (var city in view.Cities)
        {
            var rows = await city.ListAsync<CopyRow>("select dataset_id, city, version, withdrawn, entry, false as own from known_datasets", ct: ct);
            Compare(view, city.Service, "known_datasets", rows, union, CatchUp, tally);
        }
    }

    /// <summary>What the city published, from its own tables; its feed, from which everybody pulls, must say the same.</summary>
    private static async Task ReadCityAsync(Snapshot city, Dictionary<Guid, Entry> union, Tally tally, CancellationToken ct)
    {
        var feed = (await city.ListAsync<FeedRow>("select key, version, tombstone, message from feed_entries where feed = @DatasetFeed", new { Topology.DatasetFeed }, ct)).ToDictionary(f => f.Key);
        var repair = new Text("系统不会改写已发布的内容。与审计日志对照查明后，由部门重新发布该条目，或从备份恢复该城市数据库。", "Nothing rewrites what was published. Compare it with the log, then let the department publish the entry again or restore the city's database from its backup.");
        foreach (var dataset in await city.ListAsync<DatasetRow>("""
            select d.dataset_id, d.published_version, v.entry::text as entry
            from datasets d left join dataset_versions v on v.dataset_id = d.dataset_id and v.version = d.published_version
            where d.published_version is not null or exists (select 1 from dataset_versions p where p.dataset_id = d.dataset_id and p.published_at is not null)
            """, ct: ct))
        {
            if (!feed.Remove(dataset.DatasetId, out var change))
            {
                tally.Find(city.Service, "feed_entries", dataset.DatasetId, new("已编入变更序列", "it is in the feed"), new("没有", "it is not"), repair);
                continue;
            }
            if (change.Tombstone != dataset.PublishedVersion is null || (dataset.PublishedVersion is { } version && version != change.Version))
            {
                tally.Find(city.Service, "feed_entries", dataset.DatasetId, Said(dataset.PublishedVersion is null, dataset.PublishedVersion), Said(change.Tombstone, change.Version), repair);
                continue;
            }
            var text = change.Tombstone ? null : JsonSerializer.Deserialize<DatasetPublished>(change.Message, Wire)!.Entry;
            if (text is not null && dataset.Entry is not null && Written(JsonSerializer.Deserialize<EntryDraft>(dataset.Entry, Stored)!.ToEntry(text.DatasetId, text.Version, text.City, text.DepartmentName, text.ReleasedOn, text.PublishedAt)) != Written(text))
                tally.Find(city.Service, "dataset_versions", string.Create(CultureInfo.InvariantCulture, $"{dataset.DatasetId} version {dataset.PublishedVersion}"), new("与发布时的内容相同", "the text that was published"), new("内容不同", "another text"), repair);
            union[dataset.DatasetId] = new Entry(city.Service, change.Version, change.Tombstone, text is null ? null : Written(text));
        }
        foreach (var change in feed.Values)
            tally.Find(city.Service, "feed_entries", change.Key, new("目录中有此条目", "its entry"), new("没有", "there is none"), repair);
    }

    private static void Compare(View view, string service, string table, IReadOnlyList<CopyRow> rows, Dictionary<Guid, Entry> union, Text wayOut, Tally tally)
    {
        tally.Compared(rows.Count, "个条目副本", "copies of entries");
        var seen = new HashSet<Guid>();
        foreach (var row in rows)
        {
            seen.Add(row.DatasetId);
            if (!union.TryGetValue(row.DatasetId, out var entry))
            {
                if (view[row.City] is not null)
                    tally.Find(service, table, row.DatasetId, new($"{row.City} 没有此条目", $"{row.City} has no such entry"), Said(row.Withdrawn, row.Version), wayOut);
                continue;
            }
            if ((row.City, row.Version, row.Withdrawn) != (entry.City, entry.Version, entry.Withdrawn))
                tally.Find(service, table, row.DatasetId, Said(entry.Withdrawn, entry.Version, entry.City), Said(row.Withdrawn, row.Version, row.City), wayOut);
            else if (!row.Withdrawn && Written(JsonSerializer.Deserialize<DatasetEntry>(row.Entry!, Stored)!) != entry.Text)
                tally.Find(service, table, row.DatasetId, new($"{entry.City} 发布的内容", $"the text that {entry.City} published"), new("内容不同", "another text"), wayOut);
        }
        foreach (var (id, entry) in union.Where(e => !seen.Contains(e.Key)))
        {
            // Whoever never knew an entry that is gone lacks nothing.
            if (!entry.Withdrawn)
                tally.Find(service, table, id, Said(entry.Withdrawn, entry.Version, entry.City), new("没有此条目", "it is not there"), wayOut);
        }
    }

    private static async Task CheckSearchAsync(View view, Dictionary<Guid, Entry> union, Tally tally, CancellationToken ct)
    {
        // Without every city the union is not known.
        if (view.Exchange.Reader is not { } account || view.Cities.Count() != view.Exchange.Cities.Count)
            return;
        var expected = union.Values.Count(e => !e.Withdrawn);
        var said = "";
        foreach (var address in view.Exchange.Addresses(Stack.Gateway))
        {
            using var http = new HttpClient { BaseAddress = address, Timeout = TimeSpan.FromSeconds(15) };
            using var reader = new Participant(http, account);
            try
            {
                // An index follows its table within a poll; when it does not, later looks say the same.
                var total = await Poll.UntilAsync(
                    async () => (await reader.GetAsync("/api/catalogue/datasets?limit=1", ct)).Succeeded("search")["total"].GetInt64(), found => found == expected, TimeSpan.FromSeconds(3), ct);
                if (total == expected)
                {
                    tally.Compared(total, "个可检索条目", "entries found by search");
                    return;
                }
                said = string.Create(CultureInfo.InvariantCulture, $"{total}");
                break;
            }
            catch (Exception fault) when (fault is HttpRequestException or LocalFault || (fault is TaskCanceledException && !ct.IsCancellationRequested))
            {
                said = fault.Message.Split('\n')[0];
            }
        }
        tally.Find(Stack.Gateway, "search", "/api/catalogue/datasets", new($"{expected} 个条目", $"{expected} entries"), new(said, said), Rebuild);
    }

    private static Text Said(bool withdrawn, int? version, string? city = null) => new(
        $"{city}{(city is null ? "" : " ")}{(withdrawn ? "已撤回" : "在册")}{(version is null ? "" : $"，第 {version} 版")}",
        $"{city}{(city is null ? "" : " ")}{(withdrawn ? "withdrawn" : "published")}{(version is null ? "" : $", version {version}")}");

    private static string Written(DatasetEntry entry) => JsonSerializer.Serialize(entry, Stored);

    private sealed record Entry(string City, int Version, bool Withdrawn, string? Text);

    private sealed record FeedRow
    {
        public required Guid Key { get; init; }
        public required int Version { get; init; }
        public required bool Tombstone { get; init; }
        public required string Message { get; init; }
    }

    private sealed record DatasetRow
    {
        public required Guid DatasetId { get; init; }
        public int? PublishedVersion { get; init; }
        public string? Entry { get; init; }
    }

    private sealed record CopyRow
    {
        public required Guid DatasetId { get; init; }
        public required string City { get; init; }
        public required int Version { get; init; }
        public required bool Withdrawn { get; init; }
        public string? Entry { get; init; }
        public required bool Own { get; init; }
    }
}
