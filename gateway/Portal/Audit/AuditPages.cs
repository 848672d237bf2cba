using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Audit;

/// <summary>What the log remembers, for those who check it: auditors all of it, an authority what its city took part in, a department what it is a party of.</summary>
internal static class AuditPages
{
    /// <summary>As the audit service has it (persons only).</summary>
    public static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority, Roles.Auditor];

    /// <summary>Who asks for openings, and those who approve them.</summary>
    public static readonly string[] Openers = [Roles.CaseAuditor, Roles.Authority, Roles.Auditor];

    public static void Map(IEndpointRouteBuilder pages)
    {
        SearchTheLog.Map(pages);
        ListExchanges.Map(pages);
        ShowExchange.Map(pages);
        TakeAway.Map(pages);
        ShowGaps.Map(pages);
        ShowFlags.Map(pages);
        OpeningCases.Map(pages);
    }

    /// <summary>The name of whoever reported a record.</summary>
    public static string Source(string source, Visit visit, Places places) => source switch
    {
        "gateway" => visit.T("网关", "Gateway"),
        "audit" => visit.T("审计服务", "Audit service"),
        _ => places.City(source, visit),
    };

    /// <summary>A department is named by its credit code alone in the log; its city is found by who lists it.</summary>
    public static (string? City, string Name) Department(string code, Places places) =>
        places.Cities.FirstOrDefault(city => places.Find(city) is { } place && (place.Authority.Code == code || place.Items.Any(item => item.Code == code))) is { } home ? (home, places.Department(home, code)) : (null, code);

    /// <summary>The address of a page with these of its own fields and another one.</summary>
    public static string With(string path, IEnumerable<KeyValuePair<string, string>> given, string? name = null, string? value = null)
    {
        var query = string.Join('&', given.Where(field => field.Key != name).Append(new(name ?? "", value ?? "")).Where(field => field.Key.Length > 0 && field.Value.Length > 0).Select(field => $"{field.Key}={Uri.EscapeDataString(field.Value)}"));
        return query.Length == 0 ? path : $"{path}?{query}";
    }

    /// <summary>Those of the fields that are filled in, from the page's address.</summary>
    public static List<KeyValuePair<string, string>> Given(Visit visit, params ReadOnlySpan<string> names)
    {
        List<KeyValuePair<string, string>> given = [];
        foreach (var name in names)
        {
            if (visit.Http.Request.Query[name].ToString().Trim() is { Length: > 0 } value)
            {
                given.Add(new(name, value));
            }
        }

        return given;
    }

    /// <summary>A field for days shows nothing of what is no day; what was asked for should be there to be corrected.</summary>
    public static string InputType(string value) => value.Length == 0 || DateOnly.TryParseExact(value, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.None, out _) ? "date" : "text";

    /// <summary>The beginning of a day in Beijing, or of the day after it, as routes take it that want a moment.</summary>
    public static string Moment(string day, bool after) => DateOnly.TryParseExact(day, "yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture, System.Globalization.DateTimeStyles.None, out var on) && on < DateOnly.MaxValue
        ? $"{(after ? on.AddDays(1) : on):yyyy-MM-dd}T00:00:00+08:00"
        : day;
}

/// <summary>A page of what the API lists.</summary>
public sealed record Listed<T>
{
    public IReadOnlyList<T> Items { get; init; } = [];

    /// <summary>Cursor of the page after this one; null on the last.</summary>
    public string? Next { get; init; }
}

/// <summary>A choice of a filter.</summary>
/// <param name="Value">As the API takes it.</param>
/// <param name="Name">As people read it.</param>
/// <param name="Group">Under which it stands; null for none.</param>
public sealed record Choice(string Value, string Name, string? Group = null);
