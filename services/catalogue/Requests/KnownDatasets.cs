using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Requests;

/// <summary>Everyone's catalogue as this city heard of it; what it missed comes by copy (<see cref="TakeCopy"/>). A request is checked against it before it leaves; the owning city checks again against its own.</summary>
internal sealed class KnownDatasets(Transaction transaction) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    // The same version with another content comes from an owner that was restored and gave the number again: the later word of the owner counts.
    public Task Consume(ConsumeContext<DatasetPublished> context)
    {
        var entry = context.Message.Entry;
        context.Require(entry.City);
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into known_datasets (dataset_id, city, version, withdrawn, entry, heard_in)
            values (@DatasetId, @City, @Version, false, @json, (select last_value from catalogue_asks))
            on conflict (dataset_id) do update
            set version = excluded.version, withdrawn = false, entry = excluded.entry, heard_in = excluded.heard_in
            where known_datasets.city = excluded.city
              and (known_datasets.version < excluded.version or (known_datasets.version = excluded.version and (known_datasets.withdrawn or known_datasets.entry <> excluded.entry)))
            """, new { entry.DatasetId, entry.City, entry.Version, json = JsonSerializer.Serialize(entry, Json.Options) }, cancellationToken: context.CancellationToken));
    }

    public Task Consume(ConsumeContext<DatasetWithdrawn> context)
    {
        context.Require(context.Message.City);
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into known_datasets (dataset_id, city, version, withdrawn, entry, heard_in)
            values (@DatasetId, @City, @Version, true, '', (select last_value from catalogue_asks))
            on conflict (dataset_id) do update
            set version = excluded.version, withdrawn = true, heard_in = excluded.heard_in
            where known_datasets.city = excluded.city
              and (known_datasets.version < excluded.version or (known_datasets.version = excluded.version and not known_datasets.withdrawn))
            """, new { context.Message.DatasetId, context.Message.City, context.Message.Version }, cancellationToken: context.CancellationToken));
    }

    /// <summary>Personal or important data, or not known what: whoever disposes of it is two persons. An entry that was withdrawn is still known.</summary>
    public static async Task<bool> IsSensitiveAsync(Transaction transaction, Guid datasetId, CancellationToken cancel)
    {
        var json = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
            "select entry from known_datasets where dataset_id = @datasetId and entry <> ''", new { datasetId }, cancellationToken: cancel));
        return json is null || JsonSerializer.Deserialize<DatasetEntry>(json, Json.Options) is not { PersonalInformation: false, Classification: "general" };
    }

    /// <summary>The entry as published, or null when it is unknown or withdrawn.</summary>
    public static async Task<DatasetEntry?> FindAsync(Transaction transaction, Guid datasetId, CancellationToken cancel)
    {
        var json = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
            "select entry from known_datasets where dataset_id = @datasetId and not withdrawn", new { datasetId }, cancellationToken: cancel));
        return json is null ? null : JsonSerializer.Deserialize<DatasetEntry>(json, Json.Options);
    }
}
