using System.Diagnostics;
using System.Globalization;
using Exchange.Hosting.Messaging;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;
using Exchange.Local.Services;

namespace Exchange.Local;

/// <summary>
/// The whole exchange on one machine: servers, databases, broker topology, services. <c>deploy/up</c> keeps one running,
/// a test has one of its own and may stop, kill or pause any part of it.
/// </summary>
internal sealed class Stack : IAsyncDisposable
{
    public const string Gateway = "gateway";
    public const string Audit = "audit";

    private readonly StackOptions options;
    private readonly Ports ports;
    private readonly ThrowAway? throwAway;
    private readonly RunFile runs;
    private readonly Secrets secrets;
    private readonly Dictionary<string, ServiceProcess> services = new(StringComparer.Ordinal);

    private Stack(StackOptions options, string data, ThrowAway? throwAway)
    {
        this.options = options;
        this.throwAway = throwAway;
        Data = data;
        ports = options.PortBase is { } first ? new Ports(first) : Ports.Free();
        runs = new RunFile(data);
        secrets = new Secrets(Path.Combine(data, "secrets.json"));
        Cities = City.ReadAll(Path.Combine(options.Root, "deploy", "cities"));
        Accounts = [.. SampleAccounts.Read(Path.Combine(options.Root, "deploy", "samples", "accounts.json"), Cities, options.KnownSecrets), .. options.MoreAccounts];
        Postgres = options.Postgres is null ? new PrivatePostgres(Path.Combine(data, "postgres"), ports.Postgres, secrets["postgres"], options.Fsync) : null;
        Rabbit = options.RabbitMq is null ? new PrivateRabbit(Path.Combine(data, "rabbitmq"), ports, secrets["rabbitmq"], secrets["erlang"]) : null;
        Databases = new Databases(options.Postgres ?? Postgres!.AdminConnectionString, secrets);
        PublicAddress = new Uri(options.PublicAddress ?? $"http://127.0.0.1:{ports.Gateway}");
    }

    public string Data { get; }
    public IReadOnlyList<City> Cities { get; }
    public IReadOnlyList<Account> Accounts { get; }
    public Uri PublicAddress { get; }
    public Databases Databases { get; }

    /// <summary>Null when the environment names servers that are not ours.</summary>
    public PrivatePostgres? Postgres { get; }

    public PrivateRabbit? Rabbit { get; }

    /// <summary>A service ended although nobody asked it to.</summary>
    public event Action<ServiceProcess>? Died;

    public IReadOnlyList<string> ServiceNames => [Gateway, Audit, .. Cities.Select(c => c.Name)];

