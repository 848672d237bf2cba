using System.Text;
using System.Text.RegularExpressions;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>A column of the catalogue table.</summary>
/// <param name="Header">As the 2017 guide writes it.</param>
/// <param name="Field">The member of the entry, or of its data item, that it fills; null for columns that fill none.</param>
/// <param name="OfItem">Said anew for each data item.</param>
/// <param name="Also">What departments write for it.</param>
/// <param name="Advice">What to write in its cells.</param>
internal sealed record CatalogueColumn(string Header, string? Field, bool OfItem, bool Required, string[] Also, Text Advice);

/// <summary>
/// The columns of the catalogue table with the headers that departments' tables have for them. deploy/samples/README.md shows the same table to people, a test
/// compares the two. Headers are compared without blanks, case, full-width forms, asterisks, colons and remarks in brackets at their end.
/// </summary>
internal static partial class CatalogueColumns
{
    public static readonly CatalogueColumn Code = new(GuideTable.Code, "code", OfItem: false, Required: false,
        ["资源代码", "资源编码", "目录代码", "目录编码", "信息资源编码", "数据资源代码", "数据资源编码", "政务数据目录代码"],
        new("填写“类(1位)项(2位)目(3位)细目/顺序号”，例如 307001430100/000001；没有代码的留空。", "Write class, item, heading, sub-heading, a slash and the sequence, such as 307001430100/000001; leave it blank when there is none."));

    public static readonly CatalogueColumn Name = new(GuideTable.Name, "name", OfItem: false, Required: true,
        ["资源名称", "目录名称", "数据资源名称", "数据目录名称", "资源目录名称", "信息资源目录名称", "政务信息资源名称", "政务数据目录名称", "政务数据资源名称"],
        new("填写目录名称，最多 200 个字符。", "Write the entry's name, at most 200 characters."));

    public static readonly CatalogueColumn Department = new(GuideTable.Department, "department_name", OfItem: false, Required: false,
        ["提供方", "提供方名称", "资源提供方", "信息资源提供方名称", "数据提供方", "提供单位", "提供部门", "数据提供单位", "数据提供部门", "数源单位", "数源部门", "来源部门"],
        new("填写本部门的全称，与部门名录一致。", "Write your department's full name as the city's list has it."));

    public static readonly CatalogueColumn DepartmentCode = new(GuideTable.DepartmentCode, "department_code", OfItem: false, Required: true,
        ["提供方代码", "提供方编码", "资源提供方代码", "统一社会信用代码", "提供方统一社会信用代码", "提供单位代码", "提供部门代码", "数源单位代码", "数源单位统一社会信用代码", "部门统一社会信用代码"],
        new("填写本部门 18 位统一社会信用代码。", "Write your department's unified social credit code, 18 characters."));

    public static readonly CatalogueColumn Abstract = new(GuideTable.Abstract, "abstract", OfItem: false, Required: true,
        ["摘要", "资源摘要", "目录摘要", "数据资源摘要", "内容摘要", "资源描述", "目录描述", "信息资源描述", "资源简介"],
        new("概述数据的内容和来源，最多 2000 个字符。", "Say what the data is and where it comes from, at most 2,000 characters."));

    public static readonly CatalogueColumn Theme = new(GuideTable.Theme, "theme", OfItem: false, Required: true,
        ["主题", "所属主题", "资源主题", "主题类别"],
        new("填写主题代码或名称，例如 C0400 或“住房”。", "Write a topic code or its name, such as C0400 or 住房."));

    public static readonly CatalogueColumn Format = new(GuideTable.Format, "format", OfItem: false, Required: true,
        ["格式", "资源格式", "数据格式", "数据资源格式", "资源格式类型", "信息资源格式类型"],
        new("填写“库表”“服务接口”，或“格式组/扩展名”，例如 电子表格/xlsx。", "Write 库表, 服务接口, or a group and an extension such as 电子表格/xlsx."));

    public static readonly CatalogueColumn SharingType = new(GuideTable.SharingType, "sharing_type", OfItem: false, Required: true,
        ["共享属性", "资源共享类型", "目录共享类型", "信息资源共享类型"],
        new("填写“无条件共享”“有条件共享”或“不予共享”。", "Write 无条件共享, 有条件共享 or 不予共享."));

    public static readonly CatalogueColumn Conditions = new(GuideTable.Conditions, "sharing_conditions", OfItem: false, Required: true,
        ["共享条件说明", "共享使用条件", "使用条件"],
        new("有条件共享的写“共享范围：…；使用用途：…”；不予共享的写理由；无条件共享的留空。", "Conditional: write 共享范围：…；使用用途：…; not shared: the reason; unconditional: leave it blank."));

    public static readonly CatalogueColumn RefusalLaw = new(GuideTable.RefusalLaw, "refusal_law", OfItem: false, Required: false,
        ["不予共享的依据", "不予共享法律依据", "不予共享政策依据", "不共享依据"],
        new("仅不予共享的填写：《法律、行政法规名称》第…条，或国务院决定。", "Only for entries that are not shared: the law's 《title》 and article (第…条), or the State Council decision."));

