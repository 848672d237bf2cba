using System.Text.Json;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Gateway.Quality;
using Exchange.Tests.Datasets;
using FsCheck;
using FsCheck.Fluent;
using static Exchange.Tests.Quality.ScoredEntries;

namespace Exchange.Tests.Quality;

public sealed class EntryQualityTests
{
    /// <summary>For each rule an entry that meets it (and whom it concerns), one that does not, what is to be mended there, and how somebody would mend it.</summary>
    private static readonly Dictionary<string, Case> Cases = new()
    {
        ["findability.name"] = new(Open, Open with { Name = "业务数据" }, ["/name"], it => it with { Name = "长沙市公交线路站点" }),
        ["findability.abstract"] = new(Open, Open with { Abstract = "公交站点，按季度核对。" }, ["/abstract"], it => it with { Abstract = Open.Abstract }),
        ["findability.abstract_adds"] = new(Open, Open with { Abstract = "长沙市公交线路站点数据，长沙市人力资源和社会保障局。" }, ["/abstract"], it => it with { Abstract = "职工按月记录的缴纳状态、基数和起止时间，每月结算后更新，覆盖全部用人单位，另含历年调整前后的对照说明。" }),
        ["findability.theme"] = new(Open, Open with { Theme = "Z0100" }, ["/theme"], it => it with { Theme = "A0100" }),
        ["findability.code"] = new(Open, Open with { Code = null }, ["/code"], it => it with { Code = "307009/000009" }),
        ["findability.related"] = new(Open, Open with { RelatedCodes = ["307002430100/000001", "307002430100/000002"] }, ["/related_codes/1"], it => it with { RelatedCodes = ["307001/000007"] }),
        ["completeness.items"] = new(Open, Open with { Fields = [] }, ["/fields"], it => it with { Fields = [Field with { SharingType = it.SharingType }] }),
        ["completeness.titles"] = new(Conditional, Fields(Conditional, (1, f => f with { Title = "Insured State" }), (2, f => f with { Title = "字段3" }), (3, f => f with { Title = "证件 号码" })),
            ["/fields/1/title", "/fields/2/title", "/fields/3/title"], it => Each(it, (f, i) => f with { Title = $"第{i}项名称" })),
        ["completeness.types"] = new(Conditional, Fields(Conditional, (1, f => f with { Type = "varchar" })), ["/fields/1/type"], it => Each(it, (f, _) => f with { Type = f.Type is "varchar" or "" ? "M" : f.Type })),
        ["completeness.lengths"] = new(Conditional, Fields(Conditional, (0, f => f with { Length = null })), ["/fields/0/length"], it => Each(it, (f, _) => f.Type is "C" or "N" ? f with { Length = 20 } : f)),
        ["completeness.provider"] = new(Open, Open with { DepartmentCode = "人社局" }, ["/department_code"], it => it with { DepartmentCode = Open.DepartmentCode, DepartmentName = Open.DepartmentName }),
        ["timeliness.cycle"] = new(Open, Open with { UpdateFrequency = "often" }, ["/update_frequency"], it => it with { UpdateFrequency = "monthly" }),
        ["timeliness.current"] = new(Open, Open with { UpdateFrequency = "realtime" }, ["/update_frequency"], it => it with { UpdateFrequency = "daily" }),
        ["machine_readability.format"] = new(Open, Open with { Format = "document/pdf", SharingMethod = "file" }, ["/format"], it => it with { Format = "table", SharingMethod = "rows" }),
        ["machine_readability.open_format"] = new(Open, Open with { Format = "spreadsheet/xls", SharingMethod = "file" }, ["/format"], it => it with { Format = "spreadsheet/xlsx", SharingMethod = "file" }),
        ["machine_readability.typed"] = new(Conditional, Fields(Conditional, (2, f => f with { Type = "C", Length = 10 }), (3, f => f with { Type = "M" })), ["/fields/2/type", "/fields/3/type"],
            it => Each(it, (f, _) => f.Title.EndsWith("日期", StringComparison.Ordinal) ? f with { Type = "D" } : f.Title.EndsWith('额') || f.Title.EndsWith('数') ? f with { Type = "I" } : f)),
        ["legality.sharing_type"] = new(Open, Open with { SharingType = "free" }, ["/sharing_type"], it => it with { SharingType = SharingClass.Unconditional }),
        ["legality.scope"] = new(Conditional, Conditional with { SharingConditions = "共享范围：按规定；使用用途：核验参保状态" }, ["/sharing_conditions"], it => it with { SharingConditions = Conditions }),
        ["legality.purpose"] = new(Conditional, Conditional with { SharingConditions = "共享范围：省内住建部门；使用用途：另行商定" }, ["/sharing_conditions"], it => it with { SharingConditions = Conditions }),
        ["legality.reason"] = new(NotShared, NotShared with { SharingConditions = "暂无" }, ["/sharing_conditions"], it => it with { SharingConditions = NotShared.SharingConditions }),
        ["legality.law"] = new(NotShared, NotShared with { RefusalLaw = "监察法有规定" }, ["/refusal_law"], it => it with { RefusalLaw = it.SharingType == SharingClass.Refused ? NotShared.RefusalLaw : null }),
        ["legality.no_obstacle"] = new(Conditional, Conditional with { SharingConditions = Conditions + "；其他条件：有偿使用" }, ["/sharing_conditions"],
            it => it with { SharingConditions = it.SharingType == SharingClass.Unconditional ? null : Conditions }),
        ["legality.open_conditions"] = new(Open, Open with { OpenConditions = null }, ["/open_conditions"], it => it with { OpenConditions = Open.OpenConditions }),
        ["legality.item_sharing"] = new(Conditional, Fields(Conditional, (1, f => f with { SharingType = SharingClass.Unconditional })), ["/fields/1/sharing_type"],
            it => Each(it, (f, _) => f.SharingType is SharingClass.Refused || f.SharingType is SharingClass.Conditional && it.SharingType != SharingClass.Refused ? f : f with { SharingType = it.SharingType })),
        ["legality.grading"] = new(Open, Open with { Grade = 5 }, ["/grade"], it => it with { Classification = "general", Grade = 2 }),
        ["legality.personal"] = new(Conditional, Conditional with { PersonalInformation = false }, ["/personal_information"], it => it with { PersonalInformation = it.Fields.Any(f => f.Personal) }),
        ["legality.personal_grade"] = new(Conditional, Conditional with { Grade = 1 }, ["/grade"], it => it with { Grade = 2 }),
        ["legality.open_consistent"] = new(Open, Open with { Classification = "important", Grade = 5 }, ["/open_to_society"], it => it with { OpenToSociety = false }),
        ["reuse.method"] = new(Open, Open with { SharingMethod = "file" }, ["/sharing_method"], it => it with { SharingMethod = it.Format switch { "table" => "rows", "service" => "service", _ => "file" } }),
        ["reuse.items"] = new(Conditional, Each(Conditional, (f, _) => f with { SharingType = SharingClass.Refused }), ["/fields"],
            it => it with { Fields = it.Fields.Count > 0 ? [it.Fields[0] with { SharingType = it.SharingType }, .. it.Fields.Skip(1)] : [Field with { SharingType = it.SharingType }] }),
    };

