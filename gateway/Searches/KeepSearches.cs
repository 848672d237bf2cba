using System.Text.Json;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Searches;

/// <summary>
/// A department keeps searches and has a system of its own told, signed as Standard Webhooks says, of every entry that begins to match, changes while it matches, or no longer matches.
/// Nobody is told more than where the entry is: what it says is read with a token, which is judged then.
/// </summary>
internal static class KeepSearches
{
    private const int Most = 20;
    private const int MostMatches = 20_000;
    private static readonly TimeSpan IndexWithin = TimeSpan.FromSeconds(5);

    private static readonly Rule TooMany = new("too-many-searches", StatusCodes.Status409Conflict, null,
        new($"每个部门最多保存 {Most} 个检索。", $"A department keeps at most {Most} searches."),
        new("请先删除不用的检索。", "Remove one that is not used."));

    private static readonly Rule TooBroad = new("search-too-broad", StatusCodes.Status409Conflict, null,
        new($"该检索现有超过 {MostMatches} 个条目。", $"More than {MostMatches} entries match this search."),
        new("请缩小范围；要跟踪全部条目，请使用 /api/catalogue/events。", "Narrow it; to follow everything, use /api/catalogue/events."));

    /// <summary>Who keeps a department's searches: as with the webhooks of its city.</summary>
    internal static readonly string[] Keepers = [Roles.Operator, Roles.SharingHead, Roles.Integrator, Roles.Authority];

    public static void Map(IEndpointRouteBuilder routes)
    {
        var searches = routes.MapGroup("/api/catalogue/searches").WithTags("searches");
        searches.MapPost("", PostAsync).AllowCallers(Keepers).WritesOnce()
            .AddOpenApiOperationTransformer((_, context, cancel) => CloudEvent.DescribeAsync(typeof(SearchNews), context, cancel))
            .WithSummary("Keeps a search and has an address told, signed, what begins to match it, changes, or no longer matches. The secret that signs is told in this answer only.");
        searches.MapGet("", ListAsync).AllowCallers(Keepers).WithSummary("The searches that the caller's department keeps.");
        searches.MapDelete("/{id:guid}", DeleteAsync).AllowCallers(Keepers).Writes().WithSummary("Ends a saved search; what waits for its address is not sent any more.");
    }

    /// <summary>Whose searches the caller keeps: the department's, or the account's own when it belongs to none.</summary>
    public static string OwnerOf(Caller caller) => caller.Department ?? $"account {caller.Subject}";

