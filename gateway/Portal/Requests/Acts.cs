using System.Globalization;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>What the asking side may do with a request, each as it is asked of a person: who may, what it means, what has to be said. Whether it is possible now is said by the API's links.</summary>
internal static class Acts
{
    public static readonly IReadOnlyList<Act> All =
    [
        new Act
        {
            Rel = "sign-off",
            Roles = [Roles.SharingHead],
            Title = new("签批申请", "Sign the request off"),
            Lead = new("请核对下列内容。签批表示本部门确认申请真实、合法、必要（第20条）；签批后由经办人提交。签批人与起草人不得为同一人。", "Check what stands below. With your signature the department answers for its truth, legality and necessity (art. 20); an officer then submits it. Whoever drafted it does not sign it."),
            Button = new("签批", "Sign off"),
            Done = "signed",
            ShowsAsk = true,
        },
        new Act
        {
            Rel = "submit",
            Roles = [Roles.Officer, Roles.SharingHead],
            Title = new("提交申请", "Submit the request"),
            Lead = new("提交后申请即送达数据提供方，答复期限自提交之日起计算（第21条），内容不能再改动。", "Once submitted it goes to the provider, the reply clock starts (art. 21) and the text is no longer changed."),
            Button = new("提交申请", "Submit the request"),
            Done = "submitted",
            ShowsAsk = true,
        },
        new Act
        {
            Rel = "supplement",
            Roles = [Roles.Officer],
            Title = new("补正材料", "Supply what is missing"),
            Lead = new("提供方已一次性列明需要补正的内容（第21条）。数据项和使用时限不能在补正中更改。", "The provider has named everything that is missing, once (art. 21). Data items and term are not changed by it."),
            Button = new("提交补正", "Send it"),
            Done = "supplemented",
            Questions = (request, _) =>
            [
                new("note", new("补正说明", "What answers the notice"), "text") { Hint = new("逐项回应；附件写明存放位置或文号。", "Answer each point; say where attachments can be had.") },
                new("legal_basis", new("使用依据", "Legal basis"), "text") { Value = request.LegalBasis, Optional = true },
                new("scenario", new("使用场景", "Scenario"), "text") { Value = request.Scenario, Optional = true },
                new("scope", new("使用范围", "Scope"), "text") { Value = request.Scope, Optional = true },
            ],
            Body = static (entered, request) => new
            {
                Note = entered.Text("note"),
                LegalBasis = entered.Changed("legal_basis", request.LegalBasis),
                Scenario = entered.Changed("scenario", request.Scenario),
                Scope = entered.Changed("scope", request.Scope),
            },
        },
        new Act
        {
            Rel = "change",
            Roles = [Roles.Officer],
            Title = new("申请变更范围或用途", "Ask for a change"),
            Lead = new("扩大范围、改变用途或向第三方提供，须先征得提供方同意（第25条）。由经办人拟订，共享机构负责人签批后发出；答复之前仍按原授权使用。", "A wider scope, another purpose or a third party need the provider's consent first (art. 25). An officer prepares it, the head signs it; until it is answered the grant stays as it is."),
            Button = new("拟订变更，送负责人签批", "Prepare it for the head's signature"),
            Done = "change-prepared",
            Questions = (request, entry) =>
            [
                new("reason", new("变更理由和依据", "Why, and on which law or duty it rests"), "text"),
                new("fields", new("数据项", "Data items"), "many") { Choices = [.. FieldsOf(request, entry)], Chosen = request.Grant?.Fields ?? request.Fields, Hint = new("勾选变更后应当提供的全部数据项；不变则保持原样。", "Choose all items that are to be granted; leave it as it is when they stay.") },
                new("use_until", new("使用时限", "Last day of use"), "date") { Value = Iso(request.Grant?.ValidUntil ?? request.UseUntil), Optional = true },
                new("scenario", new("变更后的使用场景", "The other or further purpose"), "text") { Optional = true, Hint = new("用途不变则不填。", "Leave it empty when the purpose stays.") },
                new("third_party", new("第三方", "Third party"), "line") { Optional = true, Hint = new("需要向其提供数据的单位；没有则不填。", "To whom the data would be passed on; empty when to nobody.") },
            ],
            Body = static (entered, request) => new
            {
                Reason = entered.Text("reason"),
                Fields = entered.All("fields") is var fields && fields.ToHashSet(StringComparer.Ordinal).SetEquals(request.Grant?.Fields ?? request.Fields) ? null : fields,
                UseUntil = entered.Day("use_until") is { } until && until != (request.Grant?.ValidUntil ?? request.UseUntil) ? until : (DateOnly?)null,
                Scenario = entered.Text("scenario"),
                ThirdParty = entered.Text("third_party"),
            },
        },
        new Act
        {
            Rel = "sign-off-change",
            Roles = [Roles.SharingHead],
            Title = new("签批变更申请", "Sign the change off"),
            Lead = new("签批后变更申请即发往提供方（第20、25条）。签批人与拟订人不得为同一人。", "With your signature the change goes to the provider (arts. 20, 25). Whoever prepared it does not sign it."),
            Button = new("签批并发出", "Sign and send"),
            Done = "change-signed",
        },
        new Act
        {
            Rel = "take-back",
            Roles = [Roles.Officer, Roles.SharingHead],
            Title = new("收回待办事项", "Take it back"),
            Lead = new("收回尚待第二人办理的变更申请或处置登记；它还没有发出，收回后可重新填写。", "Takes back the change or the disposal that waits for its second person. It was not sent yet and can be written anew."),
            Button = new("收回", "Take back"),
            Done = "taken-back",
        },
        new Act
        {
            Rel = "report-repair",
            Roles = [Roles.Officer, Roles.SharingHead],
            Title = new("报告整改情况", "Report the repair"),
            Lead = new("说明已经采取的整改措施，提供方据此恢复或者终止共享（第27条）。", "Say what was put right: the provider resumes or terminates access by it (art. 27)."),
            Button = new("提交报告", "Send the report"),
            Done = "repair-reported",
            Questions = (_, _) => [new("note", new("整改情况", "What was put right, and how it can be seen"), "text")],
            Body = static (entered, _) => new { Note = entered.Text("note") },
        },
        new Act
        {
            Rel = "answer-consultation",
            Roles = [Roles.SharingHead],
            Title = new("答复协商", "Answer the consultation"),
            Lead = new("提供方拟终止或者变更正在提供的服务，就此征求本部门意见（第27条）。", "The provider means to end or change the running service and asks for your department's word (art. 27)."),
            Button = new("提交答复", "Send the answer"),
            Done = "consultation-answered",
            Questions = (_, _) =>
            [
                new("agree", new("是否同意？", "Do you agree?"), "one") { Choices = [new("yes", "同意", "Yes"), new("no", "不同意", "No")] },
                new("answer", new("意见", "Your position"), "text"),
            ],
            Body = static (entered, _) => new { Agree = entered.Text("agree") switch { "yes" => true, "no" => false, _ => (bool?)null }, Answer = entered.Text("answer") },
        },
        new Act
        {
            Rel = "correct",
            Roles = [Roles.Officer],
            Title = new("提出校核", "Report an error"),
            Lead = new("发现数据不准确、不完整的，向提供方提出校核；提供方在 10 个工作日内核实、更正并反馈（第26条）。一次只写一条记录。", "Report data that is inaccurate or incomplete: the provider verifies, corrects and answers within ten working days (art. 26). One record at a time."),
            Button = new("提交校核", "Send the report"),
            Done = "corrected",
            Questions = (request, entry) =>
            [
                new("field", new("有误的数据项", "Which data item is wrong?"), "select") { Choices = [.. (request.Grant?.Fields ?? request.Fields).Select(name => Choice.Of(name, entry?.Fields.FirstOrDefault(field => field.Name == name)?.Title ?? name))] },
                new("record", new("记录标识", "Which record?"), "line") { Hint = new("收到的数据中能找到该条记录的编号或主键。", "The number or key by which the record is found in what was received.") },
                new("wrong", new("现有内容", "What stands there"), "text") { Optional = true, Hint = new("缺失的不填。", "Leave it empty when something is missing.") },
                new("right", new("正确内容", "What is right"), "text"),
                new("evidence", new("依据", "What it rests on"), "text"),
                new("since", new("错误开始的日期", "Since when it is wrong"), "date") { Optional = true },
            ],
            Body = static (entered, _) => new { Field = entered.Text("field"), Record = entered.Text("record"), Wrong = entered.Text("wrong"), Right = entered.Text("right"), Evidence = entered.Text("evidence"), Since = entered.Day("since") },
        },
        new Act
        {
            Rel = "use-records",
            Roles = [Roles.Officer],
            Title = new("登记使用情况", "Record the use"),
            Lead = new("使用部门应当记录数据的使用场景、过程、结果、存储和销毁情况，至少保存三年（第29条）。登记后不能更改。", "Who uses data keeps records of scenario, process, result, storage and destruction for at least three years (art. 29). A record is not changed."),
            Button = new("登记", "Record it"),
            Done = "use-recorded",
            Questions = (request, _) =>
            [
                new("scenario", new("使用场景", "Scenario"), "text") { Value = request.Grant?.Purpose ?? request.Scenario },
                new("process", new("使用过程", "Process"), "text"),
                new("result", new("使用结果", "Result"), "text"),
                new("storage", new("存储情况", "Storage"), "text"),
                new("destruction", new("销毁情况", "Destruction"), "text") { Optional = true, Hint = new("已有销毁的填写。", "Once something was destroyed.") },
            ],
            Body = static (entered, _) => new { Scenario = entered.Text("scenario"), Process = entered.Text("process"), Result = entered.Text("result"), Storage = entered.Text("storage"), Destruction = entered.Text("destruction") },
        },
        new Act
        {
            Rel = "dispose",
            Roles = [Roles.Officer],
            Title = new("登记数据处置", "Record the disposal"),
            Lead = new("共享结束后，应当按提供方的要求处置收到的数据，包括副本和衍生数据（第27条）。个人信息和重要数据须由另一人复核。", "Once access is over, what was received is disposed of as the provider requires, copies and derived data included (art. 27). Of personal or important data a second person confirms it."),
            Button = new("登记处置", "Record it"),
            Done = "disposed",
            Questions = (request, _) =>
            [
                new("method", new("处置方式", "How"), "one")
                {
                    Choices = [.. ExchangeWords.Disposals.Where(way => request.Grant?.Disposal is not { } required || required == way.Word).Select(way => new Choice(way.Word, way.Name.Zh, way.Name.En))],
                    Value = request.Grant?.Disposal,
                    Hint = request.Grant?.Disposal is null ? null : new("提供方要求的方式。", "As the provider requires."),
                },
                new("note", new("处置情况", "What was disposed of, where, and how it was checked"), "text") { Hint = new("写明处置的库表、文件、备份和衍生数据，以及核查办法。", "Name tables, files, backups and derived data, and how it was checked.") },
            ],
            Body = static (entered, _) => new { Method = entered.Text("method"), Note = entered.Text("note") },
        },
        new Act
        {
            Rel = "confirm-disposal",
            Roles = [Roles.Officer, Roles.SharingHead],
            Title = new("复核数据处置", "Confirm the disposal"),
            Lead = new("请核实数据确已处置。登记人不得复核本人的登记（GB/T 45396-2025）。", "See for yourself that the data is gone. Whoever recorded it does not confirm it (GB/T 45396-2025)."),
            Button = new("确认已处置", "Confirm"),
            Done = "disposal-confirmed",
        },
        new Act
        {
            Rel = "dispute",
            Roles = [Roles.SharingHead],
            Title = new("提出争议", "Raise a dispute"),
            Lead = new("对答复、使用、暂停等有异议的，先与提供方协商；协商不成的，由共同的上级数据主管部门协调，仍不一致的由本级人民政府决定（第28条）。", "Who disagrees with a reply or a suspension negotiates first; then the common superior authority coordinates, then its government decides (art. 28)."),
            Button = new("提交意见", "Send the position"),
            Done = "disputed",
            Questions = (_, _) => [new("position", new("本部门意见及理由", "What your department holds, and why"), "text")],
            Body = static (entered, _) => new { Position = entered.Text("position") },
        },
        new Act
        {
            Rel = "withdraw",
            Roles = [Roles.Officer, Roles.SharingHead],
            Title = new("撤回申请", "Withdraw the request"),
            TitleInUse = new("不再需要数据", "The data is no longer needed"),
            Lead = new("办理后不能恢复；如仍需要，须重新申请。已获授权的，表示不再需要数据，授权随即结束，须处置已收到的数据（第27条）。", "A withdrawal is final; ask anew if the data is still needed. Once it is granted, withdrawing says that it is no longer needed: the grant ends and what was received is disposed of (art. 27)."),
            Button = new("确认撤回", "Withdraw it"),
            Done = "withdrawn",
            Grave = true,
            Questions = (_, _) => [new("reason", new("撤回理由", "Why"), "text")],
            Body = static (entered, _) => new { Reason = entered.Text("reason") },
        },
    ];

