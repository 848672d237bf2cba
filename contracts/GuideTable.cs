namespace Exchange.Contracts;

/// <summary>
/// 政务数据目录 as a table, one row per 信息项: the 2017 guide's headers and the words that its cells hold. One definition for those who read such tables
/// (a city's import) and those who write them (the gateway's export to the upper level).
/// </summary>
public static class GuideTable
{
    public const string Code = "信息资源代码";
    public const string Name = "信息资源名称";
    public const string Department = "信息资源提供方";
    public const string DepartmentCode = "信息资源提供方代码";
    public const string Abstract = "信息资源摘要";
    public const string Theme = "主题分类";
    public const string Format = "信息资源格式";
    public const string SharingType = "共享类型";
    public const string Conditions = "共享条件";
    public const string RefusalLaw = "不予共享依据";
    public const string Method = "共享方式";
    public const string Open = "是否向社会开放";
    public const string OpenConditions = "开放条件";
    public const string Frequency = "更新周期";
    public const string ReleasedOn = "发布日期";
    public const string Related = "关联资源代码";
    public const string Classification = "数据分类";
    public const string Grade = "数据分级";
    public const string ItemTitle = "信息项名称";
    public const string ItemName = "信息项标识";
    public const string ItemType = "数据类型";
    public const string ItemLength = "数据长度";
    public const string ItemSharing = "信息项共享类型";
    public const string ItemPersonal = "是否个人信息";

    public const string Yes = "是";
    public const string No = "否";

    /// <summary>Between several codes in one cell.</summary>
    public const char Separator = ';';

    /// <summary>共享类型.</summary>
    public static readonly IReadOnlyDictionary<string, string> SharingTypes = new OrderedDictionary<string, string>
    {
        [SharingClass.Unconditional] = "无条件共享", [SharingClass.Conditional] = "有条件共享", [SharingClass.Refused] = "不予共享",
    };

    /// <summary>共享方式.</summary>
    public static readonly IReadOnlyDictionary<string, string> Methods = new OrderedDictionary<string, string> { ["rows"] = "数据库", ["file"] = "文件", ["service"] = "服务" };

    /// <summary>更新周期, in the national draft's order.</summary>
    public static readonly IReadOnlyDictionary<string, string> Frequencies = new OrderedDictionary<string, string>
    {
        ["realtime"] = "实时", ["daily"] = "每日", ["weekly"] = "每周", ["monthly"] = "每月", ["quarterly"] = "每季度", ["semiannual"] = "每半年", ["annual"] = "每年",
        ["irregular"] = "不定期", ["historical"] = "历史数据",
    };

    /// <summary>数据分类 (GB/T 43697).</summary>
    public static readonly IReadOnlyDictionary<string, string> Classifications = new OrderedDictionary<string, string> { ["general"] = "一般数据", ["important"] = "重要数据", ["core"] = "核心数据" };

    /// <summary>主题分类: topic codes of the national draft.</summary>
    public static readonly IReadOnlyDictionary<string, string> Themes = new OrderedDictionary<string, string>
    {
        ["A0100"] = "人口", ["A0200"] = "法人", ["A0300"] = "自然资源和空间地理", ["A0400"] = "宏观经济", ["B0100"] = "农业", ["B0200"] = "工业", ["B0300"] = "交通", ["B0400"] = "贸易",
        ["B0500"] = "金融", ["C0100"] = "教育", ["C0200"] = "健康", ["C0300"] = "社会保障", ["C0400"] = "住房", ["C0500"] = "生态", ["D0100"] = "审批", ["D0200"] = "公共服务",
        ["D0300"] = "执法", ["D0400"] = "信用", ["D0500"] = "应急",
    };

    /// <summary>信息资源格式: the guide's groups; what is no table or service adds an extension, as in 电子表格/xlsx.</summary>
    public static readonly IReadOnlyDictionary<string, string> FormatGroups = new OrderedDictionary<string, string>
    {
        ["table"] = "库表", ["document"] = "电子文件", ["spreadsheet"] = "电子表格", ["database"] = "数据库", ["image"] = "图形图像", ["stream"] = "流媒体", ["self_describing"] = "自描述格式",
        ["service"] = "服务接口",
    };

    /// <summary>数据类型: the guide's letter with its name.</summary>
    public static readonly IReadOnlyDictionary<string, string> FieldTypes = new OrderedDictionary<string, string>
    {
        ["C"] = "字符型C", ["N"] = "数值型N", ["Y"] = "货币型Y", ["D"] = "日期型D", ["T"] = "日期时间型T", ["L"] = "逻辑型L", ["M"] = "备注型M", ["G"] = "通用型G", ["B"] = "双精度型B",
        ["I"] = "整型I", ["F"] = "浮点型F",
    };
}
