using System.Globalization;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Gateway.Portal;

/// <summary>One request of a person for a page: who it is, in which language, and what every page needs of that. Scoped.</summary>
public sealed class Visit
{
    /// <summary>The first part of the address of every English page; pages without it are Chinese.</summary>
    public const string EnglishPrefix = "/en";

    private static readonly Rule OfNoDepartment = new("no-department", StatusCodes.Status403Forbidden, null,
        new("您的账号不属于任何部门，没有本部门的事项。", "Your account belongs to no department, so there is nothing of yours here."),
        new("请使用所在部门的账号登录。", "Sign in with an account of your department."));

    private readonly IAntiforgery antiforgery;
    private readonly TimeProvider clock;
    private readonly ServiceSettings service;

    public Visit(IHttpContextAccessor accessor, IAntiforgery antiforgery, ServiceSettings service, TimeProvider clock)
    {
        Http = accessor.HttpContext ?? throw new InvalidOperationException("A visit belongs to a request.");
        (this.antiforgery, this.service, this.clock) = (antiforgery, service, clock);
        Language = Http.Request.PathBase == EnglishPrefix ? "en" : "zh";
        Person = Person.From(Http.User);
    }

    public HttpContext Http { get; }

    /// <summary><c>zh</c> or <c>en</c>, by the address alone: a link shows the same to everyone.</summary>
    public string Language { get; }

    /// <summary>BCP 47 tag of the page.</summary>
    public string Lang => Language == "en" ? "en" : "zh-CN";

    /// <summary>Null for whoever has not signed in.</summary>
    public Person? Person { get; }

    /// <summary>The page's address without its language.</summary>
    public string Path => Http.Request.Path.Value ?? "/";

    /// <summary>The public address, without a slash at its end.</summary>
    public string PublicAddress => service.PublicAddress;

    public DateTimeOffset Now => clock.GetUtcNow();

    /// <summary>Today in Beijing.</summary>
    public DateOnly Today => DataFreshness.DayOf(Now);

    /// <summary>What the person sent, once a form was found genuine.</summary>
    public IFormCollection Form { get; internal set; } = FormCollection.Empty;

    /// <summary>What the person had written here when the session ended; null mostly.</summary>
    public IReadOnlyDictionary<string, string[]>? Kept { get; internal set; }

    /// <summary>What a field of the page's form shows: what was just sent, else what was kept when the session ended, else <paramref name="otherwise"/>.</summary>
    public string Entered(string field, string? otherwise = null) =>
        Form.TryGetValue(field, out var sent) ? sent.ToString() : Kept is not null && Kept.TryGetValue(field, out var kept) ? string.Join(',', kept) : otherwise ?? "";

    /// <summary>The same for a field that may be chosen several times.</summary>
    public IReadOnlyList<string> Chosen(string field, IReadOnlyList<string>? otherwise = null) =>
        Form.Count > 0 ? [.. Form[field].OfType<string>()] : Kept is not null ? Kept.GetValueOrDefault(field) ?? [] : otherwise ?? [];

    /// <summary>What makes the same form sent twice one act (<c>Idempotency-Key</c>); null where the form has none.</summary>
    public string? Key => Form["_key"].ToString() is { Length: > 0 and <= 64 } key ? key : null;

    /// <summary>Version of the thing as the person saw it when the form was opened.</summary>
    public int? Version => int.TryParse(Form["_version"], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;

    /// <summary>Stands in every form.</summary>
    public string FormToken => antiforgery.GetAndStoreTokens(Http).RequestToken!;

    public string T(string zh, string en) => Language == "en" ? en : zh;

    public string T(Text text) => text.In(Language);

    /// <summary>A page of the portal in the visit's language.</summary>
    public string Url(string path) => Language == "en" ? EnglishPrefix + (path == "/" ? "" : path) : path;

    /// <summary>The same page in the other language.</summary>
    public string InOtherLanguage()
    {
        var here = Path + Http.Request.QueryString;
        return Language == "en" ? here : EnglishPrefix + (here == "/" ? "" : here);
    }

    /// <summary>A moment as people here read it: in Beijing, to the minute.</summary>
    public string Moment(DateTimeOffset at)
    {
        var beijing = at.ToOffset(TimeSpan.FromHours(8));
        return Language == "en" ? beijing.ToString("d MMM yyyy, HH:mm", CultureInfo.InvariantCulture) : beijing.ToString("yyyy年M月d日 HH:mm", CultureInfo.InvariantCulture);
    }

    public string Day(DateOnly on) => Language == "en" ? on.ToString("d MMM yyyy", CultureInfo.InvariantCulture) : on.ToString("yyyy年M月d日", CultureInfo.InvariantCulture);

    public string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>How large something is, in the unit that people would use.</summary>
    public string Size(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KB"),
        < 1024L * 1024 * 1024 => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MB"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.##} GB"),
    };

    /// <summary>The page that <typeparamref name="TPage"/> makes of the model.</summary>
    public RazorComponentResult Page<TPage, TModel>(TModel model, int status = StatusCodes.Status200OK)
        where TPage : PageOf<TModel> => new(typeof(TPage), new Dictionary<string, object?>(StringComparer.Ordinal) { ["Model"] = model })
        {
            StatusCode = status,
            PreventStreamingRendering = true,
        };

    /// <summary>What the API refused, as a page.</summary>
    public RazorComponentResult Refusal(Problem problem) => Page<Shared.RefusalPage, Problem>(problem, problem.Status);

    /// <summary>For pages of a department, to whoever belongs to none.</summary>
    public static Refused NoDepartment() => new(OfNoDepartment);

    /// <summary>After a form was carried out: a page of its own, so that going back or loading it again repeats nothing.</summary>
    public RedirectHttpResult SeeOther(string path) => TypedResults.LocalRedirect(Encoded(Url(path)));

    /// <summary>A path as a header takes it: whatever is not ASCII in percent signs.</summary>
    internal static string Encoded(string path) => new Uri(new Uri("http://here"), path).GetComponents(UriComponents.PathAndQuery | UriComponents.Fragment, UriFormat.UriEscaped);
}