    public static readonly CatalogueColumn Method = new(GuideTable.Method, "sharing_method", OfItem: false, Required: true,
        ["共享方式类型", "提供方式", "共享提供方式", "交换方式"],
        new("格式为库表的填写“数据库”，服务接口的填写“服务”，其他填写“文件”。", "Write 数据库 for tables, 服务 for services, 文件 for everything else."));

    public static readonly CatalogueColumn Open = new(GuideTable.Open, "open_to_society", OfItem: false, Required: true,
        ["开放属性", "是否开放", "向社会开放", "社会开放", "是否社会开放", "开放类型"],
        new("填写“是”或“否”；有条件开放的填写“是”，并在“开放条件”中写明条件。", "Write 是 (yes) or 否 (no); when it is open on conditions write 是 and state them under 开放条件."));

    public static readonly CatalogueColumn OpenConditions = new(GuideTable.OpenConditions, "open_conditions", OfItem: false, Required: false,
        ["开放条件说明", "社会开放条件"],
        new("填写开放条件，没有的留空。", "State the conditions; leave it blank when there are none."));

    public static readonly CatalogueColumn Frequency = new(GuideTable.Frequency, "update_frequency", OfItem: false, Required: true,
        ["更新频率", "更新频度", "数据更新周期", "数据更新频率", "资源更新周期"],
        new("填写：实时、每日、每周、每月、每季度、每半年、每年、不定期或历史数据。", "Write 实时 (realtime), 每日 (daily), 每周 (weekly), 每月 (monthly), 每季度 (quarterly), 每半年 (semiannual), 每年 (annual), 不定期 (irregular) or 历史数据 (historical)."));

    public static readonly CatalogueColumn Related = new(GuideTable.Related, "related_codes", OfItem: false, Required: false,
        ["关联资源", "关联资源编码", "关联信息资源代码", "关联目录代码", "关联目录"],
        new("填写关联目录的信息资源代码，多个之间用分号分隔。", "Write the codes of related entries, separated by semicolons."));

    public static readonly CatalogueColumn Classification = new(GuideTable.Classification, "classification", OfItem: false, Required: true,
        ["数据类别", "数据安全分类", "安全分类"],
        new("填写：一般数据、重要数据或核心数据。", "Write 一般数据 (general), 重要数据 (important) or 核心数据 (core)."));

    public static readonly CatalogueColumn Grade = new(GuideTable.Grade, "grade", OfItem: false, Required: true,
        ["分级", "数据级别", "数据安全级别", "数据安全等级", "数据安全分级", "安全分级", "安全级别"],
        new("填写数字：一般数据 1 至 4，重要数据 5，核心数据 6。", "Write a number: 1 to 4 for general data, 5 for important, 6 for core."));

    public static readonly CatalogueColumn ItemTitle = new(GuideTable.ItemTitle, "title", OfItem: true, Required: true,
        ["信息项", "数据项", "数据项名称", "中文名称", "字段中文名", "字段中文名称", "信息项中文名称", "数据项中文名称", "指标名称"],
        new("填写信息项的中文名称，同一目录内不重复。", "Write the item's name for people, unique in the entry."));

    public static readonly CatalogueColumn ItemName = new(GuideTable.ItemName, "name", OfItem: true, Required: true,
        ["字段名", "字段英文名", "字段英文名称", "字段代码", "英文名", "英文名称", "信息项代码", "信息项英文名", "信息项英文名称", "数据项标识", "数据项代码", "数据项英文名称"],
        new("以小写字母开头，只含小写字母、数字和下划线，例如 document_no；同一目录内不重复。", "A lower-case letter, then lower-case letters, digits and underscores, such as document_no; unique in the entry."));

    public static readonly CatalogueColumn ItemType = new(GuideTable.ItemType, "type", OfItem: true, Required: true,
        ["字段类型", "信息项类型", "信息项数据类型", "数据项类型", "数据项数据类型"],
        new("填写：字符型C、数值型N、货币型Y、日期型D、日期时间型T、逻辑型L、备注型M、通用型G、双精度型B、整型I 或浮点型F。", "Write one of 字符型C, 数值型N, 货币型Y, 日期型D, 日期时间型T, 逻辑型L, 备注型M, 通用型G, 双精度型B, 整型I, 浮点型F."));

    public static readonly CatalogueColumn ItemLength = new(GuideTable.ItemLength, "length", OfItem: true, Required: true,
        ["长度", "字段长度", "信息项长度", "数据项长度"],
        new("字符型填写字符数，数值型填写数字位数，其他类型留空。", "Characters for text, digits for numbers; leave it blank for the other types."));

    public static readonly CatalogueColumn ItemSharing = new(GuideTable.ItemSharing, "sharing_type", OfItem: true, Required: false,
        ["信息项共享属性", "数据项共享类型", "数据项共享属性", "字段共享类型", "字段共享属性"],
        new("填写“无条件共享”“有条件共享”或“不予共享”，不得宽于目录；与目录相同的留空。", "Write 无条件共享, 有条件共享 or 不予共享, never wider than the entry; leave it blank when it is the entry's."));