    private static string Iso(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static IEnumerable<Choice> FieldsOf(RequestView request, DatasetEntry? entry) => entry is null
        ? (request.Grant?.Fields ?? request.Fields).Select(name => Choice.Of(name, name))
        : entry.Fields.Where(field => field.SharingType != SharingClass.Refused).Select(field => Choice.Of(field.Name, field.Title));
}

/// <summary>One thing that a person of the asking side may do.</summary>
public sealed record Act
{
    /// <summary>The API's name of the link, and the last part of the page's address.</summary>
    public required string Rel { get; init; }

    /// <summary>Any of them may; as the API has it.</summary>
    public required string[] Roles { get; init; }

    public required Text Title { get; init; }
    public required Text Lead { get; init; }

    /// <summary>What it is called once something is granted; null: the same.</summary>
    public Text? TitleInUse { get; init; }

    public required Text Button { get; init; }

    /// <summary>What is said afterwards.</summary>
    public required string Done { get; init; }

    /// <summary>The whole request is shown with it.</summary>
    public bool ShowsAsk { get; init; }

    /// <summary>Cannot be undone.</summary>
    public bool Grave { get; init; }

    public Text TitleFor(RequestView request) => request.Grant is not null && TitleInUse is { } inUse ? inUse : Title;

    public Func<RequestView, DatasetEntry?, IReadOnlyList<Question>> Questions { get; init; } = static (_, _) => [];

