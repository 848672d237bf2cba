using Exchange.Local.Accounts;

namespace Exchange.Tests.Flow.Year;

/// <summary>What becomes of one request: who does what on which day after its first, and where it ends.</summary>
/// <param name="kind">One of <see cref="Kinds"/>.</param>
/// <param name="asking">The city that asks.</param>
/// <param name="owning">The city that has the data.</param>
/// <param name="year">The exchange.</param>
/// <param name="start">Its first day.</param>
/// <param name="dataset">What is asked for.</param>
internal sealed class Story(string kind, string asking, string owning, YearFixture year, int start, Guid dataset)
{
    public static readonly IReadOnlyList<string> Kinds =
    [
        "automatic", "in person", "approved", "refused and disputed", "supplement", "extension", "late reply", "withdrawn", "not needed", "put right", "terminated",
        "wider", "service ended", "term over", "never answered", "late delivery", "returned", "revised", "corrected", "corrected late", "used",
    ];

    private Queue<(int Day, Func<Task> Act)>? acts;
    private string correction = "";

    public string Kind => kind;

    public string Asking => asking;

    public string Owning => owning;

    public Guid Dataset => dataset;

    public string Id { get; private set; } = "";

    /// <summary>The state in both cities when nothing more is to come, long after.</summary>
    public string End => kind switch
    {
        "refused and disputed" or "withdrawn" or "not needed" or "terminated" or "service ended" or "term over" => "archived",
        "never answered" => "under_review",
        _ => "active",
    };

    /// <summary>What happened in the owning city, clocks and the archivist aside.</summary>
    public IReadOnlyList<string> Steps => kind switch
    {
        "automatic" => ["receive", "standing_reply", "source_answered"],
        "refused and disputed" => ["receive", "propose", "sign_off_reply", "dispute_received", "dispute_step", "dispute_step", "dispute_step"],
        "supplement" => ["receive", "ask_supplement", "supplement_received", .. Granted],
        "extension" => ["receive", "extend", "answer_extension", .. Granted],
        "withdrawn" => ["receive", "withdraw_received"],
        "not needed" => ["receive", .. Granted, "withdraw_received", "dispose_received"],
        "put right" => ["receive", .. Granted, "suspend", "repair_received", "resume"],
        "terminated" => ["receive", .. Granted, "suspend", "terminate", "dispose_received"],
        "wider" => ["receive", .. Granted, "change_received", "propose_change", "sign_off_change"],
        "service ended" => ["receive", .. Granted, "consult", "consultation_received", "file_change", "end_service", "dispose_received"],
        "term over" => ["receive", .. Granted, "term_end", "dispose_received"],
        "never answered" => ["receive"],
        "returned" => ["receive", "propose", "return_reply", .. Granted],
        _ => ["receive", .. Granted],
    };

    private static readonly string[] Granted = ["propose", "sign_off_reply", "source_answered"];

    /// <summary>The days on which somebody has to act.</summary>
    public IEnumerable<int> Days => Acts.Select(a => a.Day);

    public bool IsDue => Acts.TryPeek(out var next) && next.Day <= year.Day;

    public Task ActAsync() => Acts.Dequeue().Act();

    private Queue<(int Day, Func<Task> Act)> Acts => acts ??= new Queue<(int, Func<Task>)>(Script().Select(a => (start + a.Day, a.Act)));

    private IEnumerable<(int Day, Func<Task> Act)> Script()
    {
        yield return (0, async () =>
        {
            var until = YearFixture.On(start + (kind == "term over" ? 40 : 500));
            Id = (await year.DraftRequestAsync(dataset, until, city: asking)).Succeeded("draft")["id"].GetString()!;
        });
        if (kind == "revised")
        {
            yield return (0, () => AskAsync("sharing_head", "sign-off"));
            yield return (1, async () =>
            {
                var officer = year.Who(asking, "officer");
                (await officer.PutAsync(Request, ExchangeFixture.RequestBody(dataset, YearFixture.On(start + 300), ["person"]), (await officer.GetAsync(Request)).ETag)).Succeeded("revise");
            });
        }

        yield return (1, () => AskAsync("sharing_head", "sign-off"));
        yield return (1, () => AskAsync("officer", "submit"));
        foreach (var act in Answered().Concat(InUse()))
            yield return act;
    }

    private IEnumerable<(int Day, Func<Task> Act)> Answered()
    {
        switch (kind)
        {
            case "automatic" or "never answered":
                yield break;
            case "withdrawn":
                yield return (4, () => AskAsync("officer", "withdraw", new { Reason = "不再需要（示例）" }));
                yield break;
            case "refused and disputed":
                yield return (3, () => OwnAsync("reviewer", "decide", new { Decision = "refuse", Reason = "超出职责（示例）", Grounds = new[] { "outside_duty" } }));
                yield return (3, () => OwnAsync("sharing_head", "sign-off"));
                yield return (6, () => AskAsync("sharing_head", "dispute", new { Position = "属于法定职责（示例）" }));
                yield return (8, () => StepAsync("sharing_head", "to_superior"));
                yield return (9, () => StepAsync("authority", "superior_decision"));
                yield return (10, () => StepAsync("authority", "settled"));
                yield break;
            case "supplement":
                yield return (3, () => OwnAsync("reviewer", "ask-supplement", new { Missing = new[] { new { Item = "legal_basis", What = "请注明条款（示例）" } } }));
                yield return (7, () => AskAsync("officer", "supplement", new { Note = "见所附条款（示例）" }));
                break;
            case "extension":
                yield return (9, () => OwnAsync("reviewer", "extend", new { WorkingDays = 5, Reason = "涉及多个部门（示例）" }));
                yield return (9, () => OwnAsync("authority", "answer-extension", new { Consent = true }));
                break;
            case "returned":
                yield return (3, () => OwnAsync("reviewer", "decide", new { Decision = "approve" }));
                yield return (3, () => OwnAsync("sharing_head", "return", new { Reason = "请写明范围（示例）" }));
                break;
        }

        var day = kind switch { "supplement" => 10, "extension" => 18, "late reply" => 35, _ => 4 };
        yield return (day, () => OwnAsync("reviewer", "decide", new { Decision = "approve" }));
        yield return (day, () => OwnAsync("sharing_head", "sign-off"));
        if (kind == "late delivery")
        {
            yield return (45, async () =>
            {
                var officer = year.Who(owning, "officer");
                var path = $"/api/cities/{owning}/datasets/{dataset}";
                using var rows = new StringContent("person,months,remark\r\n示例甲,12,\r\n", System.Text.Encoding.UTF8, "text/csv");
                (await officer.PutAsync(path + "/rows", rows, (await officer.GetAsync(path)).ETag)).Succeeded("load rows");
                await Eventually.GetAsync(() => year.Who(owning, "reviewer").GetAsync(Approval), a => a["state"].GetString() == "active", show: a => a.Text);
            });
        }
    }

