using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entry;

/// <summary>The members of an entry in people's words: the guide's own headers.</summary>
internal static class EntryWords
{
    private static readonly Dictionary<string, Text> Members = new(StringComparer.Ordinal)
    {
        ["code"] = new(GuideTable.Code, "Code"),
        ["name"] = new(GuideTable.Name, "Title"),
        ["department_code"] = new(GuideTable.DepartmentCode, "Department's code"),
        ["department_name"] = new(GuideTable.Department, "Department"),
        ["abstract"] = new(GuideTable.Abstract, "Abstract"),
        ["theme"] = new(GuideTable.Theme, "Topic"),
        ["format"] = new(GuideTable.Format, "Format"),
        ["update_frequency"] = new(GuideTable.Frequency, "Update cycle"),
        ["sharing_type"] = new(GuideTable.SharingType, "Sharing"),
        ["sharing_conditions"] = new(GuideTable.Conditions, "Conditions"),
        ["sharing_method"] = new(GuideTable.Method, "Shared as"),
        ["refusal_law"] = new(GuideTable.RefusalLaw, "Law that forbids sharing"),
        ["open_to_society"] = new(GuideTable.Open, "Open to society"),
        ["open_conditions"] = new(GuideTable.OpenConditions, "Conditions of openness"),
        ["classification"] = new(GuideTable.Classification, "Class"),
        ["grade"] = new(GuideTable.Grade, "Grade"),
        ["personal_information"] = new("含个人信息", "Personal information"),
        ["fields"] = new("数据项", "Data items"),
        ["related_codes"] = new(GuideTable.Related, "Related codes"),
        ["released_on"] = new(GuideTable.ReleasedOn, "Released"),
        ["title"] = new(GuideTable.ItemTitle, "Title"),
        ["type"] = new(GuideTable.ItemType, "Type"),
        ["length"] = new(GuideTable.ItemLength, "Length"),
        ["personal"] = new(GuideTable.ItemPersonal, "Personal"),
    };

    /// <summary><c>fields.months.title</c> becomes 数据项 months：信息项名称.</summary>
    public static string Member(string path, Visit visit) => path.Split('.') switch
    {
        ["fields", var name, var member] => visit.T($"数据项 {name}：{Of(member).Zh}", $"Data item {name}: {Of(member).En}"),
        ["fields", var name] => visit.T($"数据项 {name}", $"Data item {name}"),
        [var member, ..] => visit.T(Of(member)),
        _ => path,
    };

    public static string Value(string path, JsonElement value, Visit visit) => value.ValueKind switch
    {
        JsonValueKind.String => Word(path.Split('.')[^1], value.GetString()!, visit),
        JsonValueKind.True => visit.T("是", "yes"),
        JsonValueKind.False => visit.T("否", "no"),
        JsonValueKind.Array => string.Join(visit.T("、", ", "), value.EnumerateArray().Select(each => Value(path, each, visit))),
        JsonValueKind.Object when value.TryGetProperty("title", out var title) => title.GetString() ?? "",
        JsonValueKind.Null or JsonValueKind.Undefined => visit.T("无", "none"),
        _ => value.ToString(),
    };

    private static Text Of(string member) => Members.GetValueOrDefault(member) ?? Text.Same(member);

    private static string Word(string member, string value, Visit visit) => member switch
    {
        "sharing_type" => visit.T(Words.Sharing(value)),
        "sharing_method" => visit.T(Words.Method(value)),
        "update_frequency" => visit.T(Words.Frequency(value)),
        "theme" => visit.T(Words.Theme(value)),
        "format" => visit.T(Words.Format(value)),
        "classification" => visit.T(Words.Classification(value)),
        "type" => visit.T(Words.FieldType(value)),
        _ => value,
    };
}
