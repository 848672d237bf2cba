using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Approvals;

/// <summary>
/// Something that can be done with a request in one small form: its questions, and how they become the API's body. Whether it can be done now the API's links say; who may, the link's role.
/// </summary>
/// <param name="Rel">Of the API's link; also the value of the form's <c>act</c>.</param>
/// <param name="Title">What it is.</param>
/// <param name="Explain">What follows from it, with the article.</param>
/// <param name="Button">On the button.</param>
/// <param name="Done">Said once it is done.</param>
/// <param name="Questions">In order.</param>
public sealed record ApprovalAct(string Rel, Text Title, Text Explain, Text Button, Text Done, params IReadOnlyList<Question> Questions)
{
    /// <summary>Stops or ends something: the button says so by its colour.</summary>
    public bool Grave { get; init; }

    /// <summary>The city's data authority may too.</summary>
    public bool AlsoAuthority { get; init; }

    private static readonly Question Reason = new("reason", QuestionKind.Text, new("理由", "Reason"));

    /// <summary>Those that need no form of their own.</summary>
    public static readonly IReadOnlyList<ApprovalAct> All =
    [
        new("extend", new("申请延长答复期限", "Ask for a longer reply term"),
            new("须经本级数据主管部门同意并告知申请方，累计不超过 10 个工作日（第21条）。", "The data authority consents and the asking side is told; at most 10 working days in total (art. 21)."),
            new("报数据主管部门", "Send to the data authority"), new("延期申请已报数据主管部门，同意之前原期限不变。", "The extension was sent to the data authority; until it consents the term stays as it is."),
            new("working_days", QuestionKind.Number, new("延长工作日数", "Working days more")) { Hint = new("1 至 10 天", "1 to 10") }, Reason with { Hint = new("同意后将告知申请方", "Told to the asking side once consented to") }),
        new("suspend", new("暂停共享", "Suspend"),
            new("发现超范围、超目的使用或者转供的，立即停止供数并限期整改（第27条）。正在进行的传输会中断。", "On use beyond scope or purpose, or passing on: access stops at once and a date for repair is set (art. 27). Running transfers are cut."),
            new("暂停共享", "Suspend"), new("共享已暂停，申请方已收到整改要求。", "Suspended; the asking side was told what to put right."),
            Reason with { Label = new("发现的情况", "What was found"), Hint = new("将告知申请方", "Told to the asking side") }, new("repair_by", QuestionKind.Day, new("整改期限", "To be put right by")))
        { Grave = true, AlsoAuthority = true },
        new("resume", new("恢复共享", "Resume"), new("整改到位后恢复供数（第27条）。", "Opens access again once it is put right (art. 27)."), new("恢复共享", "Resume"), new("共享已恢复。", "Resumed."))
        { AlsoAuthority = true },
        new("terminate", new("终止共享", "Terminate"), new("拒不整改或整改不到位的，可以终止（第27条）。终止后不能恢复，申请方须处置已收数据。", "Where it was not put right, access may be ended for good (art. 27); the asking side disposes of what it received."),
            new("终止共享", "Terminate"), new("共享已终止，申请方须按要求处置数据。", "Terminated; the asking side has to dispose of the data."), Reason)
        { Grave = true, AlsoAuthority = true },
        new("consult", new("协商终止或变更服务", "Consult about ending or changing the service"),
            new("确需终止或者变更的，须先与申请方协商并向本级数据主管部门备案（第27条）。", "Who has to end or change a running service consults the asking side first and files it with the data authority (art. 27)."),
            new("发起协商", "Begin"), new("协商意见已发送申请方。", "The asking side was consulted."),
            new("kind", QuestionKind.Choice, new("事项", "What"), ("end", new("终止服务", "End the service")), ("change", new("变更服务", "Change the service"))), Reason, new("effective_on", QuestionKind.Day, new("生效日期", "From")) { Hint = new("须在今天之后", "After today") }),
        new("file", new("向数据主管部门备案", "File with the data authority"), new("申请方答复后，或答复期限届满后备案（第27条）。", "Once the asking side has answered, or its time is over (art. 27)."), new("备案", "File"), new("已向数据主管部门备案。", "Filed.")),
        new("end-service", new("结束服务", "End the service"), new("协商、备案并到生效日后结束（第27条）。", "After consultation and filing, from the day that was named (art. 27)."), new("结束服务", "End"), new("服务已结束。", "Ended."))
        { Grave = true },
        new("dispute", new("登记争议进展", "Write down a step of the dispute"),
            new("先协商；协商不成的报共同上级主管部门协调；仍不一致的报人民政府决定（第28条）。", "Negotiate first; then the common superior authority coordinates; then its government decides (art. 28)."),
            new("登记", "Write down"), new("争议进展已登记，对方可见。", "Written down; the other side sees it."),
            new("kind", QuestionKind.Choice, new("步骤", "Step"), [.. ExchangeWords.DisputeSteps]), new("text", QuestionKind.Text, new("内容", "What was held, agreed or decided")) { Hint = new("决定须注明文号", "Name the document of a decision") })
        { AlsoAuthority = true },
        new("return", new("退回审核人", "Return it to the reviewer"), new("不签批，说明还需完善之处（第20条）。", "Not signed: say what has to be better (art. 20)."), new("退回", "Return"), new("答复意见已退回审核人。", "The proposal was returned."), Reason),
        new("sign-off", new("签批答复", "Sign the reply"), new("签批后即为正式答复，发送申请方，不能撤回（第20、21条）。", "With the signature it is the answer and goes to the asking side; it cannot be taken back (arts. 20, 21)."), new("签批并答复", "Sign and answer"), new("答复已签批并发送申请方。", "Signed; the asking side has the answer.")),
        new("sign-off-change", new("签批变更", "Sign the decision on the change"), new("签批后授权立即按此变更（第25条）。", "With the signature the grant changes (art. 25)."), new("签批变更", "Sign"), new("变更已签批。", "Signed.")),
    ];

