using System.Collections.Frozen;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Gateway.Quality;

/// <summary>
/// The rule set: this list is what is published and what is computed. Its own points, in the spirit of MQA's and of the data layer of 开放数林: what finds, explains, dates and
/// opens data to programs, and what the regulation wants an entry to say. A rule that does not concern an entry is met by it: nothing is missing there.
/// Mending what a finding names never lowers the score: where a rule compares two fields it is worth no more than the rules of the other one.
/// A change of what a rule asks or of its points is a new <see cref="Version"/>; each score carries its own.
/// </summary>
internal static class QualityRules
{
    public const int Version = 1;

    private const string Guide = "《政务信息资源目录编制指南（试行）》";
    private const int FewestInName = 4;
    private const int FewestInAbstract = 20;
    private const int FewestNewInAbstract = 8;
    private const int FewestInReason = 6;

    /// <summary>Least share of the points that could be judged, in percent; below the last one an entry is bad.</summary>
    public static readonly IReadOnlyList<GradeFrom> Grades =
        [new(QualityGrade.Excellent, 90), new(QualityGrade.Good, 75), new(QualityGrade.Sufficient, 60), new(QualityGrade.Bad, 0)];

    private static readonly Text Fine = new("符合。", "Met.");
    private static readonly Text NotDemanded = new("此类条目不要求。", "Not asked of such an entry.");

    private static readonly Verdict WithoutType = new(Met.Unknown, new("没有共享类型，无从判断。", "Without a sharing type this cannot be judged."))
    {
        Advice = new("先确定共享类型。", "Settle the sharing type first."),
        At = ["/sharing_type"],
    };

    private static readonly FrozenSet<string> Themes = FrozenSet.Create(
        "A0100", "A0200", "A0300", "A0400", "B0100", "B0200", "B0300", "B0400", "B0500", "C0100", "C0200", "C0300", "C0400", "C0500", "D0100", "D0200", "D0300", "D0400", "D0500");

    private static readonly FrozenSet<string> FieldTypes = FrozenSet.Create("C", "N", "Y", "D", "T", "L", "M", "G", "B", "I", "F");

    /// <summary>Days that may lie between two updates: the cycle and a few days for the work. Null: no cycle, so nothing to measure against.</summary>
    private static readonly FrozenDictionary<string, int?> CycleDays = new Dictionary<string, int?>
    {
        ["realtime"] = 1, ["daily"] = 2, ["weekly"] = 10, ["monthly"] = 40, ["quarterly"] = 105, ["semiannual"] = 200, ["annual"] = 400, ["irregular"] = null, ["historical"] = null,
    }.ToFrozenDictionary();

    /// <summary>Read by programs item by item.</summary>
    private static readonly FrozenSet<string> Structured = FrozenSet.Create("csv", "tsv", "json", "jsonl", "ndjson", "geojson", "xml", "gml", "kml", "rdf", "ttl", "parquet");

    /// <summary>Formats that a public specification describes.</summary>
    private static readonly FrozenSet<string> OpenFormats = FrozenSet.Create(
        "csv", "tsv", "json", "jsonl", "ndjson", "geojson", "xml", "gml", "kml", "rdf", "ttl", "parquet", "txt", "html", "ofd", "pdf", "docx", "xlsx", "pptx", "odt", "ods", "uof", "png", "jpg", "jpeg", "gif", "tif", "tiff", "svg", "bmp", "mp4", "mpg", "mpeg", "dbf");

    /// <summary>Formats of one maker's program.</summary>
    private static readonly FrozenSet<string> ClosedFormats = FrozenSet.Create(
        "doc", "xls", "ppt", "wps", "et", "dps", "swf", "rm", "rmvb", "wmv", "psd", "mdb", "accdb", "access", "dm", "kingbasees", "oracle", "sqlserver", "db2", "dwg");