    public static async Task<Stack> StartAsync(StackOptions options, CancellationToken ct = default)
    {
        await SystemUser.EnsureAsync(ct);
        var forOneRun = options.Data is null ? await ThrowAway.MakeAsync(ct) : null;
        var stack = new Stack(options, Files.Folder(options.Data ?? forOneRun!.Folder, Files.Passage), forOneRun);
        try
        {
            await stack.StartAllAsync(ct);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    public Uri Address(string service) => new($"http://127.0.0.1:{PortOf(service)}");

    public string BrokerUri(string service) =>
        options.RabbitMq is { } uri
            ? new UriBuilder(uri) { UserName = service, Password = secrets[$"rabbitmq/{service}"] }.Uri.AbsoluteUri
            : Rabbit!.Uri(service, secrets[$"rabbitmq/{service}"]);

    public Account Account(string clientId) => Accounts.First(a => a.ClientId == clientId);

    public string LogOf(string service) => Path.Combine(Data, "logs", service + ".log");

    public bool IsRunning(string service) => services.TryGetValue(service, out var known) && known.Pid is not null;

    public async Task StartAsync(string service, CancellationToken ct = default)
    {
        var process = services[service];
        process.Start();
        await process.ReadyAsync(ReadyWithin, ct);
    }

    public Task StopAsync(string service) => services[service].StopAsync();

    public Task KillAsync(string service) => services[service].KillAsync();

    /// <summary>Freezes a service as it is: its connections stay open and nothing answers.</summary>
    public void Pause(string service) => services[service].Pause();

    public void Resume(string service) => services[service].Resume();

    public async Task StartBrokerAsync(CancellationToken ct = default)
    {
        await Rabbit!.StartAsync(booting => runs.Record(RunFile.Broker, booting), ct);
        runs.Record(RunFile.Broker, Rabbit.Process);
        runs.Record(RunFile.Names, Rabbit.Epmd);
    }

    public Task StopBrokerAsync() => Rabbit!.StopAsync();

    public async Task StartPostgresAsync(CancellationToken ct = default)
    {
        await Postgres!.StartAsync(ct);
        runs.Record(RunFile.Postgres, Postgres.Process);
    }

    public Task StopPostgresAsync() => Postgres!.StopAsync();

    /// <summary>Moves the services' business time; real time goes on from there. Only in environment Test.</summary>
    public void MoveClock(TimeSpan offset) => Files.WriteText(ClockFile, offset.ToString("c", CultureInfo.InvariantCulture));

    public void MarkReady() => runs.Ready();

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(services.Values.Select(s => s.StopAsync()));
        await Task.WhenAll(Rabbit?.StopAsync() ?? Task.CompletedTask, Postgres?.StopAsync() ?? Task.CompletedTask);
        runs.Delete();
        ports.Dispose();
        throwAway?.Dispose();
    }

    private static readonly TimeSpan ReadyWithin = TimeSpan.FromSeconds(90);

    private string ClockFile => Path.Combine(Data, "clock");

    private bool IsCity(string service) => Cities.Any(c => c.Name == service);

    private async Task StartAllAsync(CancellationToken ct)
    {
        runs.Record(RunFile.Launcher, ProcessId.Of(Environment.ProcessId));
        Ports.Require(PortsInUse());
        foreach (var name in (string[])["logs", "keys"])
            Files.Folder(Path.Combine(Data, name));
        if (options.Environment == "Test")
            MoveClock(TimeSpan.Zero);
        var accounts = Task.Run(() => GatewayAccounts.Write(AccountsFile, Accounts), ct);
        await Task.WhenAll(PrepareDatabasesAsync(ct), PrepareBrokerAsync(ct), accounts);
        await StartServicesAsync(options.Services ?? ServiceNames, ct);
    }

    private IEnumerable<(string Name, int Port)> PortsInUse()
    {
        if (Postgres is not null)
            yield return ("PostgreSQL", ports.Postgres);
        if (Rabbit is not null)
        {
            yield return ("RabbitMQ", ports.Amqp);
            yield return ("RabbitMQ's node", ports.Distribution);
            yield return ("Erlang's epmd", ports.Epmd);
        }
        foreach (var service in options.Services ?? ServiceNames)
            yield return (service, PortOf(service));
    }

    private async Task PrepareDatabasesAsync(CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        if (Postgres is not null)
            await StartPostgresAsync(ct);
        try
        {
            if (Postgres is not null)
                await Databases.CloseOthersAsync(ct);
            await Databases.EnsureAsync(ServiceNames.Select(s => (s, IsCity(s))), ct);
        }
        catch (Npgsql.NpgsqlException fault) when (Postgres is null)
        {
            throw new LocalFault($"The PostgreSQL named in EXCHANGE_POSTGRES does not do: {fault.Message}\nIt must be the connection string of a superuser.");
        }
        Say($"PostgreSQL ready, {ServiceNames.Count} databases", clock);
    }

    private async Task PrepareBrokerAsync(CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        if (Rabbit is null)
        {
            await ForeignBroker.RequireAsync(options.RabbitMq!, Path.Combine(Data, "definitions.json"), Definitions, BrokerUri, ServiceNames, ct);
            Say("RabbitMQ found, topology in place", clock);
            return;
        }
        await StartBrokerAsync(ct);
        await Rabbit.ImportAsync(Definitions(PrivateRabbit.VirtualHost), ct);
        Say("RabbitMQ ready, topology declared", clock);
    }

    private string Definitions(string virtualHost) =>
        Topology.Definitions(virtualHost, ServiceNames.ToDictionary(s => s, s => secrets[$"rabbitmq/{s}"], StringComparer.Ordinal)).ToJsonString(Files.Json);

    private async Task StartServicesAsync(IReadOnlyList<string> wanted, CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        foreach (var name in ServiceNames)
        {
            var service = new ServiceProcess(name, AssemblyOf(name), Address(name), EnvironmentOf(name), LogOf(name), runs);
            service.Died += s => Died?.Invoke(s);
            services.Add(name, service);
        }
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var starting = wanted.Select(async name =>
        {
            services[name].Start();
            await services[name].ReadyAsync(ReadyWithin, giveUp.Token);
            Say($"{name} ready on {Address(name)}", clock);
        }).ToList();
        try
        {
            // The first fault ends it: the others would wait in vain for what is missing.
            await foreach (var done in Task.WhenEach(starting))
                await done;
        }
        catch
        {
            await giveUp.CancelAsync();
            throw;
        }
    }

    private void Say(string text, Stopwatch clock) => options.Say($"{text} ({clock.Elapsed.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture)} s)");

    private string AccountsFile => Path.Combine(Data, "accounts.json");

    private int PortOf(string service) => service switch
    {
        Gateway => ports.Gateway,
        Audit => ports.Audit,
        _ => ports.City(Cities.Index().First(c => c.Item.Name == service).Index),
    };

    private string AssemblyOf(string service)
    {
        var (folder, name) = service switch
        {
            Gateway => ("gateway", "Exchange.Gateway"),
            Audit => ("services/audit", "Exchange.Audit"),
            _ => ("services/catalogue", "Exchange.Catalogue"),
        };
        return Path.Combine(options.Root, folder, "bin", options.Configuration, "net10.0", name + ".dll");
    }

    private Dictionary<string, string> EnvironmentOf(string service)
    {
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = Text(Address(service)),
            ["ASPNETCORE_ENVIRONMENT"] = options.Environment,
            ["Service__Name"] = service,
            ["Service__KeyFolder"] = Files.Folder(Path.Combine(Data, "keys", service)),
            ["Service__PublicAddress"] = Text(PublicAddress),
            ["Broker__Uri"] = BrokerUri(service),
            ["Issuers__0__Name"] = "sandbox",
            ["Issuers__0__Authority"] = Text(PublicAddress),
            ["Issuers__0__Metadata"] = Text(Address(Gateway)) + "/.well-known/openid-configuration",
            ["Issuers__0__Cities__0"] = "*",
        };
        foreach (var kind in Databases.Kinds(IsCity(service)))
            environment[$"ConnectionStrings__{char.ToUpperInvariant(kind[0])}{kind[1..]}"] = Databases.ConnectionString(service, kind);
        if (Cities.FirstOrDefault(c => c.Name == service) is { } city)
            environment["City__File"] = city.File;
        if (service == Gateway)
        {
            foreach (var other in Cities)
                environment[$"Gateway__Cities__{other.Name}"] = Text(Address(other.Name));
            environment["Gateway__Audit"] = Text(Address(Audit));
            environment["Gateway__AccountsFile"] = AccountsFile;
        }
        if (options.Environment == "Test")
        {
            environment["EXCHANGE_TEST_CLOCK"] = ClockFile;
            // Short-lived processes: what profiling would gain comes after their end.
            environment["DOTNET_TieredPGO"] = "0";
        }
        foreach (var (name, value) in options.Settings)
            environment[name] = value;
        return environment;
    }

    private static string Text(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
