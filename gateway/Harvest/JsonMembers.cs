using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>Members of a foreign JSON object. Whatever is not of the type it should be is a fault of that entry, never of the run.</summary>
internal static class JsonMembers
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 64 };

    private static readonly string[] Languages = ["zh", "zh-cn", "zh-hans", "zh_cn", "zh_hans_cn", "en"];

    public static JsonDocument Parse(SourcePage page)
    {
        try
        {
            return JsonDocument.Parse(page.Body, Options);
        }
        catch (JsonException fault)
        {
            throw new RunRefusedException("not-json", new($"来源的答复不是 JSON：{fault.Message}", $"The source's answer is not JSON: {fault.Message}"));
        }
    }

    public static JsonElement? Member(this JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var member) && member.ValueKind != JsonValueKind.Null ? member : null;

    public static IEnumerable<JsonElement> List(this JsonElement value, string name, Faults faults)
    {
        switch (value.Member(name))
        {
            case null:
                return [];
            case { ValueKind: JsonValueKind.Array } list:
                return list.EnumerateArray();
            default:
                WrongType(name, faults);
                return [];
        }
    }

    /// <summary>The text of a member; of texts in several languages the Chinese one, else the English, else the first.</summary>
    public static string? Text(this JsonElement value, string name, Faults faults, string? within = null) =>
        value.Member(name) is { } member ? member.Text(within is null ? name : $"{within}.{name}", faults, deep: true) : null;

    /// <summary>An element of a list, or the named members of it when it is an object.</summary>
    public static IEnumerable<string> Words(this JsonElement value, string field, Faults faults, params string[] names)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            if (value.Text(field, faults, deep: false) is { Length: > 0 } word)
            {
                yield return word;
            }

            yield break;
        }

        if (!names.Any(name => value.Member(name) is not null))
        {
            WrongType(field, faults);
        }

        foreach (var name in names)
        {
            if (value.Text(name, faults, field) is { Length: > 0 } word)
            {
                yield return word;
            }
        }
    }

    private static string? Text(this JsonElement value, string field, Faults faults, bool deep)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.String:
                try
                {
                    return value.GetString();
                }
                catch (InvalidOperationException)
                {
                    faults.Add(field, "not-text", null, new("不是有效的 Unicode 文本。", "This is not valid Unicode text."));
                    return null;
                }

            case JsonValueKind.Number:
                return value.GetRawText() is { Length: <= 40 } number ? number : null;
            case JsonValueKind.Object when deep:
                foreach (var language in Languages)
                {
                    foreach (var translated in value.EnumerateObject().Where(m => string.Equals(m.Name, language, StringComparison.OrdinalIgnoreCase) && m.Value.ValueKind == JsonValueKind.String))
                    {
                        return translated.Value.Text(field, faults, deep: false);
                    }
                }

                goto default;
            default:
                WrongType(field, faults);
                return null;
        }
    }

    private static void WrongType(string field, Faults faults) => faults.Add(field, "wrong-type", null, new("类型不符。", "It is of another type than it should be."));
}