    public static readonly IReadOnlyList<QualityRule> All =
    [
        new("findability.name", QualityDimension.Findability, 15, "/name", Guide + "：信息资源名称",
            new($"名称至少 {FewestInName} 个字，说明是什么数据，不只是部门名称或“业务数据”一类的统称。", $"The name has at least {FewestInName} letters and says what the data is, not only whose, nor a word such as 业务数据."),
            new("写明对象、内容，必要时写明地区或年份。", "Say what it is about, and where or when if that matters."))
        {
            Judge = it => When(EntryText.Letters(it.Entry.Name) >= FewestInName && !EntryText.SaysNothing(it.Entry.Name) && !EntryText.Same(it.Entry.Name, it.Entry.DepartmentName),
                new("名称看不出是什么数据。", "The name does not tell what the data is.")),
        },
        new("findability.abstract", QualityDimension.Findability, 20, "/abstract", Guide + "：信息资源摘要",
            new($"摘要至少 {FewestInAbstract} 个字（不计标点）。", $"The abstract has at least {FewestInAbstract} letters, punctuation not counted."),
            new("用一两句话写明内容、范围、来源和时间段。", "Say in a sentence or two what it holds, of whom, from where and of which time."))
        {
            Judge = it => EntryText.Letters(it.Entry.Abstract) is var letters && letters >= FewestInAbstract ? Yes()
                : No(new($"摘要只有 {letters} 个字。", $"The abstract has {letters} letters.")),
        },
        new("findability.abstract_adds", QualityDimension.Findability, 15, "/abstract", null,
            new($"摘要不只是重复名称和部门：至少有 {FewestNewInAbstract} 个它们没有的不同的字。", $"The abstract does more than repeat name and department: it has at least {FewestNewInAbstract} different letters that they do not have."),
            new("补充名称没有说的：记录的对象、口径、来源、用途。", "Add what the name does not say: whom it records, by what definition, from where, what for."))
        {
            Judge = it => EntryText.NewCharacters(it.Entry.Abstract, it.Entry.Name, it.Entry.DepartmentName) is var added && added >= FewestNewInAbstract ? Yes()
                : No(new($"除名称和部门外，摘要只有 {added} 个新的字。", $"Beyond name and department the abstract has {added} new letters.")),
        },
        new("findability.theme", QualityDimension.Findability, 15, "/theme", "《数据基础设施 数据目录描述要求》（草案）：主题",
            new("主题是公布的主题代码之一。", "The theme is one of the published topic codes."),
            new("从 A0100 人口至 D0500 应急中选择一个主题代码。", "Choose a topic code, from A0100 (population) to D0500 (emergency)."))
        {
            Judge = it => When(Themes.Contains(it.Entry.Theme), new("主题代码不在公布的表中。", "The theme is not in the published list.")),
        },
        new("findability.code", QualityDimension.Findability, 10, "/code", Guide + "：信息资源代码",
            new("有信息资源代码：类、项、目、细目，斜线，顺序号。", "It has a resource code: class, item, heading, sub-heading, a slash, the sequence."),
            new("按本市目录编码规则赋码，例如 307001/000001。", "Give it a code by the city's scheme, such as 307001/000001."))
        {
            Judge = it => When(it.Entry.Code is { } code && EntryText.IsCode(code),
                it.Entry.Code is null ? new("没有信息资源代码。", "There is no resource code.") : new("信息资源代码的格式不对。", "The resource code has another form.")),
        },
        new("findability.related", QualityDimension.Findability, 10, "/related_codes", Guide + "：关联资源代码",
            new("列出至少一个关联资源代码，都不是它自己的，格式正确。", "At least one related resource code is named, each well formed and none its own."),
            new("列出与它一起使用或由它派生的条目的代码。", "Name the codes of entries that are used with it or made from it."))
        {
            Judge = it => it.Entry.RelatedCodes.Count == 0
                ? No(new("没有关联资源代码。", "No related code is named."))
                : Each(it.Entry.RelatedCodes, (code, _) => code != it.Entry.Code && EntryText.IsCode(code), i => $"/related_codes/{i}",
                    bad => new($"{bad} 个关联资源代码格式不对或是它自己的。", $"{bad} related code(s) have another form or are its own.")),
        },

        new("completeness.items", QualityDimension.Completeness, 10, "/fields", "第13条",
            new("列出信息项。", "The data items are listed."),
            new("逐项列出数据包含的信息项。", "List each data item."))
        {
            Judge = it => When(it.Entry.Fields.Count > 0, new("没有信息项。", "There is no data item.")),
        },
        new("completeness.titles", QualityDimension.Completeness, 25, "/fields/*/title", Guide + "：信息项名称",
            new("每个信息项有给人看的名称：不同于标识，不是“字段1”，在条目内不重复。", "Each data item has a title for people: not its machine name, not “field 1”, unique in the entry."),
            new("用业务上的叫法写信息项名称。", "Write the title as people in the trade say it."))
        {
            Judge = Titles,
        },
        new("completeness.types", QualityDimension.Completeness, 10, "/fields/*/type", Guide + "：数据类型",
            new("每个信息项有指南规定的数据类型（C N Y D T L M G B I F）。", "Each data item has a type of the guide (C N Y D T L M G B I F)."),
            new("选择合适的数据类型。", "Choose the type that fits."))
        {
            Judge = it => Items(it, (field, _) => FieldTypes.Contains(field.Type), "type", bad => new($"{bad} 个信息项的数据类型不在指南中。", $"{bad} data item(s) have a type that is not the guide's.")),
        },
        new("completeness.lengths", QualityDimension.Completeness, 15, "/fields/*/length", Guide + "：数据长度",
            new("字符型和数值型的信息项写明长度。", "Text and numeric items state their length."),
            new("写明最多多少个字符或多少位数字。", "State how many characters or digits at most."))
        {
            Judge = it => Items(it, (field, _) => field.Type is not ("C" or "N") || field.Length > 0, "length", bad => new($"{bad} 个字符型或数值型信息项没有长度。", $"{bad} text or numeric item(s) state no length.")),
        },
        new("completeness.provider", QualityDimension.Completeness, 15, "/department_code", "第13条；GB 32100-2015",
            new("提供方有名称和 18 位统一社会信用代码。", "The provider has a name and a unified social credit code of 18 characters."),
            new("填写提供方的名称和统一社会信用代码。", "Fill in the provider's name and its credit code."))
        {
            Judge = it => When(EntryText.IsCreditCode(it.Entry.DepartmentCode) && EntryText.Letters(it.Entry.DepartmentName) > 1, new("提供方的名称或代码不完整。", "The provider's name or code is not whole.")),
        },

        new("timeliness.cycle", QualityDimension.Timeliness, 20, "/update_frequency", "第13条",
            new("声明更新周期，用公布的词。", "The update cycle is declared in the published words."),
            new("声明 realtime 至 historical 中的一个更新周期。", "Declare one of the cycles from realtime to historical."))
        {
            Judge = it => When(CycleDays.ContainsKey(it.Entry.UpdateFrequency), new("没有声明更新周期，或不在公布的表中。", "No update cycle of the published list is declared.")),
        },
        new("timeliness.current", QualityDimension.Timeliness, 40, "/update_frequency", "第38条",
            new($"数据在声明的周期内更新过；宽限之内：{Cycles()}。晚不超过一倍得一半。不知道何时更新，或没有固定周期，则为未知，不计分。",
                $"The data was updated within its declared cycle, with some grace: {Cycles()}. Half the points up to twice that age. Unknown, and not counted, when nobody says when it was updated or when there is no fixed cycle."),
            new("按声明的周期更新数据；周期与实际不符的，改正周期。", "Update the data as declared, or correct the cycle if it is not the real one."))
        {
            Judge = Current,
        },

        new("machine_readability.format", QualityDimension.MachineReadability, 30, "/format", "第22条",
            new("格式便于程序逐项读取：库表、服务接口、CSV、JSON、XML 等 30 分；其他自描述格式 25；数据库文件和电子表格 20；文字文件 5（PDF、OFD 同）；图像和流媒体 0。",
                "Programs can read it item by item: rows, services, CSV, JSON, XML and the like 30 points; other self-describing formats 25; database files and spreadsheets 20; documents, PDF and OFD too, 5; images and streams 0."),
            new("改为库表、服务接口，或另附 CSV、JSON。", "Offer it as rows or a service, or as CSV or JSON."))
        {
            Judge = Format,
        },
        new("machine_readability.open_format", QualityDimension.MachineReadability, 10, "/format", null,
            new("格式有公开的规范，不需要某一家的软件（库表和服务接口即是）。不认识的格式为未知，不计分。", "The format has a public specification and needs no one maker's program; rows and services are so. A format that is not known here is unknown and not counted."),
            new("改用开放格式，如 xlsx、ofd、csv。", "Use an open format, such as xlsx, ofd or csv."))
        {
            Judge = it => it.Entry.Format is "table" or "service" || OpenFormats.Contains(Extension(it.Entry.Format)) ? Yes()
                : ClosedFormats.Contains(Extension(it.Entry.Format)) ? No(new("读取它需要某一家的软件。", "Reading it needs one maker's program."))
                : Unknown(new("不认识这种格式。", "This format is not known here."), new("写明格式组和扩展名，如 spreadsheet/xlsx。", "Name the group and the extension, such as spreadsheet/xlsx.")),
        },
        new("machine_readability.typed", QualityDimension.MachineReadability, 15, "/fields/*/type", Guide + "：数据类型",
            new("名称以“日期”结尾的是日期型，以“金额”“费用”结尾的是数值类，以“人数”“数量”“次数”“件数”“户数”结尾的是数值类，而不是字符。", "Items called a date (日期) have a date's type, amounts (金额, 费用) and counts (人数, 数量, 次数, 件数, 户数) a number's, not text."),
            new("日期用 D 或 T，金额用 Y，数量用 N 或 I。", "Use D or T for dates, Y for amounts, N or I for counts."))
        {
            Judge = it => Items(it, (field, _) => IsTyped(field), "type", bad => new($"{bad} 个日期、金额或数量信息项用了其他类型。", $"{bad} date, amount or count item(s) have another type.")),
        },

        new("legality.sharing_type", QualityDimension.Legality, 5, "/sharing_type", "第13条、第14条",
            new("共享类型是无条件、有条件、不予共享之一。没有共享类型的，依它而定的规则为未知，不计分。", "The sharing type is unconditional, conditional or refused. Without one the rules that hang on it are unknown and not counted."),
            new("按第14条确定共享类型。", "Settle the sharing type by article 14."))
        {
            Judge = it => When(IsShared(it), new("没有共享类型，或不认识。", "There is no sharing type, or none that is known.")),
        },
        new("legality.scope", QualityDimension.Legality, 15, "/sharing_conditions", "第15条",
            new("有条件共享的，用文字写明共享（使用）范围。", "A conditional entry states in words to whom it may go."),
            new("写一段“共享范围：……”，列出可以使用的部门或层级；“按规定”不是范围。", "Write a part 「共享范围：…」 that names the departments or levels; “as the rules say” is no scope."))
        {
            Judge = it => Of(it, SharingClass.Conditional, () => EntryText.NamesScope(it.Entry.SharingConditions), new("共享条件没有写明范围。", "The conditions do not state the scope.")),
        },
        new("legality.purpose", QualityDimension.Legality, 15, "/sharing_conditions", "第15条",
            new("有条件共享的，用文字写明使用用途。", "A conditional entry states in words what it may be used for."),
            new("写一段“使用用途：……”，列出可以办理的事项。", "Write a part 「使用用途：…」 that names the business it serves."))
        {
            Judge = it => Of(it, SharingClass.Conditional, () => EntryText.NamesPurpose(it.Entry.SharingConditions), new("共享条件没有写明用途。", "The conditions do not state the purpose.")),
        },
        new("legality.reason", QualityDimension.Legality, 5, "/sharing_conditions", "第15条",
            new("不予共享的，写明理由。", "An entry that is not shared gives the reason."),
            new("在共享条件中用一句话写明为什么不能共享。", "Say in a sentence, in the sharing conditions, why it cannot be shared."))
        {
            Judge = it => Of(it, SharingClass.Refused, () => EntryText.Letters(it.Entry.SharingConditions) >= FewestInReason && !EntryText.Evades(it.Entry.SharingConditions!), new("没有写明不予共享的理由。", "No reason is given.")),
        },
        new("legality.law", QualityDimension.Legality, 15, "/refusal_law", "第14条、第15条",
            new("不予共享的，引用《名称》和第…条，或国务院决定；其他条目不引用。", "An entry that is not shared cites the 《title》 and the article, or the State Council's decision; other entries cite none."),
            new("写出《名称》第…条；没有这样的规定就不能定为不予共享。", "Write 《title》第…条; without such a law an entry may not be refused."))
        {
            Judge = it => !IsShared(it) ? WithoutType
                : it.Entry.SharingType == SharingClass.Refused ? When(EntryText.CitesLaw(it.Entry.RefusalLaw), new("没有引用明令禁止共享的条款。", "It does not cite the article that forbids sharing."))
                : string.IsNullOrWhiteSpace(it.Entry.RefusalLaw) ? Yes(NotDemanded)
                : No(new("可以共享的条目引用了禁止共享的依据。", "An entry that is shared cites a law against sharing."), new("删去不予共享依据，或改正共享类型。", "Leave the law out, or correct the sharing type.")),
        },
        new("legality.no_obstacle", QualityDimension.Legality, 5, "/sharing_conditions", "第15条",
            new("不自行增设妨碍共享的条件：可以共享的条目不收费、不要求押金或对等交换；全部信息项无条件共享的不附条件。", "No self-made condition hinders sharing: no charges, deposits or barter, and no condition at all on an entry that is unconditional in all its items."),
            new("删去没有法律依据的条件；确需条件的，改为有条件共享并写明范围和用途。", "Leave out conditions that rest on no law; if one is needed, make the entry conditional and state scope and purpose."))
        {
            Judge = Obstacle,
        },
        new("legality.open_conditions", QualityDimension.Legality, 10, "/open_conditions", Guide + "：开放条件",
            new("向社会开放的，写明开放条件（没有条件的也写明）。", "An entry that is open to society states the conditions of use, also when there are none."),
            new("写明使用时应遵守什么，例如“无条件开放，使用时注明来源”。", "State what users must heed, such as “open without conditions; name the source”."))
        {
            Judge = it => !it.Entry.OpenToSociety ? Yes(NotDemanded)
                : When(EntryText.Letters(it.Entry.OpenConditions) >= 4 && !EntryText.Evades(it.Entry.OpenConditions!), new("没有写明开放条件。", "The conditions of open use are not stated.")),
        },
        new("legality.item_sharing", QualityDimension.Legality, 5, "/fields/*/sharing_type", "第14条",
            new("每个信息项有共享类型，不宽于条目的。", "Each data item has a sharing type, none wider than the entry's."),
            new("改正信息项的共享类型，或条目的。", "Correct the item's sharing type, or the entry's."))
        {
            Judge = it => Strictness(it.Entry.SharingType) is not { } entry ? WithoutType : Items(it, (field, _) => Strictness(field.SharingType) >= entry, "sharing_type",
                bad => new($"{bad} 个信息项的共享类型缺失，或宽于条目的。", $"{bad} data item(s) have no sharing type, or one wider than the entry's.")),
        },
        new("legality.grading", QualityDimension.Legality, 10, "/grade", "第13条；GB/T 43697-2024",
            new("有分类分级，且相符：一般数据 1 至 4 级，重要数据 5 级，核心数据 6 级。", "It is classified and graded, and the two agree: general data 1 to 4, important 5, core 6."),
            new("按 GB/T 43697 确定分类和级别。", "Classify and grade it by GB/T 43697."))
        {
            Judge = it => When((it.Entry.Classification, it.Entry.Grade) is ("general", >= 1 and <= 4) or ("important", 5) or ("core", 6), new("分类与级别不相符。", "Classification and grade do not agree.")),
        },
        new("legality.personal", QualityDimension.Legality, 5, "/personal_information", "《个人信息保护法》第4条",
            new("“是否含个人信息”与信息项一致。", "What it says of personal information agrees with its data items."),
            new("标明哪些信息项是个人信息，或改正条目的标注。", "Mark the items that are personal information, or correct the entry."))
        {
            Judge = it => When(it.Entry.PersonalInformation == it.Entry.Fields.Any(f => f.Personal), new("条目与信息项对个人信息的标注不一致。", "The entry and its items disagree about personal information.")),
        },
        new("legality.personal_grade", QualityDimension.Legality, 5, "/grade", "GB/T 43697-2024",
            new("含个人信息的，级别不低于 2。", "An entry with personal information has grade 2 or above."),
            new("含个人信息的提高到 2 级以上，敏感个人信息更高。", "Raise the grade to 2 or more, further for sensitive personal information."))
        {
            Judge = it => !HoldsPersonal(it.Entry) ? Yes(NotDemanded) : When(it.Entry.Grade >= 2, new("含个人信息而定为 1 级。", "It holds personal information and has grade 1.")),
        },
        new("legality.open_consistent", QualityDimension.Legality, 5, "/open_to_society", "《个人信息保护法》第25条；第14条",
            new("向社会开放的是一般数据，不是不予共享的，也不提供个人信息项。", "What is open to society is general data, not refused, and hands out no personal items."),
            new("不向社会开放，或把个人信息项定为不予共享。", "Do not open it, or withhold the personal items."))
        {
            Judge = it => !it.Entry.OpenToSociety ? Yes(NotDemanded)
                : When(it.Entry.Classification is not ("important" or "core") && it.Entry.SharingType != SharingClass.Refused && !it.Entry.Fields.Any(f => f.Personal && f.SharingType != SharingClass.Refused),
                    new("向社会开放的条目含有不应开放的内容。", "An open entry holds what should not be open.")),
        },

        new("reuse.method", QualityDimension.Reuse, 15, "/sharing_method", "第22条",
            new("共享方式与格式相符：库表用 rows，服务接口用 service，其他用 file。", "The sharing method fits the format: rows for a table, service for a service, file for all else."),
            new("改正共享方式或格式。", "Correct the method or the format."))
        {
            Judge = it => When(it.Entry.SharingMethod == it.Entry.Format switch { "table" => "rows", "service" => "service", _ => "file" }, new("共享方式与格式不相符。", "The sharing method does not fit the format.")),
        },
        new("reuse.items", QualityDimension.Reuse, 10, "/fields", "第14条",
            new("可以共享的条目至少有一个信息项可以共享。", "An entry that is shared has at least one data item that is."),
            new("核对信息项的共享类型；一项也不能共享的，条目就是不予共享，须引用依据。", "Check the items' sharing types; if none may be shared, the entry is refused and cites its law."))
        {
            Judge = it => !IsShared(it) ? WithoutType : it.Entry.SharingType == SharingClass.Refused ? Yes(NotDemanded)
                : When(it.Entry.Fields.Any(f => f.SharingType != SharingClass.Refused), new("没有一个信息项可以共享。", "None of its data items can be shared.")),
        },
    ];

