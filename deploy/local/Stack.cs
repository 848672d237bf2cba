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
    private readonly IReadOnlyList<string> processNames;

    private Stack(StackOptions options, string data, ThrowAway? throwAway)
    {
        this.options = options;
        this.throwAway = throwAway;
        Data = data;
        ports = options.PortBase is { } first ? new Ports(first) : Ports.Free();
        runs = new RunFile(data);
        secrets = new Secrets(Path.Combine(data, "secrets.json"));
        Cities = City.ReadAll(Path.Combine(options.Root, "deploy", "cities"), options.MoreCityFiles);
        Accounts = [.. SampleAccounts.Read(Path.Combine(options.Root, "deploy", "samples", "accounts.json"), Cities, options.KnownSecrets), .. options.MoreAccounts];
        Postgres = options.Postgres is null ? new PrivatePostgres(Path.Combine(data, "postgres"), ports.Postgres, secrets["postgres"], options.Fsync) : null;
        Rabbit = options.RabbitMq is null ? new PrivateRabbit(Path.Combine(data, "rabbitmq"), ports, secrets["rabbitmq"], secrets["erlang"], options.BrokerDiskLimit) : null;
        Databases = new Databases(options.Postgres ?? Postgres!.AdminConnectionString, secrets);
        PublicAddress = new Uri(options.PublicAddress ?? $"http://127.0.0.1:{ports.Gateway}");
        processNames = [.. ServiceNames, .. ServiceNames.SelectMany(s => Enumerable.Range(2, Math.Max(0, options.Replicas.GetValueOrDefault(s, 1) - 1)).Select(n => $"{s}-{n}"))];
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

    public Uri Address(string process) => new($"http://127.0.0.1:{PortOf(process)}");

    /// <summary>Every process of a service: itself and what runs beside it.</summary>
    public IReadOnlyList<string> ProcessesOf(string service) => [.. processNames.Where(p => ServiceOf(p) == service)];

    public string BrokerUri(string service) =>
        options.RabbitMq is { } uri
            ? new UriBuilder(uri) { UserName = service, Password = secrets[$"rabbitmq/{service}"] }.Uri.AbsoluteUri
            : Rabbit!.Uri(service, secrets[$"rabbitmq/{service}"]);

    public Account Account(string clientId) => Accounts.First(a => a.ClientId == clientId);

    public string LogOf(string process) => Path.Combine(Data, "logs", process + ".log");

    public bool IsRunning(string process) => services.TryGetValue(process, out var known) && known.Pid is not null;

    public int? PidOf(string process) => services.TryGetValue(process, out var known) ? known.Pid : null;

    /// <summary>Starts a process that was stopped or killed, on the port it had.</summary>
    /// <param name="settings">Settings for this start, over those of the stack.</param>
    public Task StartAsync(string process, IReadOnlyDictionary<string, string>? settings = null, CancellationToken ct = default)
    {
        Launch(process, settings);
        return ReadyAsync(process, ct);
    }

    /// <summary>As <see cref="StartAsync(string, IReadOnlyDictionary{string, string}?, CancellationToken)"/>, without waiting until it is ready.</summary>
    public void Launch(string process, IReadOnlyDictionary<string, string>? settings = null) => services[process].Start(EnvironmentOf(process, settings));

    public Task ReadyAsync(string process, CancellationToken ct = default) => services[process].ReadyAsync(ReadyWithin, ct);

    public Task StopAsync(string process) => services[process].StopAsync();

    public Task KillAsync(string process) => services[process].KillAsync();

    /// <summary>Freezes a process as it is: its connections stay open and nothing answers.</summary>
    public void Pause(string process) => services[process].Pause();

    public void Resume(string process) => services[process].Resume();

    public async Task StartBrokerAsync(CancellationToken ct = default)
    {
        await Rabbit!.StartAsync(Definitions(PrivateRabbit.VirtualHost), booting => runs.Record(RunFile.Broker, booting), ct);
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

    public Task KillPostgresAsync() => Postgres!.KillAsync();

    public Task KillBrokerAsync() => Rabbit!.KillAsync();

    /// <summary>Moves the business time of all, or of one process; real time goes on from there. Only in environment Test.</summary>
    public void MoveClock(TimeSpan offset, string? process = null)
    {
        foreach (var name in process is null ? processNames : [process])
            Files.WriteText(ClockFile(name), offset.ToString("c", CultureInfo.InvariantCulture));
    }

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

    private string ClockFile(string process) => Path.Combine(Files.Folder(Path.Combine(Data, "clocks")), process);

    private bool IsCity(string service) => Cities.Any(c => c.Name == service);

    private static string ServiceOf(string process) => process.Split('-')[0];

    private async Task StartAllAsync(CancellationToken ct)
    {
        runs.Record(RunFile.Launcher, ProcessId.Of(Environment.ProcessId));
        Ports.Require(PortsInUse());
        foreach (var name in (string[])["logs", "keys"])
            Files.Folder(Path.Combine(Data, name));
        if (options.Environment == "Test")
            MoveClock(options.Clock);
        var accounts = Task.Run(() => GatewayAccounts.Write(AccountsFile, Accounts), ct);
        await Task.WhenAll(PrepareDatabasesAsync(ct), PrepareBrokerAsync(ct), accounts);
        var started = options.Services ?? processNames;
        await StartServicesAsync(started, ct);
        if (started.Contains(Audit))
            await Trust.AgreeAsync(this, started.Where(s => s is Audit or Gateway || IsCity(s)).Select(s => Path.Combine(Data, "keys", s)), ct);
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
        foreach (var service in options.Services ?? processNames)
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
        Say("RabbitMQ ready, topology declared", clock);
    }

    private string Definitions(string virtualHost) =>
        Topology.Definitions(virtualHost, ServiceNames.ToDictionary(s => s, s => secrets[$"rabbitmq/{s}"], StringComparer.Ordinal)).ToJsonString(Files.Json);

    private async Task StartServicesAsync(IReadOnlyList<string> wanted, CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        foreach (var name in processNames)
        {
            var service = new ServiceProcess(name, AssemblyOf(ServiceOf(name)), Address(name), LogOf(name), runs);
            service.Died += s => Died?.Invoke(s);
            services.Add(name, service);
        }
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var starting = wanted.Select(async name =>
        {
            await StartAsync(name, settings: null, giveUp.Token);
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

    private int PortOf(string process) => process switch
    {
        _ when process.Contains('-', StringComparison.Ordinal) => ports.More(processNames.Where(p => p.Contains('-', StringComparison.Ordinal)).ToList().IndexOf(process)),
        Gateway => ports.Gateway,
        Audit => ports.Audit,
        _ => ports.City(Cities.Index().First(c => c.Item.Name == process).Index),
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

    private Dictionary<string, string> EnvironmentOf(string process, IReadOnlyDictionary<string, string>? settings)
    {
        var service = ServiceOf(process);
        var environment = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ASPNETCORE_URLS"] = Text(Address(process)),
            ["ASPNETCORE_ENVIRONMENT"] = options.Environment,
            ["Service__Name"] = service,
            ["Service__KeyFolder"] = Files.Folder(Path.Combine(Data, "keys", service)),
            ["Service__PublicAddress"] = Text(PublicAddress),
            ["Service__Drain"] = ProcessesOf(service).Count > 1 ? "00:00:03" : "00:00:00",
            ["Broker__Uri"] = ToBroker(process),
            ["Issuers__0__Name"] = "sandbox",
            ["Issuers__0__Authority"] = Text(PublicAddress),
            ["Issuers__0__Metadata"] = string.Join(',', (service == Gateway ? Text(Address(process)) : Reach(process, Gateway)).Split(',').Select(a => a + "/.well-known/openid-configuration")),
            ["Issuers__0__Cities__0"] = "*",
        };
        foreach (var kind in Databases.Kinds(IsCity(service)))
            environment[$"ConnectionStrings__{char.ToUpperInvariant(kind[0])}{kind[1..]}"] = ToDatabase(process, kind);
        if (Cities.FirstOrDefault(c => c.Name == service) is { } city)
        {
            environment["City__File"] = city.File;
            environment["Standing__Gateway"] = Reach(process, Gateway).Split(',')[0];
            foreach (var client in Accounts.Where(a => a is { Type: SampleAccounts.Client, Department: not null } && a.City == city.Name && a.Roles.Contains("integrator")).DistinctBy(a => a.Department))
            {
                environment[$"Standing__Clients__{client.Department}__Id"] = client.ClientId;
                environment[$"Standing__Clients__{client.Department}__Secret"] = client.Secret;
            }
            environment["City__Files"] = Files.Folder(Path.Combine(Data, "files", service));
        }
        if (service == Gateway)
        {
            foreach (var other in Cities)
                environment[$"Gateway__Cities__{other.Name}"] = Reach(process, other.Name);
            environment["Gateway__Audit"] = Reach(process, Audit);
            environment["Gateway__AccountsFile"] = AccountsFile;
            environment["Portal__SampleAccounts"] = PublicAddress.IsLoopback ? "true" : "false";
            if (Path.Combine(options.Root, "deploy", "sources") is var sources && Directory.Exists(sources))
                environment["Gateway__SourcesFolder"] = sources;
        }
        if (service == Audit)
        {
            environment["Log__TileFolder"] = Files.Folder(Path.Combine(Data, "tiles"));
            foreach (var witness in options.Services is null ? Cities : Cities.Where(c => options.Services.Contains(c.Name)))
                environment[$"Log__Witnesses__{witness.Name}"] = Reach(process, witness.Name);
        }
        if (options.Environment == "Test")
        {
            environment["EXCHANGE_TEST_CLOCK"] = ClockFile(process);
            // Short-lived processes: what compiling again for speed would gain comes after their end, and it is a third of their work.
            environment["DOTNET_TC_CallCounting"] = "0";
        }
        foreach (var (name, value) in options.Settings.Concat(settings ?? new Dictionary<string, string>()))
            environment[name] = value;
        return environment;
    }

    /// <summary>The addresses of all processes of a service, as another process is told them.</summary>
    private string Reach(string process, string service) =>
        string.Join(',', ProcessesOf(service).Select(p => string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{Port(process, p, PortOf(p))}")));

    private string ToDatabase(string process, string kind)
    {
        var direct = new Npgsql.NpgsqlConnectionStringBuilder(Databases.ConnectionString(ServiceOf(process), kind));
        direct.Port = Port(process, RunFile.Postgres, direct.Port);
        return direct.ConnectionString;
    }

    private string ToBroker(string process)
    {
        var direct = new UriBuilder(BrokerUri(ServiceOf(process)));
        direct.Port = Port(process, RunFile.Broker, direct.Port);
        return direct.Uri.AbsoluteUri;
    }

    private int Port(string process, string target, int port) => options.Detour?.Invoke(process, target, port) ?? port;

    private static string Text(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
