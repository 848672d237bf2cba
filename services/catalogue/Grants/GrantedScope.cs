using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>What a grant gives of a dataset's rows: the fields in its order, how each is treated, and which rows.</summary>
/// <param name="Fields">Names of the granted fields, dropped ones among them.</param>
/// <param name="Treatments">Words by field; a field that is not named goes plain.</param>
/// <param name="Rows">Null: all.</param>
internal sealed record GrantedScope(IReadOnlyList<string> Fields, IReadOnlyDictionary<string, string>? Treatments = null, RowFilter? Rows = null)
{
    /// <summary>The fields that leave, in the grant's order.</summary>
    public IReadOnlyList<string> Delivered { get; } = [.. Fields.Where(f => Grants.Treatments.Of(Treatments, f).Kind != TreatmentKind.Dropped)];

    /// <summary>All rows, and every granted field as it is.</summary>
    public bool IsWhole => Rows is null && Fields.All(IsPlain);

    public static GrantedScope Of(GrantTerms terms) => new(terms.Fields, terms.Treatments, terms.Rows);

    /// <summary>Of one field.</summary>
    public Treatment Of(string field) => Grants.Treatments.Of(Treatments, field);

    /// <summary>Granted as it is: only then may its values be compared and sorted by, for anything else would tell of them.</summary>
    public bool IsPlain(string field) => Fields.Contains(field, StringComparer.Ordinal) && Of(field).Kind == TreatmentKind.Plain;

    /// <summary>The fields that the row filter looks at; they need not be granted.</summary>
    public static IEnumerable<string> FilterFields(RowFilter? rows)
    {
        if (rows?.Area is { } area)
        {
            yield return area.Field;
        }

        if (rows?.Time is { } time)
        {
            yield return time.Field;
        }
    }

    /// <summary>For a record: <c>name=masked:name,id_no=hashed</c>. Null when every field goes plain.</summary>
    public static string? Compact(IReadOnlyDictionary<string, string>? treatments) =>
        treatments is not { Count: > 0 } ? null : string.Join(',', treatments.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Key}={t.Value}"));

    /// <summary>For a record: by which fields rows are chosen, without the values. Null when all rows are given.</summary>
    public static string? Compact(RowFilter? rows) => rows is null ? null : string.Join(',', FilterFields(rows));

    /// <summary>What a column holds; null for null.</summary>
    public static string? Json(object? part) => part is null ? null : JsonSerializer.Serialize(part, Hosting.Json.Options);
}