    public static readonly int Max = All.Sum(rule => rule.Points);

    public static QualityGrade GradeOf(int score, int max) => Grades.First(grade => score * 100 >= grade.FromPercent * max).Grade;

    private static Verdict Titles(JudgedEntry it)
    {
        HashSet<string> earlier = new(StringComparer.Ordinal);
        return Items(it, (field, _) => EntryText.IsTitle(field.Title, field.Name) && earlier.Add(EntryText.Plain(field.Title)), "title",
            bad => new($"{bad} 个信息项没有给人看的名称。", $"{bad} data item(s) have no title for people."));
    }

    private static Verdict Current(JudgedEntry it)
    {
        if (!CycleDays.TryGetValue(it.Entry.UpdateFrequency, out var cycle))
        {
            return Unknown(new("没有可以对照的更新周期。", "There is no cycle to measure against."));
        }

        if (cycle is not { } days)
        {
            return Unknown(
                new("没有固定的更新周期，无从对照。", "It has no fixed cycle to measure against."),
                new("如果实际上定期更新，请声明周期。", "If it is in fact updated regularly, declare the cycle."));
        }

        if (it.DataUpdatedAt is not { } updatedAt)
        {
            return Unknown(
                new("不知道数据何时更新过。", "Nobody has said when the data was last updated."),
                new("在本系统中提供数据，更新时间即自动可知。", "Provide the data through the exchange; the time is then known by itself.")) with { At = ["/data_updated_at"] };
        }

        var age = it.Today.DayNumber - DataFreshness.DayOf(updatedAt).DayNumber;
        return age <= days ? Yes()
            : No(new($"数据已 {age} 天未更新，声明的周期允许 {days} 天。", $"The data was updated {age} days ago; the declared cycle allows {days}.")) with { Part = age <= 2 * days ? (1, 2) : (0, 1) };
    }

