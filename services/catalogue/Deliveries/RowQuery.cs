using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using NpgsqlTypes;

namespace Exchange.Catalogue.Deliveries;

/// <summary>A comparison that the caller asks for, on a field that is granted plain.</summary>
/// <param name="Field">The field.</param>
/// <param name="Operator">One of <see cref="RowQuery.Operators"/>.</param>
/// <param name="Value">What it is compared with; null: rows without a value.</param>
/// <param name="Type">How it goes to the database.</param>
internal sealed record RowCondition(string Field, string Operator, object? Value, NpgsqlDbType Type);

/// <summary>One field to sort by; rows without a value come last either way.</summary>
internal sealed record RowOrder(string Field, bool Descending);

/// <summary>
/// What a caller asks of granted rows: <c>filter[field]=value</c>, <c>filter[field][gte]=value</c>, <c>sort=field,-other</c>, <c>limit</c> and <c>cursor</c>. Filter and sort look at fields that are granted
/// plain only; any other name, granted with a treatment, not granted or not there at all, is refused in the same words, so that nothing can be had of it by asking.
/// </summary>
internal sealed partial record RowQuery
{
    /// <summary>Rows of one page at most; without a limit everything is sent.</summary>
    public const int LongestPage = 10_000;

    private const int MostFilters = 20;
    private const int MostSorts = 5;

