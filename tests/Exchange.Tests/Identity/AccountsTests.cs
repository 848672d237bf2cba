using System.Text.Json;
using Exchange.Gateway.Identity;
using Exchange.Tests.Hosting;

namespace Exchange.Tests.Identity;

/// <summary>Who may do what is in the log: what the import of accounts changes, and nothing of whose they are.</summary>
[Trait("needs", "server")]
public sealed class AccountsTests : IAsyncLifetime
{
    private ServiceDatabase gateway = null!;
    private Accounts accounts = null!;

    public async ValueTask InitializeAsync()
    {
        gateway = await ServiceDatabase.CreateAsync("gateway", "gateway", typeof(Accounts).Assembly, TimeProvider.System);
        accounts = new Accounts(gateway.Database, gateway.Scopes);
    }

    public async ValueTask DisposeAsync()
    {
        accounts.Dispose();
        await gateway.DisposeAsync();
    }

    [Fact]
    public async Task What_an_import_creates_changes_and_removes_is_recorded_once_without_anybodys_name()
    {
        var (first, second) = (SecretHash.Of("one", 1000).ToString(), SecretHash.Of("two", 1000).ToString());
        await ImportAsync(("zhang-officer", first, ["officer"]), ("li-head", first, ["sharing_head"]));
        await ImportAsync(("zhang-officer", first, ["officer"]), ("li-head", first, ["sharing_head"]));
        Assert.Equal(["officer", "sharing_head"], await gateway.DetailsAsync("account.created", "roles"));

        await ImportAsync(("zhang-officer", second, ["officer", "auditor"]));

        Assert.Equal(["secret,roles"], await gateway.DetailsAsync("account.changed", "changed"));
        Assert.Equal(["auditor,officer"], await gateway.DetailsAsync("account.changed", "roles"));
        Assert.Equal(["sharing_head"], await gateway.DetailsAsync("account.removed", "roles"));
        Assert.Equal(["4"], await gateway.QueryAsync("select count(*)::text from outbox where kind = 'record'"));
        Assert.Equal(["0"], await gateway.QueryAsync("select count(*)::text from outbox where content ~ 'zhang|li-head|示例甲'"));
        Assert.Equal(["zhang-officer"], await gateway.QueryAsync("select client_id from accounts"));
    }

    private async Task ImportAsync(params (string Id, string Hash, string[] Roles)[] imported)
    {
        var file = Path.Combine(gateway.KeyFolder, "accounts.json");
        await File.WriteAllTextAsync(file, JsonSerializer.Serialize(new
        {
            accounts = imported.Select(account => new { client_id = account.Id, secret_hash = account.Hash, sub = account.Id, sub_type = "person", name = "示例甲", city = "zhuzhou", department = "11430200EXAMPL0126", roles = account.Roles }),
        }), TestContext.Current.CancellationToken);
        await accounts.ImportAsync(file, TestContext.Current.CancellationToken);
    }
}
