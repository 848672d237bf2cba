using System.Globalization;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Local.Check;

/// <summary>Each step has one audit record: what a source wrote stands in the log with the same bytes, in a sequence without hole or fork, and nothing stands there without its step.</summary>
internal static class Records
{
    private static readonly Text Explain = new(
        "日志不会改写。保留现场，与该来源的数据库备份和 GET /api/audit/gaps 对照，查明谁在何时改动。",
        "The log is not rewritten. Keep everything as it is, compare the source's database with its backup and GET /api/audit/gaps, and find out who changed what.");

    private static readonly Text Fork = new(
        "数据库曾恢复到较早状态。日志保留两段历史；向审计员说明自该序号起的分叉，用 outbox/resend 补发其他服务的消息，核对丢失的步骤。",
        "The source's database was restored to an earlier state. The log keeps both histories: tell the auditors of the fork and its first number, let the others send again (outbox/resend) and see which steps are gone.");

    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, view.Exchange.Services);
        foreach (var source in view.All)
            await CheckWaitingAsync(view, source, tally, ct);
        if (view[Stack.Audit] is not { } log)
            return;
        await CheckConflictsAsync(log, tally, ct);
        foreach (var source in view.All)
        {
            await CheckSourceAsync(view, source, log, tally, ct);
            await CheckSequenceAsync(source, log, tally, ct);
        }
        foreach (var city in view.Cities)
        {
            await CheckStepsAsync(view, city, log, tally, ct);
            await CheckDeliveriesAsync(city, log, tally, ct);
            await CheckDatasetsAsync(city, log, tally, ct);
        }
    }

    private static async Task CheckWaitingAsync(View view, Snapshot source, Tally tally, CancellationToken ct)
    {
        foreach (var row in await source.ListAsync<WaitingRow>("""
            select id, type, routing_key, extract(epoch from clock_timestamp() - created_at)::float8 as seconds
            from outbox
            where kind = 'record' and sent_at is null and quarantined_at is null and created_at < clock_timestamp() - @Settle
            order by created_at limit 1000
            """, new { view.Settle }, ct))
        {
            tally.Find(source.Service, "outbox", row.Id, new("记录已发往日志", "the record has left for the log"),
                new(string.Create(CultureInfo.InvariantCulture, $"{row.Type} 已等待 {row.Seconds:0} 秒"), string.Create(CultureInfo.InvariantCulture, $"{row.Type} waits for {row.Seconds:0} s")),
                new("恢复消息中间件或审计服务后自动发出。", "It leaves by itself once broker and audit service are back."));
        }
    }

    private static async Task CheckConflictsAsync(Snapshot log, Tally tally, CancellationToken ct)
    {
        foreach (var conflict in await log.ListAsync<ConflictRow>("select event_id, year, idx from conflicts order by year, idx limit 1000", ct: ct))
            tally.Find(Stack.Audit, "conflicts", conflict.EventId, new("一个编号一种内容", "one content under one id"), new($"第二种内容，见 {conflict.Year} 年第 {conflict.Idx} 号记录", $"another content arrived, told by leaf {conflict.Idx} of {conflict.Year}"), Explain);
    }

    /// <summary>The bytes the source keeps (seven days) and the digest the log took.</summary>
    private static async Task CheckSourceAsync(View view, Snapshot source, Snapshot log, Tally tally, CancellationToken ct)
    {
        var kept = await source.ListAsync<SealedRow>("""
            select id, type, source_seq as seq, sha256(body) as digest, sent_at from outbox where kind = 'record' and sealed is not null and sent_at is not null order by source_seq
            """, ct: ct);
        tally.Compared(kept.Count, "条来源记录", "records at their sources");
        var missing = new List<SealedRow>();
        foreach (var batch in kept.Chunk(5000))
        {
            var ids = batch.Select(r => r.Id).ToArray();
            var logged = (await log.ListAsync<LoggedRow>("""
                select e.event_id, e.digest, r.source, r.seq from events e left join records r using (year, idx) where e.event_id = any(@ids)
                """, new { ids }, ct)).ToDictionary(r => r.EventId);
            foreach (var row in batch)
            {
                if (!logged.TryGetValue(row.Id, out var leaf))
                    missing.Add(row);
                else if (!leaf.Digest.AsSpan().SequenceEqual(row.Digest))
                    tally.Find(source.Service, "outbox", row.Id, new($"SHA-256 {Convert.ToHexStringLower(leaf.Digest)}（日志）", $"SHA-256 {Convert.ToHexStringLower(leaf.Digest)}, as in the log"), new($"{Convert.ToHexStringLower(row.Digest)}（{row.Type}）", $"{Convert.ToHexStringLower(row.Digest)} ({row.Type})"), Explain);
                else if (leaf.Source != source.Service || leaf.Seq != row.Seq)
                    tally.Find(Stack.Audit, "records", row.Id, new($"{source.Service} 第 {row.Seq} 号", $"number {row.Seq} of {source.Service}"), new($"{leaf.Source} 第 {leaf.Seq} 号", $"number {leaf.Seq} of {leaf.Source}"), Explain);
            }
        }
        // One message carries up to fifty records; as long as one lies aside, what is missing may be in it.
        if (missing.Count == 0 || view.Waiting(Topology.AuditQueue) is > 0 && missing.Count <= 50 * view.Waiting(Topology.AuditQueue))
            return;
        var since = missing.Min(m => m.SentAt)!.Value.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        foreach (var row in missing)
            tally.Find(source.Service, "outbox", row.Id, new($"日志有第 {row.Seq} 号", $"number {row.Seq} is in the log"), new($"丢失：{row.Type} 已发出，日志没有", $"lost: {row.Type} was sent, the log has it not"), Effects.Resend(source.Service, since, $"{source.Service}.audit"));
    }

    private static async Task CheckSequenceAsync(Snapshot source, Snapshot log, Tally tally, CancellationToken ct)
    {
        var given = await source.OneAsync<long>("select source_seq from outbox_counters", ct: ct);
        var name = new { source = source.Service };
        var logged = await log.OneAsync<SequenceRow>("select count(*) as leaves, coalesce(max(seq), 0) as last from records where source = @source and seq is not null", name, ct);
        tally.Compared(logged.Leaves, "条日志记录", "leaves of sources");
        var repeated = await log.ListAsync<long>("select seq from records where source = @source and seq is not null group by seq having count(*) > 1 order by seq", name, ct);
        if (repeated.Count > 0)
        {
            tally.Find(Stack.Audit, "records", string.Create(CultureInfo.InvariantCulture, $"{source.Service} {repeated[0]}"), new("每个序号一条", "one record under each number"),
                new($"分叉：自第 {repeated[0]} 号起 {repeated.Count} 个序号有两条（至 {repeated[^1]}）", $"a fork from number {repeated[0]} on: {repeated.Count} number(s) came twice, up to {repeated[^1]}"), Fork);
        }
        if (given < logged.Last)
        {
            tally.Find(source.Service, "outbox_counters", source.Service, new($"第 {logged.Last} 号（日志）", $"number {logged.Last}, as in the log"),
                new($"第 {given} 号：下一条将重用第 {given + 1} 号", $"number {given}: the next record takes number {given + 1} again"), Fork);
        }
        else if (given > logged.Last)
        {
            tally.Find(Stack.Audit, "records", source.Service, new($"至第 {given} 号", $"up to number {given}"), new($"至第 {logged.Last} 号", $"up to number {logged.Last}"), Effects.Resend(source.Service, "…", $"{source.Service}.audit"));
        }
        foreach (var hole in await log.ListAsync<HoleRow>("""
            select before + 1 as "from", seq - 1 as "to"
            from (select seq, coalesce(lag(seq) over (order by seq), 0) as before from records where source = @source and seq is not null) numbered
            where seq > before + 1 order by seq limit 1000
            """, name, ct))
        {
            tally.Find(Stack.Audit, "records", string.Create(CultureInfo.InvariantCulture, $"{source.Service} {hole.From}–{hole.To}"), new("序号连续", "numbers without a hole"), new("缺号", "they never came"), Effects.Resend(source.Service, "…", $"{source.Service}.audit"));
        }
        // At a fork two records name the same predecessor; one that fits is enough.
        foreach (var seq in await log.ListAsync<long>("""
            select r.seq
            from records r join records p on p.source = r.source and p.seq = r.seq - 1 join events e on e.event_id = p.event_id
            where r.source = @source and r.seq > 1
            group by r.seq
            having not bool_or(r.prev = e.digest)
            order by r.seq limit 1000
            """, name, ct))
        {
            tally.Find(Stack.Audit, "records", string.Create(CultureInfo.InvariantCulture, $"{source.Service} {seq}"), new($"指向第 {seq - 1} 号的哈希", $"the hash of number {seq - 1} as its predecessor"), new("另一个哈希", "another hash"), Explain);
        }
    }

    private static async Task CheckStepsAsync(View view, Snapshot city, Snapshot log, Tally tally, CancellationToken ct)
    {
        var leaves = (await log.ListAsync<StepLeaf>("""
            select event_id, type, exchange_id, details->>'decision' as decision from records
            where source = @source and (type = 'exchange.archived' or split_part(type, '.', 1) in ('request', 'supplement', 'extension', 'decision', 'reply', 'grant', 'change', 'repair', 'service_change', 'dispute', 'disposal', 'clock'))
            """, new { source = city.Service }, ct)).ToDictionary(l => l.EventId);
        var replies = leaves.Values.Where(l => l is { Type: "decision.received", Decision: "sign_off_reply" or "standing_reply" }).Select(l => l.ExchangeId).ToHashSet();
        var told = new HashSet<Guid>();
        var sharing = view.Sharing(city.Service)!;
        foreach (var steps in sharing.History)
        {
            HistoryRow? before = null;
            foreach (var step in steps)
            {
                var types = TypesOf(step, before);
                var id = string.Create(CultureInfo.InvariantCulture, $"{step.ExchangeId} {step.Side} version {step.Version} {step.Event}");
                if (step.AuditEvent is { } record)
                {
                    told.Add(record);
                    tally.Compared(1, "个有记录的步骤", "recorded steps");
                    if (!leaves.TryGetValue(record, out var leaf))
                        tally.Find(city.Service, "sharing_history", id, new($"日志有记录 {record}", $"leaf of event {record}"), new("日志没有", "the log has none"), Effects.Resend(city.Service, "…", $"{city.Service}.audit"));
                    else if (leaf.ExchangeId != step.ExchangeId || !types.Contains(leaf.Type))
                        tally.Find(city.Service, "sharing_history", id, new($"{string.Join(" / ", types)}，交换 {step.ExchangeId}", $"{string.Join(" or ", types)} of exchange {step.ExchangeId}"), new($"{leaf.Type}，交换 {leaf.ExchangeId}", $"{leaf.Type} of exchange {leaf.ExchangeId}"), Explain);
                }
                else if (types.Length > 0 && !(step.Event == SharingEventName.Dispose.Word() && step.Side == "asking"))
                {
                    tally.Find(city.Service, "sharing_history", id, new($"有审计记录（{string.Join(" / ", types)}）", $"an audit record ({string.Join(" or ", types)})"), new("没有", "none"), Explain);
                }
                before = step;
            }
            if (steps.Key.Side == "asking" && !replies.Contains(steps.Key.Id) && sharing.Requests.TryGetValue(steps.Key, out var mirror) && mirror.Reply is not null)
                tally.Find(city.Service, "sharing_history", $"{steps.Key.Id} asking", new("收到答复的审计记录", "an audit record of the reply that was received"), new("没有", "none"), Explain);
        }
        foreach (var heard in await city.ListAsync<HeardRow>("select exchange_id, version, audit_event from decisions_heard where audit_event is not null", ct: ct))
        {
            told.Add(heard.AuditEvent);
            tally.Compared(1, "个获知的决定", "decisions heard");
            if (!leaves.TryGetValue(heard.AuditEvent, out var leaf) || (leaf.Type, leaf.ExchangeId) != ("decision.received", heard.ExchangeId))
                tally.Find(city.Service, "decisions_heard", string.Create(CultureInfo.InvariantCulture, $"{heard.ExchangeId} version {heard.Version}"), new($"日志有记录 {heard.AuditEvent}（decision.received）", $"leaf of event {heard.AuditEvent} (decision.received)"), new("日志没有", "the log has none"), Effects.Resend(city.Service, "…", $"{city.Service}.audit"));
        }
        // Clocks run for other things than requests too.
        foreach (var leaf in leaves.Values.Where(l => !told.Contains(l.EventId) && !l.Type.StartsWith("clock.", StringComparison.Ordinal)))
            tally.Find(Stack.Audit, "records", leaf.EventId, new($"{city.Service} 的历史有此步骤（{leaf.Type}，交换 {leaf.ExchangeId}）", $"its step in {city.Service}'s history ({leaf.Type} of exchange {leaf.ExchangeId})"), new("没有", "there is none"), Fork);
    }

    /// <summary>The record a step is told by; none for a draft and its withdrawal, which never were an exchange, for what waits for a second person, and on the asking side for news of what nobody decided.</summary>
    private static string[] TypesOf(HistoryRow step, HistoryRow? before)
    {
        try
        {
            return Words.Parse<SharingEventName>(step.Event) switch
            {
                SharingEventName.Withdraw when before?.State == "draft" => [],
                SharingEventName.Withdraw => ["request.withdrawn"],
                SharingEventName.Supplement => ["request.supplemented"],
                SharingEventName.SignOff => ["request.signed_off"],
                SharingEventName.Submit => ["request.submitted"],
                SharingEventName.SignOffAskedChange => ["change.asked"],
                SharingEventName.ReportRepair => ["repair.reported"],
                SharingEventName.AnswerConsultation => ["service_change.answered"],
                SharingEventName.Dispute => ["dispute.position"],
                SharingEventName.Dispose or SharingEventName.ConfirmDisposal => ["disposal.recorded"],
                var name when step.Side == "asking" && name > SharingEventName.Dispose => name.IsDecision() ? ["decision.received"] : [],
                SharingEventName.Receive => ["request.received"],
                SharingEventName.SupplementReceived => ["request.supplemented"],
                SharingEventName.AskSupplement => ["supplement.asked"],
                SharingEventName.Extend => ["extension.asked"],
                SharingEventName.AnswerExtension => ["extension.consented", "extension.denied"],
                SharingEventName.Propose => ["reply.proposed"],
                SharingEventName.ReturnReply => ["reply.returned"],
                SharingEventName.SignOffReply or SharingEventName.StandingReply => ["reply.signed_off"],
                SharingEventName.SourceAnswered => ["grant.activated"],
                SharingEventName.WithdrawReceived => ["request.withdrawn", "grant.ended"],
                SharingEventName.TermEnd or SharingEventName.EndService => ["grant.ended"],
                SharingEventName.Suspend => ["grant.suspended"],
                SharingEventName.Resume => ["grant.resumed"],
                SharingEventName.Terminate => ["grant.terminated"],
                SharingEventName.Consult => ["service_change.consulted"],
                SharingEventName.ConsultationReceived => ["service_change.answered"],
                SharingEventName.FileChange => ["service_change.filed"],
                SharingEventName.ChangeReceived => ["change.received"],
                SharingEventName.ProposeChange => ["change.proposed"],
                SharingEventName.SignOffChange => ["change.signed_off"],
                SharingEventName.RepairReceived => ["repair.reported"],
                SharingEventName.DisputeReceived => ["dispute.position"],
                SharingEventName.DisputeStep => ["dispute.position", "dispute.settled", "dispute.to_superior", "dispute.superior_decision", "dispute.to_government", "dispute.government_decision"],
                SharingEventName.DisposeReceived => ["disposal.recorded"],
                SharingEventName.Archive => ["exchange.archived"],
                SharingEventName.Recount => ["clock.recounted"],
                SharingEventName.ReplyReminder or SharingEventName.DeliveryReminder or SharingEventName.DisposalReminder => ["clock.reminder"],
                SharingEventName.ReplyBreached or SharingEventName.DeliveryBreached or SharingEventName.DisposalBreached or SharingEventName.RepairBreached => ["clock.breached"],
                SharingEventName.ReplyEscalated or SharingEventName.DeliveryEscalated or SharingEventName.DisposalEscalated => ["clock.escalated"],
                _ => [],
            };
        }
        catch (FormatException)
        {
            // The check of effects tells of it.
            return [];
        }
    }

    private static async Task CheckDeliveriesAsync(Snapshot city, Snapshot log, Tally tally, CancellationToken ct)
    {
        var leaves = (await log.ListAsync<DeliveryLeaf>("""
            select delivery_id, exchange_id, type, result, bytes, sha256 from records where source = @source and delivery_id is not null and type like 'delivery.%'
            """, new { source = city.Service }, ct)).ToLookup(l => l.DeliveryId);
        var known = new HashSet<Guid>();
        await foreach (var delivery in city.StreamAsync<DeliveryRow>("select delivery_id, exchange_id, ended_at is not null as ended, outcome, bytes, sha256 from deliveries").WithCancellation(ct))
        {
            known.Add(delivery.DeliveryId);
            tally.Compared(1, "次交付", "deliveries");
            One("delivery.opened", l => l.ExchangeId == delivery.ExchangeId);
            if (delivery.Ended)
                One("delivery.ended", l => (l.ExchangeId, l.Result, l.Bytes, l.Sha256) == (delivery.ExchangeId, delivery.Outcome, delivery.Bytes, delivery.Sha256));

            void One(string type, Func<DeliveryLeaf, bool> same)
            {
                var found = leaves[delivery.DeliveryId].Where(l => l.Type == type).ToList();
                if (found.Count != 1 || !same(found[0]))
                {
                    tally.Find(city.Service, "deliveries", delivery.DeliveryId, new($"一条内容相同的 {type}", $"one {type} that says the same"),
                        new(found.Count == 1 ? "内容不同" : $"{found.Count} 条", found.Count == 1 ? "it says something else" : $"{found.Count}"),
                        found.Count == 0 ? Effects.Resend(city.Service, "…", $"{city.Service}.audit") : Explain);
                }
            }
        }
        foreach (var leaf in leaves.Where(l => !known.Contains(l.Key)))
            tally.Find(Stack.Audit, "records", leaf.Key, new($"{city.Service} 有此交付", $"the delivery is in {city.Service}"), new("没有", "it is not"), Fork);
    }

    private static async Task CheckDatasetsAsync(Snapshot city, Snapshot log, Tally tally, CancellationToken ct)
    {
        var leaves = (await log.ListAsync<DatasetLeaf>("""
            select type, service, service_version as version, count(*) as leaves from records where source = @source and type in ('dataset.published', 'dataset.withdrawn') group by type, service, service_version
            """, new { source = city.Service }, ct)).ToDictionary(l => (l.Type, l.Service, l.Version), l => l.Leaves);
        foreach (var version in await city.ListAsync<VersionRow>("select dataset_id, version, withdrawn_at is not null as withdrawn from dataset_versions where published_at is not null", ct: ct))
        {
            tally.Compared(1, "个已发布版本", "published versions");
            One("dataset.published");
            if (version.Withdrawn)
                One("dataset.withdrawn");

            void One(string type)
            {
                leaves.Remove((type, version.DatasetId.ToString(), version.Version), out var count);
                if (count != 1)
                {
                    tally.Find(city.Service, "dataset_versions", string.Create(CultureInfo.InvariantCulture, $"{version.DatasetId} version {version.Version}"), new($"一条 {type}", $"one {type}"), new($"{count} 条", $"{count}"),
                        count == 0 ? Effects.Resend(city.Service, "…", $"{city.Service}.audit") : Explain);
                }
            }
        }
        foreach (var (type, service, version) in leaves.Keys)
            tally.Find(Stack.Audit, "records", string.Create(CultureInfo.InvariantCulture, $"{service} version {version}"), new($"{city.Service} 有此版本（{type}）", $"that version in {city.Service} ({type})"), new("没有", "there is none"), Fork);
    }

    private sealed record WaitingRow
    {
        public required Guid Id { get; init; }
        public required string Type { get; init; }
        public required string RoutingKey { get; init; }
        public required double Seconds { get; init; }
    }

    private sealed record ConflictRow
    {
        public required Guid EventId { get; init; }
        public required int Year { get; init; }
        public required long Idx { get; init; }
    }

    private sealed record SealedRow
    {
        public required Guid Id { get; init; }
        public required string Type { get; init; }
        public long? Seq { get; init; }
        public required byte[] Digest { get; init; }
        public DateTimeOffset? SentAt { get; init; }
    }

    private sealed record LoggedRow
    {
        public required Guid EventId { get; init; }
        public required byte[] Digest { get; init; }
        public string? Source { get; init; }
        public long? Seq { get; init; }
    }

    private sealed record SequenceRow
    {
        public required long Leaves { get; init; }
        public required long Last { get; init; }
    }

    private sealed record HoleRow
    {
        public required long From { get; init; }
        public required long To { get; init; }
    }

    private sealed record StepLeaf
    {
        public required Guid EventId { get; init; }
        public required string Type { get; init; }
        public Guid? ExchangeId { get; init; }
        public string? Decision { get; init; }
    }

    private sealed record HeardRow
    {
        public required Guid ExchangeId { get; init; }
        public required int Version { get; init; }
        public required Guid AuditEvent { get; init; }
    }

    private sealed record DeliveryLeaf
    {
        public required Guid DeliveryId { get; init; }
        public Guid? ExchangeId { get; init; }
        public required string Type { get; init; }
        public string? Result { get; init; }
        public long? Bytes { get; init; }
        public string? Sha256 { get; init; }
    }

    private sealed record DeliveryRow
    {
        public required Guid DeliveryId { get; init; }
        public required Guid ExchangeId { get; init; }
        public required bool Ended { get; init; }
        public string? Outcome { get; init; }
        public long? Bytes { get; init; }
        public string? Sha256 { get; init; }
    }

    private sealed record DatasetLeaf
    {
        public required string Type { get; init; }
        public required string Service { get; init; }
        public long Version { get; init; }
        public required long Leaves { get; init; }
    }

    private sealed record VersionRow
    {
        public required Guid DatasetId { get; init; }
        public required int Version { get; init; }
        public required bool Withdrawn { get; init; }
    }
}
