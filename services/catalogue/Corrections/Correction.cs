using Dapper;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Corrections;

/// <summary>An error reported in received data, as one city holds it (校核, art. 26). The owning city's row counts; the asking city's follows it.</summary>
internal sealed record Correction
{
    public required Guid CorrectionId { get; init; }

    /// <summary><c>asking</c> or <c>owning</c>; a city that asks itself has both.</summary>
    public required string Side { get; init; }

    /// <summary><c>filed</c>, <c>received</c> by the owning city, or <c>answered</c>.</summary>
    public required string State { get; init; }

    public required int Version { get; init; }
    public required Guid ExchangeId { get; init; }
    public string? Reference { get; init; }
    public required string AskingCity { get; init; }
    public required string AskingDepartment { get; init; }
    public required string OwningCity { get; init; }
    public required string OwningDepartment { get; init; }
    public required Guid DatasetId { get; init; }
    public required string Field { get; init; }
    public required string RecordKey { get; init; }
    public string? WrongValue { get; init; }
    public required string RightValue { get; init; }
    public required string Evidence { get; init; }
    public DateOnly? Since { get; init; }
    public string? FiledBy { get; init; }
    public required DateTimeOffset FiledAt { get; init; }
    public DateOnly? DueOn { get; init; }
    public bool? DueProvisional { get; init; }
    public string? Result { get; init; }
    public string? Explanation { get; init; }
    public DateOnly? ErrorFrom { get; init; }
    public DateOnly? ErrorTo { get; init; }
    public int? Told { get; init; }
    public DateTimeOffset? AnsweredAt { get; init; }

    public LegalDate? Due => DueOn is { } on ? new LegalDate(on, DueProvisional == true) : null;

    /// <summary>The side's own department and its city's authority see it; everyone else is told nothing, not even that it exists.</summary>
    public bool MaySee(Caller caller)
    {
        var (city, department) = Side == "asking" ? (AskingCity, AskingDepartment) : (OwningCity, OwningDepartment);
        return caller.City == city && (caller.Department == department || caller.Has(Roles.Authority));
    }

    /// <summary>What the log may know: ids, the field and days. What people wrote goes into the openings.</summary>
    public AuditRecord Record(string type, IReadOnlyDictionary<string, string>? details = null, IReadOnlyDictionary<string, string>? openings = null) => new()
    {
        Type = type,
        ExchangeId = ExchangeId,
        Requesting = AskingDepartment,
        Providing = OwningDepartment,
        Service = DatasetId,
        Approval = Reference,
        Result = Result ?? State,
        Details = new Dictionary<string, string>(details ?? new Dictionary<string, string>(), StringComparer.Ordinal) { ["correction"] = CorrectionId.ToString(), ["field"] = Field },
        Openings = openings ?? new Dictionary<string, string>(),
    };

    /// <summary>What people wrote about the record, for the openings of an audit record.</summary>
    public Dictionary<string, string> Texts()
    {
        var texts = new Dictionary<string, string>(StringComparer.Ordinal) { ["record"] = RecordKey, ["right"] = RightValue, ["evidence"] = Evidence };
        if (WrongValue is { } wrong)
        {
            texts["wrong"] = wrong;
        }

        return texts;
    }

    public const string Columns = """
        correction_id, side, state, version, exchange_id, reference, asking_city, asking_department, owning_city, owning_department, dataset_id, field, record_key, wrong_value, right_value,
        evidence, since, filed_by, filed_at, due_on, due_provisional, result, explanation, error_from, error_to, told, answered_at
        """;

