using Exchange.Contracts;

namespace Exchange.Catalogue.Datasets;

/// <summary>A closed list: the word on the wire, and what the guide's tables write for it (the first is the one to show).</summary>
internal sealed class Vocabulary(params (string Word, string[] Written)[] terms)
{
    private readonly Dictionary<string, string> words = terms
        .SelectMany(t => t.Written.Append(t.Word).Distinct(StringComparer.OrdinalIgnoreCase).Select(w => (w, t.Word)))
        .ToDictionary(p => p.w, p => p.Word, StringComparer.OrdinalIgnoreCase);

    public bool Has(string word) => terms.Any(t => t.Word == word);

    /// <summary>The word for what a table cell says; what is not in the list stays as it is, for the rules to name.</summary>
    public string? Word(string? written) => written is not null && words.TryGetValue(written.Trim(), out var word) ? word : written;

    public string Choices => string.Join("、", terms.Select(t => t.Written is [var first, ..] && first != t.Word ? $"{t.Word}（{first}）" : t.Word));
}

/// <summary>The lists of the 2017 guide, the national draft for catalogues and GB/T 43697 that entries draw on.</summary>
internal static class Vocabularies
{
    public static readonly Vocabulary Sharing = new(
        (SharingClass.Unconditional, ["无条件共享", "无条件", "1"]),
        (SharingClass.Conditional, ["有条件共享", "有条件", "2"]),
        (SharingClass.Refused, ["不予共享", "不予", "3"]));

    public static readonly Vocabulary Method = new(
        ("rows", ["数据库", "库表", "库表交换"]),
        ("file", ["文件", "文件下载"]),
        ("service", ["服务", "服务接口", "接口"]));

    public static readonly Vocabulary Frequency = new(
        ("realtime", ["实时"]),
        ("daily", ["每日", "每天"]),
        ("weekly", ["每周"]),
        ("monthly", ["每月"]),
        ("quarterly", ["每季度", "每季"]),
        ("semiannual", ["每半年"]),
        ("annual", ["每年"]),
        ("irregular", ["不定期"]),
        ("historical", ["历史数据", "不更新"]));

    public static readonly Vocabulary Classification = new(
        ("general", ["一般数据", "一般"]),
        ("important", ["重要数据", "重要"]),
        ("core", ["核心数据", "核心"]));

    public static readonly Vocabulary Theme = new(
        ("A0100", ["人口"]),
        ("A0200", ["法人"]),
        ("A0300", ["自然资源和空间地理"]),
        ("A0400", ["宏观经济"]),
        ("B0100", ["农业"]),
        ("B0200", ["工业"]),
        ("B0300", ["交通"]),
        ("B0400", ["贸易"]),
        ("B0500", ["金融"]),
        ("C0100", ["教育"]),
        ("C0200", ["健康"]),
        ("C0300", ["社会保障"]),
        ("C0400", ["住房"]),
        ("C0500", ["生态"]),
        ("D0100", ["审批"]),
        ("D0200", ["公共服务"]),
        ("D0300", ["执法"]),
        ("D0400", ["信用"]),
        ("D0500", ["应急"]));

    /// <summary>The guide's format groups; a format is <c>table</c>, <c>service</c>, or a group and an extension such as <c>spreadsheet/xlsx</c>.</summary>
    public static readonly Vocabulary FormatGroup = new(
        ("table", ["库表", "数据表"]),
        ("document", ["电子文件"]),
        ("spreadsheet", ["电子表格"]),
        ("database", ["数据库"]),
        ("image", ["图形图像"]),
        ("stream", ["流媒体"]),
        ("self_describing", ["自描述格式"]),
        ("service", ["服务接口"]));

    public static readonly Vocabulary FieldType = new(
        ("C", ["字符型C", "字符型", "字符"]),
        ("N", ["数值型N", "数值型", "数值"]),
        ("Y", ["货币型Y", "货币型", "货币"]),
        ("D", ["日期型D", "日期型", "日期"]),
        ("T", ["日期时间型T", "日期时间型", "日期时间"]),
        ("L", ["逻辑型L", "逻辑型", "逻辑"]),
        ("M", ["备注型M", "备注型", "备注"]),
        ("G", ["通用型G", "通用型", "通用"]),
        ("B", ["双精度型B", "双精度型", "双精度"]),
        ("I", ["整型I", "整型"]),
        ("F", ["浮点型F", "浮点型", "浮点"]));
}
