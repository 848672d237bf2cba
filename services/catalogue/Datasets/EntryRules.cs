using System.Globalization;
using System.Text.RegularExpressions;
using Exchange.Catalogue.Departments;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>What a catalogue entry must say. Pure: the same draft always has the same faults, and all of them are told at once.</summary>
internal static partial class EntryRules
{
    public const int MostFields = 300;

    /// <summary>Digits of an N field; what decimal arithmetic keeps exactly.</summary>
    public const int MostDigits = 28;

    public const int MostCharacters = 10_000;

    /// <summary>Mandatory content of an entry.</summary>
    private const string Art13 = "第13条";

    private const string Art14 = "第14条";

    /// <summary>Conditional entries list scope and purpose; refused ones give the reason and cite the law.</summary>
    private const string Art15 = "第15条";

    private const string Guide = "《政务信息资源目录编制指南（试行）》";

    private const string Grading = "GB/T 43697-2024";

    public static Faults Check(EntryDraft draft)
    {
        var faults = new Faults();
        Line(faults, "name", draft.Name, 200, Art13);
        Department(faults, draft.DepartmentCode);
        Paragraph(faults, "abstract", draft.Abstract, 2000, Art13, required: true);
        OneOf(faults, "theme", draft.Theme, Vocabularies.Theme, Art13);
        OneOf(faults, "update_frequency", draft.UpdateFrequency, Vocabularies.Frequency, Art13);
        OneOf(faults, "sharing_type", draft.SharingType, Vocabularies.Sharing, Art13);
        OneOf(faults, "sharing_method", draft.SharingMethod, Vocabularies.Method, Art13);
        OneOf(faults, "classification", draft.Classification, Vocabularies.Classification, Art13);
        Format(faults, draft);
        Grade(faults, draft);
        Sharing(faults, draft);
        Openness(faults, draft);
        Codes(faults, draft);
        Fields(faults, draft);
        return faults;
    }

    /// <summary>Null, or why this is no 信息资源代码: 类 (1 digit, 1 to 3), 项 (2), 目 (3), 细目 (any number), a slash, the sequence.</summary>
    public static Text? CodeFault(string code) => code.Length <= 64 && CodeForm().IsMatch(code)
        ? null
        : new("格式应为“类(1位)项(2位)目(3位)细目/顺序号”，例如 307001/000001。", "The form is class (1 digit), item (2), heading (3), sub-heading, a slash and the sequence, such as 307001/000001.");

