using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>A reviewer proposes the reply, another person, the head of the provider's sharing office, signs it (arts. 20, 21). Only then it is an answer.</summary>
internal static class DecideRequest
{
    public sealed record Body
    {
        /// <summary><c>approve</c> or <c>refuse</c>.</summary>
        public string? Decision { get; init; }

        /// <summary>Why; required to refuse (art. 21).</summary>
        public string? Reason { get; init; }

        /// <summary>What a refusal rests on, at least one of: outside_duty, not_necessary, conditions_not_met, not_shared_by_law, incomplete (with another one only), other.</summary>
        public IReadOnlyList<string>? Grounds { get; init; }

        /// <summary>The law a refusal rests on; required where the entry is not shared (art. 15).</summary>
        public string? CitedLaw { get; init; }

        /// <summary>Fewer fields than asked for; all of them when left out.</summary>
        public IReadOnlyList<string>? Fields { get; init; }

        /// <summary>
        /// How fields are treated before they leave, by name: <c>plain</c>, <c>masked</c> (nothing of the value is seen), <c>masked:name</c>, <c>masked:id_number</c>, <c>masked:phone</c>, <c>masked:address</c>,
        /// <c>masked:bank_card</c>, <c>hashed</c>, <c>generalised:month</c>, <c>generalised:district</c>, <c>generalised:band:1000</c> or <c>dropped</c>. A field that is not named goes plain; in a decision on a
        /// change it stays as it was.
        /// </summary>
        public IReadOnlyDictionary<string, string>? Treatments { get; init; }

        /// <summary>Which rows: of an area, of a time, or both. Left out: all; in a decision on a change as before, and <c>{}</c> gives all.</summary>
        public ScopeRules.RowsBody? Rows { get; init; }

        /// <summary>An earlier last day than asked for; that one when left out.</summary>
        public DateOnly? ValidUntil { get; init; }

        /// <summary>How the data is to be disposed of in the end (art. 27): delete, return, seal or anonymise; delete when left out.</summary>
        public string? Disposal { get; init; }
    }