    private static async Task<Results<Created<SavedSearch>, Refused>> PostAsync(
        Body body, Caller caller, CatalogueIndex catalogue, Signal news, Transaction transaction, ServiceSettings service, IHostEnvironment environment, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("name", body.Name, null, 100);
        WebhookAddress.Check("url", body.Url, environment.IsProduction(), faults);
        var query = body.Query ?? new SearchCatalogue.Query();
        foreach (var (field, given) in new[] { ("sort", query.Sort is not null), ("limit", query.Limit is not null), ("cursor", query.Cursor is not null) })
        {
            if (given)
            {
                faults.Add($"query.{field}", "not-kept", null, new("保存的检索没有排序和分页。", "A saved search has neither an order nor pages."));
            }
        }

        var request = SavedQuery.Request(query, faults) with { Sort = SearchSort.Name, Limit = MostMatches + 1 };
        foreach (var facet in request.Filters.Keys.Where(facet => !SavedQuery.Kept.Contains(facet)))
        {
            faults.Add($"query.{JsonNamingPolicy.SnakeCaseLower.ConvertName(facet.ToString())}", "not-kept", null, new("保存的检索不能按此项筛选。", "A saved search cannot be narrowed by this."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var owner = OwnerOf(caller);
        // The follower's row: it stands still until this search is there, so no change falls between what is found here and what it tells. It also keeps two who add at once from both being the last.
        var told = await transaction.Connection.QuerySingleAsync<long>(new CommandDefinition("select change from search_follower where one for update", cancellationToken: cancel));
        if (await transaction.Connection.ExecuteScalarAsync<int>(new CommandDefinition(
            "select count(*)::int from saved_searches where owner = @owner and removed_at is null", new { owner }, cancellationToken: cancel)) >= Most)
        {
            return new Refused(TooMany);
        }

        if (await AtLeastAsync(catalogue, news, told, cancel) is not { } known)
        {
            return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
        }

        var page = known.Index.Search(request);
        // What is only like the words is shown to who looks; nobody is told of it.
        var matches = page.Similar ? [] : page.Items;
        if (matches.Count > MostMatches)
        {
            return new Refused(TooBroad);
        }

        var now = clock.Now();
        var id = Guid.CreateVersion7(now);
        var secret = WebhookSecret.Make();
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into saved_searches (search_id, owner, name, query, url, secret, since, created_by, created_at) values (@id, @owner, @Name, @query, @Url, @secret, @Change, @Subject, @now)
            """, new { id, owner, body.Name, query = JsonSerializer.Serialize(query, Json.Options), body.Url, secret, known.Change, caller.Subject, now }, cancellationToken: cancel));
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into search_matches (dataset_id, search_id, version) select dataset, @id, version from unnest(@datasets, @versions) as f (dataset, version)
            """, new { id, datasets = matches.Select(entry => entry.Id).ToArray(), versions = matches.Select(entry => entry.Version).ToArray() }, cancellationToken: cancel));
        await transaction.RecordAsync(RecordOf("webhook.made", id, caller, body.Url!), cancel);
        return TypedResults.Created($"{service.PublicAddress}/api/catalogue/searches", new SavedSearch
        {
            Id = id, Name = body.Name!, Query = query, Url = body.Url!, CreatedAt = now, Matches = matches.Count, Waiting = 0, Failed = 0, Secret = WebhookSecret.Shown(secret),
        });
    }

    /// <summary>The index once it is where the follower is: behind it, what lies between would be missed.</summary>
    private static async Task<(SearchIndex Index, long Change)?> AtLeastAsync(CatalogueIndex catalogue, Signal news, long change, CancellationToken cancel)
    {
        using var soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(IndexWithin);
        while (true)
        {
            var next = news.Next;
            if (catalogue.AsOf is { } known && known.Change >= change)
            {
                return known;
            }

            try
            {
                await next.WaitAsync(soon.Token);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                return null;
            }
        }
    }

    private static async Task<Ok<SearchList>> ListAsync(Caller caller, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<Row>(new CommandDefinition("""
            select s.search_id, s.name, s.query, s.url, s.created_at, s.stopped_at,
                   (select count(*)::int from search_matches m where m.search_id = s.search_id) as matches,
                   (select count(*)::int from webhook_deliveries d where d.webhook_id = s.search_id and d.state = 'waiting') as waiting,
                   (select count(*)::int from webhook_deliveries d where d.webhook_id = s.search_id and d.state = 'failed') as failed
            from saved_searches s
            where s.owner = @owner and s.removed_at is null
            order by s.search_id
            """, new { owner = OwnerOf(caller) }, cancellationToken: cancel));
        return TypedResults.Ok(new SearchList([.. rows.Select(row => new SavedSearch
        {
            Id = row.SearchId,
            Name = row.Name,
            Query = JsonSerializer.Deserialize<SearchCatalogue.Query>(row.Query, CatalogueTables.Tolerant)!,
            Url = row.Url,
            CreatedAt = row.CreatedAt,
            StoppedAt = row.StoppedAt,
            Matches = row.Matches,
            Waiting = row.Waiting,
            Failed = row.Failed,
        })]));
    }

    private static async Task<Results<NoContent, Refused>> DeleteAsync(Guid id, Caller caller, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        // As above: the follower does not tell a search while it goes.
        await transaction.Connection.ExecuteAsync(new CommandDefinition("select from search_follower where one for update", cancellationToken: cancel));
        var url = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition("""
            update saved_searches set removed_at = @now where search_id = @id and owner = @owner and removed_at is null returning url
            """, new { id, owner = OwnerOf(caller), now = clock.Now() }, cancellationToken: cancel));
        if (url is null)
        {
            return Pipeline.NotFound();
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition("delete from search_matches where search_id = @id", new { id }, cancellationToken: cancel));
        await WebhookLog.DropAsync(transaction.Connection, id, cancel);
        await transaction.RecordAsync(RecordOf("webhook.removed", id, caller, url), cancel);
        return TypedResults.NoContent();
    }

    /// <summary>That news of the catalogue leave the exchange is in the log: whose, and to which machine.</summary>
    private static AuditRecord RecordOf(string type, Guid id, Caller caller, string url) => new()
    {
        Type = type,
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["webhook"] = id.ToString(), ["department"] = caller.Department ?? "", ["to"] = new Uri(url).GetLeftPart(UriPartial.Authority) },
        Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
    };

    internal sealed record Body
    {
        public string? Name { get; init; }

        /// <summary>As the parameters of <c>/api/catalogue/datasets</c>, without sort, limit and cursor; filters are lists. Everything matches when left out.</summary>
        public SearchCatalogue.Query? Query { get; init; }

        /// <summary>Absolute https address.</summary>
        public string? Url { get; init; }
    }

    internal sealed record SearchList(IReadOnlyList<SavedSearch> Items);

    internal sealed record SavedSearch
    {
        public required Guid Id { get; init; }

        public required string Name { get; init; }

        public required SearchCatalogue.Query Query { get; init; }

        /// <summary>Who is told.</summary>
        public required string Url { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        /// <summary>When it was ended because too much waited for its address; save it anew once that answers.</summary>
        public DateTimeOffset? StoppedAt { get; init; }

        /// <summary>Entries that match, as far as they were told or stood there when it was saved.</summary>
        public required int Matches { get; init; }

        /// <summary>Deliveries that are still tried.</summary>
        public required int Waiting { get; init; }

        /// <summary>Deliveries that were given up.</summary>
        public required int Failed { get; init; }

        /// <summary>Key of the signature, <c>whsec_</c> and base64: in the answer to saving alone.</summary>
        public string? Secret { get; init; }
    }

    private sealed record Row
    {
        public required Guid SearchId { get; init; }
        public required string Name { get; init; }
        public required string Query { get; init; }
        public required string Url { get; init; }
        public required DateTimeOffset CreatedAt { get; init; }
        public DateTimeOffset? StoppedAt { get; init; }
        public required int Matches { get; init; }
        public required int Waiting { get; init; }
        public required int Failed { get; init; }
    }
}