    /// <summary>The stated scope (共享范围) or purpose (使用用途) in a text of 共享条件; null when it is not stated.</summary>
    public static string? Condition(string? conditions, string label)
    {
        var part = (conditions ?? "").Split(['\n', ';', '；'], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(p => p.StartsWith(label + "：", StringComparison.Ordinal) || p.StartsWith(label + ":", StringComparison.Ordinal));
        var value = part?[(label.Length + 1)..].Trim();
        return string.IsNullOrEmpty(value) ? null : value;
    }

    private static void Department(Faults faults, string? code)
    {
        if (string.IsNullOrWhiteSpace(code))
        {
            Missing(faults, "department_code", Art13);
        }
        else if (!CreditCode.IsValid(code))
        {
            faults.Add("department_code", "credit-code", "GB 32100-2015", new("不是有效的统一社会信用代码（18 位，含校验码）。", "This is no valid unified social credit code (18 characters with a check character)."));
        }
    }

    private static void Format(Faults faults, EntryDraft draft)
    {
        if (string.IsNullOrWhiteSpace(draft.Format))
        {
            Missing(faults, "format", Art13);
            return;
        }

        var slash = draft.Format.IndexOf('/', StringComparison.Ordinal);
        var group = slash < 0 ? draft.Format : draft.Format[..slash];
        var whole = group is "table" or "service";
        if (!Vocabularies.FormatGroup.Has(group) || whole != slash < 0 || (!whole && !Extension().IsMatch(draft.Format[(slash + 1)..])))
        {
            faults.Add("format", "unknown-format", Guide, new(
                $"应为 table、service，或“格式组/扩展名”，如 spreadsheet/xlsx。格式组：{Vocabularies.FormatGroup.Choices}。",
                $"This must be table, service, or a group and an extension such as spreadsheet/xlsx. Groups: {Vocabularies.FormatGroup.Choices}."));
            return;
        }

        var method = group switch { "table" => "rows", "service" => "service", _ => "file" };
        if (draft.SharingMethod is { } said && Vocabularies.Method.Has(said) && said != method)
        {
            faults.Add("sharing_method", "method-format", Art13, new(
                $"格式为 {draft.Format} 时，共享方式应为 {method}。",
                $"With format {draft.Format} the sharing method is {method}."));
        }
    }

    private static void Grade(Faults faults, EntryDraft draft)
    {
        if (draft.Grade is not { } grade)
        {
            Missing(faults, "grade", Art13);
        }
        else if (draft.Classification is { } said && Vocabularies.Classification.Has(said) && !(said switch { "general" => grade is >= 1 and <= 4, "important" => grade == 5, _ => grade == 6 }))
        {
            faults.Add("grade", "grade", Grading, new("一般数据为 1 至 4 级，重要数据为 5 级，核心数据为 6 级。", "General data has grade 1 to 4, important data 5, core data 6."));
        }
    }

    private static void Sharing(Faults faults, EntryDraft draft)
    {
        Paragraph(faults, "sharing_conditions", draft.SharingConditions, 2000, Art15, required: false);
        Paragraph(faults, "refusal_law", draft.RefusalLaw, 1000, Art15, required: false);
        switch (draft.SharingType)
        {
            case SharingClass.Conditional:
                Stated("共享范围", "scope");
                Stated("使用用途", "purpose");
                break;
            case SharingClass.Refused:
                if (string.IsNullOrWhiteSpace(draft.SharingConditions))
                {
                    faults.Add("sharing_conditions", "refusal-reason", Art15, new("不予共享的，应当在共享条件中写明理由。", "An entry that is not shared must give the reason here."));
                }

                if (draft.RefusalLaw is not { } law || !LawTitle().IsMatch(law) || !(LawArticle().IsMatch(law) || law.Contains("国务院", StringComparison.Ordinal)))
                {
                    faults.Add("refusal_law", "refusal-cites-law", Art15, new(
                        "不予共享的，应当列明法律、行政法规或者国务院决定依据：写出《名称》，法律、行政法规还须写明条款。",
                        "An entry that is not shared must cite the law, administrative regulation or State Council decision: its 《title》, and the article of a law or regulation (第…条)."));
                }

                break;
        }

        if (draft.SharingType is SharingClass.Unconditional or SharingClass.Conditional && !string.IsNullOrWhiteSpace(draft.RefusalLaw))
        {
            faults.Add("refusal_law", "refusal-law-unused", Art14, new("只有不予共享的目录才填写不予共享依据。", "Only an entry that is not shared cites a law against sharing."));
        }

        void Stated(string label, string english)
        {
            if (Condition(draft.SharingConditions, label) is null)
            {
                faults.Add("sharing_conditions", $"conditions-{english}", Art15, new(
                    $"有条件共享的，应当列明“{label}：…”，各部分以分号或换行分隔。",
                    $"A conditional entry must state the {english} as a part 「{label}：…」; parts are separated by semicolons or line breaks."));
            }
        }
    }

    private static void Openness(Faults faults, EntryDraft draft)
    {
        Paragraph(faults, "open_conditions", draft.OpenConditions, 1000, Guide, required: false);
        if (draft.OpenToSociety == true && draft.SharingType == SharingClass.Refused)
        {
            faults.Add("open_to_society", "open-but-refused", Art14, new("依法不予共享的数据不能向社会开放。", "Data that a law forbids to share cannot be open to society."));
        }
    }

    private static void Codes(Faults faults, EntryDraft draft)
    {
        if (!string.IsNullOrWhiteSpace(draft.Code) && CodeFault(draft.Code.Trim()) is { } fault)
        {
            faults.Add("code", "code-format", Guide, fault);
        }

        var related = draft.RelatedCodes ?? [];
        if (related.Count > 50)
        {
            faults.Add("related_codes", "too-many", Guide, new("最多 50 个关联资源代码。", "At most 50 related codes."));
        }

        for (var i = 0; i < Math.Min(related.Count, 50); i++)
        {
            if (CodeFault((related[i] ?? "").Trim()) is { } wrong)
            {
                faults.Add($"related_codes[{i}]", "code-format", Guide, wrong);
            }
        }
    }

    private static void Fields(Faults faults, EntryDraft draft)
    {
        var fields = draft.Fields ?? [];
        if (fields.Count == 0)
        {
            faults.Add("fields", "required", Art13, new("至少有一个信息项。", "At least one data item is required."));
        }

        if (fields.Count > MostFields)
        {
            faults.Add("fields", "too-many", Guide, new($"最多 {MostFields} 个信息项。", $"At most {MostFields} data items."));
            return;
        }

        var names = new HashSet<string>(StringComparer.Ordinal);
        var titles = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < fields.Count; i++)
        {
            if (fields[i] is not { } field)
            {
                Missing(faults, $"fields[{i}]", Art13);
                continue;
            }

            Field(faults, $"fields[{i}]", field, draft.SharingType);
            if (field.Name is { } name && !names.Add(name.Trim()))
            {
                faults.Add($"fields[{i}].name", "field-duplicate", Guide, new("信息项标识重复。", "Another data item has this name."));
            }

            if (field.Title is { } title && !titles.Add(title.Trim()))
            {
                faults.Add($"fields[{i}].title", "field-duplicate", Guide, new("信息项名称重复。", "Another data item has this title."));
            }
        }

        if (draft.PersonalInformation is { } said && said != fields.Any(f => f?.Personal == true))
        {
            faults.Add("personal_information", "personal-mismatch", "个人信息保护法第4条", new("与信息项的“是否个人信息”不一致。", "This does not agree with what the data items say."));
        }
    }

