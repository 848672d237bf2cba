using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Audit.Reconciliation;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Exchange.Hosting.Transparency;
using Exchange.Local;
using Exchange.Tests.Local;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Exchange.Tests.Audit;

/// <summary>The log's writer and signer in this process, on a database of their own with the real roles.</summary>
internal sealed class AuditDatabase : IAsyncDisposable
{
    public const string Origin = "exchange.example/api/audit/log/2026";

    private readonly string keys = Directory.CreateTempSubdirectory("exchange-audit-").FullName;
    private readonly ServiceSettings service;

    private AuditDatabase(string owner, IConfiguration configuration)
    {
        Owner = owner;
        service = new ServiceSettings { Name = "audit", KeyFolder = keys, PublicAddress = "https://exchange.example" };
        Database = new Database(configuration, service, NullLoggerFactory.Instance);
        Writer = NewWriter();
        Keyring = NewKeyring();
        Files = NewFiles();
        Signer = new SignCheckpoints(Database, Keyring, new Origins(service), new SigningSignal(), Clock, NullLogger<SignCheckpoints>.Instance);
    }

    public ServiceSettings Service => service;
    public string Owner { get; }
    public Database Database { get; }
    public SettableClock Clock { get; } = new(new DateTimeOffset(2026, 11, 21, 20, 0, 0, TimeSpan.Zero));
    public LogWriter Writer { get; }
    public LogKeyring Keyring { get; }
    public SignCheckpoints Signer { get; }
    public TileFiles Files { get; }
    public LogSettings Settings => new() { TileFolder = Path.Combine(keys, "tiles") };

    public static async Task<AuditDatabase> CreateAsync()
    {
        var cancel = TestContext.Current.CancellationToken;
        var stack = await SharedServers.GetAsync();
        var name = $"audit_{Guid.NewGuid():n}";
        await stack.Databases.CreateAsync("audit", isCity: false, name, await Template.Value, cancel);
        var configuration = ConfigurationOf(stack, name);
        var audit = new AuditDatabase(configuration["ConnectionStrings:Owner"]!, configuration);
        await audit.Keyring.StartAsync(cancel);
        return audit;
    }

    /// <summary>Migrated once; the others are copies.</summary>
    private static readonly Lazy<Task<string>> Template = new(async () =>
    {
        var stack = await SharedServers.GetAsync();
        const string name = "audit_template";
        await stack.Databases.CreateAsync("audit", isCity: false, name, template: null, CancellationToken.None);
        var configuration = ConfigurationOf(stack, name);
        await Migrations.RunAsync(configuration["ConnectionStrings:Owner"]!, configuration, typeof(LogWriter).Assembly, CancellationToken.None);
        return name;
    });

    private static IConfiguration ConfigurationOf(Stack stack, string name) => new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
    {
        ["ConnectionStrings:Owner"] = stack.Databases.ConnectionString("audit", "owner", name),
        ["ConnectionStrings:App"] = stack.Databases.ConnectionString("audit", "app", name),
    }).Build();

    public Transaction NewTransaction() => new(Database, new RelaySignal(), new OpeningStore(new MonthKeys(Database, service), service), service, Clock);

    public LogWriter NewWriter() => new(Database, new Origins(service), new SigningSignal(), Clock, NullLogger<LogWriter>.Instance);

    public LogKeyring NewKeyring() => new(Database, service, Writer, new AgreementFile(service), new Origins(service), Clock);

    public TileFiles NewFiles() => new(Database, Settings, NullLogger<TileFiles>.Instance);

    public string KeyFolder => keys;

    public Task<int> AppendAsync(params SourceRecord[] records) => Writer.AppendAsync(records, TestContext.Current.CancellationToken);

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql)
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        return (await connection.QueryAsync<T>(sql)).AsList();
    }

    public async Task<T> OneAsync<T>(string sql) => (await QueryAsync<T>(sql)).Single();

    /// <summary>As somebody could who has got hold of the tables' owner.</summary>
    /// <param name="sql">What they do.</param>
    /// <param name="constraint">A check of the leaves that is in their way, dropped first.</param>
    /// <param name="changes">Whether it answers how many rows it changed.</param>
    public async Task TamperAsync(string sql, string? constraint = null, bool changes = true)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(Owner) { SearchPath = "service", Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        if (constraint is not null)
        {
            await connection.ExecuteAsync($"alter table leaves drop constraint {constraint}");
        }
        var changed = await connection.ExecuteAsync(sql);
        Assert.True(changed > 0 || !changes);
    }

    /// <summary>What an auditor is told, with everything judged at once unless it says otherwise.</summary>
    public async Task<GapReport> GapsAsync(int? settle = 0)
    {
        var auditor = new Caller { Subject = "auditor", IsPerson = true, ClientId = "auditor", Name = "示例", Roles = new HashSet<string>(StringComparer.Ordinal) { Roles.Auditor } };
        var answer = await ReportGaps.HandleAsync(auditor, Database, new LogSettings(), Clock, source: null, day: null, from: null, to: null, cursor: null, settle, limit: null, TestContext.Current.CancellationToken);
        return Assert.IsType<Ok<GapReport>>(answer.Result).Value!;
    }

    public async Task CheckAsync()
    {
        await using var connection = await Database.OpenAsync(TestContext.Current.CancellationToken);
        await LogCheck.RunAsync(connection);
    }

    public async ValueTask DisposeAsync()
    {
        Keyring.Dispose();
        await Database.DisposeAsync();
        Directory.Delete(keys, recursive: true);
    }
}

internal sealed class SettableClock(DateTimeOffset now) : TimeProvider
{
    public DateTimeOffset Now { get; set; } = now;

    public override DateTimeOffset GetUtcNow() => Now;
}
