using System.Security.Cryptography;
using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;
using Exchange.Verifier;
using Npgsql;

namespace Exchange.Tests.Local;

/// <summary>Three cities become four: by one settings file and a restart of the launcher, on the data that was there.</summary>
[Trait("needs", "server")]
public sealed class FourthCityTests
{
    private const string Xiangtan = "xiangtan";
    private const string Yueyang = "yueyang";

    [Fact]
    public async Task A_fourth_city_joins_by_one_settings_file_and_exchanges_with_the_others_both_ways()
    {
        using var place = await ThrowAway.MakeAsync(TestContext.Current.CancellationToken);
        Guid older;
        IReadOnlyList<Account> accounts;
        Dictionary<string, uint> databases;
        var programs = Programs();
        await using (var three = new Cities(place.Folder, [], []) { Services = [Stack.Gateway, Xiangtan] })
        {
            await three.InitializeAsync();
            older = (await three.PublishAsync(Xiangtan, "conditional")).GetProperty("dataset_id").GetGuid();
            await three.DrainedAsync(Xiangtan);
            accounts = three.Stack.Accounts;
            databases = await DatabasesAsync(three);
        }

        await using var four = new Cities(place.Folder, [Path.Combine(Place.FindRoot(), "tests", "Exchange.Tests", "Local", "yueyang.json")], accounts) { Services = [Stack.Gateway, Stack.Audit, Xiangtan, Yueyang] };
        await four.InitializeAsync();

        // Nothing but the file is new: the same programs, the same databases and one beside them.
        Assert.Equal(programs, Programs());
        var now = await DatabasesAsync(four);
        Assert.Equal(databases, now.Where(d => d.Key != Yueyang).ToDictionary());
        Assert.Contains(Yueyang, now.Keys);

        var newer = (await four.PublishAsync(Yueyang, "conditional")).GetProperty("dataset_id").GetGuid();
        await Eventually.GetAsync(
            () => four.Who(Xiangtan, "officer").GetAsync("/api/catalogue/datasets?city=yueyang"),
            a => a["total"].GetInt32() == 1 && a["cities"].EnumerateArray().Any(c => c.GetProperty("city").GetString() == Yueyang && c.GetProperty("state").GetString() == "live"),
            show: a => a.Text);
        await ExchangeAsync(four, Xiangtan, Yueyang, newer, place.Folder);
        // Published before the fourth city was thought of: it knows the entry since it asked.
        await ExchangeAsync(four, Yueyang, Xiangtan, older, place.Folder);
        await four.NothingSetAsideAsync();
    }

    /// <summary>Asked for, approved by two persons, delivered, and proved offline from files.</summary>
    private static async Task ExchangeAsync(Cities cities, string asking, string owning, Guid dataset, string folder)
    {
        var officer = cities.Who(asking, "officer");
        var draft = (await cities.DraftRequestAsync(dataset, city: asking)).Succeeded("draft");
        var id = draft["id"].GetString();
        var signed = (await cities.Who(asking, "sharing_head").PostAsync($"/api/cities/{asking}/requests/{id}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await officer.PostAsync($"/api/cities/{asking}/requests/{id}/submit", etag: signed.ETag)).Succeeded("submit");

        var reviewer = cities.Who(owning, "reviewer");
        var received = await Eventually.GetAsync(() => reviewer.GetAsync($"/api/cities/{owning}/approvals/{id}"), a => a.Status == 200, show: a => a.Text);
        Assert.StartsWith(cities.Stack.Cities.Single(c => c.Name == owning).Title[..2], received["reference"].GetString(), StringComparison.Ordinal);
        var decided = (await reviewer.PostAsync($"/api/cities/{owning}/approvals/{id}/decide", new { Decision = "approve" }, received.ETag)).Succeeded("decide");
        (await cities.Who(owning, "sharing_head").PostAsync($"/api/cities/{owning}/approvals/{id}/sign-off", etag: decided.ETag)).Succeeded("sign the reply");
        await Eventually.GetAsync(() => officer.GetAsync($"/api/cities/{asking}/requests/{id}"), a => a["state"].GetString() == "active", show: a => a.Text);

        var data = (await cities.Who(asking, "integrator").GetAsync($"/api/cities/{owning}/grants/{id}/data?format=csv")).Succeeded("data");
        Assert.Equal("person,months\r\n示例甲,12\r\n示例乙,240\r\n示例丙,3\r\n", data.Text);

        var timeline = await Eventually.GetAsync(
            () => officer.GetAsync($"/api/audit/exchanges/{id}"),
            a => a.Status == 200 && a["events"].EnumerateArray().Any(e => e.GetProperty("type").GetString() == "delivery.ended"),
            show: a => a.Text);
        var leaf = timeline["events"].EnumerateArray().Single(e => e.GetProperty("type").GetString() == "delivery.ended");
        Assert.Equal(owning, leaf.GetProperty("source").GetString());
        var proof = await Eventually.GetAsync(() => officer.GetAsync(leaf.GetProperty("proof").GetString()!), a => a.Status == 200, show: a => a.Text);
        Assert.Contains(Convert.ToHexStringLower(SHA256.HashData(data.Bytes)), Leaf(proof.Text), StringComparison.Ordinal);
        var (file, trust) = (Path.Combine(folder, $"{owning}.tlog-proof"), Path.Combine(folder, "trust.json"));
        await File.WriteAllBytesAsync(file, proof.Bytes);
        await Exchange.Local.Trust.WriteAsync(trust, cities.Stack, TestContext.Current.CancellationToken);
        Assert.Equal(0, new Commands(TextWriter.Null, TextWriter.Null).Run(["proof", file, "--trust", trust]));
    }

    private static string Leaf(string proof) =>
        System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(proof.Split('\n').Single(l => l.StartsWith("extra ", StringComparison.Ordinal))["extra ".Length..]));

    private static Dictionary<string, string> Programs() => new[] { ("gateway", "Gateway"), ("services/audit", "Audit"), ("services/catalogue", "Catalogue") }.ToDictionary(
        p => p.Item2,
        p => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(Place.FindRoot(), p.Item1, "bin", StackOptions.ForTests().Configuration, "net10.0", $"Exchange.{p.Item2}.dll")))));

    /// <summary>Each service's database with the number the server gave it: one that was made anew has another.</summary>
    private static async Task<Dictionary<string, uint>> DatabasesAsync(Cities cities)
    {
        await using var connection = new NpgsqlConnection(cities.Stack.Databases.AdminConnectionString("postgres"));
        return (await connection.QueryAsync<(string, uint)>("select datname, oid from pg_database where not datistemplate and datname <> 'postgres'")).ToDictionary(d => d.Item1, d => d.Item2);
    }

    /// <summary>A launcher's run on a data folder that outlives it. The public address stays, whatever ports are free.</summary>
    private sealed class Cities(string data, IReadOnlyList<string> more, IReadOnlyList<Account> known) : ExchangeFixture
    {
        /// <summary>Those that have something to do here.</summary>
        public required IReadOnlyList<string> Services { get; init; }

        private protected override StackOptions Options() => StackOptions.ForTests() with
        {
            Services = Services,
            Data = data,
            MoreCityFiles = more,
            KnownSecrets = known.ToDictionary(a => a.ClientId, a => a.Secret),
            PublicAddress = "https://exchange.example",
        };

        private protected override HttpClient Connect() => new() { BaseAddress = Stack.Address(Stack.Gateway), Timeout = TimeSpan.FromSeconds(60) };
    }
}
