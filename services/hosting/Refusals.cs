using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.DependencyInjection;

namespace Exchange.Hosting;

/// <summary>A sentence in the two languages of the exchange.</summary>
public sealed record Text(string Zh, string En)
{
    public string In(string language) => language == "en" ? En : Zh;

    public static Text Same(string text) => new(text, text);
}

/// <summary>Why something is refused: a stable type, the article it rests on, and who can change it or what to do instead.</summary>
/// <param name="Type">Last part of the problem's <c>type</c>; never changes once released.</param>
/// <param name="Status">HTTP status, 4xx (or 503 while a part is away).</param>
/// <param name="Article">The article or standard the rule comes from; null where the rule is only technical.</param>
/// <param name="Title">The rule in one sentence.</param>
/// <param name="WayOut">Who can change it, or what to do next.</param>
public sealed record Rule(string Type, int Status, string? Article, Text Title, Text WayOut);

/// <summary>One fault in what was sent.</summary>
public sealed record Fault(string Field, string Rule, string? Article, Text Message)
{
    /// <summary>Where it stands, for what was sent as a table.</summary>
    public TablePlace? At { get; init; }

    /// <summary>What to write instead.</summary>
    public Text? Advice { get; init; }
}

/// <summary>A place in a table as its writer sees it in the spreadsheet.</summary>
/// <param name="Row">The spreadsheet's row number: a record counts once, however many line breaks it quotes.</param>
/// <param name="Column">The column's header as it stands in the file; null when the whole row is meant.</param>
/// <param name="Letter">The spreadsheet's letter of that column: A, B, …, AA.</param>
/// <param name="Value">What stands there, shortened.</param>
public sealed record TablePlace(int Row, string? Column = null, string? Letter = null, string? Value = null);

/// <summary>Collects every fault of an input, so that all are told at once.</summary>
public sealed class Faults
{
    private readonly List<Fault> faults = [];

    public IReadOnlyList<Fault> All => faults;

    public bool Any => faults.Count > 0;

    public void Add(string field, string rule, string? article, Text message) => faults.Add(new(field, rule, article, message));

    public void Add(Fault fault) => faults.Add(fault);

    /// <summary>A text that must be there, is at most <paramref name="longest"/> characters and holds no control characters besides line breaks and tabs.</summary>
    public void RequireText(string field, string? value, string? article, int longest = 2000)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            Add(field, "required", article, new("此项必填。", "This field is required."));
            return;
        }

        CheckText(field, value, article, longest);
    }

    /// <summary>A text that may be missing, checked when it is there.</summary>
    public void CheckText(string field, string? value, string? article = null, int longest = 2000)
    {
        if (value is null)
        {
            return;
        }

        if (value.Length > longest)
        {
            Add(field, "too-long", article, new($"最多 {longest} 个字符。", $"At most {longest} characters."));
        }

        if (value.Any(c => (char.IsControl(c) && c is not ('\n' or '\r' or '\t')) || IsDirection(c)))
        {
            Add(field, "control-character", article, new("含有控制字符或双向控制符。", "It holds control characters or direction controls."));
        }
    }

    /// <summary>Characters that make a text show in another order than it is stored.</summary>
    private static bool IsDirection(char c) => c is '\u200E' or '\u200F' or '\u061C' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}

/// <summary>Where a service has pages, a refusal is shown to a person as one of them. Registered by the gateway alone.</summary>
public interface IRefusalPages
{
    /// <summary>True when the request is a person's for a page.</summary>
    bool Wants(HttpContext http);

    /// <summary>Writes the page; status and headers are set already.</summary>
    Task ShowAsync(HttpContext http, Refused refused);
}

/// <summary>A refusal as an RFC 9457 problem in the reader's language (<c>Accept-Language</c>: zh or en).</summary>
public sealed class Refused : IResult, IStatusCodeHttpResult, IEndpointMetadataProvider
{
    private static readonly Rule InvalidInput = new("invalid-input", StatusCodes.Status422UnprocessableEntity, null,
        new("提交的内容有误。", "What was sent has faults."),
        new("请按 errors 逐项改正后重新提交；原有内容未变。", "Correct each entry of errors and send it again; what was stored is unchanged."));

