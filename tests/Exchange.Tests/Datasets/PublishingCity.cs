using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Exchange.Local;
using Exchange.Local.Servers;
using Exchange.Tests.Datasets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

[assembly: AssemblyFixture(typeof(PublishingCity))]

namespace Exchange.Tests.Datasets;

/// <summary>Changsha's catalogue service on real servers, with an issuer of the test's own; started by the first test that asks.</summary>
public sealed class PublishingCity : IAsyncLifetime
{
    /// <summary>Bytes of the largest file this city takes.</summary>
    internal const int LargestFile = 4 << 20;

    public const string Funds = "12430100EXAMPL039M";

    internal static readonly Who Officer = new("funds-officer", "changsha", Funds, [Roles.Officer]);
    internal static readonly Who Reviewer = new("funds-reviewer", "changsha", Funds, [Roles.Reviewer]);
    internal static readonly Who Head = new("funds-head", "changsha", Funds, [Roles.DepartmentHead]);
    internal static readonly Who SharingHead = new("funds-sharing-head", "changsha", Funds, [Roles.SharingHead]);
    internal static readonly Who Authority = new("changsha-authority", "changsha", "11430100EXAMPL0046", [Roles.Authority]);
    internal static readonly Who OtherOfficer = new("police-officer", "changsha", "11430100EXAMPL0121", [Roles.Officer, Roles.DepartmentHead, Roles.SharingHead]);
    internal static readonly Who OtherCity = new("zhuzhou-officer", "zhuzhou", "11430200EXAMPL0126", [Roles.Officer, Roles.Authority]);
    internal static readonly Who Repair = new("gateway", "changsha", null, [Roles.Repair], "client");

