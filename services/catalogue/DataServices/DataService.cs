using System.Text.RegularExpressions;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;

namespace Exchange.Catalogue.DataServices;

/// <summary>
/// A department's own HTTP interface as it may be called under a grant (服务接口, art. 22; DCAT's DataService). Everything is an allow-list: what is not named does not pass, in neither direction.
/// Only reading: <c>GET</c>, and <c>POST</c> where a question needs a body.
/// </summary>
internal sealed partial record DataService
{
    private const int MostOperations = 50;
    private const int MostNames = 50;
    private const int LongestTimeout = 120;
    private const int LargestRequest = 1 << 20;
    private const long LargestResponse = 1L << 30;

    // What the gateway lets through of a caller's headers and what is nobody's secret; and what of an answer cannot act in the exchange's name. Beside the latter anything that begins with X-.
    private static readonly string[] Sendable = ["accept-language", "prefer", "user-agent"];
    private static readonly string[] Returnable = ["content-language", "etag", "last-modified"];

    /// <summary>Absolute http or https address above the paths, without query; only the city's service calls it.</summary>
    public string Address { get; init; } = "";

    public IReadOnlyList<Operation> Operations { get; init; } = [];

    /// <summary>A path of <see cref="Operations"/> without a variable part, called with GET to see whether the service answers (2xx).</summary>
    public string Probe { get; init; } = "";

    /// <summary>Names of objects and arrays in answers that are no data item and hold some, such as <c>data</c> or <c>items</c>.</summary>
    public IReadOnlyList<string> Structure { get; init; } = [];

    /// <summary>Request headers that are passed on beside Accept and Content-Type.</summary>
    public IReadOnlyList<string> RequestHeaders { get; init; } = [];

    /// <summary>Headers of answers that are passed on beside Content-Type.</summary>
    public IReadOnlyList<string> ResponseHeaders { get; init; } = [];

    /// <summary>Seconds from the call to the last byte of its answer.</summary>
    public int TimeoutSeconds { get; init; } = 30;

    /// <summary>Bytes of a request's body.</summary>
    public int MostRequestBytes { get; init; } = 64 * 1024;

    /// <summary>Bytes of an answer as the service sends it; a longer one is cut there, and the delivery counts as broken off.</summary>
    public long MostResponseBytes { get; init; } = 64L << 20;

    /// <summary>Where a path of it is.</summary>
    public Uri At(string path) => new(Address.TrimEnd('/') + path);

    public static bool IsHeader(string? name) => name is not null && HeaderName().IsMatch(name) && name.ToLowerInvariant() is not ("host" or "connection" or "content-length" or "transfer-encoding");

    /// <summary>Every fault at once.</summary>
    public void Check(Faults faults)
    {
        if (!Uri.TryCreate(Address, UriKind.Absolute, out var address) || (address.Scheme != Uri.UriSchemeHttp && address.Scheme != Uri.UriSchemeHttps)
            || address is not { UserInfo: "", Query: "", Fragment: "", Host.Length: > 0 } || Address.Length > 500 || Address.Contains("..", StringComparison.Ordinal))
        {
            faults.Add("address", "address", null, new("须为不含口令、查询参数的 http 或 https 地址。", "An absolute http or https address without password and query."));
        }

        if (Operations.Count is 0 or > MostOperations)
        {
            faults.Add("operations", "count", null, new($"须列出 1 至 {MostOperations} 个可调用的接口。", $"Name 1 to {MostOperations} operations."));
        }

        foreach (var (i, operation) in Operations.Index())
        {
            operation.Check($"operations[{i}]", faults);
        }

        foreach (var (i, twice) in Operations.Index().Where(o => Operations.Take(o.Index).Any(before => before.Method == o.Item.Method && before.Path == o.Item.Path)))
        {
            faults.Add($"operations[{i}]", "twice", null, new($"{twice.Method} {twice.Path} 重复。", $"{twice.Method} {twice.Path} stands twice."));
        }

        if (Operations.All(o => o.Method != "GET" || o.Path != Probe || o.Path.Contains('{', StringComparison.Ordinal)))
        {
            faults.Add("probe", "one-of", "第22条", new("须为所列 GET 接口中不含变量的一个路径，用于检测接口是否可用。", "One of the GET operations' paths without a variable part; it is called to see whether the service answers."));
        }

        Names("structure", Structure, ItemName().IsMatch, faults);
        Names("request_headers", RequestHeaders, name => Sendable.Contains(name, StringComparer.OrdinalIgnoreCase), faults, string.Join("、", Sendable));
        Names("response_headers", ResponseHeaders, IsReturnable, faults, string.Join("、", Returnable) + "、X-…");
        Range("timeout_seconds", TimeoutSeconds, 1, LongestTimeout, faults);
        Range("most_request_bytes", MostRequestBytes, 0, LargestRequest, faults);
        Range("most_response_bytes", MostResponseBytes, 1, LargestResponse, faults);
    }

