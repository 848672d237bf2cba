using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Authority;

/// <summary>Every clock of the city that runs, the one that ends first on top: what the data authority watches over all departments, its own reviews included.</summary>
internal static class ReadClocks
{
    public static void Map(RouteGroupBuilder authority) => authority.MapGet("/clocks", ListAsync).AllowCallers(Roles.Authority)
        .WithSummary("The city's running clocks, by their last day: overdue ones first. For its data authority.");

    /// <param name="clock">A clock's word: reply, delivery, correction, catalogue_update, catalogue_review, disposal and others that run.</param>
    /// <param name="department">Credit code of the department that has to act.</param>
    /// <param name="overdue">True: only those whose last day is over; false: only the others.</param>
    private static async Task<Results<Ok<ClockList>, Refused>> ListAsync(
        Caller caller, City city, Database database, ServiceSettings service, WorkingDays days, TimeProvider clocks, CancellationToken cancel,
        string? clock = null, string? department = null, bool? overdue = null, int? limit = null, string? cursor = null)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Place.Read(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (caller.City != city.Id)
        {
            return new Refused(OwnAuthority.Foreign);
        }

        var today = LegalDay.Of(clocks.GetUtcNow());
        await using var connection = await database.OpenAsync(cancel);
        var counts = (await connection.QueryAsync<ClockCount>(new CommandDefinition(Count, new { today }, cancellationToken: cancel))).AsList();
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(Read, new
        {
            today, clock, department, overdue, afterDue = after?.Due, afterSubject = after?.Subject, afterClock = after?.Clock, size = size + 1,
        }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new ClockList(
            today, counts, [.. page.Select(row => View(row, today, days, city, service.PublicAddress))],
            rows.Count > size ? new Place(page[^1].DueOn, page[^1].Subject, page[^1].Clock).ToString() : null));
    }

    private static RunningClockView View(Row row, DateOnly today, WorkingDays days, City city, string publicAddress)
    {
        var here = $"{publicAddress}/api/cities/{city.Id}";
        return new RunningClockView
        {
            Clock = row.Clock,
            Subject = row.Subject,
            Reference = row.Reference,
            DatasetId = row.DatasetId,
            Name = row.Name,
            Department = row.Department ?? city.Authority.Code,
            DepartmentName = row.Department is null || row.Department == city.Authority.Code ? city.Authority.Name : row.DepartmentName,
            StartedAt = row.StartedAt,
            Due = new LegalDate(row.DueOn, row.Provisional),
            WorkingDaysLeft = row.DueOn >= today ? days.Left(today, row.DueOn) : -days.Left(row.DueOn, today),
            Overdue = row.DueOn < today,
            Side = row.Side,
            Link = row.Side switch
            {
                "owning" => $"{here}/approvals/{row.Subject}",
                "asking" => $"{here}/requests/{row.Subject}",
                _ when row.IsCorrection => $"{here}/corrections/{row.Subject}",
                _ => $"{here}/datasets/{row.DatasetId}",
            },
        };
    }

    private const string Count = """
        select clock, count(*)::int as running, (count(*) filter (where due_on = @today))::int as today, (count(*) filter (where due_on < @today))::int as overdue
        from clocks
        where stopped_at is null
        group by clock
        order by clock
        """;

    private const string Read = """
        select c.clock, c.subject, c.department, c.due_on, c.provisional, c.started_at, r.side, r.reference, k.correction_id is not null as is_correction,
               coalesce(r.dataset_id, d.dataset_id, k.dataset_id) as dataset_id, coalesce(r.dataset_name, d.name) as name,
               coalesce(p.name, case when r.asking_department = c.department then r.asking_department_name end) as department_name
        from clocks c
        left join lateral (
            select side, reference, dataset_id, dataset_name, asking_department, asking_department_name from sharing_requests r
            where r.exchange_id = c.subject
            order by (r.side = case when c.clock = 'use_records' then 'asking' else 'owning' end) desc limit 1) r on true
        left join corrections k on k.correction_id = c.subject and k.side = 'owning'
        left join duty_changes u on u.duty_change_id = c.subject
        left join datasets d on d.dataset_id = coalesce(u.dataset_id, k.dataset_id, c.subject)
        left join departments p on p.code = c.department
        where c.stopped_at is null and (@clock::text is null or c.clock = @clock) and (@department::text is null or c.department = @department)
          and (@overdue::boolean is null or (c.due_on < @today) = @overdue)
          and (@afterDue::date is null or (c.due_on, c.subject, c.clock) > (@afterDue, @afterSubject, @afterClock))
        order by c.due_on, c.subject, c.clock
        limit @size
        """;

