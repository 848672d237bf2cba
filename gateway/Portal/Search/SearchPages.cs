using System.Globalization;
using System.Text.Json;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.Extensions;

namespace Exchange.Gateway.Portal.Search;

/// <summary>The cross-city search for people: the same index and the same words as <c>/api/catalogue/datasets</c>, so that a page's address shows what the API would.</summary>
internal static class SearchPages
{
    private const int ShownAtOnce = 8;

    private static readonly (Facet Facet, Text Title)[] Facets =
    [
        (Facet.City, new("城市", "City")),
        (Facet.Sharing, new("共享类型", "Sharing")),
        (Facet.Theme, new("主题", "Topic")),
        (Facet.Department, new("提供部门", "Department")),
        (Facet.Format, new("数据格式", "Format")),
        (Facet.UpdateFrequency, new("更新周期", "Updated")),
        (Facet.Grade, new("数据分级", "Grade")),
        (Facet.OpenCorrection, new("校核状态", "Corrections")),
    ];

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/search", Show).ForAnyone();

    private static IResult Show([AsParameters] SearchCatalogue.Query query, Visit visit, CatalogueIndex catalogue, Places places)
    {
        if (catalogue.Current is not { } index)
        {
            return new Refused(SearchCatalogue.NotLoaded) { RetryAfter = 2 };
        }

        var faults = new Faults();
        var read = query.Read(visit.Person is null, visit.Today, faults);
        var page = read is { } asked ? index.Search(asked.Request) : SearchPage.Nothing;
        var filters = query.Filters();
        return visit.Page<SearchResultsPage, SearchModel>(new SearchModel
        {
            Q = query.Q ?? "",
            Sort = query.Sort ?? "relevance",
            Faults = [.. faults.All.Select(fault => visit.T(fault.Message))],
            Total = page.Total,
            Similar = page.Similar,
            FirstPage = query.Cursor is { Length: > 0 } ? visit.Url($"/search{With()}") : null,
            Items = [.. page.Items.Select(entry => new SearchHit(entry.Id, entry.Name, Shortened(entry.Abstract), entry.City, places.City(entry.City, visit), entry.DepartmentName)
            {
                Sharing = entry.Sharing,
                Format = entry.Format,
                Frequency = entry.UpdateFrequency,
                ReleasedOn = entry.ReleasedOn,
                Stale = entry.StaleFrom <= visit.Today,
                OpenCorrection = entry.OpenCorrection,
            })],
            Suggestions = read is { } done && (page.Total == 0 || page.Similar) ? [.. SearchSuggestions.For(index, done.Request).Select(suggestion => new SearchHint(suggestion.Q, suggestion.Change, suggestion.Total))] : [],
            Facets = [.. Facets.Select(facet => Group(facet.Facet, facet.Title)).Where(group => group.Values.Count > 0)],
            Chips = [.. filters.SelectMany(filter => filter.Value.Select(value => new SearchChip($"{visit.T(Facets.First(f => f.Facet == filter.Key).Title)}：{Name(filter.Key, value)}", Without(filter.Key, value))))],
            Cities = [.. places.InOrder(catalogue.Cities, city => city.City).Select(city => new SearchCity(places.City(city.City, visit), city.State.ToString().ToLowerInvariant(), city.AsOf))],
            Next = page.Next is not null && read is { } next ? visit.Url($"/search{With(("cursor", Cursor.Of(page.Next, next.Question)))}") : null,
        }, faults.Any ? StatusCodes.Status422UnprocessableEntity : StatusCodes.Status200OK);

        FacetGroup Group(Facet facet, Text title)
        {
            var chosen = filters.GetValueOrDefault(facet) ?? [];
            var values = (page.Facets.GetValueOrDefault(facet) ?? []).Select(count => new FacetValue(count.Value, Name(facet, count.Value, count.Label), count.Count, chosen.Contains(count.Value))).ToList();
            // What was chosen stays to be unchosen, though nothing has it now.
            values.AddRange(chosen.Where(value => values.TrueForAll(other => other.Value != value)).Select(value => new FacetValue(value, Name(facet, value), 0, true)));
            return new FacetGroup(Parameter(facet), visit.T(title), [.. (facet == Facet.City ? places.InOrder(values, value => value.Value) : values).OrderByDescending(value => value.Chosen)], ShownAtOnce);
        }

        string Name(Facet facet, string value, string? label = null) => facet switch
        {
            Facet.City => places.City(value, visit),
            Facet.Department => label ?? (index.Search(new SearchRequest { Filters = new Dictionary<Facet, IReadOnlyCollection<string>> { [Facet.Department] = [value] }, OpenOnly = visit.Person is null, Limit = 1, Today = visit.Today }).Items is [var any, ..] ? any.DepartmentName : value),
            Facet.Theme => visit.T(Words.Theme(value)),
            Facet.Sharing => visit.T(Words.Sharing(value)),
            Facet.Format => visit.T(Words.Format(value)),
            Facet.UpdateFrequency => visit.T(Words.Frequency(value)),
            Facet.Grade => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var grade) ? visit.T(Words.Grade(grade)) : value,
            _ => value == "true" ? visit.T("有未答复的校核", "Errors reported, not answered") : visit.T("无未答复的校核", "None open"),
        };

