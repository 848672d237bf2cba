using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Exchange.Hosting;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Audit.Search;

/// <summary>What is searched for, as it is sent: in the address of a search or export, or kept under a name. All that are given must hold.</summary>
internal sealed record RecordFilters
{
    /// <summary>A city that reported the record or took part in its exchange.</summary>
    [FromQuery(Name = "city")]
    public string? City { get; init; }

    /// <summary>Credit code of a department on either side.</summary>
    [FromQuery(Name = "department")]
    public string? Department { get; init; }

    /// <summary>Credit code of the asking department.</summary>
    [FromQuery(Name = "requesting")]
    public string? Requesting { get; init; }

    /// <summary>Credit code of the providing department.</summary>
    [FromQuery(Name = "providing")]
    public string? Providing { get; init; }

    /// <summary>Id of the dataset.</summary>
    [FromQuery(Name = "dataset")]
    public string? Dataset { get; init; }

    /// <summary>The purpose word for word, as records show it.</summary>
    [FromQuery(Name = "purpose")]
    public string? Purpose { get; init; }

    /// <summary>An event type such as <c>delivery.ended</c>, or the beginning of some: <c>delivery.</c></summary>
    [FromQuery(Name = "type")]
    public string? Type { get; init; }

    /// <summary>The result such as <c>refused</c>.</summary>
    [FromQuery(Name = "result")]
    public string? Result { get; init; }

    /// <summary>Who reported the record: a city, gateway or audit.</summary>
    [FromQuery(Name = "source")]
    public string? Source { get; init; }

    /// <summary>Id of the exchange.</summary>
    [FromQuery(Name = "exchange")]
    public string? Exchange { get; init; }

    /// <summary>From when on it happened: RFC 3339, or a day in Beijing.</summary>
    [FromQuery(Name = "from")]
    public string? From { get; init; }

    /// <summary>Until when: RFC 3339 (that moment not included), or a day in Beijing (the whole day).</summary>
    [FromQuery(Name = "to")]
    public string? To { get; init; }

    /// <summary>newest (first, the default) or oldest.</summary>
    [FromQuery(Name = "order")]
    public string? Order { get; init; }

    /// <summary>By the names they are sent under, those that are given.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string> Given => new Dictionary<string, string?>(StringComparer.Ordinal)
    {
        ["city"] = City, ["department"] = Department, ["requesting"] = Requesting, ["providing"] = Providing, ["dataset"] = Dataset, ["purpose"] = Purpose, ["type"] = Type,
        ["result"] = Result, ["source"] = Source, ["exchange"] = Exchange, ["from"] = From, ["to"] = To, ["order"] = Order,
    }.Where(filter => !string.IsNullOrEmpty(filter.Value)).ToDictionary(filter => filter.Key, filter => filter.Value!, StringComparer.Ordinal);
}

/// <summary>What is searched for, understood.</summary>
internal sealed partial record RecordFilter
{
    private static readonly TimeSpan Beijing = TimeSpan.FromHours(8);

