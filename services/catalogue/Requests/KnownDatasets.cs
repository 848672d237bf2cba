using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Requests;

/// <summary>Everyone's catalogue as this city heard of it. A request is checked against it before it leaves; the owning city checks again against its own.</summary>
internal sealed class KnownDatasets(Transaction transaction) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    public Task Consume(ConsumeContext<DatasetPublished> context)
    {
        var entry = context.Message.Entry;
        context.Require(entry.City);
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into known_datasets (dataset_id, city, version, withdrawn, entry)
            values (@DatasetId, @City, @Version, false, @json)
            on conflict (dataset_id) do update
            set version = excluded.version, withdrawn = false, entry = excluded.entry
            where known_datasets.version < excluded.version and known_datasets.city = excluded.city
            """, new { entry.DatasetId, entry.City, entry.Version, json = JsonSerializer.Serialize(entry, Json.Options) }, cancellationToken: context.CancellationToken));
    }

    public Task Consume(ConsumeContext<DatasetWithdrawn> context)
    {
        context.Require(context.Message.City);
        return transaction.Connection.ExecuteAsync(new CommandDefinition("""
        insert into known_datasets (dataset_id, city, version, withdrawn, entry)
        values (@DatasetId, @City, @Version, true, '')
        on conflict (dataset_id) do update
        set version = excluded.version, withdrawn = true
        where known_datasets.version < excluded.version and known_datasets.city = excluded.city
        """, new { context.Message.DatasetId, context.Message.City, context.Message.Version }, cancellationToken: context.CancellationToken));
    }

    /// <summary>The entry as published, or null when it is unknown or withdrawn.</summary>
    public static async Task<DatasetEntry?> FindAsync(Transaction transaction, Guid datasetId, CancellationToken cancel)
    {
        var json = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
            "select entry from known_datasets where dataset_id = @datasetId and not withdrawn", new { datasetId }, cancellationToken: cancel));
        return json is null ? null : JsonSerializer.Deserialize<DatasetEntry>(json, Json.Options);
    }
}
