using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>An entry as it stands in the editor: texts, right or wrong. Rows come and go with buttons that send the form and show it again.</summary>
public sealed record EntryForm
{
    public const int MostFields = 300;

    /// <summary>Those with one value: the API's member, which is also the field's name on the page.</summary>
    public static readonly IReadOnlyList<string> Members =
    [
        "name", "code", "abstract", "theme", "format", "sharing_method", "update_frequency", "sharing_type", "sharing_conditions", "refusal_law", "classification", "grade", "open_to_society", "open_conditions", "related_codes",
    ];

    private static readonly string[] Parts = ["name", "title", "type", "length", "sharing", "personal"];

    public required IReadOnlyDictionary<string, string> Values { get; init; }

    public required IReadOnlyList<EntryFormRow> Rows { get; init; }

    public string this[string member] => Values.GetValueOrDefault(member, "");

    /// <summary>What was sent or kept; null when nothing was.</summary>
    public static EntryForm? Sent(Visit visit)
    {
        if (visit.Entered("field-rows").Length == 0)
        {
            return null;
        }

        var count = Math.Clamp(int.TryParse(visit.Entered("field-rows"), NumberStyles.None, CultureInfo.InvariantCulture, out var rows) ? rows : 0, 0, MostFields);
        return new EntryForm
        {
            Values = Members.ToDictionary(member => member, member => visit.Entered(member), StringComparer.Ordinal),
            Rows = [.. Enumerable.Range(0, count).Select(i => new EntryFormRow(Part(i, 0), Part(i, 1), Part(i, 2), Part(i, 3), Part(i, 4), Part(i, 5) == "1"))],
        };

        string Part(int i, int part) => visit.Entered(Id(i, Parts[part]));
    }

    public static EntryForm Of(EntryText? entry) => new()
    {
        Values = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["name"] = entry?.Name ?? "",
            ["code"] = entry?.Code ?? "",
            ["abstract"] = entry?.Abstract ?? "",
            ["theme"] = entry?.Theme ?? "",
            ["format"] = entry?.Format ?? (entry is null ? "table" : ""),
            ["sharing_method"] = entry?.SharingMethod ?? (entry is null ? "rows" : ""),
            ["update_frequency"] = entry?.UpdateFrequency ?? "",
            ["sharing_type"] = entry?.SharingType ?? "",
            ["sharing_conditions"] = entry?.SharingConditions ?? "",
            ["refusal_law"] = entry?.RefusalLaw ?? "",
            ["classification"] = entry?.Classification ?? "",
            ["grade"] = entry?.Grade?.ToString(CultureInfo.InvariantCulture) ?? "",
            ["open_to_society"] = entry?.OpenToSociety == true ? "1" : "",
            ["open_conditions"] = entry?.OpenConditions ?? "",
            ["related_codes"] = string.Join('\n', entry?.RelatedCodes ?? []),
        },
        Rows = entry?.Fields is { Count: > 0 } fields
            ? [.. fields.Select(field => new EntryFormRow(field.Name ?? "", field.Title ?? "", field.Type ?? "", field.Length?.ToString(CultureInfo.InvariantCulture) ?? "", field.SharingType == entry.SharingType ? "" : field.SharingType ?? "", field.Personal == true))]
            : [EntryFormRow.Empty, EntryFormRow.Empty, EntryFormRow.Empty],
    };

    /// <summary>The page's id of a part of a row.</summary>
    public static string Id(int row, string part) => string.Create(CultureInfo.InvariantCulture, $"field-{row}-{part}");

    /// <summary>The form with rows added or one taken away, as a button asked; null when it was no such button.</summary>
    public EntryForm? Changed(string button)
    {
        if (button == "add")
        {
            return this with { Rows = [.. Rows, .. Enumerable.Repeat(EntryFormRow.Empty, Math.Min(3, MostFields - Rows.Count))] };
        }

        if (button.StartsWith("remove-", StringComparison.Ordinal) && int.TryParse(button.AsSpan("remove-".Length), NumberStyles.None, CultureInfo.InvariantCulture, out var at))
        {
            return this with { Rows = [.. Rows.Where((_, i) => i != at)] };
        }

        return null;
    }

    /// <summary>What the API takes. Numbers that are none are told here: its own words for them would speak of JSON.</summary>
    public (JsonObject Body, IReadOnlyList<(string?, string)> Wrong) ToBody(Visit visit)
    {
        List<(string?, string)> wrong = [];
        var body = new JsonObject { ["department_code"] = visit.Person?.Department };
        foreach (var member in Members)
        {
            body[member] = member switch
            {
                "grade" => Whole("grade", this["grade"]),
                "open_to_society" => this["open_to_society"] == "1",
                "related_codes" => new JsonArray([.. FormRead.Lines(this["related_codes"]).Select(code => (JsonNode)code)]),
                _ => FormRead.Text(this[member]),
            };
        }

        body["fields"] = new JsonArray([.. SentRows.Select(i => (JsonNode)new JsonObject
        {
            ["name"] = FormRead.Text(Rows[i].Name),
            ["title"] = FormRead.Text(Rows[i].Title),
            ["type"] = FormRead.Text(Rows[i].Type),
            ["length"] = Whole(Id(i, "length"), Rows[i].Length),
            ["sharing_type"] = FormRead.Text(Rows[i].Sharing),
            ["personal"] = Rows[i].Personal,
        })]);
        return (body, wrong);

        JsonNode? Whole(string id, string written)
        {
            if (FormRead.Text(written) is not { } text)
            {
                return null;
            }

            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            {
                return number;
            }

            wrong.Add((id, visit.T("请填写整数。", "Write a whole number.")));
            return null;
        }
    }

    /// <summary>The page's field for the API's: rows that are empty were not sent.</summary>
    public string? IdOf(string field)
    {
        if (field.StartsWith("fields[", StringComparison.Ordinal) && field.IndexOf(']', StringComparison.Ordinal) is > 0 and var end
            && int.TryParse(field.AsSpan(7, end - 7), NumberStyles.None, CultureInfo.InvariantCulture, out var sent) && SentRows.ElementAtOrDefault(sent) is var row && sent < SentRows.Count)
        {
            var part = end + 2 < field.Length ? field[(end + 2)..] : "name";
            return Id(row, part == "sharing_type" ? "sharing" : part);
        }

        return field switch
        {
            "fields" => Id(0, "name"),
            "department_code" or "personal_information" => null,
            _ when field.StartsWith("related_codes", StringComparison.Ordinal) => "related_codes",
            _ => Members.Contains(field) ? field : null,
        };
    }

    private List<int> SentRows => [.. Enumerable.Range(0, Rows.Count).Where(i => !Rows[i].IsEmpty)];
}

/// <summary>A data item in the editor.</summary>
public sealed record EntryFormRow(string Name, string Title, string Type, string Length, string Sharing, bool Personal)
{
    public static readonly EntryFormRow Empty = new("", "", "", "", "", false);

    public bool IsEmpty => Name.Trim().Length + Title.Trim().Length + Type.Length + Length.Trim().Length == 0;
}
