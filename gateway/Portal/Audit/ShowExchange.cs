using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>One exchange as the log remembers it, over both cities: for auditors, and for whoever is a party of it.</summary>
internal static class ShowExchange
{
    private const int AtOnce = 50;

    public static void Map(IEndpointRouteBuilder pages) => pages.MapPage("/audit/exchanges/{id:guid}", async (Guid id, Visit visit, ApiClient api, VerifyRecords verify, Places places, CatalogueIndex catalogue, CancellationToken cancel) =>
    {
        var cursor = visit.Http.Request.Query["cursor"].ToString();
        var answer = await api.GetAsync<Timeline>(AuditPages.With($"/api/audit/exchanges/{id}", [new("limit", AtOnce.ToString(System.Globalization.CultureInfo.InvariantCulture))], "cursor", cursor), cancel);
        if (!answer.Succeeded)
        {
            return visit.Refusal(answer.Problem);
        }

        var timeline = answer.Value!;
        var found = await verify.OfExchangeAsync(id, timeline.Events, cancel);
        return (IResult)visit.Page<ExchangePage, ExchangeModel>(new ExchangeModel
        {
            Exchange = timeline.Exchange,
            Asking = timeline.Exchange.Requesting is { } requesting ? Party(requesting) : null,
            Owning = timeline.Exchange.Providing is { } providing ? Party(providing) : null,
            Lines = [.. timeline.Events.Select(line => new ExchangeLine(line, AuditPages.Source(line.Source, visit, places), Side(line.Source), found[line.EventId]))],
            Dataset = Guid.TryParse(timeline.Exchange.Service, out var dataset) ? (dataset, catalogue.Current?.Find(dataset)?.Name) : null,
            First = cursor.Length == 0,
            Next = timeline.Next is null ? null : visit.Url(AuditPages.With($"/audit/exchanges/{id}", [], "cursor", timeline.Next)),
        });

        string Party(string code) => AuditPages.Department(code, places) is var (city, name) && city is not null ? $"{places.City(city, visit)} · {name}" : code;

        string? Side(string source) => source == HomeOf(timeline.Exchange.Requesting) ? visit.T("需求方", "asking side") : source == HomeOf(timeline.Exchange.Providing) ? visit.T("提供方", "owning side") : null;

        string? HomeOf(string? code) => code is null ? null : AuditPages.Department(code, places).City;
    }).ForSignedIn(AuditPages.Readers);

    private sealed record Timeline
    {
        public required ExchangeOfLog Exchange { get; init; }
        public required IReadOnlyList<LogLine> Events { get; init; }
        public string? Next { get; init; }
    }
}

/// <summary>An exchange as the log's index has it.</summary>
public sealed record ExchangeOfLog
{
    public required Guid ExchangeId { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Service { get; init; }
    public required IReadOnlyList<string> Sources { get; init; }
    public required DateTimeOffset FirstAt { get; init; }
    public required DateTimeOffset LastAt { get; init; }
    public required string LastType { get; init; }
    public string? LastResult { get; init; }
    public required long Leaves { get; init; }
}

/// <summary>What the page of an exchange shows.</summary>
public sealed record ExchangeModel
{
    public required ExchangeOfLog Exchange { get; init; }
    public string? Asking { get; init; }
    public string? Owning { get; init; }

    /// <summary>The entry, with its name while it is in the catalogue; null when the exchange is about something else.</summary>
    public (Guid Id, string? Name)? Dataset { get; init; }

    public required IReadOnlyList<ExchangeLine> Lines { get; init; }

    /// <summary>The page begins with the oldest record.</summary>
    public required bool First { get; init; }

    public string? Next { get; init; }
}

/// <param name="Line">As listed.</param>
/// <param name="Source">Who reported it.</param>
/// <param name="Side">Which side that is; null for neither.</param>
/// <param name="Finding">What the check of its proof found.</param>
public sealed record ExchangeLine(LogLine Line, string Source, string? Side, Finding Finding);
