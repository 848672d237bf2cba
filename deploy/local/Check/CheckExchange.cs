using System.Globalization;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;

namespace Exchange.Local.Check;

/// <summary><c>deploy/check</c>: compares the running exchange of this clone with itself and says what does not hold, and which command ends it. Exit code 0 when all holds, else 1.</summary>
internal static class CheckExchange
{
    public static async Task<int> RunAsync(string[] options)
    {
        var wish = Wish.Parse(options);
        var place = Place.Find();
        var file = Files.Read<ExchangeFile>(place.ExchangeFile) ?? throw new LocalFault($"{place.ExchangeFile} is missing: deploy/up writes it. Nothing was checked.");
        using var stop = new CancellationTokenSource();
        Console.CancelKeyPress += (_, pressed) =>
        {
            pressed.Cancel = true;
            stop.Cancel();
        };
        try
        {
            // Progress goes where it does not end up in a report that is kept.
            var report = await new Invariants(Of(place, file)).CheckAsync(wish.Settle, Console.Error.WriteLine, stop.Token);
            Console.Write(wish.Json ? ReportText.Json(report) + "\n" : ReportText.Of(report, wish.Chinese));
            return report.Clean ? 0 : 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            Console.Error.WriteLine("stopped before everything was compared");
            return 130;
        }
    }

    /// <summary>Where the last <c>deploy/up</c> of this clone put everything; its own settings of servers that are not ours count here too.</summary>
    private static Surroundings Of(Place place, ExchangeFile file)
    {
        var path = Path.Combine(file.Data, "secrets.json");
        if (!File.Exists(path))
            throw new LocalFault($"{path} is missing: {file.Data} is no data folder of the exchange. Nothing was checked.");
        var secrets = new Secrets(path, readOnly: true);
        var services = file.Services.ToDictionary(s => s.Key, s => new Uri(s.Value), StringComparer.Ordinal);
        using var ports = new Ports(services[Stack.Gateway].Port);
        var foreign = Variable("EXCHANGE_RABBITMQ");
        var databases = new Databases(Variable("EXCHANGE_POSTGRES") ?? new PrivatePostgres(Path.Combine(file.Data, "postgres"), ports.Postgres, secrets["postgres"]).AdminConnectionString, secrets);
        var rabbit = foreign is null ? new PrivateRabbit(Path.Combine(file.Data, "rabbitmq"), ports, secrets["rabbitmq"], secrets["erlang"], new StackOptions().BrokerDiskLimit) : null;
        return new Surroundings
        {
            Cities = [.. services.Keys.Where(s => s is not (Stack.Gateway or Stack.Audit))],
            Database = service => databases.ConnectionString(service, "app"),
            Broker = service => rabbit?.Uri(service, secrets[$"rabbitmq/{service}"])
                ?? new UriBuilder(foreign!) { UserName = service, Password = secrets[$"rabbitmq/{service}"] }.Uri.AbsoluteUri,
            Control = rabbit is null ? null : rabbit.ControlAsync,
            Addresses = service => [services[service]],
            PublicAddress = new Uri(file.Address),
            Reader = file.Accounts.FirstOrDefault(a => a.Roles.Contains("officer")),
            TrustFile = place.TrustFile,
        };
    }

    private static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;

    private sealed record Wish(TimeSpan Settle, bool Json, bool Chinese)
    {
        public static Wish Parse(string[] options)
        {
            var wish = new Wish(Invariants.DefaultSettle, Json: false, Variable("LANG")?.StartsWith("zh", StringComparison.OrdinalIgnoreCase) == true);
            for (var i = 0; i < options.Length; i++)
            {
                wish = (options[i], options.ElementAtOrDefault(i + 1)) switch
                {
                    ("--json", _) => wish with { Json = true },
                    ("--settle", { } text) when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds <= 86_400 => wish with { Settle = TimeSpan.FromSeconds(seconds) },
                    ("--lang", "zh" or "en") => wish with { Chinese = options[i + 1] == "zh" },
                    var (unknown, _) => throw new LocalFault($"deploy/check does not know '{unknown}' here. It knows --settle SECONDS, --json and --lang zh|en."),
                };
                i += options[i] is "--json" ? 0 : 1;
            }
            return wish;
        }
    }
}