    // Reading our tables here needs what hosting tells Dapper.
    static PublishingCity() => System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);

    private readonly Lazy<Task<(Stack Stack, TestIssuer Issuer, HttpClient Http)>> started = new(StartAsync);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (started.IsValueCreated)
        {
            var (stack, issuer, http) = await started.Value;
            http.Dispose();
            await stack.DisposeAsync();
            await issuer.DisposeAsync();
        }
    }

    /// <summary>The service's process is gone in the middle of whatever it did (SIGKILL). Only for a city that no other test shares.</summary>
    internal async Task KillAsync() => await (await started.Value).Stack.KillAsync("changsha");

    internal async Task StartAgainAsync() => await (await started.Value).Stack.StartAsync("changsha");

    /// <summary>The folder of the city's files.</summary>
    internal async Task<string> FilesAsync() => Path.Combine((await started.Value).Stack.Data, "files", "changsha");

    /// <summary>A connection as the service's own role.</summary>
    internal async Task<NpgsqlConnection> OpenAsync(string role = "app")
    {
        var (stack, _, _) = await started.Value;
        var connection = new NpgsqlConnection(stack.Databases.ConnectionString("changsha", role));
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Where the service's private keys lie.</summary>
    internal async Task<string> KeyFolderAsync() => Path.Combine((await started.Value).Stack.Data, "keys", "changsha");

    /// <summary>Parts of the service on the same databases, for tests of what has no route.</summary>
    internal async Task<CityParts> PartsAsync()
    {
        var (stack, _, _) = await started.Value;
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(
            Databases.Kinds(city: true).Select(k => KeyValuePair.Create("ConnectionStrings:" + k, (string?)stack.Databases.ConnectionString("changsha", k)))).Build();
        return new CityParts(configuration, await KeyFolderAsync());
    }

    internal async Task<Answer> SendAsync(HttpMethod method, string path, Who? who, object? body = null, int? revision = null, string language = "zh", params (string Name, string Value)[] headers)
    {
        var (_, issuer, http) = await started.Value;
        using var request = new HttpRequestMessage(method, path);
        request.Headers.AcceptLanguage.ParseAdd(language);
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        if (who is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", issuer.Token(who, "changsha"));
        }

        if (revision is { } known)
        {
            request.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{known}\""));
        }

        request.Content = body switch
        {
            null => null,
            HttpContent content => content,
            _ => JsonContent.Create(body, options: Json.Options),
        };

        // A body that is refused for its size is not read: whoever sends it anyway sees only a broken connection.
        request.Headers.ExpectContinue = request.Content?.Headers.ContentLength > 1 << 20;
        using var response = await http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return new Answer(response.StatusCode, text.Length > 0 && text[0] is '{' or '[' && response.Content.Headers.ContentType?.MediaType != "application/x-ndjson" ? JsonSerializer.Deserialize<JsonElement>(text) : default, response.Headers.ETag?.Tag, text)
        {
            Location = response.Headers.Location,
            Headers = response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase),
        };
    }

    internal static HttpContent Csv(string text) => Csv(Encoding.UTF8.GetBytes(text));

    internal static HttpContent Csv(byte[] bytes, string? charset = null) => new ByteArrayContent(bytes) { Headers = { ContentType = new("text/csv") { CharSet = charset } } };

    /// <summary>A new dataset, drafted.</summary>
    internal async Task<(string Path, int Revision)> DraftAsync(EntryDraft? draft = null)
    {
        var answer = (await SendAsync(HttpMethod.Post, "/datasets", Officer, draft ?? Fresh())).Expect(HttpStatusCode.Created);
        return ($"/datasets/{answer.Body.GetProperty("dataset_id").GetString()}", answer.Revision);
    }

    /// <summary>The same, published.</summary>
    internal async Task<(string Path, int Revision)> PublishAsync(EntryDraft? draft = null)
    {
        var (path, revision) = await DraftAsync(draft);
        return (path, await FinishAsync(path, revision, (draft ?? Samples.Draft).Fields!.Any(f => f.Personal == true)));
    }

    /// <summary>From draft to published.</summary>
    internal async Task<int> FinishAsync(string path, int revision, bool personal = true)
    {
        revision = (await SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(personal), revision)).Expect(HttpStatusCode.OK).Revision;
        revision = (await SendAsync(HttpMethod.Post, path + "/approve", Head, null, revision)).Expect(HttpStatusCode.OK).Revision;
        return (await SendAsync(HttpMethod.Post, path + "/publish", Authority, null, revision)).Expect(HttpStatusCode.OK).Revision;
    }

    internal static object Assessed(bool personal = true) => new { secrecy = new { result = "not_secret" }, personal_information = new { result = personal ? "passed" : "not_applicable" } };

    private static int codes;

    internal static EntryDraft Fresh() => Samples.Draft with { Code = $"307999/{Interlocked.Increment(ref codes)}" };

    private static async Task<(Stack, TestIssuer, HttpClient)> StartAsync()
    {
        var issuer = await TestIssuer.StartAsync();
        var stack = await Stack.StartAsync(StackOptions.ForTests() with
        {
            Services = ["changsha"],
            Settings = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["City__SweepEvery"] = "00:00:00.5",
                ["City__ChangesPart"] = "5",
                ["City__LargestFile"] = LargestFile.ToString(System.Globalization.CultureInfo.InvariantCulture),
                ["Issuers__0__Authority"] = issuer.Address,
                ["Issuers__0__Metadata"] = issuer.Address + "/.well-known/openid-configuration",
            },
        });
        return (stack, issuer, new HttpClient { BaseAddress = stack.Address("changsha"), Timeout = TimeSpan.FromSeconds(60) });
    }
}

internal sealed class CityParts(IConfiguration configuration, string keyFolder) : IAsyncDisposable
{
    private readonly ServiceSettings service = new() { Name = "changsha", KeyFolder = keyFolder };

    public Database Database { get; } = new(configuration, new ServiceSettings { Name = "changsha" }, NullLoggerFactory.Instance);

    public RowTables Tables() => new(configuration, Database, service, NullLoggerFactory.Instance);

    public Transaction Transaction() => new(Database, new RelaySignal(), new OpeningStore(new MonthKeys(Database, service), service), service, TimeProvider.System);

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}

internal sealed record Answer(HttpStatusCode Status, JsonElement Body, string? Tag, string Text)
{
    public Uri? Location { get; init; }

    public IReadOnlyDictionary<string, string> Headers { get; init; } = new Dictionary<string, string>();

    public int Revision => int.Parse(Tag!.Trim('"'), System.Globalization.CultureInfo.InvariantCulture);

    public Answer Expect(HttpStatusCode status)
    {
        Assert.True(Status == status, $"{(int)Status} in place of {(int)status}: {Text}");
        return this;
    }

    /// <summary>A refusal by this rule, as a problem document that says how to go on.</summary>
    public Answer Refuses(HttpStatusCode status, string rule, string? article = null)
    {
        Expect(status);
        Assert.Equal(rule, Body.GetProperty("rule").GetString());
        Assert.EndsWith("/problems/" + rule, Body.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.NotEqual("", Body.GetProperty("way_out").GetString());
        if (article is not null)
        {
            Assert.Equal(article, Body.GetProperty("article").GetString());
        }

        return this;
    }
}
