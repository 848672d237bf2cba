using System.Text.Json;
using System.Text.Json.Nodes;
using Dapper;
using Exchange.Gateway.Federation;
using Exchange.Hosting;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;

namespace Exchange.Gateway.Interop;

/// <summary>
/// The merged OpenAPI document. Services are asked at start and then once a minute; the last good answer of each is kept in the database, so that a service
/// that is away stays described. All cities run the same program, so one of them speaks for all.
/// </summary>
internal sealed partial class ApiDescription(
    Database database, GatewaySettings settings, ServiceSettings service, IHttpClientFactory clients, IServiceProvider provider, ILogger<ApiDescription> log) : BackgroundService
{
    /// <summary>Prefix of the gateway's own schemas in the description of the whole exchange.</summary>
    public const string Gateway = "Gateway";

    private const string Catalogue = "Catalogue";
    private const string Audit = "Audit";

    private static readonly TimeSpan Refresh = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan FirstRefresh = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, JsonObject> known = [];
    private byte[]? merged;
    private string tag = "";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/openapi/v1.json", (HttpContext http, ApiDescription description) =>
    {
        if (Volatile.Read(ref description.merged) is not { } document)
        {
            return new Refused(Loading) { RetryAfter = 2 };
        }

        http.Response.Headers.CacheControl = "public, no-cache";
        return (IResult)TypedResults.Bytes(document, "application/json; charset=utf-8", entityTag: new EntityTagHeaderValue(description.tag));
    }).AllowAnyone().ExcludeFromDescription();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await GatherAsync(stoppingToken);
                await MergeAsync(stoppingToken);
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
            {
                LogKept(log, fault.Message);
            }

            await Task.Delay(known.Count < 2 ? FirstRefresh : Refresh, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task GatherAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (known.Count == 0)
        {
            foreach (var (name, document) in await connection.QueryAsync<(string Name, string Document)>("select part, document from api_documents"))
            {
                known[name] = JsonNode.Parse(document)!.AsObject();
            }
        }

        foreach (var (name, addresses) in new[] { (Catalogue, settings.Cities.Keys.SelectMany(settings.AddressesOf)), (Audit, settings.AddressesOf("audit")) })
        {
            foreach (var address in addresses)
            {
                if (await AskAsync(address, cancel) is { } document)
                {
                    known[name] = document;
                    await connection.ExecuteAsync("""
                        insert into api_documents (part, document) values (@name, @document)
                        on conflict (part) do update set document = excluded.document, fetched_at = clock_timestamp()
                        where api_documents.document <> excluded.document
                        """, new { name, document = document.ToJsonString(Json.Options) });
                    break;
                }
            }
        }
    }

    private async Task<JsonObject?> AskAsync(string address, CancellationToken cancel)
    {
        try
        {
            using var client = clients.CreateClient(Repair.HttpClientName);
            await using var answer = await client.GetStreamAsync(address + "/openapi/v1.json", cancel);
            return await JsonNode.ParseAsync(answer, cancellationToken: cancel) is JsonObject { Count: > 0 } document && document["paths"] is JsonObject ? document : null;
        }
        catch (Exception fault) when (fault is HttpRequestException or JsonException or TaskCanceledException && !cancel.IsCancellationRequested)
        {
            LogKept(log, fault.Message);
            return null;
        }
    }

    private async Task MergeAsync(CancellationToken cancel)
    {
        var own = await provider.GetRequiredKeyedService<IOpenApiDocumentProvider>("v1").GetOpenApiDocumentAsync(cancel);
        var ownDocument = JsonNode.Parse(await own.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_1, cancel))!.AsObject();
        List<OpenApiMerge.Part> parts = [new(Gateway, "", "/operations", null, ownDocument)];
        if (known.TryGetValue(Catalogue, out var catalogue))
        {
            parts.Add(new(Catalogue, "/api/cities/{city}", "/api/operations/{city}", ("city", [.. settings.Cities.Keys]), catalogue));
        }

        if (known.TryGetValue(Audit, out var audit))
        {
            parts.Add(new(Audit, "/api/audit", "/api/operations/audit", null, audit));
        }

        var info = new JsonObject
        {
            ["title"] = "Exchange",
            ["version"] = "1",
            ["description"] = "Government data shared between cities: one catalogue, requests and approvals, delivery under a grant, and a log that can be verified. "
                + "JSON in snake_case; refusals are RFC 9457 problems that name the rule and the way out, in Chinese or English (Accept-Language).",
        };
        var document = JsonSerializer.SerializeToUtf8Bytes(OpenApiMerge.Merge(info, service.PublicAddress, parts), Json.Options);
        tag = $"\"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(document).AsSpan(0, 8))}\"";
        Volatile.Write(ref merged, document);
    }

    private static readonly Rule Loading = new("description-loading", StatusCodes.Status503ServiceUnavailable, null,
        new("接口说明正在载入。", "The description is being loaded."),
        new("请几秒后重试。", "Try again in a few seconds."));

    [LoggerMessage(Level = LogLevel.Debug, Message = "An API description could not be had and the last one stays ({Reason})")]
    private static partial void LogKept(ILogger log, string reason);
}
