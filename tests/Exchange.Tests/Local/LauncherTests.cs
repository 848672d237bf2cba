using System.Net;
using System.Net.Sockets;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;
using Exchange.Local.Services;
using Xunit;

namespace Exchange.Tests.Local;

[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class LauncherTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("exchange-test-").FullName;

    [Fact]
    public void A_port_in_use_is_named_with_its_process()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var fault = Assert.Throws<LocalFault>(() => Ports.Require([("gateway", port)]));

        Assert.Contains($"port {port} (gateway) is in use by pid {Environment.ProcessId}", fault.Message, StringComparison.Ordinal);
        Assert.Contains("EXCHANGE_PORTS", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_never_get_the_same_free_ports()
    {
        using var one = Ports.Free();
        using var other = Ports.Free();

        Assert.NotEqual(one.First, other.First);
    }

    [Fact]
    public void A_dead_launcher_is_told_from_a_live_one_even_when_its_number_is_used_again()
    {
        var runs = new RunFile(folder);
        var self = ProcessId.Of(Environment.ProcessId)!.Value;
        runs.Record(RunFile.Launcher, self);
        Assert.Equal(self.Pid, runs.Read()!.LiveLauncher!.Pid);

        runs.Record(RunFile.Launcher, self with { Started = self.Started - 1 });

        Assert.Null(runs.Read()!.LiveLauncher);
        Assert.Empty(runs.Read()!.Alive);
    }

    [Fact]
    public void Secrets_are_made_once_and_kept_for_their_owner_only()
    {
        var path = Path.Combine(folder, "secrets.json");

        var first = new Secrets(path)["postgres/audit_app"];

        Assert.Equal(first, new Secrets(path)["postgres/audit_app"]);
        Assert.NotEqual(first, new Secrets(path)["postgres/audit_owner"]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    [Fact]
    public void Each_city_has_the_people_of_two_departments_an_authority_and_an_operator()
    {
        var accounts = ReadAccounts(new Dictionary<string, string>());

        foreach (var city in City.ReadAll(Path.Combine(Place.FindRoot(), "deploy", "cities")))
        {
            var here = accounts.Where(a => a.City == city.Name).ToList();
            var whole = here.Where(a => a.Type == SampleAccounts.Person).GroupBy(a => a.Department)
                .Count(d => ((string[])["officer", "reviewer", "sharing_head", "department_head"]).All(role => d.Any(a => a.Roles.Contains(role))));
            Assert.True(whole >= 2, $"{city.Name} has {whole} departments with all four persons.");
            Assert.Contains(here, a => a.Roles.Contains("authority"));
            Assert.Contains(here, a => a.Roles.Contains("operator"));
            Assert.All(here, a => Assert.Contains("示例", a.Name, StringComparison.Ordinal));
        }
        Assert.All(accounts, a => Assert.Single(a.Roles, r => r != "repair"));
        Assert.Contains(accounts, a => a.City is null && a.Roles.Contains("auditor"));
    }

    [Fact]
    public void A_city_that_joins_by_its_file_alone_has_people_in_each_department()
    {
        var root = Place.FindRoot();
        var cities = City.ReadAll(Path.Combine(root, "deploy", "cities"), Path.Combine(root, "tests", "Exchange.Tests", "Local", "yueyang.json"));
        var city = cities.Single(c => c.Name == "yueyang");

        var here = SampleAccounts.Read(Path.Combine(root, "deploy", "samples", "accounts.json"), cities, new Dictionary<string, string>()).Where(a => a.City == city.Name).ToList();

        Assert.All(city.Departments, d => Assert.Equal(
            ["department_head", "integrator", "officer", "reviewer", "sharing_head"], here.Where(a => a.Department == d.Code).Select(a => a.Roles.Single()).Order(StringComparer.Ordinal)));
        Assert.Equal(["authority", "operator"], here.Where(a => a.Department == city.Authority!.Code).Select(a => a.Roles.Single()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_city_file_that_was_copied_and_not_changed_throughout_is_refused()
    {
        var cities = Path.Combine(Place.FindRoot(), "deploy", "cities");
        var text = File.ReadAllText(Path.Combine(cities, "xiangtan.json"));
        foreach (var (copied, fault) in new[]
        {
            (text, "'xiangtan'"),
            (text.Replace("\"xiangtan\"", "\"yueyang\"", StringComparison.Ordinal), "'430300'"),
            (text.Replace("\"xiangtan\"", "\"yueyang\"", StringComparison.Ordinal).Replace("\"430300\"", "\"430600\"", StringComparison.Ordinal), "credit code"),
            (text.Replace("\"xiangtan\"", "\"audit\"", StringComparison.Ordinal), "'audit'"),
        })
        {
            var file = Path.Combine(folder, "copied.json");
            File.WriteAllText(file, copied);
            Assert.Contains(fault, Assert.Throws<LocalFault>(() => City.ReadAll(cities, file)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_account_keeps_the_secret_it_had()
    {
        var before = ReadAccounts(new Dictionary<string, string>());

        var after = ReadAccounts(before.ToDictionary(a => a.ClientId, a => a.Secret, StringComparer.Ordinal));

        Assert.Equal(before.Select(a => a.Secret), after.Select(a => a.Secret));
        Assert.Equal(before.Count, before.Select(a => a.Secret).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void The_gateway_gets_hashes_and_no_secret()
    {
        var account = ReadAccounts(new Dictionary<string, string>())[0];
        var path = Path.Combine(folder, "accounts.json");

        GatewayAccounts.Write(path, [account]);

        var text = File.ReadAllText(path);
        Assert.DoesNotContain(account.Secret, text, StringComparison.Ordinal);
        Assert.Contains("pbkdf2-sha256$10000$", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_table_counts_chinese_characters_as_two_columns()
    {
        var lines = Table.Of(["name", "role"], [["示例", "officer"], ["test", "head"]]).Split('\n');

        Assert.Equal(["name  role", "-------------", "示例  officer", "test  head", ""], lines);
    }

    [Fact]
    public void The_end_of_a_log_is_told_in_words()
    {
        var log = Path.Combine(folder, "service.log");
        File.WriteAllLines(log, [
            """{"LogLevel":"Information","Message":"nothing to see"}""",
            """{"LogLevel":"Error","Message":"Hosting failed to start","Exception":"System.Exception: a key is missing\n   at Somewhere"}""",
            "The service does not start: a key is missing"]);

        Assert.Equal("  | Error: Hosting failed to start — System.Exception: a key is missing\n  | The service does not start: a key is missing", LogTail.Of(log, 5));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static IReadOnlyList<Account> ReadAccounts(Dictionary<string, string> secrets)
    {
        var root = Place.FindRoot();
        return SampleAccounts.Read(Path.Combine(root, "deploy", "samples", "accounts.json"), City.ReadAll(Path.Combine(root, "deploy", "cities")), secrets);
    }
}
