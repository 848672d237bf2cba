using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.DataServices;

/// <summary>A dataset's service as it is called now.</summary>
internal sealed record StoredService
{
    public required Guid DatasetId { get; init; }

    public required DataService Service { get; init; }

    /// <summary>Header and value by which the service knows the exchange; null when it asks for none.</summary>
    public (string Name, string Value)? Credential { get; init; }

    /// <summary>Another one after each change, so that nothing learned of the old address is held against the new.</summary>
    public required DateTimeOffset DescribedAt { get; init; }
}

/// <summary>The one reader of <c>dataset_services</c>.</summary>
internal static class ServiceTable
{
    /// <summary>Null while none is described or the entry is withdrawn: what left the catalogue is not called.</summary>
    public static async Task<StoredService?> FindAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel)
    {
        var row = await connection.QuerySingleOrDefaultAsync<Row>(new CommandDefinition("""
            select s.description::text as description, s.credential_name, s.credential, s.described_at
            from dataset_services s join datasets d using (dataset_id)
            where s.dataset_id = @datasetId and d.published_version is not null
            """, new { datasetId }, cancellationToken: cancel));
        return row is null ? null : new StoredService
        {
            DatasetId = datasetId,
            Service = JsonSerializer.Deserialize<DataService>(row.Description, Json.Options)!,
            Credential = row.Credential is null ? null : (row.CredentialName!, row.Credential),
            DescribedAt = row.DescribedAt,
        };
    }

    private sealed record Row
    {
        public required string Description { get; init; }
        public string? CredentialName { get; init; }
        public string? Credential { get; init; }
        public required DateTimeOffset DescribedAt { get; init; }
    }
}
