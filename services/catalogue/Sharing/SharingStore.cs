using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.UseRecords;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Sharing;

/// <summary>Which city's row it is. A city that asks itself has both.</summary>
internal enum Side
{
    Asking,
    Owning,
}

/// <summary>A request with the texts that people wrote, beside the columns the process decides on.</summary>
internal sealed record StoredRequest(Side Side, SharingRequest Process, RequestTexts Texts, string? Reference);

/// <summary>What a request says in words, and the names that go with its ids.</summary>
internal sealed record RequestTexts
{
    public required string DepartmentName { get; init; }
    public required string DatasetName { get; init; }
    public required string LegalBasis { get; init; }
    public required string Scenario { get; init; }
    public required string Scope { get; init; }
    public required string Method { get; init; }
}

/// <summary>
/// Runs the process on a stored request: the guarded UPDATE, the history row and every effect (clock, grant, message, audit record) in the use case's transaction.
/// The only writer of <c>sharing_requests</c> besides the mirror that follows the owning city.
/// </summary>
internal sealed class SharingStore(Transaction transaction, City city, Clocks clocks, Notices notices, UseRecordClock useRecords, TimeProvider clock)
{
    internal static readonly Rule EntryChanged = new("entry-changed", 409, "第27条",
        new("该目录条目已撤回或不再共享，或所申请的数据项已变更，不能按原申请同意。", "The entry was withdrawn or is no longer shared, or the items asked for have changed; the request cannot be granted as it is."),
        new("请答复不同意并说明原因，由需求方按现行目录重新申请。", "Refuse it and say so; the asking side asks anew by the catalogue as it is now."));

    public async Task<StoredRequest?> FindAsync(Guid exchangeId, Side side, CancellationToken cancel)
    {
        var row = await transaction.Connection.QuerySingleOrDefaultAsync<SharingRow>(new CommandDefinition(
            SharingRow.Select + " where exchange_id = @exchangeId and side = @side", new { exchangeId, side = Word(side) }, cancellationToken: cancel));
        return row?.ToRequest();
    }

    /// <summary>A new row, as the process makes it out of nothing.</summary>
    public Task<SharingOutcome> CreateAsync(Side side, SharingEvent happened, RequestTexts texts, CancellationToken cancel) =>
        ApplyAsync(side, before: null, happened, texts, reference: null, cancel);

    /// <summary>Lets the process decide and writes what it said. <see cref="SharingOutcome.Refused"/> with a version rule means a race was lost.</summary>
    public Task<SharingOutcome> ApplyAsync(StoredRequest stored, SharingEvent happened, CancellationToken cancel) =>
        ApplyAsync(stored.Side, stored.Process, happened, stored.Texts, stored.Reference, cancel);

