using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Requests;

/// <summary>Everyone's catalogue as this city heard of it; what it missed comes by copy (<see cref="TakeCopy"/>). A request is checked against it before it leaves; the owning city checks again against its own.</summary>
internal sealed class KnownDatasets(Transaction transaction, Notices notices) : IConsumer<DatasetPublished>, IConsumer<DatasetWithdrawn>
{
    // The same version with another content comes from an owner that was restored and gave the number again: the later word of the owner counts.
    public async Task Consume(ConsumeContext<DatasetPublished> context)
    {
        var entry = context.Message.Entry;
        context.Require(entry.City);
        if (await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into known_datasets (dataset_id, city, version, withdrawn, entry, heard_in)
            values (@DatasetId, @City, @Version, false, @json, (select last_value from catalogue_asks))
            on conflict (dataset_id) do update
            set version = excluded.version, withdrawn = false, entry = excluded.entry, heard_in = excluded.heard_in
            where known_datasets.city = excluded.city
              and (known_datasets.version < excluded.version or (known_datasets.version = excluded.version and (known_datasets.withdrawn or known_datasets.entry <> excluded.entry)))
            """, new { entry.DatasetId, entry.City, entry.Version, json = JsonSerializer.Serialize(entry, Json.Options) }, cancellationToken: context.CancellationToken)) > 0)
        {
            await TellAllAsync("catalogue.published", entry.DatasetId, entry.City, entry.Version, entry.Name, context.CancellationToken);
        }
    }

    public async Task Consume(ConsumeContext<DatasetWithdrawn> context)
    {
        var (gone, cancel) = (context.Message, context.CancellationToken);
        context.Require(gone.City);
        var entry = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition("""
            insert into known_datasets (dataset_id, city, version, withdrawn, entry, heard_in)
            values (@DatasetId, @City, @Version, true, '', (select last_value from catalogue_asks))
            on conflict (dataset_id) do update
            set version = excluded.version, withdrawn = true, heard_in = excluded.heard_in
            where known_datasets.city = excluded.city
              and (known_datasets.version < excluded.version or (known_datasets.version = excluded.version and not known_datasets.withdrawn))
            returning entry
            """, new { gone.DatasetId, gone.City, gone.Version }, cancellationToken: cancel));
        // An entry that this city never heard of is not told of now that it is gone.
        if (entry is { Length: > 0 } && JsonSerializer.Deserialize<DatasetEntry>(entry, Json.Options) is { } known)
        {
            await TellAllAsync("catalogue.withdrawn", gone.DatasetId, gone.City, gone.Version, known.Name, cancel);
        }
    }

    /// <summary>Art. 16: one notice to all departments. A repeated or older message changes no row and tells nothing.</summary>
    private Task TellAllAsync(string type, Guid dataset, string city, int version, string name, CancellationToken cancel) => notices.AddAsync(new Notice
    {
        Type = type,
        Role = Roles.Officer,
        DatasetId = dataset,
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["name"] = name, ["city"] = city, ["version"] = version.ToString(CultureInfo.InvariantCulture) },
    }, cancel);

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