    /// <summary>What stands in the second brackets, with the SQL it becomes; <c>eq</c> when there are none.</summary>
    public static readonly IReadOnlyDictionary<string, string> Operators = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["eq"] = "=",
        ["gt"] = ">",
        ["gte"] = ">=",
        ["lt"] = "<",
        ["lte"] = "<=",
        ["prefix"] = "prefix",
    };

    private static readonly string[] Known = ["format", "formula_safe", "sort", "limit", "cursor", PurposeCode.Parameter];

    public static readonly RowQuery All = new();

    /// <summary>So many rows, in the order of the file.</summary>
    public static RowQuery First(int rows) => new() { Limit = rows };

    public IReadOnlyList<RowCondition> Filters { get; private init; } = [];

    public IReadOnlyList<RowOrder> Sort { get; private init; } = [];

    /// <summary>Null: everything.</summary>
    public int? Limit { get; private init; }

    /// <summary>As the caller sent it.</summary>
    public string? Cursor { get; private init; }

    /// <summary>Tells a query from another one: a cursor goes on with the query it came from.</summary>
    public byte[] Digest { get; private init; } = [];

    /// <summary>Reads the query against what is granted and how the table holds it. All faults at once; the result counts only without any.</summary>
    public static RowQuery Read(IQueryCollection query, GrantedScope scope, RowTable table, Faults faults)
    {
        var filters = new List<RowCondition>();
        var digest = new StringBuilder();
        foreach (var (key, values) in query.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            if (values.Count > 1)
            {
                faults.Add(key, "twice", null, new("此参数只能出现一次。", "This parameter stands once only."));
            }
            else if (key.StartsWith("filter[", StringComparison.Ordinal))
            {
                var value = values[0] ?? "";
                digest.Append(CultureInfo.InvariantCulture, $"{key.Length}:{key}{value.Length}:{value}");
                if (Filter(key, value, scope, table, faults) is { } condition)
                {
                    filters.Add(condition);
                }
            }
            else if (!Known.Contains(key, StringComparer.Ordinal))
            {
                faults.Add(key, "unknown-parameter", null, new("没有这个参数。", "There is no such parameter."));
            }
        }

        if (filters.Count > MostFilters)
        {
            faults.Add("filter", "too-many", null, new($"最多 {MostFilters} 个筛选条件。", $"At most {MostFilters} filters."));
        }

        return new RowQuery
        {
            Filters = filters,
            Sort = Orders(query["sort"], scope, table, faults),
            Limit = Size(query["limit"], faults),
            Cursor = query["cursor"] is [{ Length: > 0 } cursor] ? cursor : null,
            Digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{digest}\n{query["sort"]}"))[..8],
        };
    }

    private static RowCondition? Filter(string key, string value, GrantedScope scope, RowTable table, Faults faults)
    {
        if (FilterForm().Match(key) is not { Success: true } match)
        {
            faults.Add(key, "filter-form", null, new("写作 filter[数据项]=值 或 filter[数据项][gte]=值。", "Write filter[field]=value or filter[field][gte]=value."));
            return null;
        }

        if (!scope.IsPlain(match.Groups["field"].Value) || table.Columns.FirstOrDefault(c => c.Field.Name == match.Groups["field"].Value) is not { } column)
        {
            Unusable(key, faults);
            return null;
        }

        var (name, type) = (match.Groups["field"].Value, column.Field.Type);
        var word = match.Groups["operator"] is { Success: true } named ? named.Value : "eq";
        var text = FieldTypes.DbType(type) == NpgsqlDbType.Text;
        if (!Operators.ContainsKey(word) || (word == "prefix" && !text) || (word is not ("eq" or "prefix") && (text || type == "L")))
        {
            faults.Add(key, "operator", null, text
                ? new("文本型数据项可用：eq、prefix。", "For text: eq, prefix.")
                : type == "L" ? new("逻辑型数据项可用：eq。", "For yes or no: eq.") : new("此数据项可用：eq、gt、gte、lt、lte。", "For this item: eq, gt, gte, lt, lte."));
            return null;
        }

        var (parsed, fault) = FieldTypes.Read(type, word == "prefix" ? null : column.Field.Length, value);
        if (fault is not null)
        {
            faults.Add(new Fault(key, "filter-value", null, fault) { Advice = FieldTypes.Advice(type) });
            return null;
        }

        if (parsed is null && word != "eq")
        {
            faults.Add(key, "filter-value", null, new("缺少要比较的值。", "There is no value to compare with."));
            return null;
        }

        return new RowCondition(name, word, parsed, FieldTypes.DbType(type));
    }

    private static List<RowOrder> Orders(string? sort, GrantedScope scope, RowTable table, Faults faults)
    {
        var orders = new List<RowOrder>();
        foreach (var part in string.IsNullOrEmpty(sort) ? [] : sort.Split(','))
        {
            var order = new RowOrder(part.TrimStart('-'), part.StartsWith('-'));
            if (!scope.IsPlain(order.Field) || table.Columns.All(c => c.Field.Name != order.Field) || part.StartsWith("--", StringComparison.Ordinal))
            {
                Unusable("sort", faults);
            }
            else if (orders.Any(o => o.Field == order.Field))
            {
                faults.Add("sort", "twice", null, new("数据项重复。", "A data item stands twice."));
            }

            orders.Add(order);
        }

        if (orders.Count > MostSorts)
        {
            faults.Add("sort", "too-many", null, new($"最多按 {MostSorts} 个数据项排序。", $"Sort by {MostSorts} data items at most."));
        }

        return orders;
    }

    private static int? Size(string? limit, Faults faults)
    {
        if (string.IsNullOrEmpty(limit))
        {
            return null;
        }

        if (int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size is >= 1 and <= LongestPage)
        {
            return size;
        }

        faults.Add("limit", "range", null, new($"须在 1 到 {LongestPage} 之间。", $"It is between 1 and {LongestPage}."));
        return null;
    }

    /// <summary>The same words whether the field is masked, not granted, or not there: the answer tells nothing.</summary>
    private static void Unusable(string at, Faults faults) =>
        faults.Add(at, "field-not-usable", null, new("只能按原样授权的数据项筛选和排序。", "Filter and sort take only data items that are granted plain."));

    [GeneratedRegex(@"^filter\[(?<field>[a-z][a-z0-9_]{0,62})\](\[(?<operator>[a-z]{1,10})\])?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex FilterForm();
}