    /// <summary>Said after acts that have forms of their own.</summary>
    private static readonly Dictionary<string, Text> OtherDone = new(StringComparer.Ordinal)
    {
        ["ask-supplement"] = new("补正通知已发送申请方。", "The asking side was told what is missing."),
        ["decide"] = new("答复意见已提交，等待负责人签批。", "The reply is proposed and waits for the head's signature."),
        ["decide-change"] = new("变更答复意见已提交，等待负责人签批。", "The decision on the change is proposed and waits for the head's signature."),
        ["quota"] = new("配额已保存，下一次调用起生效。", "The quota is kept and holds from the next call."),
    };

    public static ApprovalAct? Find(string? rel) => All.FirstOrDefault(act => act.Rel == rel);

    /// <summary>What to say once the act is done; null for a word that is none of ours.</summary>
    public static Text? DoneWords(string? rel) => Find(rel)?.Done ?? (rel is not null && OtherDone.TryGetValue(rel, out var done) ? done : null);

    /// <summary>Whether this person may do it: the role of the link, which names one; the act names the other.</summary>
    public bool MayBy(Person person, ApiLink link) => link.By is null || person.Has(link.By) || (AlsoAuthority && person.Has(Roles.Authority));

    /// <summary>Id and name of a question's field: several forms stand on one page.</summary>
    public string IdOf(string question) => $"{Rel}-{question}";

    /// <summary>What was written, as the API takes it; null where it takes nothing. A number or a day that cannot be read is left out, and the API says that it is missing.</summary>
    public JsonObject? Body(Visit visit)
    {
        if (Questions.Count == 0)
        {
            return null;
        }

        var body = new JsonObject();
        foreach (var question in Questions)
        {
            var written = visit.Form[IdOf(question.Name)].ToString().Trim();
            body[question.Name] = question.Kind switch
            {
                QuestionKind.Number => int.TryParse(written, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : null,
                QuestionKind.Day => FormRead.Day(written) is { } day ? day.ToString("O", CultureInfo.InvariantCulture) : null,
                _ => written.Length == 0 ? null : written,
            };
        }

        return body;
    }
}

/// <summary>How a question is answered.</summary>
public enum QuestionKind
{
    Text,
    Number,
    Day,
    Choice,
}

/// <summary>One question of a small form.</summary>
/// <param name="Name">The member of the API's body.</param>
/// <param name="Kind">How it is answered.</param>
/// <param name="Label">The question.</param>
/// <param name="Choices">Of a choice.</param>
public sealed record Question(string Name, QuestionKind Kind, Text Label, params IReadOnlyList<(string Value, Text Name)> Choices)
{
    public Text? Hint { get; init; }
}
