using System.Text.Json;
using Exchange.Contracts;

namespace Exchange.Gateway.Federation;

public enum Difference
{
    Added,
    Removed,
    Changed,

    /// <summary>The same data items in another order.</summary>
    Reordered,
}

/// <summary>One member of an entry in which two versions differ.</summary>
public sealed record EntryDifference
{
    /// <summary>Name of the member; <c>fields.{name}</c> for a data item as a whole, <c>fields.{name}.{member}</c> for one of its members, <c>fields</c> for their order.</summary>
    public required string Field { get; init; }

    public required Difference Kind { get; init; }

    /// <summary>What stood there before; absent when it was added.</summary>
    public JsonElement? From { get; init; }

    /// <summary>What stands there since; absent when it was removed.</summary>
    public JsonElement? To { get; init; }
}

/// <summary>What differs between two versions of an entry, member by member. Pure.</summary>
internal static class EntryDifferences
{
    /// <summary>They say which version it is, not what it says.</summary>
    private static readonly string[] OfTheVersion = ["dataset_id", "city", "version", "published_at", "fields"];

    public static IReadOnlyList<EntryDifference> Between(DatasetEntry before, DatasetEntry after)
    {
        List<EntryDifference> differences = [];
        Compare("", Members(before, OfTheVersion), Members(after, OfTheVersion), differences);

        var (old, now) = (Items(before), Items(after));
        foreach (var name in old.Keys.Union(now.Keys))
        {
            if (old.TryGetValue(name, out var was) && now.TryGetValue(name, out var became))
            {
                Compare($"fields.{name}.", Members(was), Members(became), differences);
            }
            else
            {
                Add($"fields.{name}", Whole(old, name), Whole(now, name), differences);
            }
        }

        if (!old.Keys.Where(now.ContainsKey).SequenceEqual(now.Keys.Where(old.ContainsKey)))
        {
            differences.Add(new EntryDifference { Field = "fields", Kind = Difference.Reordered, From = Json(old.Keys), To = Json(now.Keys) });
        }

        return differences;
    }

    private static OrderedDictionary<string, DatasetField> Items(DatasetEntry entry)
    {
        OrderedDictionary<string, DatasetField> items = new(StringComparer.Ordinal);
        foreach (var field in entry.Fields)
        {
            items.TryAdd(field.Name, field);
        }

        return items;
    }

    private static void Compare(string prefix, OrderedDictionary<string, JsonElement> before, OrderedDictionary<string, JsonElement> after, List<EntryDifference> differences)
    {
        foreach (var name in before.Keys.Union(after.Keys))
        {
            JsonElement? was = before.TryGetValue(name, out var old) ? old : null;
            JsonElement? became = after.TryGetValue(name, out var now) ? now : null;
            if (was is null || became is null || !JsonElement.DeepEquals(was.Value, became.Value))
            {
                Add(prefix + name, was, became, differences);
            }
        }
    }

    private static void Add(string field, JsonElement? was, JsonElement? became, List<EntryDifference> differences) => differences.Add(new EntryDifference
    {
        Field = field,
        Kind = was is null ? Difference.Added : became is null ? Difference.Removed : Difference.Changed,
        From = was,
        To = became,
    });

    private static OrderedDictionary<string, JsonElement> Members<T>(T value, params string[] except)
    {
        OrderedDictionary<string, JsonElement> members = new(StringComparer.Ordinal);
        foreach (var member in Json(value).EnumerateObject())
        {
            if (!except.Contains(member.Name, StringComparer.Ordinal))
            {
                members.Add(member.Name, member.Value);
            }
        }

        return members;
    }

    private static JsonElement? Whole(OrderedDictionary<string, DatasetField> items, string name) => items.TryGetValue(name, out var item) ? Json(item) : null;

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, Hosting.Json.Options);
}