    private static Verdict Format(JudgedEntry it)
    {
        var points = it.Entry.Format is "table" or "service" || Structured.Contains(Extension(it.Entry.Format)) ? 30
            : Extension(it.Entry.Format) is "pdf" or "ofd" ? 5
            : it.Entry.Format.Split('/')[0] switch { "self_describing" => 25, "database" or "spreadsheet" => 20, "document" => 5, _ => 0 };
        return points == 30 ? Yes() : No(new("程序不能直接逐项读取。", "Programs cannot read it item by item right away.")) with { Part = (points, 30) };
    }

    private static Verdict Obstacle(JudgedEntry it)
    {
        var conditions = it.Entry.SharingConditions ?? "";
        return !IsShared(it) ? WithoutType : it.Entry.SharingType == SharingClass.Refused ? Yes(NotDemanded)
            : EntryText.Obstacles(conditions).FirstOrDefault() is { } word ? No(new($"共享条件写有“{word}”。", $"The conditions say “{word}”."))
            : When(it.Entry.SharingType != SharingClass.Unconditional || it.Entry.Fields.Any(f => f.SharingType is SharingClass.Conditional or SharingClass.Refused) || EntryText.Letters(conditions) == 0 || EntryText.Evades(conditions) || conditions.Contains("无条件", StringComparison.Ordinal),
                new("无条件共享的条目附有条件。", "An unconditional entry carries a condition."));
    }

