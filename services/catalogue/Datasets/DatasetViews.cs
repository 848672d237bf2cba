using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>A dataset as it is shown. Outsiders see what is published; the department and the authority also see what is in work and who did it.</summary>
internal sealed record DatasetView
{
    public required Guid DatasetId { get; init; }

    /// <summary>Value of the ETag.</summary>
    public required int Revision { get; init; }

    /// <summary>State of the newest version that the reader may see.</summary>
    public required string State { get; init; }

    /// <summary>The version that stands in the catalogue; null while none does.</summary>
    public DatasetEntry? Published { get; init; }

    /// <summary>The version on its way to publication, or the withdrawn one; for insiders.</summary>
    public WorkingView? Working { get; init; }

    /// <summary>Rows held in the exchange; null while none are loaded.</summary>
    public RowsView? Rows { get; init; }

    /// <summary>The reply that requests get at once.</summary>
    public StandingView? StandingSignOff { get; init; }

    /// <summary>Errors that were reported in it and are not answered yet (art. 26).</summary>
    public int OpenCorrections { get; init; }

    /// <summary>How its department takes reports of errors (art. 26); null while it has published nothing.</summary>
    public CorrectionsView? Corrections { get; init; }
}

/// <summary>A version before publication with its papers (art. 13).</summary>
internal sealed record WorkingView(int Version, string State, EntryDraft Entry, string DraftedBy, DateTimeOffset DraftedAt, AssessmentView? Secrecy, AssessmentView? PersonalInformation, string? ApprovedBy, DateTimeOffset? ApprovedAt, string? WithdrawnReason)
{
    /// <summary>The data authority gave it back and nothing was done about it since.</summary>
    public ReturnedView? Returned { get; init; }
}

internal sealed record ReturnedView(string Reason, DateTimeOffset At);

internal sealed record AssessmentView(string Result, string? Note, DateTimeOffset At);

internal sealed record RowsView(int Version, long Count, long Bytes, string Sha256, DateTimeOffset LoadedAt)
{
    /// <summary>The data items that tell the rows apart, by which changes are told; absent: none.</summary>
    public IReadOnlyList<string>? Key { get; init; }

    /// <summary>Where the first ones are shown; for those of its own department who may look.</summary>
    public string? Preview { get; init; }
}

internal sealed record StandingView(int Version, string Reply, string? CitedLaw, string? GivenBy, DateTimeOffset GivenAt)
{
    /// <summary>What the head signed about the treatment of fields; a personal field that is not named goes hashed, another one plain.</summary>
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }
}

internal sealed record CorrectionsView(string? Rules, string? Channel);

internal static class DatasetViews
{
    /// <summary>Null when there is nothing that the reader may see.</summary>
    public static async Task<DatasetView?> ReadAsync(NpgsqlConnection connection, Dataset dataset, City city, Caller? reader, CancellationToken cancel)
    {
        var insider = dataset.IsInsider(reader, city);
        var published = await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel);
        var newest = insider ? await dataset.NewestAsync(connection, cancel) : published;
        if (newest is null || (reader is null && published!.Entry.OpenToSociety != true))
        {
            return null;
        }

        var rows = await connection.QuerySingleOrDefaultAsync<RowsRow>(new CommandDefinition("""
            select version, row_count, bytes, sha256, loaded_at, key from dataset_rows where dataset_id = @DatasetId
            """, new { dataset.DatasetId }, cancellationToken: cancel));
        var standing = await connection.QuerySingleOrDefaultAsync<StandingRow>(new CommandDefinition("""
            select version, reply, cited_law, given_by_name, given_at, treatments::text as treatments from standing_sign_offs where dataset_id = @DatasetId and version = @PublishedVersion
            """, new { dataset.DatasetId, dataset.PublishedVersion }, cancellationToken: cancel));
        var corrections = await connection.QuerySingleAsync<CorrectionsRow>(new CommandDefinition("""
            select correction_rules, correction_channel, (select count(*)::int from corrections where dataset_id = @DatasetId and side = 'owning' and state = 'received') as open
            from departments where code = @DepartmentCode
            """, new { dataset.DatasetId, dataset.DepartmentCode }, cancellationToken: cancel));
        return new DatasetView
        {
            DatasetId = dataset.DatasetId,
            Revision = dataset.Revision,
            State = newest.State,
            Published = published is null ? null : Entry(dataset, published, city),
            Working = newest.Version == published?.Version ? null : Working(newest) with { Returned = await ReturnedAsync(connection, dataset.DatasetId, newest, cancel) },
            Rows = rows is null ? null : new(rows.Version, rows.RowCount, rows.Bytes, rows.Sha256, rows.LoadedAt) { Key = rows.Key },
            StandingSignOff = standing is null ? null : new(standing.Version, standing.Reply, standing.CitedLaw, reader is null ? null : standing.GivenByName, standing.GivenAt)
            {
                Treatments = standing.Treatments is null ? null : JsonSerializer.Deserialize<Dictionary<string, string>>(standing.Treatments, Json.Options),
            },
            OpenCorrections = corrections.Open,
            Corrections = (corrections.CorrectionRules ?? corrections.CorrectionChannel) is null ? null : new(corrections.CorrectionRules, corrections.CorrectionChannel),
        };
    }

    public static DatasetEntry Entry(Dataset dataset, DatasetVersion version, City city) =>
        version.Entry.ToEntry(dataset.DatasetId, version.Version, city.Id, dataset.DepartmentName, dataset.ReleasedOn!.Value, version.PublishedAt!.Value);

    private static async Task<ReturnedView?> ReturnedAsync(NpgsqlConnection connection, Guid dataset, DatasetVersion newest, CancellationToken cancel)
    {
        if (newest.State != "draft")
        {
            return null;
        }

        var last = await connection.QuerySingleOrDefaultAsync<LastEvent>(new CommandDefinition("""
            select event, note, at from dataset_history where dataset_id = @dataset and version = @Version order by position desc limit 1
            """, new { dataset, newest.Version }, cancellationToken: cancel));
        return last is { Event: "returned" } ? new ReturnedView(last.Note!, last.At) : null;
    }

    private static WorkingView Working(DatasetVersion v) => new(
        v.Version, v.State, v.Entry, v.DraftedByName, v.DraftedAt,
        v.SecrecyResult is { } secrecy ? new(secrecy, v.SecrecyNote, v.SecrecyAt!.Value) : null,
        v.PersonalResult is { } personal ? new(personal, v.PersonalNote, v.PersonalAt!.Value) : null,
        v.ApprovedByName, v.ApprovedAt, v.WithdrawnReason);

    private sealed record LastEvent
    {
        public required string Event { get; init; }
        public string? Note { get; init; }
        public required DateTimeOffset At { get; init; }
    }

    private sealed record RowsRow
    {
        public required int Version { get; init; }
        public required long RowCount { get; init; }
        public required long Bytes { get; init; }
        public required string Sha256 { get; init; }
        public required DateTimeOffset LoadedAt { get; init; }
        public string[]? Key { get; init; }
    }

    private sealed record CorrectionsRow
    {
        public string? CorrectionRules { get; init; }
        public string? CorrectionChannel { get; init; }
        public required int Open { get; init; }
    }

    private sealed record StandingRow
    {
        public required int Version { get; init; }
        public required string Reply { get; init; }
        public string? CitedLaw { get; init; }
        public required string GivenByName { get; init; }
        public required DateTimeOffset GivenAt { get; init; }
        public string? Treatments { get; init; }
    }
}