    public static async Task<Correction?> FindAsync(NpgsqlConnection connection, Guid id, Side side, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<Correction>(new CommandDefinition(
            $"select {Columns} from corrections where correction_id = @id and side = @side", new { id, side = SharingStore.Word(side) }, cancellationToken: cancel));

    /// <summary>The row that this reader may see: of a city that asks itself the authority sees the one that counts.</summary>
    public static async Task<Correction?> FindAsync(NpgsqlConnection connection, Guid id, Caller reader, CancellationToken cancel) =>
        (await connection.QueryAsync<Correction>(new CommandDefinition(
            $"select {Columns} from corrections where correction_id = @id order by side desc", new { id }, cancellationToken: cancel))).FirstOrDefault(c => c.MaySee(reader));

    /// <summary>False when it is there already.</summary>
    public static async Task<bool> InsertAsync(Transaction transaction, Correction correction, CancellationToken cancel) =>
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into corrections (correction_id, side, state, version, exchange_id, reference, asking_city, asking_department, owning_city, owning_department, dataset_id, field,
                record_key, wrong_value, right_value, evidence, since, filed_by, filed_at, due_on, due_provisional)
            values (@CorrectionId, @Side, @State, @Version, @ExchangeId, @Reference, @AskingCity, @AskingDepartment, @OwningCity, @OwningDepartment, @DatasetId, @Field,
                @RecordKey, @WrongValue, @RightValue, @Evidence, @Since, @FiledBy, @FiledAt, @DueOn, @DueProvisional)
            on conflict do nothing
            """, correction, cancellationToken: cancel)) == 1;
}

/// <summary>A correction as people and machines read it.</summary>
internal sealed record CorrectionView
{
    public required Guid Id { get; init; }

    /// <summary>The exchange under which the data was received.</summary>
    public required Guid ExchangeId { get; init; }

    public string? Reference { get; init; }

    /// <summary>filed, received or answered; on the asking side the newest one heard of.</summary>
    public required string State { get; init; }

    /// <summary>Also the ETag.</summary>
    public required int Version { get; init; }

    public required PartyView Asking { get; init; }

    public required PartyView Owning { get; init; }

    public required Guid DatasetId { get; init; }

    public required string Field { get; init; }

    /// <summary>Key of the record.</summary>
    public required string Record { get; init; }

    public string? Wrong { get; init; }

    public required string Right { get; init; }

    public required string Evidence { get; init; }

    /// <summary>Day on which the error is believed to have begun.</summary>
    public DateOnly? Since { get; init; }

    public required DateTimeOffset FiledAt { get; init; }

    /// <summary>Last day of the provider's clock (art. 26); unknown until the owning city has received it.</summary>
    public LegalDate? Due { get; init; }

    /// <summary>corrected or not_an_error.</summary>
    public string? Result { get; init; }

    public string? Explanation { get; init; }

    public DateOnly? ErrorFrom { get; init; }

    public DateOnly? ErrorTo { get; init; }

    /// <summary>How many exchanges had received the data since the error began and were told; the owning city's to know.</summary>
    public int? Told { get; init; }

    public DateTimeOffset? AnsweredAt { get; init; }

    public required IReadOnlyList<Link> Links { get; init; }

    public static CorrectionView Of(Correction c, string publicAddress) => new()
    {
        Id = c.CorrectionId,
        ExchangeId = c.ExchangeId,
        Reference = c.Reference,
        State = c.State,
        Version = c.Version,
        Asking = new PartyView(c.AskingCity, c.AskingDepartment, null),
        Owning = new PartyView(c.OwningCity, c.OwningDepartment, null),
        DatasetId = c.DatasetId,
        Field = c.Field,
        Record = c.RecordKey,
        Wrong = c.WrongValue,
        Right = c.RightValue,
        Evidence = c.Evidence,
        Since = c.Since,
        FiledAt = c.FiledAt,
        Due = c.Due,
        Result = c.Result,
        Explanation = c.Explanation,
        ErrorFrom = c.ErrorFrom,
        ErrorTo = c.ErrorTo,
        Told = c.Told,
        AnsweredAt = c.AnsweredAt,
        Links = [.. LinksOf(c, publicAddress)],
    };

    private static IEnumerable<Link> LinksOf(Correction c, string publicAddress)
    {
        var (city, exchange) = c.Side == "asking" ? (c.AskingCity, "requests") : (c.OwningCity, "approvals");
        yield return new Link("self", "GET", $"{publicAddress}/api/cities/{city}/corrections/{c.CorrectionId}", null);
        yield return new Link("exchange", "GET", $"{publicAddress}/api/cities/{city}/{exchange}/{c.ExchangeId}", null);
        yield return new Link("timeline", "GET", $"{publicAddress}/api/audit/exchanges/{c.ExchangeId}", null);
        if (c is { Side: "owning", State: "received" })
        {
            yield return new Link("answer", "POST", $"{publicAddress}/api/cities/{city}/corrections/{c.CorrectionId}/answer", Roles.Reviewer);
        }
    }
}
