using System.Buffers;
using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Gateway.Federation;

/// <summary>The cross-city catalogue: text search, facets, and how fresh each city's part is. Without a token only what is open to society is seen, and only that is counted.</summary>
internal static class SearchCatalogue
{
    internal const int LongestQuery = 200;
    internal const int MostTerms = 16;
    private const int MostPerPage = 100;

    private static readonly JsonEncodedText[] FacetNames =
        [.. Enum.GetNames<Facet>().Select(name => JsonEncodedText.Encode(JsonNamingPolicy.SnakeCaseLower.ConvertName(name)))];

    internal static readonly Rule NotLoaded = new("catalogue-loading", StatusCodes.Status503ServiceUnavailable, null,
        new("目录正在载入。", "The catalogue is being loaded."),
        new("请几秒后重试。", "Try again in a few seconds."));

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/api/catalogue/datasets", Handle)
        .AllowAnyone()
        .WithTags("catalogue")
        .WithSummary("Search the catalogue of all cities")
        .WithDescription("Words are separated by spaces and must all occur in title, abstract, department, code or field titles; a phrase stands in quotes. Full and half width, upper and lower case, traditional and simplified characters are one; departments are found by their short names, titles and departments by their pinyin initials. When nothing holds all words, match says similar and the entries that hold much of them follow, with suggestions. Repeat a filter to allow several values. A facet's counts ignore its own filter, so they show what the other choices would give. Callers without a token see the entries that are open to society.")
        .Produces<CataloguePage>()
        .Produces<Problem>(StatusCodes.Status401Unauthorized, "application/problem+json")
        .Produces<Problem>(StatusCodes.Status422UnprocessableEntity, "application/problem+json");

    private static IResult Handle(
        [AsParameters] Query query, HttpContext http, Caller? caller, CatalogueIndex catalogue, SearchAnswers answers, TimeProvider clock)
    {
        if (caller is null && http.Request.Headers.Authorization.Count > 0)
        {
            // Whoever shows a token expects what it opens; fewer entries without a word would be worse than a refusal.
            return TypedResults.Challenge();
        }

        var faults = new Faults();
        if (query.Read(caller is null, DataFreshness.DayOf(clock.GetUtcNow()), faults) is not var (request, question))
        {
            return new Refused(faults);
        }

        if (catalogue.Current is not { } index)
        {
            return new Refused(NotLoaded) { RetryAfter = 2 };
        }

        http.Response.Headers.CacheControl = caller is null ? "public, max-age=1" : "private, no-cache";
        http.Response.Headers.Vary = "Authorization";
        return new Answer(answers.Get(index, $"{question}|{request.Today:O}|{request.Limit}|{query.Cursor}", () => Written(index, request, question)), catalogue.Cities);
    }

