using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>One member of an entry before and after; data items are named by their machine name: <c>fields.balance.type</c>.</summary>
internal sealed record EntryChange(string Field, JsonNode? From, JsonNode? To);

/// <summary>What differs between two versions of an entry, member by member. Pure.</summary>
internal static class EntryChanges
{
    public static IReadOnlyList<EntryChange> Between(EntryDraft? before, EntryDraft after)
    {
        var (old, now) = (Members(before), Members(after));
        return [.. old.Keys.Union(now.Keys)
            .Where(k => !JsonNode.DeepEquals(old.GetValueOrDefault(k), now.GetValueOrDefault(k)))
            .Select(k => new EntryChange(k, old.GetValueOrDefault(k)?.DeepClone(), now.GetValueOrDefault(k)?.DeepClone()))];
    }

    private static Dictionary<string, JsonNode?> Members(EntryDraft? draft)
    {
        var members = new Dictionary<string, JsonNode?>(StringComparer.Ordinal);
        if (draft is null)
        {
            return members;
        }

        foreach (var (name, value) in (JsonObject)JsonSerializer.SerializeToNode(draft with { Fields = null }, Json.Options)!)
        {
            members[name] = value;
        }

        foreach (var field in draft.Fields ?? [])
        {
            foreach (var (name, value) in (JsonObject)JsonSerializer.SerializeToNode(field with { Name = null }, Json.Options)!)
            {
                members[$"fields.{field.Name}.{name}"] = value;
            }
        }

        var order = string.Join(", ", (draft.Fields ?? []).Select(f => f.Name));
        members["fields"] = order;
        return members;
    }
}
