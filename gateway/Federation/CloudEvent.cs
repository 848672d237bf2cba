using System.Text.Json;
using Exchange.Gateway.Interop;
using Exchange.Hosting;
using Microsoft.AspNetCore.OpenApi;

namespace Exchange.Gateway.Federation;

/// <summary>A change of the catalogue as CloudEvents 1.0 in JSON (cloudevents.io). Together, <see cref="Source"/> and <see cref="Id"/> name one event for ever.</summary>
internal sealed record CloudEvent
{
    public const string MediaType = "application/cloudevents+json";
    public const string BatchMediaType = "application/cloudevents-batch+json";

    // The specification likes a type to begin with a reversed domain name. No domain is the exchange's own, and the public address differs from one installation to the next,
    // while programs compare types; who speaks is in the source.
    public const string Published = "exchange.dataset.published.v1";
    public const string Withdrawn = "exchange.dataset.withdrawn.v1";

    public string Specversion { get; init; } = "1.0";

    public required string Id { get; init; }

    /// <summary>Address of the catalogue that changed.</summary>
    public required string Source { get; init; }

    /// <summary><c>exchange.dataset.published.v1</c>, <c>exchange.dataset.withdrawn.v1</c>; of a saved search <c>exchange.search.matched.v1</c>, <c>.changed.v1</c>, <c>.unmatched.v1</c>.</summary>
    public required string Type { get; init; }

    /// <summary>The dataset's id.</summary>
    public required string Subject { get; init; }

    /// <summary>When the change was taken into the catalogue.</summary>
    public required DateTimeOffset Time { get; init; }

    public string Datacontenttype { get; init; } = "application/json";

    /// <summary>Where the form of <see cref="Data"/> is described.</summary>
    public required string Dataschema { get; init; }

    public required object Data { get; init; }

    /// <summary>The event's id is also the cursor to go on from.</summary>
    public static CloudEvent Of(ChangeRow row, Guid epoch, ServiceSettings service) => new()
    {
        Id = Cursor.Of(epoch, row.Change),
        Source = SourceOf(service),
        Type = row.Entry is null ? Withdrawn : Published,
        Subject = row.DatasetId.ToString(),
        Time = row.ChangedAt,
        Dataschema = SchemaOf(service, nameof(DatasetChange)),
        Data = row.Shown(),
    };

    public static string SourceOf(ServiceSettings service) => $"{service.PublicAddress}/api/catalogue";

    /// <summary>A schema of ours in the description that is published for the whole exchange.</summary>
    public static string SchemaOf(ServiceSettings service, string name) => $"{service.PublicAddress}/openapi/v1.json#/components/schemas/{ApiDescription.Gateway}.{name}";

    /// <summary>Puts the form of an event, or of its data, where <see cref="Dataschema"/> points: no answer of a route need hold it.</summary>
    public static async Task DescribeAsync(Type type, OpenApiOperationTransformerContext context, CancellationToken cancel) =>
        context.Document!.AddComponent(type.Name, await context.GetOrCreateSchemaAsync(type, null, cancel));

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, Json.Options);
}