    /// <summary>A <see cref="CataloguePage"/> up to its cities, with the entries byte for byte as they are stored, so that a page costs no parsing.</summary>
    private static ReadOnlyMemory<byte> Written(SearchIndex index, SearchRequest request, string question)
    {
        var page = index.Search(request);
        var bytes = new ArrayBufferWriter<byte>(16 * 1024);
        using var json = new Utf8JsonWriter(bytes, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        json.WriteStartObject();
        json.WriteNumber("total", page.Total);
        json.WriteStartArray("items");
        foreach (var item in page.Items)
        {
            json.WriteRawValue(item.Json, skipInputValidation: true);
        }

        json.WriteEndArray();
        json.WriteString("match", page.Similar ? "similar" : "all");
        json.WritePropertyName("suggestions");
        JsonSerializer.Serialize(json, page.Total == 0 || page.Similar ? SearchSuggestions.For(index, request) : [], Json.Options);
        json.WriteStartObject("facets");
        foreach (var (facet, counts) in page.Facets)
        {
            json.WritePropertyName(FacetNames[(int)facet]);
            JsonSerializer.Serialize(json, counts, Json.Options);
        }

        json.WriteEndObject();
        if (page.Next is not null)
        {
            json.WriteString("next", Cursor.Of(page.Next, question));
        }

        json.WritePropertyName("cities");
        json.Flush();
        return bytes.WrittenMemory;
    }

    internal sealed record Query
    {
        [FromQuery(Name = "q")]
        public string? Q { get; init; }

        [FromQuery(Name = "city")]
        public string[]? City { get; init; }

        /// <summary>Unified social credit code.</summary>
        [FromQuery(Name = "department")]
        public string[]? Department { get; init; }

        [FromQuery(Name = "theme")]
        public string[]? Theme { get; init; }

        [FromQuery(Name = "sharing")]
        public string[]? Sharing { get; init; }

        [FromQuery(Name = "format")]
        public string[]? Format { get; init; }

        [FromQuery(Name = "update_frequency")]
        public string[]? UpdateFrequency { get; init; }

        /// <summary>1 to 4 for general data, 5 for important, 6 for core.</summary>
        [FromQuery(Name = "grade")]
        public string[]? Grade { get; init; }

        /// <summary>true: an error was reported in the data and is not answered yet (art. 26); false: none.</summary>
        [FromQuery(Name = "open_correction")]
        public string[]? OpenCorrection { get; init; }

        /// <summary>relevance (default), released or name.</summary>
        [FromQuery(Name = "sort")]
        public string? Sort { get; init; }

        /// <summary>Entries per page, 1 to 100; 20 when left out.</summary>
        [FromQuery(Name = "limit")]
        public int? Limit { get; init; }

        /// <summary><c>next</c> of the page before.</summary>
        [FromQuery(Name = "cursor")]
        public string? Cursor { get; init; }

        /// <summary>What is searched for, and the question as a text that no other question has; null with every fault told.</summary>
        public (SearchRequest Request, string Question)? Read(bool openOnly, DateOnly today, Faults faults)
        {
            var terms = Terms(faults);
            if (!Enum.TryParse<SearchSort>(Sort ?? nameof(SearchSort.Relevance), ignoreCase: true, out var sort) || int.TryParse(Sort, out _))
            {
                faults.Add("sort", "unknown-value", null, new("sort 应为 relevance、released 或 name。", "sort is relevance, released or name."));
            }

            var limit = Limit ?? 20;
            if (limit is < 1 or > MostPerPage)
            {
                faults.Add("limit", "out-of-range", null, new($"limit 应在 1 至 {MostPerPage} 之间。", $"limit is between 1 and {MostPerPage}."));
            }

            var filters = Filters();
            // Escaped, so that no two questions are one text: answers are kept by it.
            var question = $"{openOnly}|{sort}|{string.Join('+', terms.Select(Uri.EscapeDataString))}|{string.Join('&', filters.Select(filter => $"{filter.Key}={string.Join('+', filter.Value.Select(Uri.EscapeDataString))}"))}";
            PagePlace? after = null;
            if (Cursor is { Length: > 0 } cursor && (after = Federation.Cursor.Read(cursor, question)) is null)
            {
                faults.Add("cursor", "unknown-cursor", null, new("游标无效，或不属于此查询；请从第一页重新开始。", "The cursor is not valid for this query; start again at the first page."));
            }

            return faults.Any ? null : (new SearchRequest { Terms = terms, Filters = filters, OpenOnly = openOnly, Sort = sort, Today = today, Limit = limit, After = after }, question);
        }

        public IReadOnlyList<string> Terms(Faults faults)
        {
            var terms = FoldedText.Terms(Q);
            if (Q?.Length > LongestQuery || terms.Count > MostTerms)
            {
                faults.Add("q", "too-long", null, new($"检索词最多 {LongestQuery} 个字符、{MostTerms} 个词。", $"At most {LongestQuery} characters and {MostTerms} words."));
            }

            return terms;
        }

        public Dictionary<Facet, IReadOnlyCollection<string>> Filters()
        {
            Dictionary<Facet, IReadOnlyCollection<string>> filters = [];
            foreach (var (facet, values) in new[]
            {
                (Facet.City, City), (Facet.Department, Department), (Facet.Theme, Theme), (Facet.Sharing, Sharing), (Facet.Format, Format), (Facet.UpdateFrequency, UpdateFrequency), (Facet.Grade, Grade),
                (Facet.OpenCorrection, OpenCorrection),
            })
            {
                var given = values?.Where(value => value.Length > 0).Distinct().Take(100).Order(StringComparer.Ordinal).ToArray() ?? [];
                if (given.Length > 0)
                {
                    filters.Add(facet, given);
                }
            }

            return filters;
        }
    }

    /// <summary>What the answer looks like.</summary>
    internal sealed record CataloguePage
    {
        /// <summary>Entries that match, over all pages.</summary>
        public required int Total { get; init; }

        public required IReadOnlyList<DatasetEntry> Items { get; init; }

        /// <summary><c>all</c>: each entry holds all words of the query. <c>similar</c>: none does, and these hold at least half of its pairs of characters.</summary>
        public required string Match { get; init; }

        /// <summary>What to try instead; empty when entries hold all words.</summary>
        public required IReadOnlyList<SearchSuggestion> Suggestions { get; init; }

        /// <summary>city, department, theme, sharing, format, update_frequency, grade, open_correction → values with their counts, most frequent first, at most 100.</summary>
        public required IReadOnlyDictionary<string, IReadOnlyList<FacetCount>> Facets { get; init; }

        public required IReadOnlyList<CityFreshness> Cities { get; init; }

        /// <summary>Cursor of the next page; absent on the last one.</summary>
        public string? Next { get; init; }
    }

    /// <summary>What was found, and how fresh the cities are at this moment.</summary>
    private sealed class Answer(ReadOnlyMemory<byte> found, IReadOnlyList<CityFreshness> cities) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.ContentType = "application/json; charset=utf-8";
            var body = httpContext.Response.BodyWriter;
            body.Write(found.Span);
            body.Write(JsonSerializer.SerializeToUtf8Bytes(cities, Json.Options));
            body.Write("}"u8);
            await body.FlushAsync(httpContext.RequestAborted);
        }
    }
}
