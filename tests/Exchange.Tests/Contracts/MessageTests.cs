using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting.Messaging;
using Xunit;

namespace Exchange.Tests.Contracts;

/// <summary>The wire does not move: what a released message looks like, and that the table of messages names them all.</summary>
public sealed class MessageTests
{
    private static readonly Guid Exchange = Guid.Parse("01976f5a-0000-7000-8000-000000000001");
    private static readonly Guid Dataset = Guid.Parse("01976f5a-0000-7000-8000-000000000002");
    private static readonly Guid Epoch = Guid.Parse("01976f5a-0000-7000-8000-000000000003");
    private static readonly DateTimeOffset At = new(2026, 9, 18, 1, 2, 3, 456, TimeSpan.Zero);

    private static readonly object[] Samples =
    [
        new DatasetPublished { City = "changsha", Epoch = Epoch, Change = 7, Entry = Entry() },
        new DatasetWithdrawn { City = "changsha", Epoch = Epoch, Change = 8, DatasetId = Dataset, Version = 3, Reason = "停止采集（示例）", WithdrawnAt = At },
        new CatalogueKnown { City = "xiangtan", Ask = 12, Digests = [new CatalogueDigest { City = "changsha", Count = 40, Hash = "00ff00ff00ff00ff" }] },
        new CatalogueCopied { City = "changsha", Ask = 12, Copy = Epoch, Page = 1, Pages = 2, Count = 41, Hash = "00ff00ff00ff00fe", Entries = [Entry()], Withdrawn = [new WithdrawnEntry(Exchange, 3)] },
        new RequestSubmitted
        {
            ExchangeId = Exchange,
            AskingCity = "zhuzhou",
            OwningCity = "changsha",
            DatasetId = Dataset,
            DatasetVersion = 2,
            DepartmentCode = "11430200EXAMPL0126",
            DepartmentName = "株洲市公安局",
            Purpose = new RequestPurpose { LegalBasis = "职责（示例）", Scenario = "核验（示例）", Scope = "经办人员（示例）", Method = "rows", Fields = ["name", "paid_months"], UseUntil = new DateOnly(2027, 9, 18) },
            SignedOffBy = "zhuzhou-police-sharing-head",
            SubmittedAt = At,
            Version = 3,
        },
        new RequestSupplemented { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Note = "补充依据（示例）", LegalBasis = "法（示例）", Scenario = "场景（示例）", Scope = "范围（示例）", SuppliedAt = At },
        new ScopeChangeAsked { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Change = Change() },
        new RepairReported { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Note = "已整改（示例）", ReportedAt = At },
        new ConsultationAnswered { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Agreed = true, Answer = "同意（示例）", AnsweredAt = At },
        new DisputeRaised { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Position = "理由不成立（示例）", RaisedAt = At },
        new DisposalRecorded { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Disposal = Disposal() },
        new RequestWithdrawn { ExchangeId = Exchange, AskingCity = "zhuzhou", OwningCity = "changsha", Reason = "不再需要（示例）", WithdrawnAt = At },
        new RequestProgressed
        {
            ExchangeId = Exchange,
            AskingCity = "zhuzhou",
            OwningCity = "changsha",
            OwningDepartment = "11430100EXAMPL020U",
            Version = 6,
            State = "active",
            Event = "source_answered",
            Reference = "长沙-2026-000123",
            ReceivedAt = At,
            ReplyDue = new LegalDate(new DateOnly(2026, 10, 9), false),
            DeliveryDue = new LegalDate(new DateOnly(2027, 1, 8), true),
            Supplement = new SupplementNotice { Missing = [new("legal_basis", "请注明条款（示例）")], AskedAt = At, DaysLeft = 8, AnsweredAt = At },
            Extension = new Extension(3, "涉及多个部门（示例）", At),
            Reply = new Reply { Outcome = "approved", Reason = "相符", Grounds = ["outside_duty"], CitedLaw = "法（示例）", SignedBy = "changsha-labour-sharing-head", StandingSince = new DateOnly(2026, 9, 1), SignedAt = At },
            Grant = new GrantTerms { ExchangeId = Exchange, DatasetId = Dataset, DatasetVersion = 2, Fields = ["name"], ValidFrom = new DateOnly(2026, 9, 18), ValidUntil = new DateOnly(2027, 9, 18), Method = "rows", Purpose = "核验（示例）", ThirdParties = ["示例公司"], Disposal = "delete", Treatments = new Dictionary<string, string> { ["name"] = "masked:name" }, Rows = new RowFilter { Area = new AreaFilter { Field = "area", Values = ["430102"], Prefix = "4301" }, Time = new TimeFilter { Field = "paid_on", From = new DateOnly(2026, 1, 1), Until = new DateOnly(2026, 6, 30) } } },
            Suspension = new Suspension { Reason = "超出用途（示例）", RepairBy = new DateOnly(2026, 10, 20), By = "provider", At = At, Repair = "已整改（示例）", ReportedAt = At, EndedAt = At },
            Change = Change() with { Outcome = "approved", OutcomeReason = "相符", DecidedAt = At },
            Consultation = new Consultation { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = new DateOnly(2027, 1, 1), AnswerBy = new LegalDate(new DateOnly(2026, 10, 9), false), AskedAt = At, Agreed = true, Answer = "同意", AnsweredAt = At, FiledAt = At },
            Dispute = new Dispute { Stage = "negotiation", Steps = [new DisputeStep("position", "asking", "理由不成立（示例）", At), new DisputeStep("to_superior", "owning", "提请协调（示例）", At, "湖南省数据局")] },
            DisposalDue = new LegalDate(new DateOnly(2027, 1, 8), true),
            Disposal = Disposal(),
            RetainUntil = new DateOnly(2029, 9, 18),
            EndReason = "term",
            At = At,
        },
        new CorrectionFiled
        {
            CorrectionId = Epoch,
            ExchangeId = Exchange,
            AskingCity = "zhuzhou",
            OwningCity = "changsha",
            Field = "paid_months",
            Record = "示例甲",
            Wrong = "12",
            Right = "13",
            Evidence = "缴费凭证（示例）",
            Since = new DateOnly(2026, 9, 1),
            FiledAt = At,
        },
        new CorrectionReceived { CorrectionId = Epoch, ExchangeId = Exchange, OwningCity = "changsha", Version = 2, Due = new LegalDate(new DateOnly(2026, 10, 9), false), At = At },
        new CorrectionAnswered
        {
            CorrectionId = Epoch,
            ExchangeId = Exchange,
            OwningCity = "changsha",
            Version = 3,
            Due = new LegalDate(new DateOnly(2026, 10, 9), false),
            Result = "corrected",
            Explanation = "已核实更正（示例）",
            ErrorFrom = new DateOnly(2026, 9, 1),
            ErrorTo = new DateOnly(2026, 9, 18),
            AnsweredAt = At,
        },
        new DataCorrected
        {
            CorrectionId = Epoch,
            ExchangeId = Exchange,
            OwningCity = "changsha",
            DatasetId = Dataset,
            Field = "paid_months",
            ErrorFrom = new DateOnly(2026, 9, 1),
            ErrorTo = new DateOnly(2026, 9, 18),
            CorrectedAt = At,
        },
        new StandingExchangeProgressed
        {
            ExchangeId = Exchange,
            AskingCity = "zhuzhou",
            OwningCity = "changsha",
            Version = 9,
            State = "active",
            EveryMinutes = 60,
            DailyAt = "02:30",
            NextRunAt = At,
            UpToDateAt = At,
            LastPull = new StandingPull { DeliveryId = Epoch, StartedAt = At, EndedAt = At, Whole = true, Upserted = 12, Deleted = 3, Bytes = 4567 },
            Faults = 2,
            FaultySince = At,
            Reason = "provider-away",
            At = At,
        },
        new AuditRecords { Source = "changsha", Records = [new RecordedEvent { EventId = Exchange, Bytes = "{\"v\":1}"u8.ToArray(), TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }] },
        new RecordsLogged { Source = "changsha", UpToSeq = 80, Digest = [.. Enumerable.Range(0, 32).Select(i => (byte)i)], WitnessedAt = At, At = At },
    ];

