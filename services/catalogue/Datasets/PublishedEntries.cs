using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>What this city published, for those who answer requests about it: the text of a version and the reply that was signed for it beforehand. Reads in the caller's transaction.</summary>
internal sealed class PublishedEntries(Transaction transaction, City city)
{
    /// <summary>A version as it was published, also when it has been replaced or withdrawn since; null if it never was.</summary>
    public async Task<DatasetEntry?> FindAsync(Guid datasetId, int version, CancellationToken cancel) =>
        await Dataset.FindAsync(transaction.Connection, datasetId, cancel) is { } dataset
        && await dataset.VersionAsync(transaction.Connection, version, cancel) is { PublishedAt: not null } published
            ? DatasetViews.Entry(dataset, published, city)
            : null;

    /// <summary>The standing sign-off of a version; null when its head gave none, or when the version has been replaced or withdrawn since: a person then answers.</summary>
    public async Task<StandingSignOff?> StandingAsync(Guid datasetId, int version, CancellationToken cancel)
    {
        var row = await transaction.Connection.QuerySingleOrDefaultAsync<StandingRow>(new CommandDefinition("""
            select s.reply, s.cited_law, s.given_by, s.given_at, s.treatments::text as treatments, d.department_code, v.entry ->> 'fields' as fields, v.entry ->> 'format' as format
            from standing_sign_offs s join datasets d using (dataset_id) join dataset_versions v using (dataset_id, version)
            where s.dataset_id = @datasetId and s.version = @version and d.published_version = s.version
            """, new { datasetId, version }, cancellationToken: cancel));
        var treatments = row?.Reply == "approve" ? TreatmentsOf(row) : null;
        // What must be treated cannot leave as a file: a person looks at the request.
        return row is null || (FileFormat.IsFile(row.Format) && treatments?.Values.Any(word => word != Treatments.Plain) == true) ? null : new StandingSignOff
        {
            DatasetVersion = version,
            Decision = row.Reply == "approve" ? SharingDecision.Approve : SharingDecision.Refuse,
            CitedLaw = row.CitedLaw,
            Treatments = treatments,
            SignedBy = row.GivenBy,
            Department = row.DepartmentCode,
            Since = LegalDay.Of(row.GivenAt),
        };
    }

    /// <summary>
    /// What the head signed; a personal item that the head did not name is hashed. No person looks at the request before it is answered, so nobody weighs whether it needs the person's data
    /// (个人信息保护法 art. 6 by way of art. 37); that the entry is shared unconditionally (art. 14) stays true: whoever needs it plain asks for the change, and persons decide.
    /// </summary>
    private static Dictionary<string, string>? TreatmentsOf(StandingRow row)
    {
        var signed = row.Treatments is null ? [] : JsonSerializer.Deserialize<Dictionary<string, string>>(row.Treatments, Json.Options)!;
        foreach (var field in JsonSerializer.Deserialize<IReadOnlyList<FieldDraft>>(row.Fields, Json.Options)!.Where(f => f.Personal == true))
        {
            signed.TryAdd(field.Name!, Treatments.Fits(new Treatment(TreatmentKind.Hashed), field.Type!) ? Treatments.Hashed : Treatments.Dropped);
        }

        return signed.Count == 0 ? null : signed;
    }

    private sealed record StandingRow
    {
        public string? Treatments { get; init; }
        public required string Fields { get; init; }
        public required string Format { get; init; }
        public required string Reply { get; init; }
        public string? CitedLaw { get; init; }
        public required string GivenBy { get; init; }
        public required DateTimeOffset GivenAt { get; init; }
        public required string DepartmentCode { get; init; }
    }
}
