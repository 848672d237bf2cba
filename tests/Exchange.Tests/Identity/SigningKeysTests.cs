using System.Runtime.Versioning;
using Exchange.Gateway;
using Exchange.Gateway.Identity;
using Exchange.Tests.Hosting;

namespace Exchange.Tests.Identity;

[Trait("needs", "server")]
[SupportedOSPlatform("linux")]
public sealed class SigningKeysTests : IAsyncLifetime
{
    private readonly SetClock clock = new();
    private ServiceDatabase gateway = null!;

    public async ValueTask InitializeAsync() => gateway = await ServiceDatabase.CreateAsync("gateway", "gateway", typeof(SigningKeys).Assembly, clock);

    public async ValueTask DisposeAsync() => await gateway.DisposeAsync();

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
        await keys.RefreshAsync(gateway.Scopes, CancellationToken.None);
        Assert.Equal(first, keys.Current.Kid);
        Assert.Equal(2, keys.Published.Count());
        clock.Now += TimeSpan.FromMinutes(10);
        await keys.RefreshAsync(gateway.Scopes, CancellationToken.None);
        Assert.NotEqual(first, keys.Current.Kid);
        Assert.Equal([first, keys.Current.Kid], await gateway.DetailsAsync("key.made", "name"));
        Assert.Contains(first, keys.Published.Select(key => key.Kid));
        clock.Now += TimeSpan.FromMinutes(31);
        Assert.Equal(keys.Current.Kid, Assert.Single(keys.Published).Kid);
    }

    [Fact]
    public async Task A_key_that_the_database_knows_and_the_folder_does_not_stops_the_start()
    {
        var keys = await OpenAsync();
        File.Delete(Path.Combine(gateway.KeyFolder, $"token-{keys.Current.Kid}.pem"));
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(OpenAsync);
        Assert.Contains(keys.Current.Kid, fault.Message);
    }

    [Fact]
    public async Task A_key_that_others_can_read_stops_the_start()
    {
        var keys = await OpenAsync();
        File.SetUnixFileMode(Path.Combine(gateway.KeyFolder, $"token-{keys.Current.Kid}.pem"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        await Assert.ThrowsAsync<InvalidOperationException>(OpenAsync);
    }

    private async Task<SigningKeys> OpenAsync()
    {
        var keys = new SigningKeys(gateway.Service, new GatewaySettings(), clock);
        await keys.RefreshAsync(gateway.Scopes, CancellationToken.None);
        return keys;
    }

    private sealed class SetClock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 11, 21, 0, 0, 0, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
