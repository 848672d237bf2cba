using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using E = Exchange.Catalogue.Sharing.SharingEventName;

namespace Exchange.Catalogue.Sharing;

/// <summary>Who is told of a step of the sharing process: those who have to act on it, and those who wait for it. Nobody is told of their own act.</summary>
internal static class SharingNotices
{
    public static IEnumerable<(string? Department, string Role)> Of(Side side, E happened, ClockStep? step, SharingRequest request)
    {
        var department = side == Side.Asking ? request.Ask.AskingDepartment : request.Ask.OwningDepartment;
        string[] roles = side == Side.Asking ? OfAsking(happened) : OfOwning(happened, step);
        return roles.Select(role => ((string?)(role == Roles.Authority ? null : department), role));
    }

    // Its own acts, and the news that the owning city sends.
    private static string[] OfAsking(E happened) => happened switch
    {
        E.Draft or E.AskChange or E.Dispose => [Roles.SharingHead],
        E.SignOff or E.SignOffReply or E.StandingReply or E.SourceAnswered or E.AskSupplement or E.AnswerExtension or E.WithdrawReceived or E.ReplyBreached or E.DeliveryBreached
            or E.Recount or E.SignOffChange or E.TermEnd or E.DisposalReminder => [Roles.Officer],
        E.Suspend or E.Resume or E.Terminate or E.Consult or E.FileChange or E.EndService or E.DisputeStep or E.RepairBreached or E.DisposalBreached => [Roles.Officer, Roles.SharingHead],
        _ => [],
    };

    private static string[] OfOwning(E happened, ClockStep? step) => (happened, step) switch
    {
        (_, ClockStep.Reminder) when happened == E.DisposalReminder => [],
        (_, ClockStep.Reminder) => [Roles.Reviewer, Roles.SharingHead],
        (_, ClockStep.Breach) => [Roles.Reviewer, Roles.SharingHead],
        (_, ClockStep.Head) => [Roles.DepartmentHead],
        (_, ClockStep.Authority) => [Roles.Authority],
        (E.Receive or E.SupplementReceived or E.WithdrawReceived or E.ChangeReceived or E.ReturnReply or E.AnswerExtension or E.SignOffReply or E.SignOffChange or E.DisposeReceived, _) => [Roles.Reviewer],
        (E.Propose or E.ProposeChange or E.RepairReceived or E.ConsultationReceived or E.DisputeReceived, _) => [Roles.SharingHead],
        (E.Extend or E.FileChange, _) => [Roles.Authority],
        (E.Suspend or E.Terminate, _) => [Roles.SharingHead, Roles.Authority],
        _ => [],
    };
}