    public static TheoryData<string> Names => [.. Samples.Select(s => s.GetType().Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_message_looks_on_the_wire_as_it_was_released(string name)
    {
        var message = Samples.Single(s => s.GetType().Name == name);
        var wire = JsonSerializer.Serialize(message, message.GetType(), MessageJson.Options);
        if (Environment.GetEnvironmentVariable("EXCHANGE_WRITE_GOLDEN") == "1" && !File.Exists(Golden(name)))
        {
            File.WriteAllText(Golden(name), JsonNode.Parse(wire)!.ToJsonString(new JsonSerializerOptions(MessageJson.Options) { WriteIndented = true }) + "\n");
        }

        Assert.Equal(Compact(File.ReadAllText(Golden(name))), Compact(wire));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_released_message_is_read_whole_and_a_member_of_the_future_is_passed_over(string name)
    {
        var type = Samples.Single(s => s.GetType().Name == name).GetType();
        var released = JsonNode.Parse(File.ReadAllText(Golden(name)))!.AsObject();
        released["addedLater"] = "x";

        var read = JsonSerializer.Deserialize(released.ToJsonString(), type, MessageJson.Options);

        Assert.Equal(Compact(File.ReadAllText(Golden(name))), Compact(JsonSerializer.Serialize(read, type, MessageJson.Options)));
    }

    [Fact]
    public void The_table_names_every_message_and_the_golden_files_cover_it()
    {
        var table = File.ReadLines(Path.Combine(Root(), "contracts", "README.md")).Where(l => l.StartsWith("| `", StringComparison.Ordinal)).Select(l => l.Split('`')[1]).Order();
        // A message is what nothing else contains: the value types inside are members of one.
        var all = typeof(AuditRecords).Assembly.GetExportedTypes().Where(t => t is { IsClass: true, IsAbstract: false }).ToList();
        var inside = all.SelectMany(t => t.GetProperties()).SelectMany(p => p.PropertyType.IsGenericType ? p.PropertyType.GetGenericArguments() : [p.PropertyType]).ToHashSet();
        var messages = all.Where(t => !inside.Contains(t)).Select(t => t.Name).Order().ToList();

        Assert.Equal(messages, table);
        Assert.Equal(messages, Samples.Select(s => s.GetType().Name).Order());
    }

    private static ScopeChange Change() => new()
    {
        Fields = ["name", "paid_months"],
        UseUntil = new DateOnly(2028, 9, 18),
        Scenario = "另一用途（示例）",
        ThirdParty = "示例公司",
        Reason = "法（示例）",
        SignedBy = "zhuzhou-police-sharing-head",
        AskedAt = At,
    };

    private static Disposal Disposal() => new() { Method = "delete", Note = "已删除（示例）", By = "zhuzhou-police-officer", SecondPerson = "zhuzhou-police-sharing-head", At = At };

    private static DatasetEntry Entry() => new()
    {
        DatasetId = Dataset,
        Version = 2,
        City = "changsha",
        Code = "307002430100/000002",
        Name = "社会保险参保缴费（示例）",
        DepartmentCode = "11430100EXAMPL020U",
        DepartmentName = "长沙市人力资源和社会保障局",
        Abstract = "示例",
        Theme = "C0300",
        Format = "table",
        UpdateFrequency = "monthly",
        SharingType = SharingClass.Conditional,
        SharingConditions = "共享范围：人社部门；使用用途：转移接续",
        SharingMethod = "rows",
        RefusalLaw = null,
        OpenToSociety = false,
        OpenConditions = null,
        Classification = "general",
        Grade = 3,
        PersonalInformation = true,
        Fields = [new DatasetField { Name = "name", Title = "姓名", Type = "C", Length = 50, SharingType = SharingClass.Conditional, Personal = true }],
        RelatedCodes = ["307001430100/000001"],
        ReleasedOn = new DateOnly(2026, 9, 1),
        PublishedAt = At,
    };

    // Through one writer, so that only content counts: the serialiser and the node writer escape a plus sign differently.
    private static string Compact(string json) => JsonNode.Parse(json)!.ToJsonString(MessageJson.Options);

    private static string Golden(string name) => Path.Combine(Root(), "tests", "Exchange.Tests", "Contracts", "golden", $"{name}.json");

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", ".."));
}
