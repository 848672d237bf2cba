using System.Security.Cryptography;
using System.Text.Json;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Audit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exchange.Tests.Hosting;

/// <summary>What a source says of itself; with a clock the test moves, on a database with the real roles.</summary>
[Trait("needs", "server")]
public sealed class SignsOfLifeTests : IAsyncLifetime
{
    private readonly SettableClock clock = new(new DateTimeOffset(2026, 11, 21, 15, 30, 0, TimeSpan.Zero));
    private ServiceDatabase source = null!;

    public async ValueTask InitializeAsync() => source = await ServiceDatabase.CreateAsync("audit", "changsha", typeof(LogWriter).Assembly, clock);

    public async ValueTask DisposeAsync() => await source.DisposeAsync();

    [Fact]
    public async Task Each_hour_has_one_heartbeat_whatever_processes_there_are_and_none_is_made_up_for()
    {
        var (one, other) = (NewProcess(), NewProcess());
        await Task.WhenAll(LookAsync(one), LookAsync(other));
        clock.Now += TimeSpan.FromMinutes(29);
        await Task.WhenAll(LookAsync(one), LookAsync(NewProcess()));
        Assert.Equal(["15"], await HoursAsync());

        clock.Now += TimeSpan.FromMinutes(1);
        await Task.WhenAll(LookAsync(one), LookAsync(other));
        clock.Now += TimeSpan.FromHours(3);
        await LookAsync(other);
        Assert.Equal(["15", "16", "19"], await HoursAsync());
    }

    [Fact]
    public async Task A_day_is_closed_once_with_the_number_of_its_records_and_missed_days_follow_oldest_first()
    {
        var process = NewProcess();
        // 23:30 in Beijing: the heartbeat and two records of the 21st, then two heartbeats of the 22nd.
        await LookAsync(process);
        await RecordAsync("request.submitted");
        await RecordAsync("request.submitted");
        clock.Now += TimeSpan.FromMinutes(30);
        await LookAsync(process);
        clock.Now += TimeSpan.FromMinutes(4);
        await LookAsync(process);
        Assert.Empty(await ClosedAsync());

        clock.Now += TimeSpan.FromMinutes(1);
        await Task.WhenAll(LookAsync(process), LookAsync(NewProcess()));
        Assert.Equal(["2026-11-21 3"], await ClosedAsync());

        // Down over two midnights: the 22nd had a heartbeat and the close of the day before, the 23rd nothing.
        clock.Now += TimeSpan.FromHours(49);
        await LookAsync(NewProcess());
        await LookAsync(process);
        Assert.Equal(["2026-11-21 3", "2026-11-22 2", "2026-11-23 0"], await ClosedAsync());
    }

    [Fact]
    public async Task A_process_tells_its_start_and_its_stop()
    {
        var process = NewProcess();
        await process.StartAsync(TestContext.Current.CancellationToken);
        await Eventually.GetAsync(() => TypesAsync(), types => types.Contains("source.heartbeat"), show: types => string.Join(", ", types));
        await process.StopAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["service.started", "source.heartbeat", "service.stopped"], await TypesAsync());
    }

    [Fact]
    public async Task An_agreement_is_told_when_it_changes_and_not_again_by_the_next_process()
    {
        var first = await AgreeAsync(quorum: 0);
        await LookAsync(NewTaker());
        await LookAsync(NewTaker());
        var second = await AgreeAsync(quorum: 0, year: 2027);
        var taker = NewTaker();
        await LookAsync(taker);
        await LookAsync(taker);

        Assert.Equal([first, second], await source.DetailsAsync("trust.changed", "sha256"));
    }

    private SignsOfLife NewProcess() => new(source.Scopes, new HostingEnvironment { EnvironmentName = "Test" }, clock, NullLogger<SignsOfLife>.Instance);

    private TakeAgreement NewTaker() => new(source.Scopes, source.Service, NullLogger<TakeAgreement>.Instance);

    private static Task LookAsync(SignsOfLife process) => process.LookAsync(TestContext.Current.CancellationToken);

    private static Task LookAsync(TakeAgreement taker) => taker.LookAsync(TestContext.Current.CancellationToken);

    private async Task<string> AgreeAsync(int quorum, int year = 2026)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(new { version = 1, logs = new[] { new { origin = $"exchange.example/api/audit/log/{year}", keys = Array.Empty<string>() } }, witnesses = Array.Empty<string>(), quorum });
        await File.WriteAllBytesAsync(Path.Combine(source.KeyFolder, AgreementFile.Name), bytes, TestContext.Current.CancellationToken);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    private async Task RecordAsync(string type)
    {
        await using var scope = source.Scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(TestContext.Current.CancellationToken);
        await transaction.RecordAsync(new AuditRecord { Type = type });
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
    }

    private async Task<IReadOnlyList<string>> HoursAsync() => [.. (await source.DetailsAsync("source.heartbeat", "hour")).Select(hour => hour[11..13])];

    private async Task<IReadOnlyList<string>> ClosedAsync() => [.. (await source.DetailsAsync("source.day_closed", "day")).Zip(await source.DetailsAsync("source.day_closed", "count"), (day, count) => $"{day} {count}")];

    private Task<IReadOnlyList<string>> TypesAsync() => source.QueryAsync("select type from outbox where kind = 'record' order by position");
}
