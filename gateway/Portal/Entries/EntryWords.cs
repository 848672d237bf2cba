using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>The words of people for an entry on its way into the catalogue.</summary>
public static class EntryWords
{
    private static readonly Dictionary<string, Text> States = new(StringComparer.Ordinal)
    {
        ["draft"] = new("草拟", "Draft"),
        ["assessed"] = new("已评估", "Assessed"),
        ["in_review"] = new("待主管部门审核", "In review"),
        ["published"] = new("已发布", "Published"),
        ["withdrawn"] = new("已撤下", "Withdrawn"),
        ["replaced"] = new("已被新版替换", "Replaced"),
    };

    private static readonly Dictionary<string, Text> Events = new(StringComparer.Ordinal)
    {
        ["drafted"] = new("起草", "Drafted"),
        ["revised"] = new("修订", "Revised"),
        ["imported"] = new("导入", "Imported"),
        ["copied"] = new("复制", "Copied"),
        ["assessed"] = new("评估", "Assessed"),
        ["approved"] = new("部门负责人审批", "Approved by the head of the department"),
        ["submitted"] = new("报送审核", "Sent to review"),
        ["published"] = new("发布", "Published"),
        ["withdrawn"] = new("撤下", "Withdrawn"),
        ["rows_loaded"] = new("装载数据", "Rows loaded"),
        ["file_stored"] = new("上传文件", "File handed in"),
        ["file_removed"] = new("移除文件", "File removed"),
        ["service_described"] = new("说明服务接口", "Service described"),
        ["service_removed"] = new("撤下服务接口", "Service removed"),
        ["standing_sign_off_given"] = new("预先审签", "Standing sign-off given"),
    };

    private static readonly Dictionary<string, Text> Members = new(StringComparer.Ordinal)
    {
        ["code"] = new("信息资源代码", "Code"),
        ["name"] = new("信息资源名称", "Name"),
        ["department_code"] = new("提供方代码", "Department code"),
        ["abstract"] = new("摘要", "Abstract"),
        ["theme"] = new("主题", "Topic"),
        ["format"] = new("格式", "Format"),
        ["update_frequency"] = new("更新周期", "Update frequency"),
        ["sharing_type"] = new("共享类型", "Sharing type"),
        ["sharing_conditions"] = new("共享条件", "Sharing conditions"),
        ["sharing_method"] = new("共享方式", "Sharing method"),
        ["refusal_law"] = new("不予共享依据", "Law against sharing"),
        ["open_to_society"] = new("向社会开放", "Open to society"),
        ["open_conditions"] = new("开放条件", "Conditions of openness"),
        ["classification"] = new("数据分类", "Classification"),
        ["grade"] = new("数据分级", "Grade"),
        ["personal_information"] = new("含个人信息", "Personal information"),
        ["fields"] = new("信息项顺序", "Order of data items"),
        ["related_codes"] = new("关联资源代码", "Related codes"),
        ["title"] = new("名称", "title"),
        ["type"] = new("类型", "type"),
        ["length"] = new("长度", "length"),
        ["personal"] = new("是否个人信息", "personal"),
    };

    public static readonly IReadOnlyList<(string Word, Text Name)> DutyChanges =
    [
        ("law", new("法律、法规、规章变化", "A law or regulation changed")),
        ("state_council_decision", new("国务院决定变化", "A State Council decision changed")),
        ("department_duty", new("部门职责变化", "The department's duty changed")),
    ];

    public static readonly IReadOnlyList<string> All = ["draft", "assessed", "in_review", "published", "withdrawn"];

    public static Text State(string state) => States.GetValueOrDefault(state) ?? Text.Same(state);

    public static string Tone(string state) => state switch { "published" => "good", "in_review" or "assessed" => "info", "draft" => "warn", "withdrawn" => "bad", _ => "" };

    public static Text Event(string word) => Events.GetValueOrDefault(word) ?? Text.Same(word);

    /// <summary>A member of an entry as its history names it: <c>fields.balance.type</c>.</summary>
    public static Text Member(string path)
    {
        var parts = path.Split('.');
        return parts.Length == 3 && Members.TryGetValue(parts[2], out var of) ? new($"{parts[1]} · {of.Zh}", $"{parts[1]} · {of.En}") : Members.GetValueOrDefault(path) ?? Text.Same(path);
    }

    /// <summary>What has to be done next, and by whom.</summary>
    public static Text Next(string state) => state switch
    {
        "draft" => new("经办人或审核人评估", "Officer or reviewer: the assessments"),
        "assessed" => new("部门负责人审批", "Head of the department: approval"),
        "in_review" => new("数据主管部门审核发布", "Data authority: review and publication"),
        "published" => new("无；可装载数据、修订", "Nothing; data can be loaded, the entry revised"),
        "withdrawn" => new("无；可修订后重新发布", "Nothing; it can be revised and published anew"),
        _ => new("", ""),
    };
}