    private static bool IsTyped(DatasetField field)
    {
        return field.Title.EndsWith("日期", StringComparison.Ordinal) ? field.Type is "D" or "T"
            : EndsWith("金额", "费用") ? field.Type is "Y" or "N" or "B" or "F" or "I"
            : !EndsWith("人数", "数量", "次数", "件数", "户数") || field.Type is "N" or "I" or "B" or "F";

        bool EndsWith(params IEnumerable<string> ends) => ends.Any(end => field.Title.EndsWith(end, StringComparison.Ordinal));
    }

    private static string Cycles() => string.Join("、", CycleDays.Where(c => c.Value is not null).OrderBy(c => c.Value).Select(c => $"{c.Key} {c.Value}"));

    private static bool HoldsPersonal(DatasetEntry entry) => entry.PersonalInformation || entry.Fields.Any(f => f.Personal);

    private static int? Strictness(string sharing) => sharing switch { SharingClass.Unconditional => 0, SharingClass.Conditional => 1, SharingClass.Refused => 2, _ => null };

    private static string Extension(string format) => format[(format.IndexOf('/', StringComparison.Ordinal) + 1)..].ToLowerInvariant();

    private static bool IsShared(JudgedEntry it) => Strictness(it.Entry.SharingType) is not null;

    private static Verdict Yes(Text? message = null) => new(Met.Yes, message ?? Fine);