    /// <summary>The operation that the call is, with its variable parts filled in; null when none is.</summary>
    /// <param name="method">Of the call.</param>
    /// <param name="path">Decoded, without a leading slash.</param>
    public (Operation Operation, string Path)? Find(string method, string path)
    {
        var asked = path.Split('/');
        if (asked.Length > 20 || asked.Any(part => !IsPlain(part)))
        {
            return null;
        }

        foreach (var operation in Operations.Where(o => o.Method == method))
        {
            var parts = operation.Path[1..].Split('/');
            if (parts.Length == asked.Length && parts.Zip(asked).All(pair => pair.First.StartsWith('{') || pair.First == pair.Second))
            {
                return (operation, "/" + string.Join('/', asked.Select(Uri.EscapeDataString)));
            }
        }

        return null;
    }

    /// <summary>A part of a path that no server reads in another way.</summary>
    private static bool IsPlain(string part) => part is not ("" or "." or "..") && part.Length <= 200 && !part.AsSpan().ContainsAny("\\%;?#") && !part.Any(char.IsControl);

    private static bool IsReturnable(string name) => IsHeader(name) && (Returnable.Contains(name, StringComparer.OrdinalIgnoreCase) || name.StartsWith("X-", StringComparison.OrdinalIgnoreCase));

    private static void Names(string field, IReadOnlyList<string> names, Func<string, bool> isName, Faults faults, string? choices = null)
    {
        if (names.Count > MostNames)
        {
            faults.Add(field, "count", null, new($"最多 {MostNames} 个。", $"At most {MostNames}."));
        }

        foreach (var (i, name) in names.Index().Where(n => !isName(n.Item)))
        {
            faults.Add($"{field}[{i}]", "name", null, choices is null
                ? new($"“{name}”不能使用。", $"'{name}' cannot be used.")
                : new($"“{name}”不能使用；可用：{choices}。", $"'{name}' cannot be used; there are {choices}."));
        }
    }

    private static void Range(string field, long value, long least, long most, Faults faults)
    {
        if (value < least || value > most)
        {
            faults.Add(field, "range", null, new($"须在 {least} 至 {most} 之间。", $"It is between {least} and {most}."));
        }
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9-]{0,63}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    [GeneratedRegex("^[^\\p{C}]{1,100}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex ItemName();

    /// <summary>One call that is allowed.</summary>
    internal sealed partial record Operation
    {
        /// <summary>GET or POST.</summary>
        public string Method { get; init; } = "GET";

        /// <summary>Such as <c>/v1/permits/{number}</c>; a part in braces stands for any one part.</summary>
        public string Path { get; init; } = "";

        /// <summary>Parameters of the address that are passed on; none is named <c>purpose</c>, which is said to the exchange.</summary>
        public IReadOnlyList<string> Query { get; init; } = [];

        public void Check(string field, Faults faults)
        {
            if (Method is not ("GET" or "POST"))
            {
                faults.Add($"{field}.method", "one-of", null, new("须为 GET 或 POST。", "It is GET or POST."));
            }

            if (!PathForm().IsMatch(Path) || Path.Split('/').Any(part => part is "." or "..") || Path.Length > 500)
            {
                faults.Add($"{field}.path", "path", null, new("写作 /v1/permits 或 /v1/permits/{number}。", "Write /v1/permits or /v1/permits/{number}."));
            }

            Names($"{field}.query", Query, name => QueryName().IsMatch(name) && name != PurposeCode.Parameter, faults);
        }

        [GeneratedRegex("^(?:/(?:[A-Za-z0-9._~-]+|\\{[a-z_]+\\}))+\\z", RegexOptions.CultureInvariant)]
        private static partial Regex PathForm();

        [GeneratedRegex("^[A-Za-z0-9_.-]{1,64}\\z", RegexOptions.CultureInvariant)]
        private static partial Regex QueryName();
    }
}
