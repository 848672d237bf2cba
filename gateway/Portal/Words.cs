using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>The words of people for the words of the API. The Chinese of the guide's terms comes from <see cref="GuideTable"/>.</summary>
internal static class Words
{
    private static readonly Dictionary<string, string> English = new(StringComparer.Ordinal)
    {
        ["unconditional"] = "Unconditional", ["conditional"] = "Conditional", ["refused"] = "Not shared",
        ["rows"] = "Database rows", ["file"] = "Files", ["service"] = "Service interface",
        ["realtime"] = "Real time", ["daily"] = "Daily", ["weekly"] = "Weekly", ["monthly"] = "Monthly", ["quarterly"] = "Quarterly", ["semiannual"] = "Twice a year", ["annual"] = "Yearly",
        ["irregular"] = "Irregular", ["historical"] = "Historical",
        ["general"] = "General data", ["important"] = "Important data", ["core"] = "Core data",
        ["table"] = "Table", ["document"] = "Document", ["spreadsheet"] = "Spreadsheet", ["database"] = "Database", ["image"] = "Image", ["stream"] = "Media stream", ["self_describing"] = "Self-describing",
        ["A0100"] = "Population", ["A0200"] = "Legal persons", ["A0300"] = "Natural resources and geography", ["A0400"] = "Macro-economy", ["B0100"] = "Agriculture", ["B0200"] = "Industry", ["B0300"] = "Transport",
        ["B0400"] = "Trade", ["B0500"] = "Finance", ["C0100"] = "Education", ["C0200"] = "Health", ["C0300"] = "Social security", ["C0400"] = "Housing", ["C0500"] = "Ecology", ["D0100"] = "Permits",
        ["D0200"] = "Public services", ["D0300"] = "Law enforcement", ["D0400"] = "Credit", ["D0500"] = "Emergencies",
        ["C"] = "Text", ["N"] = "Number", ["Y"] = "Money", ["D"] = "Date", ["T"] = "Date and time", ["L"] = "Yes or no", ["M"] = "Long text", ["G"] = "Any", ["B"] = "Double", ["I"] = "Whole number", ["F"] = "Float",
    };

    private static readonly Dictionary<string, Text> States = new(StringComparer.Ordinal)
    {
        ["draft"] = new("草拟", "Draft"),
        ["signed_off"] = new("已签批，待提交", "Signed off, to be submitted"),
        ["submitted"] = new("已提交", "Submitted"),
        ["under_review"] = new("审核中", "Under review"),
        ["supplement_asked"] = new("待补正", "More material asked for"),
        ["decided"] = new("待签批答复", "Reply awaits signature"),
        ["approved"] = new("已同意，待供数", "Approved, data to come"),
        ["refused"] = new("不同意", "Refused"),
        ["active"] = new("共享中", "In use"),
        ["suspended"] = new("已暂停", "Suspended"),
        ["terminated"] = new("已终止", "Terminated"),
        ["ended"] = new("已结束，待处置", "Ended, disposal due"),
        ["disposed"] = new("已处置", "Disposed of"),
        ["archived"] = new("已归档", "Archived"),
        ["withdrawn"] = new("已撤回", "Withdrawn"),
    };

    private static readonly Dictionary<string, Text> RoleNames = new(StringComparer.Ordinal)
    {
        [Roles.Officer] = new("经办人", "officer"),
        [Roles.Reviewer] = new("审核人", "reviewer"),
        [Roles.SharingHead] = new("共享机构负责人", "head of the sharing office"),
        [Roles.DepartmentHead] = new("部门负责人", "head of the department"),
        [Roles.Authority] = new("数据主管部门", "data authority"),
        [Roles.Auditor] = new("审计人员", "auditor"),
        [Roles.CaseAuditor] = new("专案审计人员", "case auditor"),
        [Roles.Operator] = new("运维人员", "operator"),
    };

    public static Text Sharing(string word) => Guide(GuideTable.SharingTypes, word);

    public static Text Method(string word) => Guide(GuideTable.Methods, word);

    public static Text Frequency(string word) => Guide(GuideTable.Frequencies, word);

    public static Text Classification(string word) => Guide(GuideTable.Classifications, word);

    public static Text Theme(string code) => Guide(GuideTable.Themes, code);

    public static Text FieldType(string letter) => Guide(GuideTable.FieldTypes, letter);

    /// <summary>The guide's group, or the extension where there is one: people know XLSX better than 电子表格.</summary>
    public static Text Format(string format) => format.IndexOf('/', StringComparison.Ordinal) is > 0 and var slash ? Text.Same(format[(slash + 1)..].ToUpperInvariant()) : Guide(GuideTable.FormatGroups, format);

    /// <summary>1 to 4 for general data, 5 important, 6 core.</summary>
    public static Text Grade(int grade) => grade switch { 5 => new("重要数据", "Important"), 6 => new("核心数据", "Core"), _ => new($"{grade} 级", $"Level {grade}") };

    /// <summary>State of a request.</summary>
    public static Text State(string state) => States.GetValueOrDefault(state) ?? Text.Same(state);

    public static bool IsState(string? state) => state is not null && States.ContainsKey(state);

    public static Text Role(string role) => RoleNames.GetValueOrDefault(role) ?? Text.Same(role);

    private static Text Guide(IReadOnlyDictionary<string, string> table, string word) => new(table.GetValueOrDefault(word, word), English.GetValueOrDefault(word, word));
}
