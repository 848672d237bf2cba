using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>What the city shares, by state, and its disputes: the authority finds what it must suspend, resume, end or follow.</summary>
internal static class Exchanges
{
    /// <summary>The states in which an exchange of the city can stand on the owning side.</summary>
    public static readonly IReadOnlyList<string> States = ["under_review", "supplement_asked", "decided", "approved", "active", "suspended", "refused", "terminated", "ended", "disposed", "archived", "withdrawn"];

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/authority/exchanges", (Visit visit, ApiClient api, Places places, string? state, string? cursor, CancellationToken cancel) =>
            ListAsync(visit, api, places, disputes: false, States.Contains(state, StringComparer.Ordinal) ? state : null, open: false, cursor, cancel)).ForAuthority();
        pages.MapPage("/authority/disputes", (Visit visit, ApiClient api, Places places, string? open, string? cursor, CancellationToken cancel) =>
            ListAsync(visit, api, places, disputes: true, null, open != "0", cursor, cancel)).ForAuthority();
    }

    private static async Task<IResult> ListAsync(Visit visit, ApiClient api, Places places, bool disputes, string? state, bool open, string? cursor, CancellationToken cancel)
    {
        var filter = disputes ? (open ? "&open=true" : "") : state is null ? "" : $"&state={state}";
        var from = string.IsNullOrEmpty(cursor) ? "" : "&cursor=" + Uri.EscapeDataString(cursor);
        var answer = await api.GetAsync<RequestList>(visit.Api($"{(disputes ? "/authority/disputes" : "/approvals")}?limit=50{filter}{from}"), cancel);
        return visit.Page<ExchangesPage, ExchangesModel>(new ExchangesModel
        {
            Disputes = disputes,
            State = state,
            OpenOnly = open,
            Problem = answer.Problem,
            Items = [.. (answer.Value?.Items ?? []).Select(line => (line, places.Department(line.Owning.City, line.Owning.Department ?? "")))],
            Next = answer.Value?.Next is { } next ? $"{(disputes ? "/authority/disputes" : "/authority/exchanges")}?cursor={Uri.EscapeDataString(next)}{(disputes ? (open ? "" : "&open=0") : filter)}" : null,
        }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
    }
}

/// <summary>Exchanges of the city.</summary>
public sealed record ExchangesModel
{
    /// <summary>Only those with a dispute.</summary>
    public required bool Disputes { get; init; }

    public string? State { get; init; }
    public required bool OpenOnly { get; init; }
    public Problem? Problem { get; init; }

    /// <summary>Each with the name of the owning department.</summary>
    public required IReadOnlyList<(RequestView Line, string Department)> Items { get; init; }

    public string? Next { get; init; }
}
