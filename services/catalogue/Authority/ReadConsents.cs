using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Authority;

/// <summary>What waits for the data authority's consent: longer reply clocks (art. 21) and longer update clocks (art. 17), the one that ends first on top.</summary>
internal static class ReadConsents
{
    private const int Most = 500;

    public static void Map(RouteGroupBuilder authority) => authority.MapGet("/consents", ListAsync).AllowCallers(Roles.Authority)
        .WithSummary("Extensions that wait for the city's data authority: of replies (art. 21) and of catalogue updates (art. 17); at most 500 of each, the most urgent first.");

    private static async Task<Results<Ok<ConsentList>, Refused>> ListAsync(Caller caller, City city, Database database, RequestViews views, CancellationToken cancel)
    {
        if (caller.City != city.Id)
        {
            return new Refused(OwnAuthority.Foreign);
        }

        await using var connection = await database.OpenAsync(cancel);
        var replies = await connection.QueryAsync<SharingRow>(new CommandDefinition(SharingRow.Select + """
             where side = 'owning' and owning_city = @city and extension_asked is not null and state in ('under_review', 'supplement_asked', 'decided')
            order by reply_due, exchange_id
            limit @Most
            """, new { city = city.Id, Most }, cancellationToken: cancel));
        var updates = await connection.QueryAsync<UpdateRow>(new CommandDefinition($"""
            select d.name, d.department_code, p.name as department_name, {string.Join(", ", DutyChange.Columns.Split(',').Select(column => "u." + column.Trim()))}
            from duty_changes u join datasets d using (dataset_id) join departments p on p.code = d.department_code
            where u.extension_days is not null and u.extension_outcome is null and u.met_at is null
            order by u.due_on, u.duty_change_id
            limit @Most
            """, new { Most }, cancellationToken: cancel));
        return TypedResults.Ok(new ConsentList(
            [.. replies.Select(row => views.Of(row))],
            [.. updates.Select(row => new UpdateConsent(row.DatasetId, row.Name, row.DepartmentCode, row.DepartmentName, DutyChangeView.Of(row.ToChange())))]));
    }

    /// <param name="Replies">Requests whose reply is to take longer.</param>
    /// <param name="Updates">Entries whose update is to take longer.</param>
    internal sealed record ConsentList(IReadOnlyList<RequestView> Replies, IReadOnlyList<UpdateConsent> Updates);

    /// <param name="DatasetId">The entry.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Department">Credit code of its department.</param>
    /// <param name="DepartmentName">Its department.</param>
    /// <param name="Change">What it has to follow, and the extension asked for.</param>
    internal sealed record UpdateConsent(Guid DatasetId, string Name, string Department, string DepartmentName, DutyChangeView Change);

    private sealed record UpdateRow
    {
        public required string Name { get; init; }
        public required string DepartmentCode { get; init; }
        public required string DepartmentName { get; init; }
        public required Guid DutyChangeId { get; init; }
        public required Guid DatasetId { get; init; }
        public required string What { get; init; }
        public required DateOnly ChangedOn { get; init; }
        public required string Reference { get; init; }
        public required string StatedByName { get; init; }
        public required DateTimeOffset StatedAt { get; init; }
        public required DateOnly DueOn { get; init; }
        public required bool DueProvisional { get; init; }
        public required int ExtensionDays { get; init; }
        public required string ExtensionReason { get; init; }

        public DutyChange ToChange() => new()
        {
            DutyChangeId = DutyChangeId,
            DatasetId = DatasetId,
            What = What,
            ChangedOn = ChangedOn,
            Reference = Reference,
            StatedByName = StatedByName,
            StatedAt = StatedAt,
            DueOn = DueOn,
            DueProvisional = DueProvisional,
            ExtensionDays = ExtensionDays,
            ExtensionReason = ExtensionReason,
        };
    }
}
