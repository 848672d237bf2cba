using System.Globalization;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>The two clocks of art. 17: the department's to update an entry (its subject is the duty change), and the authority's to review and publish it (its subject is the dataset).</summary>
internal sealed class CatalogueClocks(Transaction transaction, City city, Clocks clocks, Notices notices) : IClockSubject
{
    public const string Review = "catalogue_review";
    public const string Update = "catalogue_update";

    public IReadOnlyList<string> Clocks { get; } = [Review, Update];

    public Task StepAsync(RunningClock clock, ClockStep step, CancellationToken cancel) => clock.Clock == Review ? ReviewAsync(clock, step, cancel) : UpdateAsync(clock, step, cancel);

    public async Task RecountAsync(RunningClock clock, CancellationToken cancel)
    {
        var due = clocks.Recounted(clock);
        await clocks.MoveAsync(clock, due, cancel);
        if (clock.Clock == Update)
        {
            await transaction.Connection.ExecuteAsync(new CommandDefinition(
                "update duty_changes set due_on = @On, due_provisional = @Provisional where duty_change_id = @Subject and met_at is null", new { due.On, due.Provisional, clock.Subject }, cancellationToken: cancel));
        }

        var dataset = await DatasetOfAsync(clock, cancel);
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "clock.recounted",
            Providing = dataset.DepartmentCode,
            Service = dataset.DatasetId,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["clock"] = clock.Clock, ["due"] = Day(due.On) },
        }, cancel);
    }

    public static Notice NoticeOf(string type, Guid dataset, string? department, string role, DateOnly due) => new()
    {
        Type = type,
        Department = department,
        Role = role,
        DatasetId = dataset,
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["due"] = Day(due) },
    };

    public static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    // The authority itself is late: there is nobody above it here to tell.
    private async Task ReviewAsync(RunningClock clock, ClockStep step, CancellationToken cancel)
    {
        var dataset = await DatasetOfAsync(clock, cancel);
        await notices.AddAsync(NoticeOf($"catalogue.review_{step.Told()}", dataset.DatasetId, null, Roles.Authority, clock.DueOn), cancel);
        await RecordAsync(clock, step, dataset, step.Details(clock), cancel);
    }

    private async Task UpdateAsync(RunningClock clock, ClockStep step, CancellationToken cancel)
    {
        var dataset = await DatasetOfAsync(clock, cancel);
        foreach (var role in step.RolesOfDepartment(Roles.Officer))
            await notices.AddAsync(NoticeOf($"catalogue.update_{step.Told()}", dataset.DatasetId, role == Roles.Authority ? null : dataset.DepartmentCode, role, clock.DueOn), cancel);
        var details = step.Details(clock);
        details["duty_change"] = clock.Subject.ToString();
        await RecordAsync(clock, step, dataset, details, cancel);
    }

    private Task<Guid> RecordAsync(RunningClock clock, ClockStep step, Dataset dataset, Dictionary<string, string> details, CancellationToken cancel)
    {
        if (clock.Clock == Review)
            details["authority"] = city.Authority.Code;
        return transaction.RecordAsync(new AuditRecord { Type = $"clock.{step.Told()}", Providing = dataset.DepartmentCode, Service = dataset.DatasetId, Details = details }, cancel);
    }

    private async Task<Dataset> DatasetOfAsync(RunningClock clock, CancellationToken cancel)
    {
        var id = clock.Clock == Review ? clock.Subject : await transaction.Connection.QuerySingleAsync<Guid>(new CommandDefinition(
            "select dataset_id from duty_changes where duty_change_id = @Subject", new { clock.Subject }, cancellationToken: cancel));
        return await Dataset.FindAsync(transaction.Connection, id, cancel) ?? throw new InvalidOperationException($"The clock {clock.Clock} is about dataset {id}, which is not there.");
    }
}