        string With(params (string Name, string Value)[] more) => Address(visit.Http.Request.Query.SelectMany(field => field.Value, (field, value) => (field.Key, Value: value ?? "")).Where(field => field.Key != "cursor" && more.All(m => m.Name != field.Key)).Concat(more));

        string Without(Facet facet, string value) =>
            visit.Url("/search" + Address(visit.Http.Request.Query.SelectMany(field => field.Value, (field, each) => (field.Key, Value: each ?? "")).Where(field => field.Key != "cursor" && (field.Key != Parameter(facet) || field.Value != value))));
    }

    private static string Address(IEnumerable<(string Name, string Value)> fields) => new QueryBuilder(fields.Where(field => field.Value.Length > 0).Select(field => KeyValuePair.Create(field.Name, field.Value))).ToString();

    private static string Parameter(Facet facet) => JsonNamingPolicy.SnakeCaseLower.ConvertName(facet.ToString());

    private static string Shortened(string text) => text.Length <= 200 ? text : string.Concat(text.AsSpan(0, char.IsHighSurrogate(text[199]) ? 199 : 200), "…");
}

/// <summary>What the search page shows.</summary>
public sealed record SearchModel
{
    public required string Q { get; init; }
    public required string Sort { get; init; }
    public required IReadOnlyList<string> Faults { get; init; }
    public required int Total { get; init; }

    /// <summary>Nothing holds all words; what is shown holds much of them.</summary>
    public required bool Similar { get; init; }

    /// <summary>Null on the first page.</summary>
    public string? FirstPage { get; init; }

    public required IReadOnlyList<SearchHit> Items { get; init; }
    public required IReadOnlyList<SearchHint> Suggestions { get; init; }
    public required IReadOnlyList<FacetGroup> Facets { get; init; }
    public required IReadOnlyList<SearchChip> Chips { get; init; }

    /// <summary>How fresh each city's part is.</summary>
    public required IReadOnlyList<SearchCity> Cities { get; init; }

    public string? Next { get; init; }
}

/// <summary>One entry of the result.</summary>
public sealed record SearchHit(Guid Id, string Name, string Abstract, string City, string CityName, string Department)
{
    public required string Sharing { get; init; }
    public required string Format { get; init; }
    public required string Frequency { get; init; }
    public required DateOnly ReleasedOn { get; init; }
    public required bool Stale { get; init; }
    public required bool OpenCorrection { get; init; }
}

/// <summary>What would find more.</summary>
public sealed record SearchHint(string Q, string Change, int Total);

/// <summary>One filter with its values, the chosen ones first.</summary>
public sealed record FacetGroup(string Name, string Title, IReadOnlyList<FacetValue> Values, int ShownAtOnce);

public sealed record FacetValue(string Value, string Name, int Count, bool Chosen);

/// <summary>A filter that is on, and the address without it.</summary>
public sealed record SearchChip(string Name, string Without);

public sealed record SearchCity(string Name, string State, DateTimeOffset? AsOf);
