using System.Globalization;
using System.Text.RegularExpressions;
using Exchange.Hosting;

namespace Exchange.Audit.Search;

/// <summary>
/// Every look into the log is itself a record, <c>audit.looked</c>: who looked is committed to, their city and department, what they looked at and how much they were shown stand in clear.
/// Identical looks of a minute are one leaf with a count. What is counted is committed before the answer leaves: a look that cannot be put on record is not answered.
/// </summary>
internal static partial class Looks
{
    private const int LongestFilter = 60;

    /// <param name="route">A route that shows records to those who signed in.</param>
    /// <param name="kind">What it shows, as it stands in the log.</param>
    public static RouteHandlerBuilder IsALook(this RouteHandlerBuilder route, string kind) => route.AddEndpointFilter(async (context, next) =>
    {
        var result = await next(context);
        var answer = result is INestedHttpResult nested ? nested.Result : result;
        if (answer is IStatusCodeHttpResult { StatusCode: >= 400 })
        {
            return result;
        }
        var http = context.HttpContext;
        var shown = answer as IShows ?? (answer as IValueHttpResult)?.Value as IShows;
        await http.RequestServices.GetRequiredService<CountedRecords>().StoreAsync(Look(kind, Caller.From(http.User)!, http.Request), shown?.Shown ?? 1, http.RequestAborted);
        return result;
    });

    private static CountedAct Look(string kind, Caller caller, HttpRequest request)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["what"] = kind };
        var withheld = new List<string>();
        foreach (var (name, value) in request.RouteValues)
        {
            details[name.ToLowerInvariant()] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
        }
        // Where somebody reads on and how many at a time makes no other look of it.
        foreach (var (name, value) in request.Query.Where(q => q.Key is not ("cursor" or "limit") && q.Value.ToString().Length > 0 && FilterName.IsMatch(q.Key)).OrderBy(q => q.Key, StringComparer.Ordinal).Take(20))
        {
            var text = value.ToString();
            if (IsPlain(text))
            {
                details[$"filter_{name}"] = text;
            }
            else
            {
                details[$"filter_{name}"] = "committed";
                withheld.Add($"{name}={text}");
            }
        }
        if (caller.City is { } city)
        {
            details["city"] = city;
        }
        return new CountedAct
        {
            Type = "audit.looked",
            Subject = caller.Subject,
            Department = caller.Department,
            Result = "shown",
            Details = details,
            Openings = withheld.Count == 0 ? new Dictionary<string, string>() : new Dictionary<string, string>(StringComparer.Ordinal) { ["filters"] = string.Join('&', withheld) },
        };
    }

    // The log is for ever, and somebody may search for a person: in clear stand only ids, times, credit codes and words of the interface, never a document or telephone number.
    private static bool IsPlain(string value) =>
        Guid.TryParseExact(value, "D", out _)
        || (value.Length <= LongestFilter && (Time.IsMatch(value) || CreditCode.IsMatch(value) || Word.IsMatch(value)));

    [GeneratedRegex(@"^\d{4}-\d\d(-\d\d([T ][\d:.]{5,12}(Z|[+ -]\d\d:\d\d)?)?)?\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex Time { get; }

    [GeneratedRegex(@"^[1-9A-Z]{2}\d{6}(?=\d*[A-WYZ])[0-9A-Z]{10}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex CreditCode { get; }

    [GeneratedRegex(@"^[a-z][a-z_.]*\z|^\d{1,6}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex Word { get; }

    [GeneratedRegex(@"^[a-z][a-z0-9_]{0,30}\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex FilterName { get; }
}

/// <summary>An answer that says how many records it shows; the look's leaf tells their sum.</summary>
internal interface IShows
{
    long Shown { get; }
}
