using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Exchange.Tests.Deliveries;

/// <summary>What the services do at their start and between two statements, where no caller can look.</summary>
public sealed class GrantKeysTests(PublishingCity city)
{
    [Fact]
    public async Task A_start_with_a_lost_or_another_key_is_refused_and_keys_differ_by_grant_and_use()
    {
        await using var parts = await city.PartsAsync();
        await using var services = new ServiceCollection().AddScoped(_ => parts.Transaction()).BuildServiceProvider();
        var scopes = services.GetRequiredService<IServiceScopeFactory>();
        var folder = Directory.CreateTempSubdirectory("exchange-keys-").FullName;
        try
        {
            var keys = new GrantKeys(scopes, new ServiceSettings { Name = "changsha", KeyFolder = folder });
            Assert.Contains("is missing", (await Assert.ThrowsAsync<InvalidOperationException>(() => keys.StartAsync(CancellationToken.None))).Message, StringComparison.Ordinal);
            KeyFile.Open(Path.Combine(folder, "grants.key"), mayCreate: true, () => new byte[32]);
            Assert.Contains("is not the one", (await Assert.ThrowsAsync<InvalidOperationException>(() => keys.StartAsync(CancellationToken.None))).Message, StringComparison.Ordinal);
            // What was not opened derives nothing.
            Assert.Throws<InvalidOperationException>(() => keys.ForHashes(Guid.NewGuid()));

            keys = new GrantKeys(scopes, new ServiceSettings { Name = "changsha", KeyFolder = await city.KeyFolderAsync() });
            await keys.StartAsync(CancellationToken.None);
            var (one, other) = (Guid.NewGuid(), Guid.NewGuid());
            Assert.Equal(keys.ForHashes(one), keys.ForHashes(one));
            Assert.Equal(4, new[] { keys.ForHashes(one), keys.ForHashes(other), keys.ForCursors(one), keys.ForCursors(other) }.Select(Convert.ToHexString).Distinct().Count());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_delivery_is_opened_under_the_terms_that_were_read_or_not_at_all()
    {
        var grant = await GrantedDataTests.GrantAsync(city, Guid.CreateVersion7(), new(["person"]));
        await using var parts = await city.PartsAsync();
        await using var services = new ServiceCollection().AddScoped(_ => parts.Transaction()).BuildServiceProvider();
        var who = GrantedDataTests.Program;
        var caller = new Caller { Subject = who.Subject, IsPerson = false, ClientId = who.Subject, Name = who.Subject, City = who.City, Department = who.Department!, Roles = who.Roles.ToHashSet(StringComparer.Ordinal) };
        var read = (await ReadGrants.FindAsync(parts.Database, grant, caller, Catalogue.City.Read(Samples.CityFile("changsha")), CancellationToken.None))!;
        using var log = new DeliveryLog(
            services.GetRequiredService<IServiceScopeFactory>(), new Quotas(new QuotaSettings(), TimeProvider.System), TimeProvider.System, new Seat(new ConfigurationBuilder().Build(), new ServiceSettings { Name = "changsha" }), NullLogger<DeliveryLog>.Instance);
        await log.StartAsync(CancellationToken.None);
        try
        {
            var (stale, current) = (Guid.CreateVersion7(), Guid.CreateVersion7());
            var shipment = new Shipment { Form = "csv", Fields = read.Fields, Head = _ => { }, Write = (_, _) => Task.CompletedTask, Rows = () => 0 };
            Assert.False((await log.OpenAsync(stale, read with { ChangedAt = read.ChangedAt.AddMicroseconds(-1) }, "示例", shipment)).Opened);
            Assert.True((await log.OpenAsync(current, read, "示例", shipment)).Opened);
            Assert.True(await log.CloseAsync(current, read, shipment, "complete", null, 0, new string('0', 64)));
        }
        finally
        {
            await log.StopAsync(CancellationToken.None);
        }
    }
}