    /// <summary>The mirror takes over the owning city's newest version. Locked, since news may arrive while an officer acts.</summary>
    public async Task<SharingOutcome> FollowAsync(RequestProgressed news, CancellationToken cancel)
    {
        var row = await transaction.Connection.QuerySingleOrDefaultAsync<SharingRow>(new CommandDefinition(
            SharingRow.Select + " where exchange_id = @ExchangeId and side = 'asking' for update", new { news.ExchangeId }, cancellationToken: cancel));
        var mirror = row?.ToRequest();
        var outcome = SharingProcess.Follow(mirror?.Process, news);
        if (outcome is SharingOutcome.Refused)
        {
            return outcome;
        }

        var happened = Words.Parse<SharingEventName>(news.Event);
        Guid? audited = null;
        if (happened.IsDecision())
        {
            audited = await HearAsync(mirror!, news, cancel);
        }

        if (outcome is not SharingOutcome.Applied applied)
        {
            return outcome;
        }

        var now = clock.Now();
        var after = applied.Request;
        await UpdateAsync(Side.Asking, mirror!.Process, after, now, cancel);
        await transaction.Connection.ExecuteAsync("update sharing_requests set reference = @Reference where exchange_id = @ExchangeId and side = 'asking'", new { news.Reference, news.ExchangeId });
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into sharing_history (exchange_id, side, version, event, state, at, audit_event)
            values (@ExchangeId, 'asking', @Version, @Event, @State, @At, @audited)
            """, new { news.ExchangeId, news.Version, news.Event, news.State, news.At, audited }, cancellationToken: cancel));
        await useRecords.FollowAsync(after, cancel);
        await TellAsync(Side.Asking, happened, step: null, after, news.Reference, cancel);
        return outcome;
    }

    /// <summary>The second of the two reports of a decision: the asking city's own, also of one that newer news overtook. The mirror is locked, so nobody else hears it meanwhile.</summary>
    /// <returns>Null when this decision was heard of before, under whatever message.</returns>
    private async Task<Guid?> HearAsync(StoredRequest mirror, RequestProgressed news, CancellationToken cancel)
    {
        if (await transaction.Connection.QuerySingleAsync<bool>(new CommandDefinition(
            "select exists (select from decisions_heard where exchange_id = @ExchangeId and version = @Version and decided_at = @At)", new { news.ExchangeId, news.Version, news.At }, cancellationToken: cancel)))
        {
            return null;
        }

        var record = AuditOf("decision.received", Side.Asking, SharingProcess.AsTold(mirror.Process, news), mirror.Texts, news.Reference, by: null, happened: null);
        var audited = await transaction.RecordAsync(record.With("decision", news.Event), cancel);
        await transaction.Connection.ExecuteAsync(new CommandDefinition(
            "insert into decisions_heard (exchange_id, version, decided_at, audit_event) values (@ExchangeId, @Version, @At, @audited)", new { news.ExchangeId, news.Version, news.At, audited }, cancellationToken: cancel));
        return audited;
    }

    /// <summary>An act of the asking side came too late to change anything: the log has its record of it, and this is the owning city's.</summary>
    public Task<Guid> RecordIgnoredAsync(StoredRequest stored, string act, CancellationToken cancel) =>
        transaction.RecordAsync(AuditOf("act.ignored", Side.Owning, stored.Process, stored.Texts, stored.Reference, by: null, happened: null).With("act", act), cancel);

    private async Task<SharingOutcome> ApplyAsync(Side side, SharingRequest? before, SharingEvent happened, RequestTexts texts, string? reference, CancellationToken cancel)
    {
        var now = clock.Now();
        var outcome = SharingProcess.Apply(before, happened, now);
        if (outcome is not SharingOutcome.Applied applied)
        {
            return outcome;
        }

        var terms = applied.Effects.Select(e => (e as SharingEffect.IssueGrant)?.Terms ?? (e as SharingEffect.ChangeGrant)?.Terms).FirstOrDefault(t => t is not null);
        if (terms is not null && !await GrantTable.EntryStandsAsync(transaction, terms, cancel))
        {
            return new SharingOutcome.Refused(EntryChanged);
        }

        if (happened is SharingEvent.Receive)
        {
            reference = await NextReferenceAsync(now, cancel);
        }

        var after = applied.Request;
        if (after.Grant is { Method: null } agreed)
        {
            // Art. 22: method and purpose come from the agreement too; the process does not decide on words.
            after = after with { Grant = agreed with { Method = texts.Method, Purpose = agreed.Purpose ?? texts.Scenario } };
        }

        var written = before is null ? await InsertAsync(side, after, texts, reference, now, cancel) : await UpdateAsync(side, before, after, now, cancel);
        if (written == 0)
        {
            return new SharingOutcome.Refused(RouteWrites.VersionChanged);
        }

        texts = applied.Effects.OfType<SharingEffect.Rewrite>().FirstOrDefault()?.Texts ?? texts;
        var by = (happened as PersonAct)?.By;
        Guid? audited = null;
        foreach (var effect in applied.Effects)
        {
            audited = await CarryOutAsync(effect, side, after, happened, texts, reference, by, now, cancel) ?? audited;
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into sharing_history (exchange_id, side, version, event, state, at, by_subject, by_name, audit_event, note)
            values (@ExchangeId, @side, @Version, @happened, @state, @now, @Subject, @Name, @audited, @note)
            """, new { after.Ask.ExchangeId, side = Word(side), after.Version, happened = happened.Name.Word(), state = after.State.Word(), now, by?.Subject, by?.Name, audited, note = NoteOf(happened) }, cancellationToken: cancel));
        await TellAsync(side, happened.Name, (happened as SharingEvent.ClockStepped)?.Step, after, reference, cancel);
        return applied;
    }

    private async Task<Guid?> CarryOutAsync(SharingEffect effect, Side side, SharingRequest request, SharingEvent happened, RequestTexts texts, string? reference, Caller? by, DateTimeOffset now, CancellationToken cancel)
    {
        var ask = request.Ask;
        switch (effect)
        {
            case SharingEffect.StartClock start:
                await clocks.StartAsync(ask.ExchangeId, start.Clock.Word(), request.Version, start.Clock is SharingClock.Disposal or SharingClock.Repair ? ask.AskingDepartment : ask.OwningDepartment, start.Due, now, cancel);
                return null;
            case SharingEffect.StopClock stop:
                await clocks.StopAsync(ask.ExchangeId, stop.Clock.Word(), now, cancel);
                return null;
            case SharingEffect.SendRequest:
                await transaction.SendAsync(Submitted(request, texts), ask.OwningCity, ask.ExchangeId, cancel);
                return null;
            case SharingEffect.Rewrite rewrite:
                await transaction.Connection.ExecuteAsync(new CommandDefinition(
                    "update sharing_requests set legal_basis = @LegalBasis, scenario = @Scenario, scope = @Scope where exchange_id = @ExchangeId and side = @side",
                    new { rewrite.Texts.LegalBasis, rewrite.Texts.Scenario, rewrite.Texts.Scope, ask.ExchangeId, side = Word(side) }, cancellationToken: cancel));
                if (((happened as SharingEvent.Supplement)?.Note ?? (happened as SharingEvent.SupplementReceived)?.Note) is { } said)
                {
                    await transaction.Connection.ExecuteAsync("insert into supplements (exchange_id, side, note, at) values (@ExchangeId, @side, @said, @now) on conflict (exchange_id, side) do update set note = @said, at = @now", new { ask.ExchangeId, side = Word(side), said, now });
                }

                return null;
            case SharingEffect.SendAct act:
                await transaction.SendAsync(act.Message, ask.OwningCity, ask.ExchangeId, cancel);
                return null;
            case SharingEffect.NotifyAskingCity:
                await transaction.SendAsync(Progressed(request, happened, reference!, now), ask.AskingCity, ask.ExchangeId, cancel);
                return null;
            case SharingEffect.IssueGrant issue:
                await GrantTable.IssueAsync(transaction, request, issue.Terms, now, cancel);
                return null;
            case SharingEffect.OpenGrant:
                await GrantTable.OpenAsync(transaction, ask.ExchangeId, now, cancel);
                return null;
            case SharingEffect.SuspendGrant:
                await GrantTable.SuspendAsync(transaction, ask.ExchangeId, now, cancel);
                return null;
            case SharingEffect.ChangeGrant change:
                await GrantTable.ChangeAsync(transaction, change.Terms, now, cancel);
                return null;
            case SharingEffect.EndGrant end:
                await GrantTable.EndAsync(transaction, ask.ExchangeId, end.Reason, now, cancel);
                return null;
            case SharingEffect.ProbeSource:
                // The use case that made it (and the probe's own sweep) asks the source once this state is written.
                return null;
            case SharingEffect.WriteRecord record:
                return await transaction.RecordAsync(AuditOf(record.Type, side, request, texts, reference, by, happened), cancel);
            default:
                throw new InvalidOperationException($"{effect.GetType().Name} is an effect nobody carries out.");
        }
    }

    /// <summary>What a person said about a step that stays inside the city.</summary>
    private static string? NoteOf(SharingEvent happened) => happened switch
    {
        SharingEvent.ReturnReply returned => returned.Reason,
        SharingEvent.Extend extend => extend.Reason,
        SharingEvent.AnswerExtension answer => answer.Reason,
        SharingEvent.Terminate terminate => terminate.Reason,
        SharingEvent.ClockStepped { Step: ClockStep.Head } => "department_head",
        SharingEvent.ClockStepped { Step: ClockStep.Authority } => "authority",
        _ => null,
    };

    /// <summary>Codes, ids, outcomes and the legal basis in clear; who did it and what they wrote only as commitments.</summary>
    private static AuditRecord AuditOf(string type, Side side, SharingRequest request, RequestTexts texts, string? reference, Caller? by, SharingEvent? happened)
    {
        var openings = new Dictionary<string, string>(StringComparer.Ordinal);
        if (by is not null)
        {
            openings["officer"] = by.Subject;
        }

        if (side == Side.Asking)
        {
            openings["request_text"] = JsonSerializer.Serialize(texts, Json.Options);
        }

        if (request.Reply?.Reason is { } reason)
        {
            openings["reason"] = reason;
        }

        var details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["asking_city"] = request.Ask.AskingCity,
            ["owning_city"] = request.Ask.OwningCity,
            ["version"] = request.Version.ToString(CultureInfo.InvariantCulture),
            ["fields"] = string.Join(',', request.Grant?.Fields ?? request.Ask.Fields),
            ["use_until"] = (request.Grant?.ValidUntil ?? request.Ask.UseUntil).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        };
        if (GrantedScope.Compact(request.Grant?.Treatments) is { } treatments)
        {
            details["treatments"] = treatments;
        }

        if (GrantedScope.Compact(request.Grant?.Rows) is { } rows)
        {
            details["rows_by"] = rows;
        }

        // The owning city's half of an act of the asking side.
        if (happened is SharingEvent.SupplementReceived or SharingEvent.WithdrawReceived or SharingEvent.ChangeReceived or SharingEvent.RepairReceived
            or SharingEvent.ConsultationReceived or SharingEvent.DisputeReceived or SharingEvent.DisposeReceived)
        {
            details["heard_from"] = request.Ask.AskingCity;
        }

        // A consent denied stays inside the owning city: the asking one never hears of it.
        if (happened?.Name.IsDecision() == true && happened is not SharingEvent.AnswerExtension { Consent: false })
        {
            details["decision"] = happened.Name.Word();
        }

        if (request.Reply?.CitedLaw is { } law)
        {
            details["cited_law"] = law;
        }

        if (request.Reply?.Grounds is { Count: > 0 } grounds)
        {
            details["grounds"] = string.Join(',', grounds);
        }

        if (request.ReplyDue is { } due)
        {
            details["reply_due"] = due.On.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        }

        if (request is { ReplyDue: null, Reply: null, Supplement.DaysLeft: { } left })
        {
            // The pause is seen in the log (art. 21 says nothing of one: it is the city's setting).
            details["reply_clock"] = "paused";
            details["working_days_left"] = left.ToString(CultureInfo.InvariantCulture);
        }

        if (request.Extension is { } extension)
        {
            details["extended_by"] = extension.WorkingDays.ToString(CultureInfo.InvariantCulture);
        }

        if (happened is SharingEvent.ClockStepped stepped)
        {
            details["clock"] = stepped.Name.Word();
            details["step"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(stepped.Step.ToString());
        }

        foreach (var (name, value) in UseOf(request))
        {
            details[name] = value;
        }

        foreach (var (name, text) in TextsOf(happened))
        {
            openings[name] = text;
        }

        if (request.Reply?.StandingSince is { } since)
        {
            details["standing_sign_off"] = since.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        }

        return new AuditRecord
        {
            Type = type,
            ExchangeId = request.Ask.ExchangeId,
            Requesting = request.Ask.AskingDepartment,
            Providing = request.Ask.OwningDepartment,
            Service = request.Ask.DatasetId,
            ServiceVersion = request.Ask.DatasetVersion,
            Purpose = texts.LegalBasis,
            Approval = reference,
            Result = request.State.Word(),
            Details = details,
            Openings = openings,
        };
    }

    /// <summary>Where the exchange stands during use and at its end, in codes and days.</summary>
    private static IEnumerable<(string Name, string Value)> UseOf(SharingRequest request)
    {
        if (request.Suspension is { EndedAt: null } suspension)
            yield return ("repair_by", Day(suspension.RepairBy));
        if (request.Change is { } change)
            yield return ("change", change.Outcome ?? "asked");
        if (request.Change is { Fields: { } fields, Outcome: null })
            yield return ("change_fields", string.Join(',', fields));
        if (request.Consultation is { } consultation)
            yield return ("service_change", $"{consultation.Kind} {Day(consultation.EffectiveOn)}");
        if (request.Dispute is { } dispute)
            yield return ("dispute", dispute.Stage);
        if (request.DisposalDue is { } due)
            yield return ("disposal_due", Day(due.On));
        if (request.Disposal is { } disposal)
            yield return ("disposal", disposal.Method + (disposal.SecondPerson is null ? "" : ", two persons"));
        if (request.RetainUntil is { } until)
            yield return ("retain_until", Day(until));
    }

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>What people wrote: commitments only leave the city.</summary>
    private static IEnumerable<(string Name, string Text)> TextsOf(SharingEvent? happened)
    {
        switch (happened)
        {
            case SharingEvent.Suspend suspend:
                yield return ("reason", suspend.Reason);
                break;
            case SharingEvent.Terminate terminate:
                yield return ("reason", terminate.Reason);
                break;
            case SharingEvent.Consult consult:
                yield return ("reason", consult.Reason);
                break;
            case SharingEvent.DisputeStep step:
                yield return ("text", step.Text);
                break;
            case SharingEvent.Dispute dispute:
                yield return ("text", dispute.Position);
                break;
            case SharingEvent.Dispose dispose:
                yield return ("text", dispose.Note);
                break;
        }
    }

    /// <summary>Those who have to act on a step, or wait for it, are told in its transaction.</summary>
    private async Task TellAsync(Side side, SharingEventName happened, ClockStep? step, SharingRequest request, string? reference, CancellationToken cancel)
    {
        foreach (var (department, role) in SharingNotices.Of(side, happened, step, request))
        {
            var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["state"] = request.State.Word(), ["asking_city"] = request.Ask.AskingCity, ["owning_city"] = request.Ask.OwningCity };
            if ((request.ReplyDue ?? request.DeliveryDue ?? request.DisposalDue) is { } due)
            {
                details["due"] = Day(due.On);
            }

            await notices.AddAsync(new Notice { Type = "request." + happened.Word(), Department = department, Role = role, ExchangeId = request.Ask.ExchangeId, DatasetId = request.Ask.DatasetId, Reference = reference, Details = details }, cancel);
        }
    }

    private static RequestSubmitted Submitted(SharingRequest request, RequestTexts texts) => new()
    {
        ExchangeId = request.Ask.ExchangeId,
        AskingCity = request.Ask.AskingCity,
        OwningCity = request.Ask.OwningCity,
        DatasetId = request.Ask.DatasetId,
        DatasetVersion = request.Ask.DatasetVersion,
        DepartmentCode = request.Ask.AskingDepartment,
        DepartmentName = texts.DepartmentName,
        Purpose = new RequestPurpose
        {
            LegalBasis = texts.LegalBasis,
            Scenario = texts.Scenario,
            Scope = texts.Scope,
            Method = texts.Method,
            Fields = request.Ask.Fields,
            UseUntil = request.Ask.UseUntil,
        },
        SignedOffBy = request.SignedOffBy!,
        SubmittedAt = request.SubmittedAt!.Value,
        Version = request.Version,
    };

    private static RequestProgressed Progressed(SharingRequest request, SharingEvent happened, string reference, DateTimeOffset now) => new()
    {
        ExchangeId = request.Ask.ExchangeId,
        AskingCity = request.Ask.AskingCity,
        OwningCity = request.Ask.OwningCity,
        OwningDepartment = request.Ask.OwningDepartment!,
        Version = request.Version,
        State = request.State.Word(),
        Event = happened.Name.Word(),
        Reference = reference,
        ReceivedAt = request.ReceivedAt!.Value,
        ReplyDue = request.ReplyDue,
        DeliveryDue = request.DeliveryDue,
        Supplement = request.Supplement,
        Extension = request.Extension,
        Reply = request.Reply,
        Grant = request.Grant,
        Suspension = request.Suspension,
        Change = request.Change,
        Consultation = request.Consultation,
        Dispute = request.Dispute,
        DisposalDue = request.DisposalDue,
        Disposal = request.Disposal,
        RetainUntil = request.RetainUntil,
        EndReason = request.EndReason,
        At = now,
    };

    /// <summary>
    /// 长沙-2026-000123: the year is Beijing's. The counter's row is locked until the commit, so no number is lost or given twice. In a database that was restored, numbers given since its dump are told outside already: it goes on well above them. Above a thousand more, or above the minute
    /// of the year if that is higher, so that a second restore of the same dump does not repeat the numbers of the first.
    /// </summary>
    private async Task<string> NextReferenceAsync(DateTimeOffset now, CancellationToken cancel)
    {
        var year = LegalDay.Of(now).Year;
        var number = await transaction.Connection.QuerySingleAsync<int>(new CommandDefinition("""
            with restored as (
                update this_database t set oid = d.oid from pg_database d where d.datname = current_database() and d.oid <> t.oid
                returning (extract(epoch from clock_timestamp() - date_trunc('year', clock_timestamp())) / 60)::int as minute)
            insert into reference_numbers (year, last) values (@year, coalesce((select minute from restored), 0) + 1)
            on conflict (year) do update
            set last = 1 + coalesce((select greatest(minute, reference_numbers.last + 1000) from restored), reference_numbers.last)
            returning last
            """, new { year }, cancellationToken: cancel));
        return string.Create(CultureInfo.InvariantCulture, $"{city.ShortName}-{year}-{number:000000}");
    }

    private Task<int> InsertAsync(Side side, SharingRequest request, RequestTexts texts, string? reference, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(Insert, Parameters(side, request, texts, reference, now), cancellationToken: cancel));

    /// <summary>The version before and the pending act before must still stand: of two people acting at once, the second changes nothing.</summary>
    private Task<int> UpdateAsync(Side side, SharingRequest before, SharingRequest after, DateTimeOffset now, CancellationToken cancel)
    {
        var parameters = Parameters(side, after, texts: null, reference: null, now);
        parameters.Add("VersionBefore", before.Version);
        parameters.Add("PendingBefore", before.Pending?.Word());
        return transaction.Connection.ExecuteAsync(new CommandDefinition(Update, parameters, cancellationToken: cancel));
    }

    private static DynamicParameters Parameters(Side side, SharingRequest r, RequestTexts? texts, string? reference, DateTimeOffset now)
    {
        var parameters = new DynamicParameters(new
        {
            r.Ask.ExchangeId,
            Side = Word(side),
            State = r.State.Word(),
            r.Version,
            r.Ask.AskingCity,
            r.Ask.AskingDepartment,
            r.Ask.OwningCity,
            r.Ask.OwningDepartment,
            r.Ask.DatasetId,
            r.Ask.DatasetVersion,
            r.Ask.SharingClass,
            Fields = r.Ask.Fields.ToArray(),
            r.Ask.UseUntil,
            r.DraftedBy,
            RevisedBy = r.RevisedBy.ToArray(),
            r.SignedOffBy,
            r.SubmittedAt,
            r.ReceivedAt,
            ReplyDue = r.ReplyDue?.On,
            ReplyDueProvisional = r.ReplyDue?.Provisional,
            DeliveryDue = r.DeliveryDue?.On,
            DeliveryDueProvisional = r.DeliveryDue?.Provisional,
            r.ProposedBy,
            Proposal = Serialise(r.Proposal),
            Supplement = Serialise(r.Supplement),
            ExtensionAsked = Serialise(r.ExtensionAsked),
            Extension = Serialise(r.Extension),
            Reply = Serialise(r.Reply),
            GrantTerms = Serialise(r.Grant),
            Suspension = Serialise(r.Suspension),
            Change = Serialise(r.Change),
            Consultation = Serialise(r.Consultation),
            Dispute = Serialise(r.Dispute),
            DisposalDue = r.DisposalDue?.On,
            DisposalDueProvisional = r.DisposalDue?.Provisional,
            Disposal = Serialise(r.Disposal),
            r.RetainUntil,
            Prepared = Serialise(r.Prepared),
            r.EndReason,
            Pending = r.Pending?.Word(),
            Reference = reference,
            Now = now,
        });
        parameters.AddDynamicParams(texts);
        return parameters;
    }

    private static string? Serialise<T>(T? value)
        where T : class => value is null ? null : JsonSerializer.Serialize(value, Json.Options);

    internal static string Word(Side side) => side == Side.Asking ? "asking" : "owning";

    private const string Insert = """
        insert into sharing_requests (
            exchange_id, side, state, version, asking_city, asking_department, asking_department_name, owning_city, owning_department,
            dataset_id, dataset_version, dataset_name, sharing_class, legal_basis, scenario, scope, method, fields, use_until, reference,
            drafted_by, revised_by, signed_off_by, submitted_at, received_at, reply_due, reply_due_provisional, delivery_due, delivery_due_provisional,
            proposed_by, proposal, supplement, extension_asked, extension, reply, grant_terms, end_reason, pending, created_at, changed_at)
        values (
            @ExchangeId, @Side, @State, @Version, @AskingCity, @AskingDepartment, @DepartmentName, @OwningCity, @OwningDepartment,
            @DatasetId, @DatasetVersion, @DatasetName, @SharingClass, @LegalBasis, @Scenario, @Scope, @Method, @Fields, @UseUntil, @Reference,
            @DraftedBy, @RevisedBy, @SignedOffBy, @SubmittedAt, @ReceivedAt, @ReplyDue, @ReplyDueProvisional, @DeliveryDue, @DeliveryDueProvisional,
            @ProposedBy, @Proposal::jsonb, @Supplement::jsonb, @ExtensionAsked::jsonb, @Extension::jsonb, @Reply::jsonb, @GrantTerms::jsonb, @EndReason, @Pending, @Now, @Now)
        on conflict do nothing
        """;

    private const string Update = """
        update sharing_requests
        set state = @State, version = @Version, owning_department = @OwningDepartment, sharing_class = @SharingClass,
            dataset_version = @DatasetVersion, fields = @Fields, use_until = @UseUntil, drafted_by = @DraftedBy, revised_by = @RevisedBy, signed_off_by = @SignedOffBy, submitted_at = @SubmittedAt, received_at = @ReceivedAt,
            reply_due = @ReplyDue, reply_due_provisional = @ReplyDueProvisional, delivery_due = @DeliveryDue, delivery_due_provisional = @DeliveryDueProvisional,
            proposed_by = @ProposedBy, proposal = @Proposal::jsonb,
            supplement = @Supplement::jsonb, extension_asked = @ExtensionAsked::jsonb, extension = @Extension::jsonb, reply = @Reply::jsonb, grant_terms = @GrantTerms::jsonb,
            suspension = @Suspension::jsonb, change = @Change::jsonb, consultation = @Consultation::jsonb, dispute = @Dispute::jsonb,
            disposal_due = @DisposalDue, disposal_due_provisional = @DisposalDueProvisional, disposal = @Disposal::jsonb, retain_until = @RetainUntil, prepared = @Prepared::jsonb,
            end_reason = @EndReason, pending = @Pending, changed_at = @Now
        where exchange_id = @ExchangeId and side = @Side and version = @VersionBefore and pending is not distinct from @PendingBefore
        """;
}