    private static void Field(Faults faults, string path, FieldDraft field, string? entrySharing)
    {
        if (string.IsNullOrWhiteSpace(field.Name))
        {
            Missing(faults, $"{path}.name", Art13);
        }
        else if (!FieldName().IsMatch(field.Name))
        {
            faults.Add($"{path}.name", "field-name", Guide, new("以小写字母开头，只含小写字母、数字和下划线，最长 63 位。", "A lower-case letter, then lower-case letters, digits and underscores, at most 63."));
        }

        Line(faults, $"{path}.title", field.Title, 200, Art13);
        OneOf(faults, $"{path}.type", field.Type, Vocabularies.FieldType, Guide);
        switch (field.Type)
        {
            case "C" when field.Length is not (>= 1 and <= MostCharacters):
                faults.Add($"{path}.length", "field-length", Guide, new($"字符型须写明长度（1 至 {MostCharacters} 个字符）。", $"A text item needs its length, 1 to {MostCharacters} characters."));
                break;
            case "N" when field.Length is not (>= 1 and <= MostDigits):
                faults.Add($"{path}.length", "field-length", Guide, new($"数值型须写明长度（1 至 {MostDigits} 位数字）。", $"A numeric item needs its length, 1 to {MostDigits} digits."));
                break;
            case not null and not ("C" or "N") when field.Length is not null && Vocabularies.FieldType.Has(field.Type):
                faults.Add($"{path}.length", "field-length", Guide, new("只有字符型和数值型写长度。", "Only text and numeric items have a length."));
                break;
        }

        if (field.SharingType is not { } sharing)
        {
            return;
        }

        OneOf(faults, $"{path}.sharing_type", sharing, Vocabularies.Sharing, Art13);
        if (Vocabularies.Sharing.Has(sharing) && entrySharing is not null && Vocabularies.Sharing.Has(entrySharing) && Strictness(sharing) < Strictness(entrySharing))
        {
            faults.Add($"{path}.sharing_type", "wider-than-entry", Art14, new("信息项的共享类型不得宽于目录的共享类型。", "A data item may not be shared more widely than its entry."));
        }
    }

    private static int Strictness(string sharing) => sharing switch { SharingClass.Unconditional => 0, SharingClass.Conditional => 1, _ => 2 };

    private static void OneOf(Faults faults, string field, string? value, Vocabulary vocabulary, string article)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            Missing(faults, field, article);
        }
        else if (!vocabulary.Has(value))
        {
            faults.Add(field, "unknown-value", article, new($"应为：{vocabulary.Choices}。", $"This must be one of: {vocabulary.Choices}."));
        }
    }

    private static void Line(Faults faults, string field, string? value, int longest, string article)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            Missing(faults, field, article);
            return;
        }

        Characters(faults, field, value, longest, article, lineBreaks: false);
    }

    private static void Paragraph(Faults faults, string field, string? value, int longest, string article, bool required)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            if (required)
            {
                Missing(faults, field, article);
            }

            return;
        }

        Characters(faults, field, value, longest, article, lineBreaks: true);
    }

    private static void Characters(Faults faults, string field, string value, int longest, string article, bool lineBreaks)
    {
        if (value.Length > longest)
        {
            faults.Add(field, "too-long", article, new($"最多 {longest} 个字符，现有 {value.Length} 个。", $"At most {longest} characters, there are {value.Length}."));
        }

        if (!IsPlain(value, lineBreaks))
        {
            faults.Add(field, "control-character", null, new("含有控制字符、双向控制符或不完整的字符。", "It holds control characters, direction controls or broken characters."));
        }
    }

    /// <summary>True for text that shows as what it is: no control characters, no direction overrides, no halves of characters.</summary>
    public static bool IsPlain(string text, bool lineBreaks)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
                continue;
            }

            var broken = char.IsSurrogate(c) || c is (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069')
                || (char.GetUnicodeCategory(c) == UnicodeCategory.Control && !(lineBreaks && c is '\n' or '\r' or '\t'));
            if (broken)
            {
                return false;
            }
        }

        return true;
    }

    private static void Missing(Faults faults, string field, string article) =>
        faults.Add(field, "required", article, new("此项必填。", "This field is required."));

    [GeneratedRegex(@"^[123][0-9]{5,}/[0-9]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex CodeForm();

    [GeneratedRegex(@"^[a-z0-9]{1,16}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Extension();

    [GeneratedRegex(@"^[a-z][a-z0-9_]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex FieldName();

    [GeneratedRegex("《[^《》]{2,}》", RegexOptions.CultureInvariant)]
    private static partial Regex LawTitle();

    [GeneratedRegex("第[^第条]{1,12}条", RegexOptions.CultureInvariant)]
    private static partial Regex LawArticle();
}
