using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>Someone of the department or its authority states that a law, State Council decision or duty changed: the clock to update the entry runs from that day (art. 17).</summary>
internal static class StateDutyChange
{
    public sealed record Body
    {
        /// <summary>law, state_council_decision or department_duty.</summary>
        public string? What { get; init; }

        /// <summary>Day of the change, in Beijing; the clock counts from it.</summary>
        public DateOnly? ChangedOn { get; init; }

        /// <summary>The document: name, number, article.</summary>
        public string? Reference { get; init; }
    }

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/duty-changes", PostAsync).AllowPersons(Roles.Officer, Roles.SharingHead, Roles.Authority).WritesOnce()
            .WithSummary("States that a law, State Council decision or duty changed, which starts the clock to update the entry (art. 17).");

    private static async Task<Results<Created<DutyChangeView>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, City city, WorkingDays days, Transaction transaction, Clocks clocks, Notices notices, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (await Dataset.LockAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if (!dataset.IsInsider(caller, city))
        {
            return dataset.NotOwn(caller, city)!;
        }

        var now = clock.Now();
        var faults = Check(body, LegalDay.Of(now));
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (dataset.PublishedVersion is null)
        {
            return new Refused(DutyChange.NothingPublished);
        }

        var due = days.Add(body.ChangedOn!.Value, city.Limits.CatalogueUpdate);
        var change = new DutyChange
        {
            DutyChangeId = Guid.CreateVersion7(now),
            DatasetId = id,
            What = body.What!,
            ChangedOn = body.ChangedOn.Value,
            Reference = body.Reference!.Trim(),
            StatedByName = caller.Name,
            StatedAt = now,
            DueOn = due.On,
            DueProvisional = due.Provisional,
        };
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into duty_changes (duty_change_id, dataset_id, what, changed_on, reference, stated_by, stated_by_name, stated_at, due_on, due_provisional)
            values (@DutyChangeId, @id, @What, @ChangedOn, @Reference, @Subject, @Name, @now, @On, @Provisional)
            """, new { change.DutyChangeId, id, change.What, change.ChangedOn, change.Reference, caller.Subject, caller.Name, now, due.On, due.Provisional }, cancellationToken: cancel));
        await clocks.StartAsync(change.DutyChangeId, CatalogueClocks.Update, 1, dataset.DepartmentCode, due, now, cancel);
        await notices.AddAsync(CatalogueClocks.NoticeOf("catalogue.duty_changed", id, dataset.DepartmentCode, Roles.Officer, due.On), cancel);
        await transaction.RecordAsync(change.Record("dataset.duty_changed", dataset, result: null, new(StringComparer.Ordinal) { ["stated_by"] = caller.Subject, ["reference"] = change.Reference }), cancel);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/datasets/{id}/duty-changes", DutyChangeView.Of(change));
    }

    /// <summary>Every fault at once.</summary>
    internal static Faults Check(Body body, DateOnly today)
    {
        var faults = new Faults();
        if (!DutyChange.Kinds.Contains(body.What, StringComparer.Ordinal))
        {
            faults.Add("what", "one-of", DutyChange.Article, new($"须为 {string.Join("、", DutyChange.Kinds)} 之一。", $"It is one of {string.Join(", ", DutyChange.Kinds)}."));
        }

        if (body.ChangedOn is not { } on)
        {
            faults.Add("changed_on", "required", DutyChange.Article, new("请填写变化的日期。", "State the day of the change."));
        }
        else if (on > today)
        {
            faults.Add("changed_on", "future", DutyChange.Article, new("变化的日期不得晚于今天。", "The change has not happened yet."));
        }
        else if (on < today.AddYears(-5))
        {
            faults.Add("changed_on", "too-old", DutyChange.Article, new("变化的日期不得早于五年前。", "The change is at most five years ago."));
        }

        faults.RequireText("reference", body.Reference, DutyChange.Article, 500);
        return faults;
    }
}