    /// <summary>What is sent; null: nothing.</summary>
    public Func<Entered, RequestView, object>? Body { get; init; }
}

/// <summary>Something that has to be said with an act.</summary>
/// <param name="Name">As the API has it; also the field's id.</param>
/// <param name="Label">What is asked.</param>
/// <param name="Kind">text, line, date, one (of a few), many or select.</param>
public sealed record Question(string Name, Text Label, string Kind)
{
    public Text? Hint { get; init; }
    public bool Optional { get; init; }
    public string? Value { get; init; }
    public IReadOnlyList<Choice> Choices { get; init; } = [];
    public IReadOnlyList<string> Chosen { get; init; } = [];
}

/// <summary>One of several answers.</summary>
public sealed record Choice(string Value, string Zh, string En)
{
    /// <summary>Metadata is Chinese in every language.</summary>
    public bool IsChinese { get; init; }

    public static Choice Of(string value, string name) => new(value, name, name) { IsChinese = true };
}

/// <summary>What somebody sent with a form, read as the API wants it: what is empty was not said.</summary>
public sealed class Entered(IFormCollection form)
{
    public string? Text(string field) => form[field].ToString() is { } text && !string.IsNullOrWhiteSpace(text) ? text : null;

    /// <summary>Null when it is as it was.</summary>
    public string? Changed(string field, string before) => Text(field) is { } now && now.ReplaceLineEndings("\n") != before.ReplaceLineEndings("\n") ? now : null;

    public IReadOnlyList<string> All(string field) => [.. form[field].OfType<string>()];

    public DateOnly? Day(string field) => FormRead.Day(form[field]);

    /// <summary>Something was written that is no day.</summary>
    public bool IsNoDay(string field) => Text(field) is not null && Day(field) is null;
}