    public Refused(Rule rule, Text? detail = null)
    {
        Rule = rule;
        Detail = detail;
    }

    public Refused(Faults faults, Text? detail = null)
        : this(InvalidInput, detail ?? new($"共 {faults.All.Count} 处错误。", $"{faults.All.Count} fault(s)."))
    {
        Faults = faults.All;
    }

    public Rule Rule { get; }

    public Text? Detail { get; }

    /// <summary>The rule under which it goes on record, where the caller is not told; null when that is <see cref="Rule"/>.</summary>
    public Rule? Recorded { get; init; }

    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>Seconds for <c>Retry-After</c>; null leaves the header out.</summary>
    public int? RetryAfter { get; init; }

    public int? StatusCode => Rule.Status;

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder)
    {
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status422UnprocessableEntity, typeof(Problem), ["application/problem+json"]));
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status403Forbidden, typeof(Problem), ["application/problem+json"]));
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var language = httpContext.Language();
        var settings = httpContext.RequestServices.GetRequiredService<ServiceSettings>();
        var response = httpContext.Response;
        response.StatusCode = Rule.Status;
        response.Headers.ContentLanguage = language == "en" ? "en" : "zh-CN";
        response.Headers.Vary = "Accept-Language";
        response.Headers.CacheControl = "no-store";
        if (RetryAfter is { } seconds)
        {
            response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        httpContext.Items[typeof(Refused)] = this;
        if (httpContext.RequestServices.GetService<IRefusalPages>() is { } pages && pages.Wants(httpContext))
        {
            await pages.ShowAsync(httpContext, this);
            return;
        }

        var problem = ToProblem(language, settings.PublicAddress) with { Instance = httpContext.Request.Path, TraceId = Activity.Current?.TraceId.ToString() };
        await response.WriteAsJsonAsync(problem, Json.Options, "application/problem+json", httpContext.RequestAborted);
    }

    /// <summary>The same as a document, for what was refused earlier and is told again.</summary>
    public Problem ToProblem(string language, string publicAddress) => new()
    {
        Type = $"{publicAddress}/problems/{Rule.Type}",
        Title = Rule.Title.In(language),
        Status = Rule.Status,
        Detail = Detail?.In(language),
        Rule = Rule.Type,
        Article = Rule.Article,
        WayOut = Rule.WayOut.In(language),
        Errors = Faults.Count == 0 ? null : [.. Faults.Select(f => ProblemError.Of(f, language))],
    };
}

/// <summary>RFC 9457 problem details with the members of the exchange.</summary>
public sealed record Problem
{
    /// <summary>Stable URI of the kind of problem.</summary>
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    public string? Detail { get; init; }

    public string? Instance { get; init; }

    /// <summary>Machine word of the rule, the last part of <see cref="Type"/>.</summary>
    public required string Rule { get; init; }

    /// <summary>Article or standard the rule rests on.</summary>
    public string? Article { get; init; }

    /// <summary>Who can change it, or what to do next.</summary>
    public required string WayOut { get; init; }

    /// <summary>W3C trace id that operators and auditors can open.</summary>
    public string? TraceId { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<ProblemError>? Errors { get; init; }
}

/// <summary>One fault: the field as sent, the rule it breaks, and what to do.</summary>
public sealed record ProblemError(string Field, string Rule, string? Article, string Message)
{
    /// <summary>In a table: the spreadsheet's row number.</summary>
    public int? Row { get; init; }

    /// <summary>In a table: the column's header as it stands in the file.</summary>
    public string? Column { get; init; }

    /// <summary>In a table: the spreadsheet's letter of the column.</summary>
    public string? ColumnLetter { get; init; }

    /// <summary>In a table: what stands there, shortened.</summary>
    public string? Value { get; init; }

    /// <summary>What to write instead.</summary>
    public string? Advice { get; init; }

    public static ProblemError Of(Fault fault, string language) => new(fault.Field, fault.Rule, fault.Article, fault.Message.In(language))
    {
        Row = fault.At?.Row,
        Column = fault.At?.Column,
        ColumnLetter = fault.At?.Letter,
        Value = fault.At?.Value,
        Advice = fault.Advice?.In(language),
    };
}
