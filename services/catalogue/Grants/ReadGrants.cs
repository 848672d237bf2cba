using System.Text.Json;
using System.Text.Json.Serialization;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Grants;

/// <summary>What was granted, for both parties: the asking department from whatever city, the owning department and its authority.</summary>
internal static class ReadGrants
{
    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapGet("", ListAsync).AllowCallers().WithSummary("Grants of the caller's department on either side, newest first.");
        grants.MapGet("/{id:guid}", GetAsync).AllowCallers().WithSummary("One grant: its fields and their treatment, its rows, term and state.");
    }

    /// <summary>The grant when the caller's department is a party to it.</summary>
    public static async Task<Grant?> FindAsync(Database database, Guid id, Caller caller, City city, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Grant>(new CommandDefinition(Select + " and exchange_id = @id", Parties(caller, city, id: id), cancellationToken: cancel));
    }

    private static async Task<Results<Ok<GrantList>, Refused>> ListAsync(Caller caller, City city, Database database, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<Grant>(new CommandDefinition(
            Select + " and (@after::uuid is null or exchange_id < @after) order by exchange_id desc limit @size", Parties(caller, city, after: after, size: size + 1), cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new GrantList(page, rows.Count > size ? Pages.Cursor(page[^1].ExchangeId) : null));
    }

    private static async Task<Results<Ok<Grant>, Refused>> GetAsync(Guid id, Caller caller, City city, Database database, CancellationToken cancel) =>
        await FindAsync(database, id, caller, city, cancel) is { } grant ? TypedResults.Ok(grant) : Pipeline.NotFound();

    private static object Parties(Caller caller, City city, Guid? id = null, Guid? after = null, int? size = null) =>
        new { caller.City, caller.Department, authority = caller.Has(Roles.Authority) && caller.City == city.Id, own = caller.City == city.Id, id, after, size };

    private const string Select = """
        select exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, treatments::text as treatments_json, row_filter::text as rows_json, changed_at, state, valid_from, valid_until, end_reason, purpose,
               quota_calls, quota_rows, quota_bytes,
               (select legal_basis from sharing_requests s where s.exchange_id = grants.exchange_id and s.side = 'owning') as legal_basis
        from grants
        where ((asking_city = @City and asking_department = @Department)
            or (@own and owning_department = @Department)
            or @authority)
        """;

    internal sealed record GrantList(IReadOnlyList<Grant> Items, string? Next);
}

/// <summary>A grant as it stands now.</summary>
internal sealed record Grant
{
    public required Guid ExchangeId { get; init; }
    public required string AskingCity { get; init; }
    public required string AskingDepartment { get; init; }
    public required string OwningDepartment { get; init; }
    public required Guid DatasetId { get; init; }
    public required int DatasetVersion { get; init; }
    public required string[] Fields { get; init; }

    /// <summary>How fields are treated before they leave, by name, in the words of the grant's terms; a field that is not named goes plain. Absent when all do.</summary>
    public IReadOnlyDictionary<string, string>? Treatments => Read(TreatmentsJson, ref treatments);

    /// <summary>Which rows are delivered; absent when all are.</summary>
    public RowFilter? Rows => Read(RowsJson, ref rows);

    [JsonIgnore]
    public string? TreatmentsJson { get; init; }

    [JsonIgnore]
    public string? RowsJson { get; init; }

    /// <summary>When its terms or its state changed last; a delivery is opened under what was read then, or not at all.</summary>
    [JsonIgnore]
    public DateTimeOffset ChangedAt { get; init; }

    [JsonIgnore]
    public GrantedScope Scope => new(Fields, Treatments, Rows);

    /// <summary>issued, active, suspended or ended.</summary>
    public required string State { get; init; }

    public required DateOnly ValidFrom { get; init; }

    /// <summary>Last day of use, in Beijing.</summary>
    public required DateOnly ValidUntil { get; init; }

    public string? EndReason { get; init; }

    /// <summary>使用依据 as the request states it.</summary>
    public string? LegalBasis { get; init; }

    /// <summary>使用场景 as it is agreed now.</summary>
    public string? Purpose { get; init; }

    /// <summary>使用目的代码: what each call for data states.</summary>
    public string? PurposeCode => Purpose is null ? null : Grants.PurposeCode.Of(Purpose);

    [JsonIgnore]
    public long? QuotaCalls { get; init; }

    [JsonIgnore]
    public long? QuotaRows { get; init; }

    [JsonIgnore]
    public long? QuotaBytes { get; init; }

    private IReadOnlyDictionary<string, string>? treatments;
    private RowFilter? rows;

    private static T? Read<T>(string? json, ref T? read)
        where T : class => json is null ? null : read ??= JsonSerializer.Deserialize<T>(json, Json.Options);
}
