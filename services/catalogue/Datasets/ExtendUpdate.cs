using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>The department asks for a longer update clock, once and by at most five working days, and the city's data authority consents or does not (art. 17).</summary>
internal static class ExtendUpdate
{
    public sealed record Body
    {
        /// <summary>How many working days more; at most five.</summary>
        public int? WorkingDays { get; init; }

        public string? Reason { get; init; }
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/datasets/{id:guid}/duty-changes/{change:guid}/extend", AskAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Asks the city's data authority for a longer update clock, once (art. 17).");
        routes.MapPost("/datasets/{id:guid}/duty-changes/{change:guid}/answer-extension", AnswerAsync).AllowPersons(Roles.Authority).WritesOnce()
            .WithSummary("The data authority consents to the extension of an update or denies it (art. 17).");
    }

    private static async Task<Results<Ok<DutyChangeView>, Refused>> AskAsync(
        Guid id, Guid change, Body body, Caller caller, City city, Transaction transaction, Notices notices, TimeProvider clock, CancellationToken cancel)
    {
        var (dataset, stated, refused) = await FindAsync(id, change, caller, city, transaction, cancel);
        if (refused is not null)
        {
            return refused;
        }

        if (dataset!.NotOwn(caller, city) is { } foreign)
        {
            return foreign;
        }

        var faults = new Faults();
        if (body.WorkingDays is not { } more || more < 1 || more > city.Limits.CatalogueExtension)
        {
            faults.Add("working_days", "range", DutyChange.Article, new($"须为一至{city.Limits.CatalogueExtension}个工作日。", $"It is 1 to {city.Limits.CatalogueExtension} working days."));
        }

        faults.RequireText("reason", body.Reason, DutyChange.Article, 1000);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var now = clock.Now();
        if (Refusal(stated!, now) is { } rule)
        {
            return new Refused(rule);
        }

        // One that was denied may be asked for anew, while there is time.
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update duty_changes set extension_days = @WorkingDays, extension_reason = @Reason, extension_asked_by = @Subject, extension_asked_at = @now,
                extension_outcome = null, extension_answer = null, extension_answered_by = null, extension_answered_at = null
            where duty_change_id = @change
            """, new { body.WorkingDays, body.Reason, caller.Subject, now, change }, cancellationToken: cancel));
        await notices.AddAsync(CatalogueClocks.NoticeOf("catalogue.extend_update", id, null, Roles.Authority, stated!.DueOn), cancel);
        await transaction.RecordAsync(stated.Record("update_extension.asked", dataset, "asked", new(StringComparer.Ordinal) { ["asked_by"] = caller.Subject, ["reason"] = body.Reason! }), cancel);
        return await ShowAsync(transaction, id, change, cancel);
    }

    private static async Task<Results<Ok<DutyChangeView>, Refused>> AnswerAsync(
        Guid id, Guid change, Consent body, Caller caller, City city, WorkingDays days, Transaction transaction, Clocks clocks, Notices notices, TimeProvider clock, CancellationToken cancel)
    {
        var (dataset, stated, refused) = await FindAsync(id, change, caller, city, transaction, cancel);
        if (refused is not null)
        {
            return refused;
        }

        var faults = body.Check(DutyChange.Article, longest: 1000);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var (consent, now) = (body.Given!.Value, clock.Now());
        if (AnswerRefusal(stated!, caller.Subject, consent, now) is { } rule)
        {
            return new Refused(rule);
        }

        // Counted from the last day there was, not from today: an early consent gives no less.
        var due = consent ? days.Add(stated!.DueOn, stated.ExtensionDays!.Value) : new(stated!.DueOn, stated.DueProvisional);
        due = due with { Provisional = due.Provisional || stated.DueProvisional };
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update duty_changes set extension_outcome = @outcome, extension_answer = @Reason, extension_answered_by = @Subject, extension_answered_at = @now, due_on = @On, due_provisional = @Provisional
            where duty_change_id = @change
            """, new { outcome = consent ? "consented" : "denied", body.Reason, caller.Subject, now, due.On, due.Provisional, change }, cancellationToken: cancel));
        if (consent && await clocks.FindAsync(change, CatalogueClocks.Update, cancel) is { } running)
        {
            await clocks.MoveAsync(running, due, cancel);
        }

        await notices.AddAsync(CatalogueClocks.NoticeOf("catalogue.extension_answered", id, dataset!.DepartmentCode, Roles.Officer, due.On), cancel);
        Dictionary<string, string> openings = new(StringComparer.Ordinal) { ["answered_by"] = caller.Subject };
        if (body.Reason is { } reason)
        {
            openings["reason"] = reason;
        }

        await transaction.RecordAsync((stated with { DueOn = due.On }).Record(consent ? "update_extension.consented" : "update_extension.denied", dataset, consent ? "consented" : "denied", openings), cancel);
        return await ShowAsync(transaction, id, change, cancel);
    }

    /// <summary>What forbids asking now; null when nothing does.</summary>
    internal static Rule? Refusal(DutyChange stated, DateTimeOffset now) => stated switch
    {
        { MetAt: not null } => DutyChange.Met,
        { ExtensionDays: not null, ExtensionOutcome: not "denied" } => DutyChange.ExtendedOnce,
        _ => stated.IsOverAt(now) ? DutyChange.TooLate : null,
    };

    /// <summary>What forbids answering now; a late request can still be denied.</summary>
    internal static Rule? AnswerRefusal(DutyChange stated, string subject, bool consent, DateTimeOffset now) => stated switch
    {
        { MetAt: not null } => DutyChange.Met,
        { ExtensionDays: null } or { ExtensionOutcome: not null } => DutyChange.NotAsked,
        _ when stated.ExtensionAskedBy == subject => DutyChange.SamePerson,
        _ => consent && stated.IsOverAt(now) ? DutyChange.TooLate : null,
    };

    private static async Task<(Dataset? Dataset, DutyChange? Change, Refused? Refused)> FindAsync(Guid id, Guid change, Caller caller, City city, Transaction transaction, CancellationToken cancel)
    {
        if (await Dataset.LockAsync(transaction.Connection, id, cancel) is not { } dataset)
        {
            return (null, null, Pipeline.NotFound());
        }

        if (!dataset.IsInsider(caller, city))
        {
            return (dataset, null, dataset.NotOwn(caller, city));
        }

        return await DutyChange.LockAsync(transaction.Connection, id, change, cancel) is { } stated ? (dataset, stated, null) : (dataset, null, Pipeline.NotFound());
    }

    private static async Task<Results<Ok<DutyChangeView>, Refused>> ShowAsync(Transaction transaction, Guid id, Guid change, CancellationToken cancel) =>
        TypedResults.Ok(DutyChangeView.Of((await DutyChange.LockAsync(transaction.Connection, id, change, cancel))!));
}
