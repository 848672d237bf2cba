using System.Reflection;

namespace Exchange.Local;

internal sealed record StackOptions
{
    public string Root { get; init; } = Place.FindRoot();

    /// <summary>Data folder; null for one that is thrown away at the end.</summary>
    public string? Data { get; init; }

    /// <summary>First of twenty ports; null for any that are free.</summary>
    public int? PortBase { get; init; }

    /// <summary>Settings files of cities beside those in <c>deploy/cities</c>.</summary>
    public IReadOnlyList<string> MoreCityFiles { get; init; } = [];

    public string Environment { get; init; } = "Test";

    /// <summary>By how much the processes' clocks are off from the start, in environment Test.</summary>
    public TimeSpan Clock { get; init; }

    /// <summary>Off only where a power cut may cost the data, as in tests.</summary>
    public bool Fsync { get; init; } = true;

    /// <summary>Services to start; null for all, none for the servers alone.</summary>
    public IReadOnlyList<string>? Services { get; init; }

    /// <summary>Settings for every service, beside those that the stack gives.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    public string? PublicAddress { get; init; }

    /// <summary>Secrets of sample accounts from before.</summary>
    public IReadOnlyDictionary<string, string> KnownSecrets { get; init; } = new Dictionary<string, string>();

    /// <summary>How many processes of a service run side by side; one where it says nothing. The second of <c>changsha</c> is called <c>changsha-2</c>.</summary>
    public IReadOnlyDictionary<string, int> Replicas { get; init; } = new Dictionary<string, int>();

    /// <summary>Which port a process is told for something it talks to, where that is not the real one: the way a test puts itself into a line.</summary>
    public Detour? Detour { get; init; }

    /// <summary>Free space below which the private broker blocks its publishers.</summary>
    public string BrokerDiskLimit { get; init; } = "500MB";

    /// <summary>Accounts beside the samples.</summary>
    public IReadOnlyList<Accounts.Account> MoreAccounts { get; init; } = [];

    /// <summary>Admin connection string of a PostgreSQL to use in place of a private one.</summary>
    public string? Postgres { get; init; }

    /// <summary>amqp URI of a RabbitMQ to use in place of a private one; its path is the virtual host.</summary>
    public string? RabbitMq { get; init; }

    public Action<string> Say { get; init; } = _ => { };

    /// <summary>Services are taken from the build of the same configuration as the launcher.</summary>
    public string Configuration { get; init; } = typeof(StackOptions).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;

    public static StackOptions ForTests() => new() { Fsync = false };
}

/// <summary>From a process (<c>changsha-2</c>) to what it talks to: <c>postgresql</c>, <c>rabbitmq</c> or another process.</summary>
internal delegate int Detour(string process, string target, int port);