    public static readonly CatalogueColumn ItemPersonal = new(GuideTable.ItemPersonal, "personal", OfItem: true, Required: false,
        ["个人信息", "是否为个人信息", "是否涉及个人信息", "是否含个人信息"],
        new("填写“是”或“否”；留空为“否”。", "Write 是 (yes) or 否 (no); blank is 否."));

    /// <summary>Art. 3: what is secret is not shared by this law and has no place in the catalogue.</summary>
    public static readonly CatalogueColumn Secret = new("是否涉密", null, OfItem: false, Required: false,
        ["涉密", "涉密标识", "密级", "是否涉及国家秘密"],
        new("涉密数据不得编入本目录，请删去该目录；不涉密的填写“否”或留空。", "Secret data does not belong in this catalogue: take the entry out. Write 否 (no) or leave it blank for what is not secret."));

    public static readonly CatalogueColumn[] All =
    [
        Code, Name, Department, DepartmentCode, Abstract, Theme, Format, SharingType, Conditions, RefusalLaw, Method, Open, OpenConditions, Frequency,
        new(GuideTable.ReleasedOn, null, OfItem: false, Required: false, ["发布时间", "资源发布日期"], new("不必填写，以平台发布日期为准。", "Nothing need stand here; the exchange sets the day of publication.")),
        Related, Classification, Grade, Secret, ItemTitle, ItemName, ItemType, ItemLength, ItemSharing, ItemPersonal,
        new("序号", null, OfItem: true, Required: false, ["行号"], new("不必填写。", "Nothing need stand here.")),
    ];

    /// <summary>Headers that could mean either of two columns.</summary>
    public static readonly (string Header, CatalogueColumn One, CatalogueColumn Other)[] Ambiguous =
    [
        ("名称", Name, ItemTitle), ("中文名", Name, ItemTitle), ("字段名称", ItemTitle, ItemName), ("字段", ItemTitle, ItemName), ("代码", Code, DepartmentCode), ("编码", Code, DepartmentCode),
        ("类型", SharingType, ItemType), ("分类", Theme, Classification), ("分类分级", Classification, Grade), ("数据分类分级", Classification, Grade), ("条件", Conditions, OpenConditions),
    ];

    private static readonly Dictionary<string, CatalogueColumn> ByHeader = All
        .SelectMany(c => c.Also.Prepend(c.Header).Select(h => (Header: Fold(h), Column: c))).ToDictionary(p => p.Header, p => p.Column, StringComparer.Ordinal);

    /// <summary>The column that a header means; null for an unknown or ambiguous one.</summary>
    public static CatalogueColumn? Find(string header)
    {
        var folded = Fold(header);
        return ByHeader.GetValueOrDefault(folded) ?? ByHeader.GetValueOrDefault(WithoutRemark(folded));
    }

    public static (CatalogueColumn One, CatalogueColumn Other)? Either(string header)
    {
        var folded = WithoutRemark(Fold(header));
        foreach (var (name, one, other) in Ambiguous)
        {
            if (name == folded)
            {
                return (one, other);
            }
        }

        return null;
    }

    /// <summary>The known header that looks most like this one, if any does, and its column.</summary>
    public static (string Header, CatalogueColumn Column)? Nearest(string header)
    {
        var folded = WithoutRemark(Fold(header));
        if (folded.Length is 0 or > 60)
        {
            return null;
        }

        var (known, distance) = ByHeader.Keys.Select(k => (Key: k, Distance: Distance(folded, k))).OrderBy(p => p.Distance).ThenByDescending(p => p.Key.Length).ThenBy(p => p.Key, StringComparer.Ordinal).First();
        return distance <= Math.Max(1, Math.Max(folded.Length, known.Length) / 2) ? (known, ByHeader[known]) : null;
    }

    /// <summary>A word as it is compared: half-width, without blanks and marks, in lower case.</summary>
    public static string Fold(string text)
    {
        var folded = new StringBuilder(text.Length);
        foreach (var c in text.Normalize(NormalizationForm.FormKC))
        {
            if (!char.IsWhiteSpace(c) && char.GetUnicodeCategory(c) is not (System.Globalization.UnicodeCategory.Format or System.Globalization.UnicodeCategory.Control))
            {
                folded.Append(char.ToLowerInvariant(c));
            }
        }

        return folded.ToString().Trim('*', ':', '※');
    }

    /// <summary>A folded word without what stands in brackets at its end: （必填）, （是/否）.</summary>
    public static string WithoutRemark(string folded) => Remark().Replace(folded, "");

    [GeneratedRegex(@"[*:※]*([(\[【][^()\[\]【】]*[)\]】][*:※]*)+\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Remark();

    private static int Distance(string one, string other)
    {
        var row = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 1; i <= one.Length; i++)
        {
            var corner = row[0];
            row[0] = i;
            for (var j = 1; j <= other.Length; j++)
            {
                (corner, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, corner + (one[i - 1] == other[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }
}
