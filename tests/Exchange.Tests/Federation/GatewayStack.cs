using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Exchange.Contracts;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Tests.Harvest;
using Npgsql;
using RabbitMQ.Client;

namespace Exchange.Tests.Federation;

/// <summary>A real gateway on a real database and broker, in front of two cities, an audit service and a foreign portal that the tests play; the third city is away.</summary>
public sealed class GatewayStack : IAsyncLifetime
{
    public const string CollectionName = "gateway";

    private readonly Dictionary<string, (IConnection Connection, IChannel Channel)> senders = [];

    internal Stack Stack { get; private set; } = null!;

    internal FakeCity Changsha { get; private set; } = null!;

    internal FakeCity Zhuzhou { get; private set; } = null!;

    internal FakeCity Audit { get; private set; } = null!;

    /// <summary>Harvested as <c>portal</c>.</summary>
    internal FakeSource Portal { get; private set; } = null!;

    private readonly string sources = Directory.CreateTempSubdirectory("sources").FullName;

    public HttpClient Client { get; private set; } = null!;

    internal string Database => Stack.Databases.ConnectionString("gateway", "app");

    public async ValueTask InitializeAsync()
    {
        Changsha = await FakeCity.StartAsync("changsha");
        Zhuzhou = await FakeCity.StartAsync("zhuzhou");
        Audit = await FakeCity.StartAsync("audit");
        Portal = await FakeSource.StartAsync();
        await File.WriteAllTextAsync(Path.Combine(sources, "portal.json"), $$$"""
            {"source":"portal","name":"示例门户","name_en":"Sample portal","kind":"data_json","address":"{{{Portal.Address}}}/data.json","allow":["127.0.0.0/8"],"pause":"00:00:00",
             "department":{"code":"11430100EXAMPL100F","name":"示例局"},"defaults":{"open_to_society":true}}
            """);
        Stack = await Stack.StartAsync(StackOptions.ForTests() with
        {
            Services = ["gateway"],
            // A second one is started by those who need it.
            Replicas = new Dictionary<string, int>(StringComparer.Ordinal) { ["gateway"] = 2 },
            Settings = new Dictionary<string, string>
            {
                ["Gateway__Cities__changsha"] = Changsha.Address,
                ["Gateway__Cities__zhuzhou"] = Zhuzhou.Address,
                ["Gateway__Cities__xiangtan"] = "http://127.0.0.1:9",
                ["Gateway__Audit"] = Audit.Address,
                ["Gateway__SourcesFolder"] = sources,
                ["Gateway__RepairEvery"] = "00:00:00.300",
                ["Gateway__LiveWithin"] = "00:00:02",
                ["Gateway__SilentAfter"] = "00:00:04",
                ["Service__Drain"] = "00:00:00",
                ["Webhooks__Every"] = "00:00:00.1",
                ["Webhooks__FirstRetry"] = "00:00:00.1",
            },
        });
        Client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = Stack.PublicAddress };
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        foreach (var (connection, channel) in senders.Values)
        {
            await channel.DisposeAsync();
            await connection.DisposeAsync();
        }

        if (Stack is not null)
        {
            await Stack.DisposeAsync();
        }

        await Changsha.DisposeAsync();
        await Zhuzhou.DisposeAsync();
        await Audit.DisposeAsync();
        await Portal.DisposeAsync();
        Directory.Delete(sources, recursive: true);
    }

    internal async Task<string> TokenAsync(string clientId, string? resource = null)
    {
        var form = new Dictionary<string, string> { ["grant_type"] = "client_credentials", ["client_id"] = clientId, ["client_secret"] = Stack.Account(clientId).Secret };
        if (resource is not null)
        {
            form["resource"] = resource;
        }

        using var answer = await Client.PostAsync(new Uri("/connect/token", UriKind.Relative), new FormUrlEncodedContent(form));
        Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());
        return (await JsonNode.ParseAsync(await answer.Content.ReadAsStreamAsync()))!["access_token"]!.GetValue<string>();
    }

    internal async Task<HttpResponseMessage> GetAsync(string path, string? token = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (token is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        foreach (var (name, value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await Client.SendAsync(request);
    }

    internal async Task<JsonNode> ReadAsync(string path, string? token = null)
    {
        using var answer = await GetAsync(path, token);
        var text = await answer.Content.ReadAsStringAsync();
        Assert.True(answer.IsSuccessStatusCode, $"{(int)answer.StatusCode} {text}");
        return JsonNode.Parse(text)!;
    }

    /// <summary>As the city's relay would send it.</summary>
    internal async Task SendAsync<T>(string city, T message, Guid? messageId = null)
        where T : class
    {
        if (!senders.TryGetValue(city, out var sender))
        {
            var connection = await new ConnectionFactory { Uri = new Uri(Stack.BrokerUri(city)) }.CreateConnectionAsync();
            senders[city] = sender = (connection, await connection.CreateChannelAsync(new CreateChannelOptions(true, true)));
        }

        var id = messageId ?? Guid.CreateVersion7();
        var body = MessageJson.Envelope(id, null, city, Topology.Datasets, typeof(T).FullName!, JsonSerializer.SerializeToUtf8Bytes(message, MessageJson.Options), DateTimeOffset.UtcNow);
        await sender.Channel.BasicPublishAsync(Topology.Datasets, $"{city}.datasets", true, new BasicProperties { ContentType = MessageJson.ContentType, MessageId = id.ToString(), Persistent = true }, body);
    }

    internal async Task<T?> ScalarAsync<T>(string sql)
    {
        await using var source = NpgsqlDataSource.Create(Database);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync() is T value ? value : default;
    }

    internal static DatasetEntry Entry(string city, string name, int version = 1, bool open = false) => new()
    {
        DatasetId = Guid.CreateVersion7(),
        Version = version,
        City = city,
        Name = name,
        DepartmentCode = "11430100EXAMPL0121",
        DepartmentName = "示例局",
        Abstract = "示例摘要",
        Theme = "C0200",
        Format = "table",
        UpdateFrequency = "daily",
        SharingType = SharingClass.Unconditional,
        SharingMethod = "rows",
        OpenToSociety = open,
        Classification = "general",
        Grade = 1,
        Fields = [new DatasetField { Name = "a", Title = "示例字段", Type = "C", Length = 10, SharingType = SharingClass.Unconditional }],
        ReleasedOn = new DateOnly(2026, 11, 1),
        PublishedAt = new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero),
    };
}

[CollectionDefinition(GatewayStack.CollectionName)]
public sealed class GatewayCollection : ICollectionFixture<GatewayStack>;
