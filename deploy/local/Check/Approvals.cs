using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Local.Check;

/// <summary>
/// No grant without its approvals: two persons on the asking side, two persons or a standing sign-off on the owning side, no item or day more than was asked,
/// both cities of one mind, and every delivery under a grant that was active, to a caller of the department it was given to.
/// </summary>
internal static class Approvals
{
    private static readonly JsonSerializerOptions Stored = new(Json.Options) { UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip };

    private static readonly Text Stop = new(
        "这是违规访问的迹象：停止该城市服务或撤回申请（POST /api/cities/{需求方}/requests/{编号}/withdraw，授权即终止），对照 GET /api/audit/exchanges/{编号} 查明，再从备份恢复。",
        "This looks like access nobody approved: let the asking side withdraw (POST /api/cities/{asking}/requests/{id}/withdraw ends the grant) or stop the city's service, compare with GET /api/audit/exchanges/{id}, then restore from the backup.");

    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, view.Exchange.Services);
        foreach (var city in view.Cities)
        {
            await CheckGrantsAsync(view, city, tally, ct);
            await CheckDeliveriesAsync(view, city, tally, ct);
        }
        CheckMirrors(view, tally);
    }

    private static async Task CheckGrantsAsync(View view, Snapshot city, Tally tally, CancellationToken ct)
    {
        var sharing = view.Sharing(city.Service)!;
        var grants = await city.ListAsync<GrantRow>("""
            select g.exchange_id, g.asking_city, g.asking_department, g.owning_department, g.dataset_id, g.dataset_version, g.fields, g.treatments::text as treatments, g.row_filter::text as rows, g.state, g.valid_from, g.valid_until,
                   array(select f ->> 'name' from jsonb_array_elements(v.entry -> 'fields') f) as entry_fields,
                   array(select h.by_subject from dataset_history h where h.dataset_id = g.dataset_id and h.version = g.dataset_version and h.event = 'standing_sign_off_given') as standing_by, s.reply as standing_reply
            from grants g
            left join dataset_versions v on v.dataset_id = g.dataset_id and v.version = g.dataset_version and v.published_at is not null
            left join standing_sign_offs s on s.dataset_id = g.dataset_id and s.version = g.dataset_version
            """, ct: ct);
        tally.Compared(grants.Count, "个授权", "grants");
        foreach (var grant in grants)
        {
            if (!sharing.Requests.TryGetValue((grant.ExchangeId, "owning"), out var request))
            {
                tally.Find(city.Service, "grants", grant.ExchangeId, new("有其申请", "its request"), new("没有", "there is none"), Stop);
                continue;
            }
            foreach (var (expected, found) in Faults(grant, request, [.. sharing.History[(grant.ExchangeId, "owning")]], view.Sharing(grant.AskingCity), grant.AskingCity))
                tally.Find(city.Service, "grants", grant.ExchangeId, expected, found, Stop);
        }
        var granted = grants.Select(g => g.ExchangeId).ToHashSet();
        foreach (var request in sharing.Requests.Values.Where(r => r.Side == "owning" && r.State is ("approved" or "active" or "suspended" or "terminated" or "ended") && !granted.Contains(r.ExchangeId)))
            tally.Find(city.Service, "grants", request.ExchangeId, new($"授权（申请状态 {request.State}）", $"a grant, since the request is {request.State}"), new("没有", "there is none"), Stop);
    }

    private static IEnumerable<(Text Expected, Text Found)> Faults(GrantRow grant, RequestRow request, IReadOnlyList<HistoryRow> steps, CitySharing? asking, string askingCity)
    {
        var fits = grant.State switch
        {
            "issued" => request.State is "approved",
            "active" => request.State is "active",
            "suspended" => request.State is "suspended",
            _ => request.State is "ended" or "terminated" or "disposed" or "archived",
        };
        if (!fits)
            yield return (new($"与申请状态 {request.State} 相符", $"a state that fits the request's, {request.State}"), new(grant.State, grant.State));

        if (asking is not null)
        {
            if (!asking.Requests.TryGetValue((grant.ExchangeId, "asking"), out var drafted))
                yield return (new($"{askingCity} 有该申请", $"the request in {askingCity}"), new("没有", "there is none"));
            else if (drafted.SignedOffBy is null || drafted.DraftedBy is null || drafted.SignedOffBy == drafted.DraftedBy || drafted.SignedOffBy != request.SignedOffBy)
                yield return (new("需求方起草人之外的另一人签批（第20条）", "signed off on the asking side by another person than the drafter (art. 20)"), Two(drafted.DraftedBy, drafted.SignedOffBy, request.SignedOffBy));
        }

        if (Read<Reply>(request.Reply) is not { Outcome: "approved" } reply)
        {
            yield return (new("同意的答复（第21条）", "a reply that agrees (art. 21)"), new(request.Reply ?? "没有答复", request.Reply ?? "no reply"));
        }
        else if (reply.StandingSince is not null)
        {
            // Signed anew with other treatments, perhaps by another head: what was granted before rests on the earlier signature.
            if (grant.StandingReply != "approve" || !grant.StandingBy.Contains(reply.SignedBy, StringComparer.Ordinal))
                yield return (new($"{reply.SignedBy} 对第 {grant.DatasetVersion} 版的常设签批", $"a standing sign-off by {reply.SignedBy} for version {grant.DatasetVersion}"), grant.StandingBy is [] ? new("没有", "there is none") : Text.Same(string.Join(", ", grant.StandingBy)));
        }
        else if (steps.TakeWhile(h => h.Event != SharingEventName.SignOffReply.Word()).LastOrDefault(h => h.Event == SharingEventName.Propose.Word())?.BySubject is var proposed && (proposed is null || proposed == reply.SignedBy))
        {
            yield return (new("由两人分别提出并签批（第20条）", "proposed by one person and signed by another (art. 20)"), Two(proposed, reply.SignedBy, reply.SignedBy));
        }

        // A wider scope has its own two persons on each side (art. 25).
        var change = Read<ScopeChange>(request.Change) is { Outcome: "approved" } approved ? approved : null;
        if (change is not null)
        {
            var signed = steps.LastOrDefault(h => h.Event == SharingEventName.SignOffChange.Word());
            var proposed = steps.TakeWhile(h => h != signed).LastOrDefault(h => h.Event == SharingEventName.ProposeChange.Word());
            if (change.SignedBy is null || proposed?.BySubject is null || proposed.BySubject == signed?.BySubject)
                yield return (new("变更由双方各两人办理（第25条）", "a change that two persons of each side signed (art. 25)"), Two(change.SignedBy, proposed?.BySubject, signed?.BySubject));
        }
        // Earlier changes are in the history only; with one of those the terms of the reply say what was agreed.
        var changed = steps.Any(h => h.Event == SharingEventName.SignOffChange.Word());
        var terms = Read<GrantTerms>(request.GrantTerms);
        IEnumerable<string> wider = changed ? terms?.Fields ?? [] : [];
        var longest = changed && terms?.ValidUntil > request.UseUntil ? terms.ValidUntil : request.UseUntil;

        if (terms is null || !terms.Fields.SequenceEqual(grant.Fields) || terms.ValidUntil != grant.ValidUntil || terms.ValidFrom != grant.ValidFrom || (terms.DatasetId, terms.DatasetVersion) != (grant.DatasetId, grant.DatasetVersion)
            || !Same(terms.Treatments, grant.Treatments) || !Same(terms.Rows, grant.Rows))
            yield return (new($"与答复所附条款一致：{request.GrantTerms}", $"the terms of the reply: {request.GrantTerms}"), Terms(grant));
        if (grant.Fields.Except(request.Fields.Concat(wider), StringComparer.Ordinal).ToList() is { Count: > 0 } more)
            yield return (new($"只含所申请的数据项：{string.Join(", ", request.Fields)}", $"only items that were asked for: {string.Join(", ", request.Fields)}"), new($"多出 {string.Join(", ", more)}", $"also {string.Join(", ", more)}"));
        if (grant.Fields.Except(grant.EntryFields, StringComparer.Ordinal).ToList() is { Count: > 0 } unknown)
            yield return (new($"目录第 {grant.DatasetVersion} 版中的数据项", $"items of the entry's version {grant.DatasetVersion}"), new($"没有 {string.Join(", ", unknown)}", $"it has no {string.Join(", ", unknown)}"));
        if (grant.ValidUntil > longest || (grant.AskingDepartment, grant.AskingCity, grant.OwningDepartment) != (request.AskingDepartment, request.AskingCity, request.OwningDepartment))
            yield return (new($"至 {request.UseUntil:yyyy-MM-dd}，{request.AskingDepartment} 向 {request.OwningDepartment}", $"until {request.UseUntil:yyyy-MM-dd}, for {request.AskingDepartment} from {request.OwningDepartment}"), Terms(grant));

        static bool Same(object? agreed, string? enforced) => JsonNode.DeepEquals(agreed is null ? null : JsonSerializer.SerializeToNode(agreed, Stored), enforced is null ? null : JsonNode.Parse(enforced));
        static Text Two(string? first, string? second, string? third) => new($"{first ?? "—"}，{second ?? "—"}，{third ?? "—"}", $"{first ?? "—"}, {second ?? "—"}, {third ?? "—"}");
        static Text Terms(GrantRow grant)
        {
            var text = string.Create(CultureInfo.InvariantCulture, $"{grant.DatasetId} v{grant.DatasetVersion} [{string.Join(", ", grant.Fields)}] {grant.Treatments} {grant.Rows} {grant.ValidFrom:yyyy-MM-dd}–{grant.ValidUntil:yyyy-MM-dd} {grant.AskingDepartment} ← {grant.OwningDepartment}");
            return new(text, text);
        }
    }

    private static void CheckMirrors(View view, Tally tally)
    {
        foreach (var city in view.Cities)
        {
            foreach (var mirror in view.Sharing(city.Service)!.Requests.Values.Where(r => r.Side == "asking" && r.SubmittedAt is not null && view.Sharing(r.OwningCity) is not null))
            {
                tally.Compared(1, "个两市对应的申请", "requests in both cities");
                var there = view.Sharing(mirror.OwningCity)!;
                var send = Effects.Resend(mirror.OwningCity, "…", $"{mirror.OwningCity}.{city.Service}");
                if (!there.Requests.TryGetValue((mirror.ExchangeId, "owning"), out var owner))
                {
                    tally.Find(mirror.OwningCity, "sharing_requests", mirror.ExchangeId, new($"{city.Service} 提交的申请", $"the request that {city.Service} submitted"), new("没有", "there is none"), Effects.Resend(city.Service, "…", $"{city.Service}.{mirror.OwningCity}"));
                    continue;
                }
                // Some steps stay inside the owning city: the mirror shows the step before them.
                var shown = Shown([.. there.History[(mirror.ExchangeId, "owning")]]).ToList();
                var told = shown.FirstOrDefault(h => h.Version == mirror.Version) ?? shown.LastOrDefault();
                var expected = (State: told?.State ?? owner.State, Version: told?.Version ?? owner.Version, owner.Reference, owner.Reply, owner.GrantTerms, owner.EndReason, owner.Use);
                if ((mirror.State, mirror.Version, mirror.Reference, mirror.Reply, mirror.GrantTerms, mirror.EndReason, mirror.Use) is var seen && seen != expected)
                    tally.Find(city.Service, "sharing_requests", mirror.ExchangeId, Row(expected), Row(seen), send);
            }
            foreach (var owner in view.Sharing(city.Service)!.Requests.Values.Where(r => r.Side == "owning" && view.Sharing(r.AskingCity) is { } there && !there.Requests.ContainsKey((r.ExchangeId, "asking"))))
            {
                tally.Find(owner.AskingCity, "sharing_requests", owner.ExchangeId, new($"{city.Service} 收到的申请（{owner.Reference}）", $"the request that {city.Service} received ({owner.Reference})"), new("没有", "there is none"),
                    new("需求方城市可能恢复到了较早状态：从更新的备份恢复，或由该部门重新申请。", "The asking city may have been restored to an earlier state: restore a newer backup, or let the department ask anew."));
            }
        }

        static Text Row((string State, int Version, string? Reference, string? Reply, string? GrantTerms, string? EndReason, string? Use) row)
        {
            var text = string.Create(CultureInfo.InvariantCulture, $"{row.State} v{row.Version} {row.Reference} {row.Reply} {row.GrantTerms} {row.EndReason} {row.Use}").TrimEnd();
            return new(text, text);
        }

        // The newest step that the asking side is told of; an extension that was denied is not.
        static IEnumerable<HistoryRow> Shown(IReadOnlyList<HistoryRow> steps)
        {
            foreach (var step in steps.Reverse())
            {
                if (Inside.Contains(step.Event))
                    continue;
                yield return step;
                if (step.Event != SharingEventName.AnswerExtension.Word())
                    yield break;
            }
        }
    }

    private static readonly string[] Inside =
    [
        SharingEventName.Propose.Word(), SharingEventName.Extend.Word(), SharingEventName.ProposeChange.Word(), SharingEventName.ReplyReminder.Word(), SharingEventName.ReplyEscalated.Word(),
        SharingEventName.DeliveryReminder.Word(), SharingEventName.DeliveryEscalated.Word(), SharingEventName.DisposalEscalated.Word(),
    ];

    private static async Task CheckDeliveriesAsync(View view, Snapshot city, Tally tally, CancellationToken ct)
    {
        // The source's own numbers tell what came first; clocks may have been moved.
        var order = view[Stack.Audit] is not { } log ? null : (await log.ListAsync<OrderRow>("""
            select exchange_id, delivery_id, type, seq from records where source = @source and type in ('grant.activated', 'grant.suspended', 'grant.resumed', 'grant.terminated', 'grant.ended', 'delivery.opened') and exchange_id is not null and seq is not null
            """, new { source = city.Service }, ct)).ToLookup(r => r.ExchangeId);
        var people = view[Stack.Gateway] is not { } gateway ? [] : (await gateway.ListAsync<PersonRow>("select distinct on (subject) subject, city, department from accounts order by subject", ct: ct)).ToDictionary(p => p.Subject, StringComparer.Ordinal);
        await foreach (var delivery in city.StreamAsync<DeliveryRow>("""
            select d.delivery_id, d.exchange_id, d.subject, g.asking_city, g.asking_department from deliveries d join grants g using (exchange_id)
            """).WithCancellation(ct))
        {
            tally.Compared(1, "次交付", "deliveries");
            if (people.TryGetValue(delivery.Subject, out var person) && (person.City, person.Department) != (delivery.AskingCity, delivery.AskingDepartment))
            {
                tally.Find(city.Service, "deliveries", delivery.DeliveryId, new($"{delivery.AskingCity} {delivery.AskingDepartment} 的人员或系统", $"a caller of {delivery.AskingCity} {delivery.AskingDepartment}"),
                    new($"{delivery.Subject}（{person.City} {person.Department}）", $"{delivery.Subject} of {person.City} {person.Department}"), Stop);
            }
            // Without its opening in the log the check of records tells of it.
            if (order?[delivery.ExchangeId].FirstOrDefault(r => r.Type == "delivery.opened" && r.DeliveryId == delivery.DeliveryId) is not { } opened)
                continue;
            var last = order[delivery.ExchangeId].Where(r => r.Type != "delivery.opened" && r.Seq < opened.Seq).MaxBy(r => r.Seq);
            if (last?.Type is not ("grant.activated" or "grant.resumed"))
            {
                tally.Find(city.Service, "deliveries", delivery.DeliveryId, new("开始时授权有效", "opened under an active grant"),
                    new(last is null ? $"第 {opened.Seq} 号记录，此前未生效" : $"第 {opened.Seq} 号记录，此前第 {last.Seq} 号为 {last.Type}", last is null ? $"record {opened.Seq}, and the grant was not activated before it" : $"record {opened.Seq}, after {last.Type} in record {last.Seq}"), Stop);
            }
        }
    }

    private static T? Read<T>(string? json)
        where T : class => json is null ? null : JsonSerializer.Deserialize<T>(json, Stored);

    private sealed record GrantRow
    {
        public required Guid ExchangeId { get; init; }
        public required string AskingCity { get; init; }
        public required string AskingDepartment { get; init; }
        public required string OwningDepartment { get; init; }
        public required Guid DatasetId { get; init; }
        public required int DatasetVersion { get; init; }
        public required string[] Fields { get; init; }
        public required string State { get; init; }
        public required DateOnly ValidFrom { get; init; }
        public required DateOnly ValidUntil { get; init; }
        public required string[] EntryFields { get; init; }
        public required string[] StandingBy { get; init; }
        public string? Treatments { get; init; }
        public string? Rows { get; init; }
        public string? StandingReply { get; init; }
    }

    private sealed record DeliveryRow
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }
        public required string Subject { get; init; }
        public required string AskingCity { get; init; }
        public required string AskingDepartment { get; init; }
    }

    private sealed record OrderRow
    {
        public required Guid ExchangeId { get; init; }
        public Guid? DeliveryId { get; init; }
        public required string Type { get; init; }
        public required long Seq { get; init; }
    }

    private sealed record PersonRow
    {
        public required string Subject { get; init; }
        public string? City { get; init; }
        public string? Department { get; init; }
    }
}