    private static Verdict No(Text message, Text? advice = null) => new(Met.No, message) { Advice = advice };

    private static Verdict Unknown(Text message, Text? advice = null) => new(Met.Unknown, message) { Advice = advice };

    private static Verdict When(bool met, Text otherwise) => met ? Yes() : No(otherwise);

    /// <summary>A rule for the entries of one sharing type.</summary>
    private static Verdict Of(JudgedEntry it, string sharing, Func<bool> met, Text otherwise) =>
        !IsShared(it) ? WithoutType : it.Entry.SharingType != sharing ? Yes(NotDemanded) : When(met(), otherwise);

    private static Verdict Items(JudgedEntry it, Func<DatasetField, int, bool> good, string member, Func<int, Text> otherwise) =>
        it.Entry.Fields.Count == 0 ? No(new("没有信息项。", "There is no data item.")) : Each(it.Entry.Fields, good, i => $"/fields/{i}/{member}", otherwise);

    /// <summary>Points by the share of those that are good: each one mended may bring some, none is lost.</summary>
    private static Verdict Each<T>(IReadOnlyList<T> all, Func<T, int, bool> good, Func<int, string> at, Func<int, Text> otherwise)
    {
        var bad = Enumerable.Range(0, all.Count).Where(i => !good(all[i], i)).ToList();
        return bad.Count == 0 ? Yes() : No(otherwise(bad.Count)) with { Part = (all.Count - bad.Count, all.Count), At = [.. bad.Select(at)] };
    }
}

/// <summary>From which share of the points on an entry has a grade.</summary>
/// <param name="Grade">The grade.</param>
/// <param name="FromPercent">Its least share, in percent.</param>
internal sealed record GradeFrom(QualityGrade Grade, int FromPercent);