    public static TheoryData<string> Rules => [.. QualityRules.All.Select(rule => rule.Id)];

    [Fact]
    public void Every_rule_has_a_case_and_every_case_a_rule() =>
        Assert.Equal(QualityRules.All.Select(rule => rule.Id), Cases.Keys);

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_tells_the_entry_that_meets_it_from_the_one_that_does_not(string rule)
    {
        var (meets, breaks, at, mend) = Cases[rule];
        var met = Find(meets, rule);
        Assert.Equal(Met.Yes, met.Met);
        Assert.Equal("Met.", met.Message.En);
        Assert.Equal(met.Max, met.Points);
        Assert.Null(met.Advice);
        Assert.Null(met.At);

        var broken = Find(breaks, rule);
        Assert.Equal(Met.No, broken.Met);
        Assert.True(broken.Points < broken.Max);
        Assert.Equal(at, broken.At);
        Assert.NotNull(broken.Advice);
        Assert.Equal(Met.Yes, Find(mend(breaks), rule).Met);
    }

    [Fact]
    public void Entries_that_lack_nothing_have_all_points()
    {
        Assert.All([Conditional, Open, NotShared], entry =>
        {
            var report = EntryQuality.Of(entry, Updated, Today);
            Assert.All(report.Findings, finding => Assert.Equal((finding.Rule, Met.Yes), (finding.Rule, finding.Met)));
            Assert.Equal((400, 400, QualityGrade.Excellent), (report.Score, report.Max, report.Grade));
        });
    }

