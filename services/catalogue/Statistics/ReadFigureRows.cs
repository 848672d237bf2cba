using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Exchange.Catalogue.Statistics;

/// <summary>The rows that a figure counts: a department's for itself, all for the city's authority.</summary>
internal static class ReadFigureRows
{
    private static readonly Rule OthersRows = new("others-rows", StatusCodes.Status403Forbidden, "第38条",
        new("统计所据明细只向该部门和本市数据主管部门提供。", "The rows behind a figure are for its department and the city's data authority."),
        new("汇总数字见 /statistics；需要明细请联系该部门或数据主管部门。", "The numbers are in /statistics; ask the department or the data authority for the rows."));

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/statistics/rows", HandleAsync).AllowCallers().WithTags("statistics")
        .WithSummary("The rows behind a figure: a clock's word or received, asked, refusals, supplements, extensions; of an outcome, a state or a ground.");

    private static async Task<Results<Ok<RowList>, Refused>> HandleAsync(
        Caller caller, City city, Database database, ServiceSettings service, TimeProvider clock, string? figure, string? outcome, string? department, DateOnly? from, DateOnly? to,
        [FromQuery(Name = "asking_city")] string? askingCity, [FromQuery(Name = "sharing_type")] string? sharingType, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var today = Counted.Today(clock);
        var period = Period.Of(from, to, today, faults);
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        faults.RequireText("figure", figure, null, 50);
        var ofRequests = Counted.OfRequests.Contains(figure, StringComparer.Ordinal);
        if (!ofRequests && outcome is not null && !Counted.Outcomes.Contains(outcome, StringComparer.Ordinal))
        {
            faults.Add("outcome", "one-of", null, new($"须为 {string.Join("、", Counted.Outcomes)} 之一。", $"It is one of {string.Join(", ", Counted.Outcomes)}."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var own = caller.City == city.Id;
        var whole = own && caller.Has(Roles.Authority);
        department ??= whole ? null : caller.Department;
        if (!whole && (department is null || department != caller.Department || (!own && ofRequests)))
        {
            return new Refused(OthersRows);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition(ofRequests ? Counted.Requests + OfRequests : Counted.Clocks + OfClocks, new
        {
            today, period.From, period.To, figure, outcome, department, own, caller.City, askingCity, sharingType, after, size = size + 1,
        }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new RowList([.. page.Select(r => View(r, figure!, own, caller, city, service.PublicAddress))], rows.Count > size ? Pages.Cursor(page[^1].Subject) : null));
    }

    private static FigureRow View(Row row, string figure, bool own, Caller caller, City city, string publicAddress)
    {
        var here = $"{publicAddress}/api/cities/{city.Id}";
        var link = (row.Side, figure) switch
        {
            (null, "correction") => $"{here}/corrections/{row.Subject}",
            (null, _) => $"{here}/datasets/{row.DatasetId ?? row.Subject}",
            _ when !own => $"{publicAddress}/api/cities/{caller.City}/requests/{row.Subject}",
            ("asking", _) => $"{here}/requests/{row.Subject}",
            _ => $"{here}/approvals/{row.Subject}",
        };
        return new FigureRow { Subject = row.Subject, Reference = row.Reference, Department = row.Department, Outcome = row.Outcome, BeganOn = row.BeganOn, Due = row.DueOn, StoppedOn = row.StoppedOn, Link = link };
    }

    // A department of another city sees what it has to do here: only under the name of its own city.
    private const string OfClocks = """
        select c.subject, r.reference, c.department, c.outcome, c.began_on, c.due_on, c.stopped_on, r.side, u.dataset_id
        from counted c
        left join duty_changes u on u.duty_change_id = c.subject
        left join lateral (
            select reference, side, asking_city, asking_department, sharing_class from sharing_requests r
            where r.exchange_id = c.subject
            order by (r.side = case when c.clock = 'use_records' then 'asking' else 'owning' end) desc limit 1) r on true
        where c.clock = @figure and (@department::text is null or c.department = @department)
          and (@outcome::text is null or c.outcome = @outcome or (@outcome = 'open' and c.outcome = 'open_late'))
          and (@sharingType::text is null or (r.side = 'owning' and r.sharing_class = @sharingType))
          and (@own or (r.side = 'owning' and r.asking_city = @City and r.asking_department = c.department))
          and (@after::uuid is null or c.subject < @after)
        order by c.subject desc
        limit @size
        """;

    private const string OfRequests = """
        select exchange_id as subject, reference, department, case when @figure = 'refusals' then case when disputed then 'disputed' else 'undisputed' end else state end as outcome,
               day as began_on, null::date as due_on, null::date as stopped_on, side
        from counted
        where side = case when @figure = 'asked' then 'asking' else 'owning' end
          and (@figure in ('received', 'asked') or (@figure = 'refusals' and refused) or (@figure = 'supplements' and supplements > 0) or (@figure = 'extensions' and extended_by > 0))
          and (@department::text is null or department = @department)
          and (@askingCity::text is null or asking_city = @askingCity)
          and (@outcome::text is null or case when @figure = 'refusals' then case when disputed then 'disputed' else 'undisputed' end = @outcome or jsonb_exists(grounds, @outcome) else state = @outcome end)
          and (@after::uuid is null or exchange_id < @after)
        order by exchange_id desc
        limit @size
        """;

    internal sealed record RowList(IReadOnlyList<FigureRow> Items, string? Next);

    /// <summary>One row that a figure counts.</summary>
    internal sealed record FigureRow
    {
        /// <summary>The exchange, correction or dataset.</summary>
        public required Guid Subject { get; init; }

        /// <summary>Reference for people, when it is an exchange.</summary>
        public string? Reference { get; init; }

        /// <summary>Credit code of the department that had to act.</summary>
        public string? Department { get; init; }

        /// <summary>on_time, late, open or open_late; for refusals disputed or undisputed; for requests their state.</summary>
        public required string Outcome { get; init; }

        /// <summary>The day, in Beijing, by which it belongs to the period.</summary>
        public required DateOnly BeganOn { get; init; }

        public DateOnly? Due { get; init; }

        public DateOnly? StoppedOn { get; init; }

        /// <summary>Where the subject is read.</summary>
        public required string Link { get; init; }
    }

    private sealed record Row
    {
        public required Guid Subject { get; init; }
        public string? Reference { get; init; }
        public string? Department { get; init; }
        public required string Outcome { get; init; }
        public required DateOnly BeganOn { get; init; }
        public DateOnly? DueOn { get; init; }
        public DateOnly? StoppedOn { get; init; }
        public string? Side { get; init; }

        /// <summary>Of a duty change: the entry that has to follow it.</summary>
        public Guid? DatasetId { get; init; }
    }
}
