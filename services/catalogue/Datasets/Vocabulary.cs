using Exchange.Contracts;

namespace Exchange.Catalogue.Datasets;

/// <summary>A closed list: the word on the wire, and what departments' tables write for it (the first is the one to show).</summary>
internal sealed class Vocabulary(params (string Word, string[] Written)[] terms)
{
    private readonly Dictionary<string, string> words = terms
        .SelectMany(t => t.Written.Append(t.Word).Select(CatalogueColumns.Fold).Distinct(StringComparer.Ordinal).Select(w => (w, t.Word)))
        .ToDictionary(p => p.w, p => p.Word, StringComparer.Ordinal);

    public bool Has(string word) => terms.Any(t => t.Word == word);

    /// <summary>What tables write beside the words themselves; README of the samples shows it.</summary>
    public IEnumerable<(string Word, string[] Written)> Terms => terms;

    /// <summary>
    /// The word for what a table cell says, also twice in agreement: <c>字符型（C）</c>, <c>1-无条件共享</c>.
    /// What is not in the list stays as it is, for the rules to name.
    /// </summary>
    public string? Word(string? written)
    {
        if (written is null)
        {
            return null;
        }

        var folded = CatalogueColumns.Fold(written);
        if (words.TryGetValue(folded, out var word))
        {
            return word;
        }

        var plain = CatalogueColumns.WithoutRemark(folded);
        if (plain.Length < folded.Length)
        {
            return words.TryGetValue(plain, out word) && words.TryGetValue(folded[(plain.Length + 1)..^1], out var remark) && remark == word ? word : written;
        }

        var mark = folded.AsSpan().IndexOfAny("-.、:_");
        return mark > 0 && words.TryGetValue(folded[(mark + 1)..], out word) && (!words.TryGetValue(folded[..mark], out var code) || code == word) ? word : written;
    }

    public string Choices => string.Join("、", terms.Select(t => t.Written is [var first, ..] && first != t.Word ? $"{t.Word}（{first}）" : t.Word));
}

/// <summary>The lists of the 2017 guide, the national draft for catalogues and GB/T 43697 that entries draw on.</summary>
internal static class Vocabularies
{
    public static readonly Vocabulary Sharing = Of(GuideTable.SharingTypes,
        (SharingClass.Unconditional, ["无条件", "无条件共享类", "1"]),
        (SharingClass.Conditional, ["有条件", "有条件共享类", "2"]),
        (SharingClass.Refused, ["不予", "不共享", "不予共享类", "3"]));

    public static readonly Vocabulary Method = Of(GuideTable.Methods,
        ("rows", ["库表", "库表交换", "库表共享", "数据库交换"]),
        ("file", ["文件下载", "文件交换", "文件共享"]),
        ("service", ["服务接口", "接口", "接口服务", "接口调用", "API"]));

    public static readonly Vocabulary Frequency = Of(GuideTable.Frequencies,
        ("realtime", ["实时更新", "即时", "001"]),
        ("daily", ["每天", "按日", "按天", "日", "天", "每日更新", "002"]),
        ("weekly", ["按周", "周", "每周更新", "每星期", "003"]),
        ("monthly", ["按月", "月", "月度", "每月更新", "004"]),
        ("quarterly", ["每季", "按季度", "按季", "季度", "季", "每季度更新", "005"]),
        ("semiannual", ["半年", "按半年", "半年度", "每半年更新", "006"]),
        ("annual", ["按年", "年", "年度", "每年更新", "007"]),
        ("irregular", ["不定时", "不定期更新", "按需", "008"]),
        ("historical", ["不更新", "不再更新", "一次性", "009"]));

    public static readonly Vocabulary Classification = Of(GuideTable.Classifications,
        ("general", ["一般"]),
        ("important", ["重要"]),
        ("core", ["核心"]));

    public static readonly Vocabulary Theme = Of(GuideTable.Themes);

    /// <summary>The guide's format groups; a format is <c>table</c>, <c>service</c>, or a group and an extension such as <c>spreadsheet/xlsx</c>.</summary>
    public static readonly Vocabulary FormatGroup = Of(GuideTable.FormatGroups,
        ("table", ["数据表", "数据库表", "结构化数据"]),
        ("document", ["文档"]),
        ("spreadsheet", ["表格"]),
        ("service", ["接口", "接口服务", "API"]));

    public static readonly Vocabulary FieldType = Of(GuideTable.FieldTypes,
        ("C", ["字符型", "字符", "字符串", "字符串型", "文本", "文本型", "char", "varchar", "nvarchar", "varchar2", "string"]),
        ("N", ["数值型", "数值", "数字", "数字型", "number", "numeric", "decimal"]),
        ("Y", ["货币型", "货币", "金额", "money"]),
        ("D", ["日期型", "日期", "date"]),
        ("T", ["日期时间型", "日期时间", "时间戳", "datetime", "timestamp"]),
        ("L", ["逻辑型", "逻辑", "布尔", "布尔型", "bool", "boolean"]),
        ("M", ["备注型", "备注", "长文本", "text", "clob"]),
        ("G", ["通用型", "通用"]),
        ("B", ["双精度型", "双精度", "double"]),
        ("I", ["整型", "整数", "整数型", "int", "integer", "bigint"]),
        ("F", ["浮点型", "浮点", "浮点数", "float", "real"]));

    /// <summary>是 and 否 of a table's cell.</summary>
    public static readonly Vocabulary YesNo = new(
        ("yes", [GuideTable.Yes, "1", "true", "y", "有", "开放", "向社会开放", "√"]),
        ("no", [GuideTable.No, "0", "false", "n", "无", "不开放", "不予开放", "不向社会开放", "×"]));

    /// <summary>是否涉密: only what is not secret may stand in the table (art. 3).</summary>
    public static readonly Vocabulary NotSecret = new(
        ("no", [GuideTable.No, "0", "false", "n", "无", "不涉密", "非涉密", "非密", "公开"]));

    /// <summary>The words that are shown, with what departments write beside them.</summary>
    private static Vocabulary Of(IReadOnlyDictionary<string, string> shown, params (string Word, string[] Also)[] written) =>
        new([.. shown.Select(term => (term.Key, (string[])[term.Value, .. written.FirstOrDefault(also => also.Word == term.Key).Also ?? []]))]);
}