    public static void Map(RouteGroupBuilder approvals)
    {
        approvals.MapPost("/{id:guid}/decide", ProposeAsync).AllowPersons(Roles.Reviewer).WritesOnce()
            .WithSummary("Proposes to approve or to refuse a request (art. 21). Needs If-Match.");
        approvals.MapPost("/{id:guid}/sign-off", SignOffAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Signs the proposed reply; another person than the one who proposed it (art. 20). Needs If-Match.");
        approvals.MapPost("/{id:guid}/return", ReturnAsync).AllowPersons(Roles.SharingHead).WritesOnce()
            .WithSummary("Gives the proposed reply back to the reviewer with a reason instead of signing it (art. 20). Needs If-Match.");
    }

    public sealed record ReturnBody
    {
        /// <summary>What the reviewer is to do better.</summary>
        public string? Reason { get; init; }
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ReturnAsync(Guid id, ReturnBody body, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", body.Reason, "第20条");
        return faults.Any ? new Refused(faults) : await act.RunAsync(id, Side.Owning, caller, http, _ => new SharingEvent.ReturnReply(caller, body.Reason!), cancel);
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ProposeAsync(
        Guid id, Body body, Caller caller, ActOnRequest act, SharingStore store, PublishedEntries entries, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = await CheckAsync(id, body, caller, store, entries, cancel);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var proposal = ProposalOf(body);
        return await act.RunAsync(id, Side.Owning, caller, http, stored => new SharingEvent.Propose(caller, proposal, stored.Process.RunsOnTo(days, clock)), cancel);
    }

    /// <summary>The body, and what it says about treatments and rows by the entry that was asked for; a caller who may not see the request learns nothing of it.</summary>
    internal static async Task<Faults> CheckAsync(Guid id, Body body, Caller caller, SharingStore store, PublishedEntries entries, CancellationToken cancel)
    {
        var faults = Check(body);
        if (body is { Treatments: null, Rows: null, Fields: null } || body.Decision == "refuse"
            || await store.FindAsync(id, Side.Owning, cancel) is not { } stored || !ReadRequests.MaySee(caller, stored)
            || await entries.FindAsync(stored.Process.Ask.DatasetId, stored.Process.Ask.DatasetVersion, cancel) is not { } entry)
        {
            return faults;
        }

        var process = stored.Process;
        var granted = body.Fields ?? (process.Grant is null ? process.Ask.Fields : process.Change?.Fields ?? process.Grant.Fields);
        ScopeRules.CheckForm(entry.Format, body.Treatments, body.Rows, entry.Fields, [.. granted], faults);
        ScopeRules.CheckTreatments(body.Treatments, entry.Fields, [.. granted], faults);
        ScopeRules.CheckRows(body.Rows, entry.Fields, faults);
        return faults;
    }

    private static Faults Check(Body body)
    {
        var faults = new Faults();
        if (body.Decision is not ("approve" or "refuse"))
        {
            faults.Add("decision", "one-of", "第21条", new("须为 approve（同意）或 refuse（不同意）。", "It is approve or refuse."));
        }

        faults.CheckText("reason", body.Reason, "第21条");
        faults.CheckText("cited_law", body.CitedLaw, "第15条");
        foreach (var (ground, i) in (body.Grounds ?? []).Select((ground, i) => (ground, i)).Where(g => !RefusalGrounds.All.Contains(g.ground, StringComparer.Ordinal)))
        {
            faults.Add($"grounds[{i}]", "one-of", "第21条", new($"“{ground}”不在可选的依据之内：{string.Join("、", RefusalGrounds.All)}。", $"'{ground}' is none of {string.Join(", ", RefusalGrounds.All)}."));
        }

        if (body.Decision == "approve" && body.Grounds is { Count: > 0 })
        {
            faults.Add("grounds", "only-to-refuse", "第21条", new("同意时不填不同意的依据。", "An approval has no grounds for refusal."));
        }

        if (body.Decision == "refuse" && body.Fields is not null)
        {
            faults.Add("fields", "only-to-approve", null, new("不同意时不填数据项。", "A refusal names no data items."));
        }

        if (body.Decision == "refuse" && body.Treatments is not null)
        {
            faults.Add("treatments", "only-to-approve", null, new("不同意时不填处理方式。", "A refusal names no treatments."));
        }

        if (body.Decision == "refuse" && body.Rows is not null)
        {
            faults.Add("rows", "only-to-approve", null, new("不同意时不填数据范围。", "A refusal names no rows."));
        }

        if (body.Decision == "refuse" && body.ValidUntil is not null)
        {
            faults.Add("valid_until", "only-to-approve", null, new("不同意时不填使用时限。", "A refusal has no last day of use."));
        }

        if (body.Fields is { } fields && fields.Distinct(StringComparer.Ordinal).Count() != fields.Count)
        {
            faults.Add("fields", "twice", null, new("数据项重复。", "A data item stands twice."));
        }

        if (body.Disposal is not null && (body.Decision == "refuse" || !Disposals.All.Contains(body.Disposal, StringComparer.Ordinal)))
        {
            faults.Add("disposal", "one-of", "第27条", new($"同意时可填 {string.Join("、", Disposals.All)} 之一。", $"With an approval it is one of {string.Join(", ", Disposals.All)}."));
        }

        return faults;
    }

    internal static Proposal ProposalOf(Body body) => new()
    {
        Decision = Words.Parse<SharingDecision>(body.Decision!),
        Reason = body.Reason,
        Grounds = body.Grounds ?? [],
        CitedLaw = body.CitedLaw,
        Fields = body.Fields,
        Treatments = body.Treatments,
        Rows = body.Rows?.ToFilter(),
        ValidUntil = body.ValidUntil,
        Disposal = body.Disposal,
    };

    private static async Task<Results<Ok<RequestView>, Refused>> SignOffAsync(
        Guid id, Caller caller, ActOnRequest act, ProbeSource probe, AuditWatch audit, City city, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var deliveryDue = days.Add(LegalDay.Of(clock.GetUtcNow()), city.Limits.Delivery);
        // A refusal passes nothing and may be signed while the log is behind.
        var answer = await act.RunAsync(
            id, Side.Owning, caller, http, _ => new SharingEvent.SignOffReply(caller, deliveryDue), cancel,
            stored => stored.Process.Proposal is { Decision: SharingDecision.Approve } ? audit.Refusal : null);
        if (answer.Result is not Ok<RequestView> { Value.State: "approved" })
        {
            return answer;
        }

        await probe.RunAsync(id, cancel);
        return await act.AnswerAsync(id, Side.Owning, http, cancel);
    }
}
