using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>A request in the words of the people who ask: who holds it, what comes next, what was agreed.</summary>
internal static class RequestWords
{
    /// <summary>True once nobody has anything left to do.</summary>
    public static bool IsDone(string state) => state is "refused" or "disposed" or "archived" or "withdrawn";

    /// <summary>Why there is no reference.</summary>
    public static Text NoReference(RequestView request) => IsDone(request.State)
        ? new("未送达提供方，无受理编号", "Never reached the provider, so it has no reference")
        : new("受理编号待提供方收到后给出", "Reference is given on receipt");

    /// <summary>Who has to act now, on which side and in which role.</summary>
    public static string Holder(RequestView request, Visit visit, Places places)
    {
        var mine = visit.Person is { } person && person.City == request.Asking.City && person.Department == request.Asking.Department;
        var we = mine ? visit.T("本部门", "your department") : request.Asking.Name ?? places.Department(request.Asking.City, request.Asking.Department ?? "");
        var they = Provider(request, places);
        return (request.State, request.Pending) switch
        {
            ("draft", _) => T("待", $"共享机构负责人签批", $"The head of {we}'s sharing office signs", we),
            ("signed_off", _) => T("待", "经办人提交", $"An officer of {we} submits", we),
            (_, "ask_change") => T("待", "共享机构负责人签批变更申请", $"The head of {we}'s sharing office signs the change", we),
            (_, "dispose") when request.PreparedDisposal is not null => T("待", "另一人复核处置", $"A second person of {we} confirms the disposal", we),
            ("submitted", _) => visit.T($"已发出，待{they}所在城市接收", $"On its way to the city of {they}"),
            ("supplement_asked", null) => T("待", "经办人补正", $"An officer of {we} supplies what is missing", we),
            (_, "supplement") => visit.T($"补正已发出，待{they}接收", $"Sent; {they} takes it up"),
            ("under_review", _) => visit.T($"待{they}答复", $"{they} answers"),
            ("decided", _) => visit.T($"待{they}共享机构负责人签批答复", $"The head of the sharing office of {they} signs the reply"),
            ("approved", _) => visit.T($"待{they}供数", $"{they} delivers"),
            ("suspended", "report_repair") => visit.T($"整改报告已发出，待{they}核查", $"Reported; {they} checks the repair"),
            ("suspended", _) when request.Suspension?.ReportedAt is not null => visit.T($"待{they}核查整改", $"{they} checks the repair"),
            ("suspended", _) => T("待", "整改", $"{we} puts it right", we),
            ("ended" or "terminated", null) => T("待", "处置数据", $"{we} disposes of the data", we),
            ("ended" or "terminated", _) => visit.T($"处置登记已发出，待{they}所在城市确认", $"Sent; the city of {they} takes the disposal down"),
            ("active", _) when request.Consultation is { AnsweredAt: null, FiledAt: null } && request.Pending is null => T("待", "共享机构负责人答复协商", $"The head of {we}'s sharing office answers the consultation", we),
            ("active", _) when request.Change is { Outcome: null } => visit.T($"使用中；待{they}答复变更", $"In use; {they} answers on the change"),
            ("active", _) => T("", "使用中", $"In use by {we}", we),
            _ => visit.T("已办结", "Closed"),
        };

        string T(string before, string after, string en, string who) => visit.Language == "en" ? Capital(en) : before + who + after;
    }

    /// <summary>The providing department, with its city where that is not part of its name.</summary>
    public static string Provider(RequestView request, Places places) =>
        request.Owning.Department is { } code ? places.Department(request.Owning.City, code) : request.Owning.City;

    /// <summary>What is on its way or waits for a second person; null when nothing does.</summary>
    public static Text? Pending(RequestView request) => request.Pending switch
    {
        null => null,
        "ask_change" => new("变更申请已拟订，待共享机构负责人签批。", "A change is prepared and waits for the head's signature."),
        "dispose" when request.PreparedDisposal is not null => new("处置已登记，待另一人复核。", "The disposal is recorded and waits for a second person."),
        "supplement" => new("补正材料已发出，等待提供方城市确认。", "What was missing is sent; the owning city has not confirmed it yet."),
        "withdraw" => new("撤回已发出，等待提供方城市确认。", "The withdrawal is sent; the owning city has not confirmed it yet."),
        "sign_off_asked_change" => new("变更申请已发出，等待提供方城市确认。", "The change is sent; the owning city has not confirmed it yet."),
        "report_repair" => new("整改报告已发出，等待提供方城市确认。", "The report is sent; the owning city has not confirmed it yet."),
        "answer_consultation" => new("协商答复已发出，等待提供方城市确认。", "The answer is sent; the owning city has not confirmed it yet."),
        "dispute" => new("争议意见已发出，等待提供方城市确认。", "The position is sent; the owning city has not confirmed it yet."),
        "dispose" or "confirm_disposal" => new("处置登记已发出，等待提供方城市确认。", "The disposal is sent; the owning city has not confirmed it yet."),
        _ => new("操作已发出，等待提供方城市确认。", "The act is sent; the owning city has not confirmed it yet."),
    };

    private static string Capital(string text) => text.Length == 0 ? text : char.ToUpperInvariant(text[0]) + text[1..];
}