    /// <summary>Where a page ended: the list is by day, so an id alone does not say it.</summary>
    private sealed record Place(DateOnly Due, Guid Subject, string Clock)
    {
        private const int Longest = 200;

        public static Place? Read(string? cursor, Faults faults)
        {
            if (string.IsNullOrEmpty(cursor))
            {
                return null;
            }

            if (cursor.Length <= Longest && Base64Url.IsValid(cursor) && Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor)).Split('|') is [var day, var subject, var clock]
                && DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var due) && Guid.TryParse(subject, out var id) && !clock.Contains('\0', StringComparison.Ordinal))
            {
                return new Place(due, id, clock);
            }

            faults.Add("cursor", "unknown-cursor", null, new("游标无效，请从第一页重新读取。", "The cursor is not one of ours; start from the first page."));
            return null;
        }

        public override string ToString() => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Due:yyyy-MM-dd}|{Subject}|{Clock}")));
    }

    /// <param name="Today">The day, in Beijing, by which days are counted.</param>
    /// <param name="Counts">All that run, by their word, whatever is filtered.</param>
    /// <param name="Items">By their last day.</param>
    /// <param name="Next">Cursor; absent on the last page.</param>
    internal sealed record ClockList(DateOnly Today, IReadOnlyList<ClockCount> Counts, IReadOnlyList<RunningClockView> Items, string? Next);

    /// <summary>How many clocks of one kind run.</summary>
    internal sealed record ClockCount
    {
        public required string Clock { get; init; }
        public required int Running { get; init; }

        /// <summary>Of those: today is the last day.</summary>
        public required int Today { get; init; }

        /// <summary>Of those: the last day is over.</summary>
        public required int Overdue { get; init; }
    }

    /// <summary>A clock that runs.</summary>
    internal sealed record RunningClockView
    {
        public required string Clock { get; init; }

        /// <summary>The exchange, correction, dataset or duty change that it is about.</summary>
        public required Guid Subject { get; init; }

        /// <summary>For people, when it is an exchange.</summary>
        public string? Reference { get; init; }

        public Guid? DatasetId { get; init; }

        /// <summary>The entry's name.</summary>
        public string? Name { get; init; }

        /// <summary>Credit code of who has to act.</summary>
        public required string Department { get; init; }

        public string? DepartmentName { get; init; }

        public required DateTimeOffset StartedAt { get; init; }

        public required LegalDate Due { get; init; }

        /// <summary>Working days after today up to the last day: 0 on the last day, negative for working days past it.</summary>
        public required int WorkingDaysLeft { get; init; }

        public required bool Overdue { get; init; }

        /// <summary>owning or asking, when it is an exchange.</summary>
        public string? Side { get; init; }

        /// <summary>Where the subject is read.</summary>
        public required string Link { get; init; }
    }

    private sealed record Row
    {
        public required string Clock { get; init; }
        public required Guid Subject { get; init; }
        public string? Department { get; init; }
        public required DateOnly DueOn { get; init; }
        public required bool Provisional { get; init; }
        public required DateTimeOffset StartedAt { get; init; }
        public string? Side { get; init; }
        public string? Reference { get; init; }
        public required bool IsCorrection { get; init; }
        public Guid? DatasetId { get; init; }
        public string? Name { get; init; }
        public string? DepartmentName { get; init; }
    }
}

/// <summary>What the data authority of a city reads is for that city's alone.</summary>
internal static class OwnAuthority
{
    public static readonly Rule Foreign = new("foreign-city", StatusCodes.Status403Forbidden, "第12条",
        new("只有本市数据主管部门可以查看本市的全部办理事项。", "What is under way in a whole city is for its own data authority."),
        new("请联系该市数据主管部门。", "Ask that city's data authority."));
}