    private static readonly string[] Moments = ["yyyy-MM-dd'T'HH:mm:ss'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:sszzz", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    public string? City { get; init; }
    public string? Department { get; init; }
    public string? Requesting { get; init; }
    public string? Providing { get; init; }
    public string? Dataset { get; init; }
    public string? Purpose { get; init; }

    /// <summary>Each a type, or with a dot at its end the beginning of some; empty for all.</summary>
    public IReadOnlyList<string> Types { get; init; } = [];

    public string? Result { get; init; }
    public string? Source { get; init; }
    public Guid? Exchange { get; init; }
    public DateTimeOffset? From { get; init; }

    /// <summary>The first moment that is too late.</summary>
    public DateTimeOffset? Until { get; init; }

    public bool Oldest { get; init; }

    /// <summary>True where all records asked for name both departments and the dataset themselves, as a city's reports of a delivery do.</summary>
    public bool NameAll { get; init; }

    /// <param name="sent">As sent.</param>
    /// <param name="faults">Takes what is wrong with any of them.</param>
    /// <param name="under">Where they stand in what was sent.</param>
    public static RecordFilter Parse(RecordFilters sent, Faults faults, string under = "")
    {
        var filter = new RecordFilter
        {
            City = Word("city", sent.City, ServiceName, new("应为城市代码，如 changsha。", "This must be a city such as changsha.")),
            Department = Code("department", sent.Department),
            Requesting = Code("requesting", sent.Requesting),
            Providing = Code("providing", sent.Providing),
            Dataset = Id("dataset", sent.Dataset)?.ToString(),
            Purpose = Some("purpose", sent.Purpose),
            Types = Word("type", sent.Type, TypeName, new("应为事件类型，如 delivery.ended；以“.”结尾表示一类。", "This must be an event type such as delivery.ended, or the beginning of some with its dot: delivery.")) is { } type ? [type] : [],
            Result = Some("result", sent.Result),
            Source = Word("source", sent.Source, ServiceName, new("应为记录来源，如 changsha、gateway、audit。", "This must be a source such as changsha, gateway or audit.")),
            Exchange = Id("exchange", sent.Exchange),
            From = Moment("from", sent.From, after: false),
            Until = Moment("to", sent.To, after: true),
            Oldest = Word("order", sent.Order, OrderName, new("须为 newest 或 oldest。", "It is newest or oldest.")) == "oldest",
        };
        if (filter.From >= filter.Until)
        {
            faults.Add(under + "to", "order", null, new("截止时间须晚于起始时间。", "to must be later than from."));
        }
        return filter;

        string? Some(string field, string? value)
        {
            faults.CheckText(under + field, value, longest: 500);
            return string.IsNullOrEmpty(value) ? null : value;
        }

        string? Word(string field, string? value, Regex form, Text message)
        {
            if (string.IsNullOrEmpty(value) || form.IsMatch(value))
            {
                return string.IsNullOrEmpty(value) ? null : value;
            }
            faults.Add(under + field, "form", null, message);
            return null;
        }

        string? Code(string field, string? value) => Word(field, value, CreditCode, new("应为 18 位统一社会信用代码。", "This must be a unified social credit code of 18 characters."));

        Guid? Id(string field, string? value)
        {
            if (string.IsNullOrEmpty(value))
            {
                return null;
            }
            if (!Guid.TryParseExact(value, "D", out var id))
            {
                faults.Add(under + field, "form", null, new("应为编号（UUID）。", "This must be an id (UUID)."));
            }
            return id;
        }

        DateTimeOffset? Moment(string field, string? value, bool after)
        {
            if (string.IsNullOrEmpty(value))
            {
                return null;
            }
            if (DateOnly.TryParseExact(value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) && day.Year is > 1 and < 9999)
            {
                return new DateTimeOffset(after ? day.AddDays(1) : day, TimeOnly.MinValue, Beijing).ToUniversalTime();
            }
            if (DateTimeOffset.TryParseExact(value, Moments, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment))
            {
                return moment.ToUniversalTime();
            }
            faults.Add(under + field, "form", null, new("应为日期（2026-11-21，北京时间）或 RFC 3339 时间（如 2026-11-21T08:00:00Z；地址中的“+”须写作 %2B）。",
                "This must be a day in Beijing (2026-11-21) or an RFC 3339 time (2026-11-21T08:00:00Z; a plus sign in an address is %2B)."));
            return null;
        }
    }

    /// <summary>A misspelt filter would widen the answer without a word: every name in the address must be one of these.</summary>
    public static void CheckNames(IQueryCollection query, Faults faults, params IEnumerable<string> more)
    {
        HashSet<string> known = new(["city", "department", "requesting", "providing", "dataset", "purpose", "type", "result", "source", "exchange", "from", "to", "order", "cursor", "limit", .. more], StringComparer.OrdinalIgnoreCase);
        foreach (var name in query.Keys.Where(name => !known.Contains(name)))
        {
            faults.Add(name.Length > 50 ? name[..50] : name, "unknown-filter", null, new("没有这个筛选条件。", "There is no such filter."));
        }
    }

    /// <summary>The question in words, for those who read a report later.</summary>
    public static Text Words(IReadOnlyDictionary<string, string> given) => given.Count == 0
        ? new("无筛选条件", "no filter")
        : new(
            string.Join("；", given.Select(filter => $"{Names[filter.Key].Zh}：{filter.Value}")),
            string.Join("; ", given.Select(filter => $"{Names[filter.Key].En}: {filter.Value}")));

    private static readonly Dictionary<string, Text> Names = new(StringComparer.Ordinal)
    {
        ["city"] = new("城市", "city"),
        ["department"] = new("当事部门", "department on either side"),
        ["requesting"] = new("需求部门", "asking department"),
        ["providing"] = new("提供部门", "providing department"),
        ["dataset"] = new("数据集", "dataset"),
        ["purpose"] = new("用途（使用依据）", "purpose (legal basis)"),
        ["type"] = new("事件类型", "event type"),
        ["result"] = new("结果", "result"),
        ["source"] = new("记录来源", "recorded by"),
        ["exchange"] = new("交换编号", "exchange"),
        ["from"] = new("起", "from"),
        ["to"] = new("止", "to"),
        ["order"] = new("排序", "order"),
    };

    [GeneratedRegex(@"^[a-z][a-z0-9]{1,30}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex ServiceName { get; }

    [GeneratedRegex(@"^[0-9A-Z]{18}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex CreditCode { get; }

    [GeneratedRegex(@"^[a-z][a-z_]{0,60}(\.[a-z][a-z_]{0,60}){0,4}\.?\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex TypeName { get; }

    [GeneratedRegex(@"^(newest|oldest)\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex OrderName { get; }
}