    private IEnumerable<(int Day, Func<Task> Act)> InUse()
    {
        switch (kind)
        {
            case "not needed":
                yield return (20, () => AskAsync("officer", "withdraw", new { Reason = "目的已实现（示例）" }));
                break;
            case "put right":
                yield return (10, () => OwnAsync("authority", "suspend", new { Reason = "超出用途（示例）", RepairBy = YearFixture.On(start + 20) }));
                yield return (13, () => AskAsync("officer", "report-repair", new { Note = "已整改（示例）" }));
                yield return (18, () => OwnAsync("sharing_head", "resume"));
                break;
            case "terminated":
                yield return (10, () => OwnAsync("sharing_head", "suspend", new { Reason = "超出用途（示例）", RepairBy = YearFixture.On(start + 13) }));
                yield return (18, () => OwnAsync("sharing_head", "terminate", new { Reason = "未整改（示例）" }));
                break;
            case "wider":
                yield return (10, () => AskAsync("officer", "change", new { Fields = new[] { "person", "months", "remark" }, Reason = "《示例条例》（示例）" }));
                yield return (10, () => AskAsync("sharing_head", "change/sign-off"));
                yield return (13, () => OwnAsync("reviewer", "change/decide", new { Decision = "approve" }));
                yield return (13, () => OwnAsync("sharing_head", "change/sign-off"));
                break;
            case "corrected" or "corrected late":
                yield return (6, async () => (await year.Who(asking, "integrator").GetAsync($"/api/cities/{owning}/grants/{Id}/data?format=csv")).Succeeded("deliver"));
                yield return (6, async () => correction = (await year.Who(asking, "officer").PostAsync($"{Request}/correct", new
                {
                    Field = "months",
                    Record = "示例甲",
                    Wrong = "12",
                    Right = "13",
                    Evidence = "缴费凭证（示例）",
                    Since = YearFixture.On(start + 2),
                })).Succeeded("correct")["id"].GetString()!);
                yield return (kind == "corrected" ? 12 : 40, async () =>
                {
                    var path = $"/api/cities/{owning}/corrections/{correction}";
                    var reviewer = year.Who(owning, "reviewer");
                    var answer = new { Result = "corrected", Explanation = "已核实更正（示例）", ErrorFrom = YearFixture.On(start + 2), ErrorTo = year.Today };
                    (await reviewer.PostAsync($"{path}/answer", answer, (await reviewer.GetAsync(path)).ETag)).Succeeded("answer the correction");
                });
                break;
            case "used":
                yield return (8, async () => (await year.Who(asking, "officer").PostAsync($"/api/cities/{asking}/grants/{Id}/use-records", new
                {
                    Scenario = "转移接续（示例）",
                    Process = "逐件核验（示例）",
                    Result = "办结（示例）",
                    Storage = "业务库（示例）",
                })).Succeeded("record the use"));
                break;
            case "service ended":
                yield return (10, () => OwnAsync("sharing_head", "consult", new { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = YearFixture.On(start + 20) }));
                yield return (13, () => AskAsync("sharing_head", "answer-consultation", new { Agree = true, Answer = "同意（示例）" }));
                yield return (13, () => OwnAsync("sharing_head", "file"));
                yield return (20, () => OwnAsync("sharing_head", "end-service"));
                break;
        }

        if (kind is "not needed" or "terminated" or "service ended" or "term over")
        {
            // The one who was sent away in anger takes too long.
            var day = kind switch { "terminated" => 60, "term over" => 45, _ => 30 };
            yield return (day, () => AskAsync("officer", "dispose", new { Method = "delete", Note = "已删除（示例）" }));
            yield return (day, () => AskAsync("sharing_head", "confirm-disposal"));
        }
    }

    private string Request => $"/api/cities/{asking}/requests/{Id}";

    private string Approval => $"/api/cities/{owning}/approvals/{Id}";

    private Task AskAsync(string role, string act, object? body = null) => ActAsync(year.Who(asking, role), Request, $"{Request}/{act}", body);

    private Task OwnAsync(string role, string act, object? body = null) => ActAsync(year.Who(owning, role), Approval, $"{Approval}/{act}", body);

    private Task StepAsync(string role, string step) => ActAsync(year.Who(owning, role), Approval, $"/api/cities/{owning}/disputes/{Id}/step", new { Kind = step, Text = "示例文号（示例）" });

    private async Task ActAsync(Participant who, string read, string path, object? body) =>
        (await who.PostAsync(path, body, (await who.GetAsync(read)).Succeeded($"{kind}: read before {path}").ETag)).Succeeded($"{kind}: {path} on day {year.Day - start}");
}