    [Fact]
    public void The_published_list_is_whole()
    {
        Assert.Equal(400, QualityRules.Max);
        Assert.Equal(QualityRules.All.Count, QualityRules.All.Select(rule => rule.Id).Distinct().Count());
        Assert.Equal(Enum.GetValues<QualityDimension>(), QualityRules.All.Select(rule => rule.Dimension).Distinct());
        Assert.All(QualityRules.All, rule =>
        {
            Assert.StartsWith(JsonNamingPolicy.SnakeCaseLower.ConvertName(rule.Dimension.ToString()) + ".", rule.Id, StringComparison.Ordinal);
            Assert.StartsWith("/", rule.Field, StringComparison.Ordinal);
            Assert.True(rule.Points > 0);
            Assert.All([rule.Asks.Zh, rule.Asks.En, rule.Advice.Zh, rule.Advice.En], Assert.NotEmpty);
        });
    }

    [Fact]
    public void What_nobody_can_tell_is_neither_earned_nor_lost()
    {
        var whole = EntryQuality.Of(Open, Updated, Today);
        foreach (var unknown in new[] { EntryQuality.Of(Open, null, Today), EntryQuality.Of(Open with { UpdateFrequency = "irregular" }, Updated, Today) })
        {
            var finding = unknown.Findings.Single(f => f.Met == Met.Unknown);
            Assert.Equal(("timeliness.current", 0, 40), (finding.Rule, finding.Points, finding.Max));
            Assert.Equal((whole.Score - 40, whole.Max - 40, QualityGrade.Excellent), (unknown.Score, unknown.Max, unknown.Grade));
        }
    }

    [Theory]
    [InlineData(0, 40)]
    [InlineData(40, 40)]
    [InlineData(41, 20)]
    [InlineData(80, 20)]
    [InlineData(81, 0)]
    [InlineData(-3, 40)]
    public void Data_that_is_late_loses_points_by_how_late_it_is(int days, int points) =>
        Assert.Equal(points, Find(Open, "timeliness.current", Updated, DataFreshness.DayOf(Updated).AddDays(days)).Points);

    [Fact]
    public void Days_are_Beijings()
    {
        Assert.Equal(new DateOnly(2026, 11, 23), DataFreshness.DayOf(new DateTimeOffset(2026, 11, 22, 16, 0, 0, TimeSpan.Zero)));
        Assert.Equal(new DateOnly(2026, 11, 22), DataFreshness.DayOf(new DateTimeOffset(2026, 11, 22, 15, 59, 59, TimeSpan.Zero)));
        Assert.Equal(DateOnly.MaxValue, DataFreshness.DayOf(DateTimeOffset.MaxValue));
    }

    [Theory]
    [InlineData(400, 400, "Excellent")]
    [InlineData(360, 400, "Excellent")]
    [InlineData(359, 400, "Good")]
    [InlineData(299, 400, "Sufficient")]
    [InlineData(239, 400, "Bad")]
    [InlineData(0, 400, "Bad")]
    public void The_grade_goes_by_the_share(int score, int max, string grade) => Assert.Equal(grade, QualityRules.GradeOf(score, max).ToString());

