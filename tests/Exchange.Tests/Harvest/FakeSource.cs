using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Gateway.Harvest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Exchange.Tests.Harvest;

/// <summary>One entry that a foreign portal publishes.</summary>
internal sealed record ForeignEntry(string Id, string Title)
{
    public string Description { get; init; } = "示例摘要";
    public string Organization { get; init; } = "gongan";
    public string Theme { get; init; } = "交通";
    public string Frequency { get; init; } = "每日";
    public string Access { get; init; } = "public";
    public string FileAddress { get; init; } = "https://files.example.org/a.csv";
}

/// <summary>A portal that really listens, in all dialects that are harvested. A test may take any call over and answer it as badly as it likes.</summary>
internal sealed class FakeSource : IAsyncDisposable
{
    private readonly WebApplication app;

    private FakeSource()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        app = builder.Build();
        app.Run(AnswerAsync);
    }

    public string Address { get; private set; } = "";

    public List<ForeignEntry> Entries { get; } = [];

    /// <summary>Further packages or datasets, as JSON, among the good ones.</summary>
    public List<string> Raw { get; } = [];

    /// <summary>Answers carry an ETag and conditional calls get 304.</summary>
    public bool HasTags { get; set; }

    /// <summary>How many more entries the portal says it has than it gives.</summary>
    public int Overstates { get; set; }

    /// <summary>Answers the call itself when it returns true.</summary>
    public Func<HttpContext, Task<bool>>? Interfere { get; set; }

    public ConcurrentQueue<(string Path, int Status)> Calls { get; } = [];

    public static async Task<FakeSource> StartAsync()
    {
        var source = new FakeSource();
        await source.app.StartAsync();
        source.Address = source.app.Urls.Single();
        return source;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    public Source Settings(string id, SourceKind kind, string? path = null) => new()
    {
        Id = id,
        Name = "示例门户",
        NameEn = "Sample portal",
        Kind = kind,
        Address = Address + (path ?? kind switch { SourceKind.Ckan => "", SourceKind.Dcat => "/catalog.ttl", _ => "/data.json" }),
        Department = new SourceDepartment("11430100EXAMPL100F", "示例局"),
        Organizations = [new SourceOrganization("gongan", "11430100EXAMPL0121", "示例公安局")],
        Themes = new Dictionary<string, string> { ["交通"] = "B0300" },
        Pause = TimeSpan.Zero,
        Allow = ["127.0.0.0/8"],
        Limits = new SourceLimits { PageSize = 4, PageBytes = 1 << 20, Request = TimeSpan.FromSeconds(5) },
    };

    private async Task AnswerAsync(HttpContext http)
    {
        if (Interfere is not { } interfere || !await interfere(http))
        {
            var (type, body) = Body(http);
            var tag = $"\"{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)))}\"";
            if (type.Length == 0)
            {
                http.Response.StatusCode = 404;
            }
            else if (HasTags && http.Request.Headers.IfNoneMatch == tag)
            {
                http.Response.StatusCode = 304;
            }
            else
            {
                http.Response.ContentType = type;
                if (HasTags)
                {
                    http.Response.Headers.ETag = tag;
                }

                await http.Response.WriteAsync(body);
            }
        }

        Calls.Enqueue((http.Request.Path + http.Request.QueryString, http.Response.StatusCode));
    }

    private (string Type, string Body) Body(HttpContext http) => http.Request.Path.Value switch
    {
        "/api/3/action/package_search" => ("application/json", Ckan(int.Parse(http.Request.Query["start"]!, CultureInfo.InvariantCulture), int.Parse(http.Request.Query["rows"]!, CultureInfo.InvariantCulture))),
        "/data.json" => ("application/json", DataJson()),
        "/catalog.ttl" => ("text/turtle; charset=utf-8", Turtle()),
        "/catalog.jsonld" => ("application/ld+json", JsonLd(int.TryParse(http.Request.Query["page"], out var page) ? page : 1)),
        _ => ("", ""),
    };

    private string Ckan(int start, int rows)
    {
        var all = Entries.Select(entry => new JsonObject
        {
            ["id"] = entry.Id,
            ["name"] = $"n-{entry.Id}",
            ["title"] = entry.Title,
            ["notes"] = entry.Description,
            ["organization"] = new JsonObject { ["name"] = entry.Organization, ["title"] = "门户上的名称" },
            ["groups"] = new JsonArray(new JsonObject { ["title"] = entry.Theme }),
            ["extras"] = new JsonArray(new JsonObject { ["key"] = "frequency", ["value"] = entry.Frequency }),
            ["license_title"] = "示例许可",
            ["metadata_created"] = "2024-03-01T01:02:03.000000",
            ["metadata_modified"] = "2025-03-01T01:02:03.000000",
            ["resources"] = new JsonArray(new JsonObject { ["name"] = "表", ["url"] = entry.FileAddress, ["format"] = "CSV" }),
        }.ToJsonString()).Concat(Raw).ToList();
        return $$$"""{"success":true,"result":{"count":{{{all.Count + Overstates}}},"results":[{{{string.Join(',', all.Skip(start).Take(rows))}}}]}}""";
    }

    private string DataJson() => $$"""{"conformsTo":"https://project-open-data.cio.gov/v1.1/schema","dataset":[{{string.Join(',', Entries.Select(entry => new JsonObject
    {
        ["identifier"] = entry.Id,
        ["title"] = entry.Title,
        ["description"] = entry.Description,
        ["publisher"] = new JsonObject { ["name"] = entry.Organization },
        ["theme"] = new JsonArray(entry.Theme),
        ["accrualPeriodicity"] = entry.Frequency,
        ["accessLevel"] = entry.Access,
        ["license"] = "示例许可",
        ["issued"] = "2024-03-01",
        ["modified"] = "2025-03-01T01:02:03Z",
        ["distribution"] = new JsonArray(new JsonObject { ["title"] = "表", ["downloadURL"] = entry.FileAddress, ["mediaType"] = "text/csv" }),
    }.ToJsonString()).Concat(Raw))}}]}""";

    private string Turtle()
    {
        var text = new StringBuilder("@prefix dcat: <http://www.w3.org/ns/dcat#> .\nPREFIX dct: <http://purl.org/dc/terms/>\n@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n\n<> a dcat:Catalog # all of it\n");
        text.Append(CultureInfo.InvariantCulture, $"  ; dcat:dataset {(Entries.Count == 0 ? "()" : string.Join(", ", Entries.Select(entry => $"<dataset/{entry.Id}>")))} .\n");
        foreach (var entry in Entries)
        {
            text.Append(CultureInfo.InvariantCulture, $"""
                <dataset/{entry.Id}> a dcat:Dataset ;
                  dct:title {JsonSerializer.Serialize(entry.Title)}@zh, "Another"@en ;
                  dct:description '''{entry.Description}''' ;
                  dct:publisher [ <http://xmlns.com/foaf/0.1/name> "{entry.Organization}" ] ;
                  dcat:theme [ skos:prefLabel "{entry.Theme}"@zh ; ] ;
                  dct:accrualPeriodicity <http://publications.europa.eu/resource/authority/frequency/DAILY> ;
                  dct:license "示例许可" ; dct:issued "2024-03-01"^^<http://www.w3.org/2001/XMLSchema#date> ; dct:modified "2025-03-01T01:02:03Z" ;
                  dcat:distribution [ dct:title "表" ; dcat:downloadURL <{entry.FileAddress}> ; dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ] .

                """);
        }

        return text.ToString();
    }

    /// <summary>Two entries to a page, in the shapes of three different writers.</summary>
    private string JsonLd(int page)
    {
        var shown = Entries.Skip((page - 1) * 2).Take(2).ToList();
        var compact = new JsonObject
        {
            ["@context"] = new JsonObject
            {
                ["dcat"] = "http://www.w3.org/ns/dcat#", ["dc"] = "http://purl.org/dc/terms/", ["hydra"] = "http://www.w3.org/ns/hydra/core#",
                ["titles"] = new JsonObject { ["@id"] = "dc:title", ["@container"] = "@language" }, ["dcat:downloadURL"] = new JsonObject { ["@type"] = "@id" },
            },
            ["@graph"] = new JsonArray([.. shown.Select(entry => (JsonNode?)new JsonObject
            {
                ["@id"] = $"{Address}/dataset/{entry.Id}",
                ["@type"] = "dcat:Dataset",
                ["titles"] = new JsonObject { ["en"] = "Another", ["zh"] = entry.Title },
                ["dc:description"] = new JsonObject { ["@value"] = entry.Description, ["@language"] = "zh" },
                ["dc:publisher"] = new JsonObject { ["http://xmlns.com/foaf/0.1/name"] = entry.Organization },
                ["dcat:theme"] = new JsonArray(new JsonObject { ["@id"] = "_:t" }),
                ["dc:accrualPeriodicity"] = new JsonObject { ["@id"] = "http://publications.europa.eu/resource/authority/frequency/DAILY" },
                ["dc:license"] = "示例许可",
                ["dc:issued"] = "2024-03-01",
                ["dc:modified"] = "2025-03-01T01:02:03Z",
                ["dcat:distribution"] = new JsonObject { ["dc:title"] = "表", ["dcat:downloadURL"] = entry.FileAddress, ["dcat:mediaType"] = "text/csv" },
            }),
            new JsonObject { ["@id"] = "_:t", ["http://www.w3.org/2004/02/skos/core#prefLabel"] = "交通" },
            page * 2 < Entries.Count ? new JsonObject { ["@id"] = "", ["hydra:totalItems"] = Entries.Count, ["hydra:next"] = new JsonObject { ["@id"] = $"/catalog.jsonld?page={page + 1}" } } : new JsonObject { ["@id"] = "" }]),
        };
        return compact.ToJsonString();
    }
}
