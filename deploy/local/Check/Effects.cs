using System.Globalization;
using System.Text.Json;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Local.Check;

/// <summary>
/// Each accepted command has exactly one effect: histories without hole or double that only take steps of the table, answers that name what is there,
/// messages that arrived, reference numbers in a row.
/// </summary>
internal static class Effects
{
    private static readonly Text Restore = new(
        "系统不会自行改写历史。对照审计日志（GET /api/audit/exchanges/{编号}）查明后，从备份恢复该城市数据库，再用 outbox/resend 补发。",
        "Nothing rewrites a history. Compare it with the log (GET /api/audit/exchanges/{id}), restore the city's database from its backup, then let the others send again (outbox/resend).");

    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, view.Exchange.Services);
        foreach (var city in view.Cities)
        {
            CheckHistories(view, city.Service, tally);
            await CheckAnswersAsync(view, city, tally, ct);
            await CheckReferencesAsync(view, city, tally, ct);
        }
        foreach (var sender in view.All)
            await CheckMessagesAsync(view, sender, tally, ct);
    }

    private static void CheckHistories(View view, string city, Tally tally)
    {
        var sharing = view.Sharing(city)!;
        tally.Compared(sharing.Requests.Count, "个申请", "requests");
        foreach (var key in sharing.Requests.Keys.Where(k => !sharing.History.Contains(k)))
            tally.Find(city, "sharing_history", $"{key.Id} {key.Side}", new("至少有一步", "at least one step"), new("没有历史", "no history"), Restore);
        foreach (var steps in sharing.History)
        {
            tally.Compared(steps.Count(), "个步骤", "steps");
            var (id, side) = steps.Key;
            if (!sharing.Requests.TryGetValue(steps.Key, out var request))
            {
                tally.Find(city, "sharing_requests", $"{id} {side}", new("有该申请", "the request is there"), new("只有历史", "only its history"), Restore);
                continue;
            }
            CheckSteps(view, city, request, [.. steps], tally);
            if (steps.Last() is var last && (last.Version, last.State) != (request.Version, request.State))
            {
                tally.Find(city, "sharing_requests", $"{id} {side}", new($"第 {last.Version} 版 {last.State}（历史的最后一步）", $"version {last.Version} {last.State}, as its history ends"),
                    new($"第 {request.Version} 版 {request.State}", $"version {request.Version} {request.State}"), Restore);
            }
        }
    }

    private static void CheckSteps(View view, string city, RequestRow request, IReadOnlyList<HistoryRow> steps, Tally tally)
    {
        var state = SharingState.None;
        var version = 0;
        foreach (var step in steps)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"{step.ExchangeId} {step.Side} version {step.Version}");
            if (!TryRead(step, out var name, out var to))
            {
                tally.Find(city, "sharing_history", id, new("已知的事件与状态", "an event and a state that are known"), new($"{step.Event} → {step.State}", $"{step.Event} → {step.State}"), Restore);
                return;
            }
            var own = step.Side == "owning" || name <= SharingEventName.Dispose;
            if (!own)
            {
                // The mirror keeps the newest news: it may skip versions, never repeat one, and says what the owning city's history says.
                if (step.Version <= version)
                    tally.Find(city, "sharing_history", id, new($"高于第 {version} 版", $"above version {version}"), new($"第 {step.Version} 版", $"version {step.Version} again"), Restore);
                if (view.Sharing(request.OwningCity) is { } owner && !owner.History[(step.ExchangeId, "owning")].Any(h => h.Version == step.Version && h.Event == step.Event && h.State == step.State))
                    tally.Find(city, "sharing_history", id, new($"与 {request.OwningCity} 的历史相同", $"the same step in {request.OwningCity}"), new($"{step.Event} → {step.State}，对方没有", $"{step.Event} → {step.State}, which is not there"), Restore);
            }
            else
            {
                var cell = SharingProcess.Cell(state, name);
                var pends = cell is SharingCell.Pend && to == state;
                // The owning city counts on from the version that was submitted.
                var expected = step.Side == "owning" && version == 0 ? step.Version : pends ? version : version + 1;
                if (step.Version != expected)
                    tally.Find(city, "sharing_history", id, new($"第 {expected} 版", $"version {expected}"), new($"第 {step.Version} 版（{step.Event}）", $"version {step.Version} ({step.Event})"), Restore);
                else if (!pends && !(cell is SharingCell.Apply apply && apply.To.Contains(to)))
                    tally.Find(city, "sharing_history", id, new($"状态表允许的一步（自 {state}）", $"a step that the table allows from {state}"), new($"{step.Event} → {step.State}", $"{step.Event} → {step.State}"), Restore);
            }
            (state, version) = (to, step.Version);
        }
    }

    private static bool TryRead(HistoryRow step, out SharingEventName name, out SharingState state)
    {
        (name, state) = (default, default);
        try
        {
            (name, state) = (Words.Parse<SharingEventName>(step.Event), Words.Parse<SharingState>(step.State));
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>What was answered with success is there: the request, in the version and state that the answer named, and no two acts were answered with the same one.</summary>
    private static async Task CheckAnswersAsync(View view, Snapshot city, Tally tally, CancellationToken ct)
    {
        var sharing = view.Sharing(city.Service)!;
        var answered = new Dictionary<(Guid, string, int), string>();
        // A correction has an id and versions of its own.
        await foreach (var answer in city.StreamAsync<AnswerRow>("""
            select subject, key, operation, body from idempotency_keys where status between 200 and 299 and operation ~ '^POST /(requests|approvals)([/?]|$)' and operation !~ '/correct$'
            """).WithCancellation(ct))
        {
            var body = JsonDocument.Parse(answer.Body).RootElement;
            if (!body.TryGetProperty("id", out var named) || !named.TryGetGuid(out var id) || !body.TryGetProperty("version", out var counted) || !body.TryGetProperty("state", out var told))
                continue;
            tally.Compared(1, "个带幂等键的答复", "answers under a key");
            var side = answer.Operation.StartsWith("POST /approvals", StringComparison.Ordinal) ? "owning" : "asking";
            var (version, state) = (counted.GetInt32(), told.GetString());
            var where = $"{answer.Subject} {answer.Key}";
            if (!sharing.History[(id, side)].Any(h => h.Version == version && h.State == state))
            {
                tally.Find(city.Service, "idempotency_keys", where, new($"申请 {id} 的第 {version} 版 {state}", $"version {version} {state} of request {id}"),
                    new("没有该申请或该步骤", "no such request or step"), Restore);
            }
            // What is prepared for a second person may be taken back and prepared again on the same version.
            else if (!Prepares(answer.Operation) && !answered.TryAdd((id, answer.Operation.Split('?')[0], version), where))
            {
                tally.Find(city.Service, "idempotency_keys", where, new("每个操作有自己的结果", "an effect of its own"),
                    new($"与 {answered[(id, answer.Operation.Split('?')[0], version)]} 相同（申请 {id} 第 {version} 版）", $"the one of {answered[(id, answer.Operation.Split('?')[0], version)]} (version {version} of request {id})"), Restore);
            }
        }
    }

    private static bool Prepares(string operation) => operation.Split('?')[0].Split('/')[^1] is "change" or "take-back" or "dispose" or "dispute";

    /// <summary>A leap of a thousand or more is no hole: a city whose database was restored goes on well above the numbers it may have given since the dump.</summary>
    private static IEnumerable<int> Holes(IEnumerable<int> numbers, int last)
    {
        var before = 0;
        foreach (var number in numbers.Append(last + 1))
        {
            for (var hole = before + 1; hole < number && number - before <= 1000; hole++)
                yield return hole;
            before = number;
        }
    }

    private static async Task CheckReferencesAsync(View view, Snapshot city, Tally tally, CancellationToken ct)
    {
        var given = (await city.ListAsync<ReferenceRow>("select year, last from reference_numbers", ct: ct)).ToDictionary(r => r.Year, r => r.Last);
        var used = new Dictionary<int, SortedDictionary<int, Guid>>();
        foreach (var request in view.Sharing(city.Service)!.Requests.Values.Where(r => r.Side == "owning"))
        {
            var parts = request.Reference?.Split('-') ?? [];
            if (parts.Length != 3 || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var year) || !int.TryParse(parts[2], CultureInfo.InvariantCulture, out var number))
            {
                tally.Find(city.Service, "sharing_requests", request.ExchangeId, new("有申请编号", "a reference"), new(request.Reference ?? "无", request.Reference ?? "none"), Restore);
                continue;
            }
            tally.Compared(1, "个申请编号", "reference numbers");
            var numbers = used.TryGetValue(year, out var known) ? known : used[year] = [];
            if (!numbers.TryAdd(number, request.ExchangeId))
                tally.Find(city.Service, "sharing_requests", request.ExchangeId, new("编号唯一", "a reference of its own"), new($"{request.Reference} 已属于 {numbers[number]}", $"{request.Reference}, which is {numbers[number]}'s"), Restore);
        }
        foreach (var year in given.Keys.Union(used.Keys))
        {
            var last = Math.Max(given.GetValueOrDefault(year), used.TryGetValue(year, out var numbers) && numbers.Count > 0 ? numbers.Keys.Last() : 0);
            foreach (var missing in Holes(numbers?.Keys ?? Enumerable.Empty<int>(), last))
                tally.Find(city.Service, "reference_numbers", $"{year}-{missing:000000}", new("编号连续", "numbers without a hole"), new("缺号", "no request has it"), Restore);
            if (given.GetValueOrDefault(year) != last)
                tally.Find(city.Service, "reference_numbers", year, new($"末号 {last}", $"last number {last}"), new($"{given.GetValueOrDefault(year)}", $"{given.GetValueOrDefault(year)}: the next request would get a number that is taken"), Restore);
        }
    }

    /// <summary>Every message that was sent is in its addressee's inbox, or has its effect there, or still lies in a queue.</summary>
    private static async Task CheckMessagesAsync(View view, Snapshot sender, Tally tally, CancellationToken ct)
    {
        var sent = await sender.ListAsync<MessageRow>("""
            select id, exchange, routing_key, type, correlation_id, feed_key, feed_version, sent_at, sealed,
                   case when type = @Progressed then (content::jsonb ->> 'version')::int end as version
            from outbox where kind = 'message' and sent_at is not null
            """, new { Progressed = typeof(RequestProgressed).FullName }, ct);
        // Of what only the newest counts, only the newest must have arrived.
        sent = [.. sent.Where(m => !Topology.StateMessages.Contains(m.Type)), .. sent.Where(m => Topology.StateMessages.Contains(m.Type)).GroupBy(m => (m.Type, m.RoutingKey)).Select(g => g.MaxBy(m => m.Sealed)!)];
        tally.Compared(sent.Count, "条消息", "messages");
        var missing = new Dictionary<string, List<MessageRow>>(StringComparer.Ordinal);
        foreach (var (to, messages) in sent.SelectMany(m => Addressees(view, m).Select(to => (To: to, Message: m))).GroupBy(p => p.To).Select(g => (g.Key, g.Select(p => p.Message).ToList())))
        {
            if (view[to] is not { } receiver)
                continue;
            var arrived = new HashSet<(Guid, string)>();
            foreach (var ids in messages.Select(m => m.Id).Chunk(5000))
            {
                foreach (var row in await receiver.ListAsync<InboxRow>("select message_id, consumer from inbox where message_id = any(@ids)", new { ids }, ct))
                    arrived.Add((row.MessageId, row.Consumer[(row.Consumer.LastIndexOf('/') + 1)..]));
            }
            var versions = await VersionsAsync(receiver, messages, ct);
            var since = await receiver.OneAsync<DateTimeOffset>("select min(applied_at) from migrations", ct: ct);
            foreach (var message in messages)
            {
                var queue = message.Exchange == Topology.Datasets ? Topology.DatasetsQueue(to) : Topology.AddressedQueue(to);
                tally.Compared(1, "次送达", "arrivals");
                // What was sent before this service existed was not meant for it.
                if (arrived.Contains((message.Id, queue)) || message.SentAt < since)
                    continue;
                if (message.FeedKey is { } key)
                {
                    // The newest version is enough, and repair or a copy may have brought it.
                    if (versions.GetValueOrDefault(key) < message.FeedVersion)
                        Missing(queue, message);
                }
                else if (HasEffect(view, to, message))
                {
                    tally.Find(to, "inbox", message.Id, new($"{queue} 的收件记录", $"an inbox row of {queue}"),
                        new($"{message.Type} 已有结果但无收件记录，重复送达将不被识别", $"{message.Type} has its effect but no inbox row: a repetition would not be recognised"), Restore);
                }
                else
                {
                    Missing(queue, message);
                }
            }
        }
        foreach (var (queue, messages) in missing)
            TellMissing(view, sender.Service, queue, messages, tally);

        void Missing(string queue, MessageRow message)
        {
            if (!missing.TryGetValue(queue, out var list))
                missing[queue] = list = [];
            list.Add(message);
        }
    }

    /// <summary>Which ones lie in a queue cannot be told without taking them out; that as many are missing as lie aside is explained there.</summary>
    private static void TellMissing(View view, string sender, string queue, List<MessageRow> messages, Tally tally)
    {
        var to = queue.Split('.')[0];
        if (view.Waiting(queue) is not { } waiting)
        {
            tally.Find(sender, "outbox", queue, new("全部送达", "all have arrived"), new($"{messages.Count} 条未到，消息中间件无应答，无法判断是否仍在队列中", $"{messages.Count} have not, and the broker does not say whether it has them"),
                new("恢复消息中间件后再次运行。", "Bring the broker back and run it again."));
            return;
        }
        if (messages.Count <= waiting)
            return;
        var from = messages.Min(m => m.SentAt).UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        foreach (var message in messages)
        {
            tally.Find(sender, "outbox", message.Id, new($"{to} 已收到（{queue}）", $"{to} has it ({queue})"),
                new($"丢失：{message.Type} 已发出，但既无收件记录与结果，也不在队列中", $"lost: {message.Type} was sent, has neither inbox row nor effect and lies in no queue{(waiting > 0 ? $" ({waiting} lie aside)" : "")}"),
                Topology.StateMessages.Contains(message.Type) ? Again : Resend(sender, from, message.RoutingKey));
        }
    }

    // A resend leaves these out.
    private static readonly Text Again = new("下一条会自动发出（最长十分钟）；届时再次运行。", "The next one comes by itself within ten minutes: run it again then.");

    public static Text Resend(string service, string since, string to) => new(
        $"由 {service} 的 operator 补发：POST /api/operations/{service}/outbox/resend {{\"since\":\"{since}\",\"to\":\"{to}\"}}（重复的会被识别）。",
        $"Let {service}'s operator send again: POST /api/operations/{service}/outbox/resend {{\"since\":\"{since}\",\"to\":\"{to}\"}} (what is known already is recognised).");

    private static IEnumerable<string> Addressees(View view, MessageRow message) => message.Exchange switch
    {
        Topology.Addressed => [message.RoutingKey[(message.RoutingKey.IndexOf('.', StringComparison.Ordinal) + 1)..]],
        Topology.Datasets when message.RoutingKey.EndsWith($".{Topology.DatasetFeed}", StringComparison.Ordinal) => [.. view.Exchange.Cities, Stack.Gateway],
        Topology.Datasets => view.Exchange.Cities,
        _ => [],
    };

    private static bool HasEffect(View view, string to, MessageRow message)
    {
        if (message.CorrelationId is not { } id || view.Sharing(to) is not { } there)
            return false;
        return message.Type switch
        {
            _ when message.Type == typeof(RequestSubmitted).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.Receive.Word()),
            _ when message.Type == typeof(RequestSupplemented).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.SupplementReceived.Word()),
            _ when message.Type == typeof(ScopeChangeAsked).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.ChangeReceived.Word()),
            _ when message.Type == typeof(RepairReported).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.RepairReceived.Word()),
            _ when message.Type == typeof(ConsultationAnswered).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.ConsultationReceived.Word()),
            _ when message.Type == typeof(DisputeRaised).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.DisputeReceived.Word()),
            _ when message.Type == typeof(DisposalRecorded).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.DisposeReceived.Word()),
            _ when message.Type == typeof(RequestWithdrawn).FullName => there.History[(id, "owning")].Any(h => h.Event == SharingEventName.WithdrawReceived.Word()),
            _ when message.Type == typeof(RequestProgressed).FullName => there.History[(id, "asking")].Any(h => h.Version == message.Version && !IsAsked(h.Event)),
            _ => false,
        };
    }

    // An act of the asking side that is pending stands in its history under the version it was made on.
    private static bool IsAsked(string word) => Enum.GetValues<SharingEventName>().Any(name => name <= SharingEventName.Dispose && name.Word() == word);

    private static async Task<Dictionary<Guid, int>> VersionsAsync(Snapshot receiver, List<MessageRow> messages, CancellationToken ct)
    {
        var keys = messages.Where(m => m.FeedKey is not null).Select(m => m.FeedKey!.Value).Distinct().ToArray();
        if (keys.Length == 0)
            return [];
        var rows = receiver.Service == Stack.Gateway
            ? await receiver.ListAsync<VersionRow>("select dataset_id, version from datasets where dataset_id = any(@keys)", new { keys }, ct)
            : await receiver.ListAsync<VersionRow>("select dataset_id, version from known_datasets where dataset_id = any(@keys)", new { keys }, ct);
        return rows.ToDictionary(r => r.DatasetId, r => r.Version);
    }

    private sealed record AnswerRow
    {
        public required string Subject { get; init; }
        public required string Key { get; init; }
        public required string Operation { get; init; }
        public required byte[] Body { get; init; }
    }

    private sealed record ReferenceRow
    {
        public required int Year { get; init; }
        public required int Last { get; init; }
    }

    private sealed record MessageRow
    {
        public required Guid Id { get; init; }
        public required string Exchange { get; init; }
        public required string RoutingKey { get; init; }
        public required string Type { get; init; }
        public Guid? CorrelationId { get; init; }
        public Guid? FeedKey { get; init; }
        public int? FeedVersion { get; init; }
        public required DateTimeOffset SentAt { get; init; }
        public required long Sealed { get; init; }
        public int? Version { get; init; }
    }

    private sealed record InboxRow
    {
        public required Guid MessageId { get; init; }
        public required string Consumer { get; init; }
    }

    private sealed record VersionRow
    {
        public required Guid DatasetId { get; init; }
        public required int Version { get; init; }
    }
}