    [Fact]
    public void The_score_is_the_sum_of_its_findings_and_mending_never_lowers_it() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(400), Prop.ForAll(Entries.ToArbitrary(), it =>
        {
            var report = EntryQuality.Of(it.Entry, it.UpdatedAt, Today);
            Assert.Equal(report.Findings.Sum(f => f.Points), report.Score);
            Assert.Equal(report.Findings.Where(f => f.Met != Met.Unknown).Sum(f => f.Max), report.Max);
            Assert.Equal((report.Score, report.Max), (report.Dimensions.Sum(d => d.Points), report.Dimensions.Sum(d => d.Max)));
            Assert.InRange(report.Max, 1, QualityRules.Max);
            Assert.All(report.Findings, f => Assert.InRange(f.Points, 0, f.Met switch { Met.Yes => f.Max, Met.No => f.Max - 1, _ => 0 }));
            Assert.All(report.Findings, f => Assert.Equal(f.Met == Met.Yes, f.Points == f.Max));

            foreach (var finding in report.Findings.Where(f => f.Met != Met.Yes))
            {
                // Without a sharing type that is what stands to be mended.
                IEnumerable<DatasetEntry> mended = [Cases[finding.At is ["/sharing_type"] ? "legality.sharing_type" : finding.Rule].Mend(it.Entry)];
                if (finding.Rule == "findability.name")
                {
                    // A name made of the abstract's own words takes the most from what the abstract adds.
                    mended = mended.Append(it.Entry with { Name = it.Entry.Abstract.Length > 3 ? it.Entry.Abstract : Open.Name });
                }

                foreach (var entry in mended)
                {
                    var after = EntryQuality.Of(entry, finding.Rule == "timeliness.current" ? it.Today : it.UpdatedAt, Today);
                    Assert.True(after.Score >= report.Score, 
                        $"{finding.Rule}: {report.Score} → {after.Score}; {string.Join("; ", report.Findings.Zip(after.Findings).Where(f => f.First.Points != f.Second.Points).Select(f => $"{f.First.Rule} {f.First.Points} → {f.Second.Points}"))}");
                }
            }

            return true;
        }));

    [Fact]
    public async Task The_sample_catalogues_are_scored_apart()
    {
        List<QualityReport> reports = [];
        foreach (var city in Samples.Cities)
        {
            var entries = (await Samples.CatalogueAsync(await File.ReadAllBytesAsync(Samples.Catalogue(city)))).Entries;
            reports.AddRange(entries.Select(entry => EntryQuality.Of(Published(entry.Draft.Normalised(), city), null, Today)));
        }

        Assert.True(reports.Max(report => report.Score) - reports.Min(report => report.Score) >= 60, "The score hardly tells entries apart.");
        // What the city's own rules demand before publication is met by whatever is published.
        string[] demanded =
        [
            "findability.theme", "completeness.items", "completeness.types", "completeness.lengths", "timeliness.cycle", "legality.sharing_type", "legality.scope", "legality.purpose",
            "legality.law", "legality.item_sharing", "legality.grading", "legality.personal", "reuse.method",
        ];
        Assert.All(reports.SelectMany(report => report.Findings).Where(finding => demanded.Contains(finding.Rule)), finding => Assert.Equal((finding.Rule, Met.Yes), (finding.Rule, finding.Met)));
    }

    private static DatasetEntry Published(EntryDraft draft, string city) => Open with
    {
        City = city,
        Code = draft.Code,
        Name = draft.Name!,
        DepartmentCode = draft.DepartmentCode!,
        Abstract = draft.Abstract!,
        Theme = draft.Theme!,
        Format = draft.Format!,
        UpdateFrequency = draft.UpdateFrequency!,
        SharingType = draft.SharingType!,
        SharingConditions = draft.SharingConditions,
        SharingMethod = draft.SharingMethod!,
        RefusalLaw = draft.RefusalLaw,
        OpenToSociety = draft.OpenToSociety == true,
        OpenConditions = draft.OpenConditions,
        Classification = draft.Classification!,
        Grade = draft.Grade!.Value,
        PersonalInformation = draft.PersonalInformation == true,
        Fields = [.. draft.Fields!.Select(f => f.ToField(draft.SharingType!))],
        RelatedCodes = draft.RelatedCodes ?? [],
    };

    private static readonly Gen<DatasetField> RandomFields =
        from name in Gen.Elements("a", "person_name", "c3")
        from title in Gen.Elements("参保状态", "a", "登记日期", "缴费金额", "人数", "字段1", "", "Person Name", "姓名")
        from type in Gen.Elements("C", "N", "Y", "D", "M", "varchar", "")
        from length in Gen.Elements<int?>(null, 0, 18)
        from sharing in Gen.Elements(SharingClass.Unconditional, SharingClass.Conditional, SharingClass.Refused, "")
        from personal in Gen.Elements(true, false, false)
        select new DatasetField { Name = name, Title = title, Type = type, Length = length, SharingType = sharing, Personal = personal };

    private static readonly Gen<(DatasetEntry Entry, DateTimeOffset? UpdatedAt, DateTimeOffset Today)> Entries =
        from name in Gen.Elements("长沙市公交线路站点", "业务数据", "", "长沙市人力资源和社会保障局", "职工缴纳状态")
        from text in Gen.Elements("", "示例摘要", Open.Abstract, "长沙市公交线路站点数据，长沙市人力资源和社会保障局。", "职工按月缴纳状态、基数，啊啊啊啊啊啊啊啊啊啊啊啊啊")
        from departmentCode in Gen.Elements(Open.DepartmentCode, "人社局")
        from departmentName in Gen.Elements(Open.DepartmentName, "局", "职工按月记录")
        from theme in Gen.Elements("C0300", "", "oops")
        from code in Gen.Elements<string?>(null, "307002/000002", "x")
        from related in Gen.Elements<string[]>([], ["307002/000002"], ["307001/000001", "x", "307002/000002"])
        from fieldCount in Gen.Choose(0, 4)
        from fields in RandomFields.ArrayOf(fieldCount)
        from cycle in Gen.Elements("realtime", "monthly", "annual", "irregular", "historical", "", "often")
        from age in Gen.Elements<int?>(null, 0, 3, 60, 1000)
        from format in Gen.Elements("table", "service", "spreadsheet/xls", "spreadsheet/XLSX", "self_describing/dm", "self_describing/foo", "document/pdf", "image/jpg", "database/dm", "document/csv", "")
        from method in Gen.Elements("rows", "file", "service", "")
        from sharing in Gen.Elements(SharingClass.Unconditional, SharingClass.Conditional, SharingClass.Refused, "")
        from conditions in Gen.Elements(null, "", Conditions, "共享范围：按规定；使用用途：无", "有偿使用", "仅用于核验身份信息", "保密")
        from law in Gen.Elements(null, "《监察法》第十八条", "有规定")
        from open in Gen.Elements(true, false)
        from openConditions in Gen.Elements(null, "注明来源即可", "无")
        from classification in Gen.Elements("general", "important", "core", "")
        from grade in Gen.Choose(0, 7)
        from personal in Gen.Elements(true, false)
        let today = new DateTimeOffset(Today, new TimeOnly(4, 0), TimeSpan.Zero)
        select (Open with
        {
            Name = name,
            Abstract = text,
            DepartmentCode = departmentCode,
            DepartmentName = departmentName,
            Theme = theme,
            Code = code,
            RelatedCodes = related,
            Fields = fields,
            UpdateFrequency = cycle,
            Format = format,
            SharingMethod = method,
            SharingType = sharing,
            SharingConditions = conditions,
            RefusalLaw = law,
            OpenToSociety = open,
            OpenConditions = openConditions,
            Classification = classification,
            Grade = grade,
            PersonalInformation = personal,
        }, age is { } days ? today.AddDays(-days) : (DateTimeOffset?)null, today);

    private static Finding Find(DatasetEntry entry, string rule, DateTimeOffset? updatedAt = null, DateOnly? on = null) =>
        EntryQuality.Of(entry, updatedAt ?? Updated, on ?? Today).Findings.Single(finding => finding.Rule == rule);

    private static DatasetEntry Fields(DatasetEntry entry, params (int At, Func<DatasetField, DatasetField> Change)[] changes) =>
        Each(entry, (field, i) => changes.Where(change => change.At == i).Aggregate(field, (changed, change) => change.Change(changed)));

    private static DatasetEntry Each(DatasetEntry entry, Func<DatasetField, int, DatasetField> change) => entry with { Fields = [.. entry.Fields.Select(change)] };

    private sealed record Case(DatasetEntry Meets, DatasetEntry Breaks, string[] At, Func<DatasetEntry, DatasetEntry> Mend);
}
