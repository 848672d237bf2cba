using System.Runtime.CompilerServices;
using System.Runtime.Versioning;
using Exchange.Gateway;
using Exchange.Gateway.Identity;
using Exchange.Hosting;
using Exchange.Tests.Federation;
using Npgsql;

namespace Exchange.Tests.Identity;

[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
[SupportedOSPlatform("linux")]
public sealed class SigningKeysTests(GatewayStack gateway) : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("exchange-token-keys-").FullName;
    private readonly SetClock clock = new();
    private NpgsqlDataSource database = null!;

    public async ValueTask InitializeAsync()
    {
        // The mapping of columns and times is set up there.
        RuntimeHelpers.RunClassConstructor(typeof(Database).TypeHandle);
        var name = $"keys_{Guid.NewGuid():N}";
        await gateway.Stack.Databases.CreateAsync("gateway", isCity: false, name, null, TestContext.Current.CancellationToken);
        await using (var owner = NpgsqlDataSource.Create(gateway.Stack.Databases.ConnectionString("gateway", "owner", name)))
        await using (var make = owner.CreateCommand("create table signing_keys (kid text primary key, signs_from timestamptz not null)"))
        {
            await make.ExecuteNonQueryAsync();
        }

        database = NpgsqlDataSource.Create(gateway.Stack.Databases.ConnectionString("gateway", "app", name));
    }

    public async ValueTask DisposeAsync()
    {
        await database.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task The_first_key_signs_at_once_and_is_found_again()
    {
        var keys = await OpenAsync();
        Assert.Equal(keys.Current.Kid, Assert.Single(keys.Published).Kid);
        Assert.Equal(keys.Current.Kid, (await OpenAsync()).Current.Kid);
    }

    [Fact]
    public async Task A_successor_is_published_before_it_signs_and_the_old_key_after_it_signed()
    {
        var keys = await OpenAsync();
        var first = keys.Current.Kid;
        clock.Now += TimeSpan.FromDays(31);
        await keys.RefreshAsync(database, CancellationToken.None);
        Assert.Equal(first, keys.Current.Kid);
        Assert.Equal(2, keys.Published.Count());
        clock.Now += TimeSpan.FromMinutes(10);
        await keys.RefreshAsync(database, CancellationToken.None);
        Assert.NotEqual(first, keys.Current.Kid);
        Assert.Contains(first, keys.Published.Select(key => key.Kid));
        clock.Now += TimeSpan.FromMinutes(31);
        Assert.Equal(keys.Current.Kid, Assert.Single(keys.Published).Kid);
    }

    [Fact]
    public async Task A_key_that_the_database_knows_and_the_folder_does_not_stops_the_start()
    {
        var keys = await OpenAsync();
        File.Delete(Path.Combine(folder, $"token-{keys.Current.Kid}.pem"));
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(OpenAsync);
        Assert.Contains(keys.Current.Kid, fault.Message);
    }

    [Fact]
    public async Task A_key_that_others_can_read_stops_the_start()
    {
        var keys = await OpenAsync();
        File.SetUnixFileMode(Path.Combine(folder, $"token-{keys.Current.Kid}.pem"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await Assert.ThrowsAsync<InvalidOperationException>(OpenAsync);
    }

    private async Task<SigningKeys> OpenAsync()
    {
        var keys = new SigningKeys(new ServiceSettings { Name = "gateway", KeyFolder = folder, PublicAddress = "http://127.0.0.1" }, new GatewaySettings(), clock);
        await keys.RefreshAsync(database, CancellationToken.None);
        return keys;
    }

    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 21, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
