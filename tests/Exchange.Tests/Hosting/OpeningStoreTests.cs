using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Exchange.Hosting.Openings;
using Exchange.Tests.Audit;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exchange.Tests.Hosting;

/// <summary>Where what commitments were made of lies: sealed rows in the database, the months' keys beside it as files.</summary>
[Trait("needs", "server")]
public sealed class OpeningStoreTests : IAsyncLifetime
{
    private const string Person = "示例·周某";
    private const string November = "2026-11";

    private AuditDatabase audit = null!;
    private MonthKeys months = null!;
    private OpeningStore store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string KeyOf(string month) => Path.Combine(audit.KeyFolder, $"openings-{month}.key");

    public async ValueTask InitializeAsync()
    {
        audit = await AuditDatabase.CreateAsync();
        (months, store) = Process();
    }

    public async ValueTask DisposeAsync()
    {
        months.Dispose();
        await audit.DisposeAsync();
    }

    [Fact]
    public async Task A_personal_value_lies_nowhere_in_clear_and_opens_to_what_the_record_committed_to()
    {
        var id = await RecordAsync(Person);

        var row = Assert.Single(await RowsAsync());
        var record = Assert.Single(await audit.QueryAsync<string>("select content from outbox"));
        var database = string.Concat(await audit.QueryAsync<string>("select o::text from audit_openings o union all select o::text from outbox o union all select m::text from opening_months m"));
        Assert.DoesNotContain(Person, database, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Person)), database, StringComparison.Ordinal);
        var key = Convert.FromBase64String(await File.ReadAllTextAsync(KeyOf(November), Cancel));
        Assert.DoesNotContain(Convert.ToHexStringLower(key), database, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(KeyOf(November)).UnixFileMode);

        var opened = await store.OpenAsync(row, Cancel);
        Assert.Equal((id, "officer", Person), (opened!.EventId, opened.Name, opened.Value));
        var commitment = JsonDocument.Parse(record).RootElement.GetProperty("commitments").GetProperty("officer").GetString();
        Assert.Equal(commitment, Convert.ToBase64String(HMACSHA256.HashData(opened.Key, Encoding.UTF8.GetBytes(Person))));
    }

    [Fact]
    public async Task A_row_under_another_event_name_month_or_source_does_not_open()
    {
        await RecordAsync(Person);
        var row = Assert.Single(await RowsAsync());
        await months.ToSealAsync(new Month(2026, 12), Cancel);
        foreach (var moved in (SealedOpening[])[row with { EventId = Guid.CreateVersion7() }, row with { Name = "reason" }, row with { Month = "2026-12" }, row with { Sealed = row.WrappedKey }])
        {
            await Assert.ThrowsAnyAsync<CryptographicException>(() => store.OpenAsync(moved, Cancel));
        }
        var other = new OpeningStore(months, Settings("changsha", audit.KeyFolder));
        await Assert.ThrowsAnyAsync<CryptographicException>(() => other.OpenAsync(row, Cancel));
        Assert.NotNull(await store.OpenAsync(row, Cancel));
    }

    [Fact]
    public async Task Processes_come_to_one_key_and_one_with_another_folder_or_a_lost_file_does_not_go_on()
    {
        var december = new Month(2026, 12);
        var processes = Enumerable.Range(0, 4).Select(_ => Process().Months).ToList();
        var keys = await Task.WhenAll(processes.Select(process => Task.Run(() => process.ToSealAsync(december, Cancel), Cancel)));
        Assert.Single(keys.Select(Convert.ToBase64String).Distinct());
        processes.ForEach(process => process.Dispose());

        using var lost = new MonthKeys(audit.Database, Settings("audit", Directory.CreateDirectory(Path.Combine(audit.KeyFolder, "other")).FullName));
        Assert.Contains("missing", (await Assert.ThrowsAsync<InvalidOperationException>(() => lost.ToSealAsync(december, Cancel))).Message, StringComparison.Ordinal);
        await File.WriteAllTextAsync(KeyOf("2026-12"), Convert.ToBase64String(new byte[32]), Cancel);
        using var exchanged = Process().Months;
        Assert.Contains("not the key", (await Assert.ThrowsAsync<InvalidOperationException>(() => exchanged.ToSealAsync(december, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_confirmed_erasure_of_a_month_began_is_finished_after_a_crash()
    {
        await RecordAsync(Person);
        var before = Assert.Single(await RowsAsync());
        audit.Clock.Now = audit.Clock.Now.AddMonths(1);
        var later = await RecordAsync("示例·吴某");
        // Committed, and the process gone before its key file went.
        await audit.TamperAsync($"update opening_months set erasure_id = '{Guid.CreateVersion7()}' where month = '{November}'");
        Assert.True(File.Exists(KeyOf(November)));

        using var keep = new KeepMonths(audit.Database, months, audit.Clock, NullLogger<KeepMonths>.Instance);
        await keep.StartAsync(Cancel);
        await Eventually.TrueAsync(async () => (await audit.QueryAsync<DateTimeOffset?>($"select destroyed_at from opening_months where month = '{November}'")).Single() is not null);
        await keep.StopAsync(Cancel);

        Assert.False(File.Exists(KeyOf(November)));
        Assert.Null(await store.OpenAsync(before, Cancel));
        var rows = await RowsAsync();
        Assert.Equal([later], rows.Where(row => row.Sealed is not null && row.WrappedKey is not null && row.ErasureId is null).Select(row => row.EventId));
        Assert.NotNull(rows.Single(row => row.EventId == before.EventId).ErasureId);
        await Assert.ThrowsAsync<InvalidOperationException>(() => months.ToSealAsync(new Month(2026, 11), Cancel));
        Assert.False(File.Exists(KeyOf(November)));
    }

    private (MonthKeys Months, OpeningStore Store) Process()
    {
        var settings = Settings("audit", audit.KeyFolder);
        var keys = new MonthKeys(audit.Database, settings);
        return (keys, new OpeningStore(keys, settings));
    }

    private static ServiceSettings Settings(string name, string folder) => new() { Name = name, KeyFolder = folder, PublicAddress = "https://exchange.example" };

    private async Task<Guid> RecordAsync(string officer)
    {
        using var signal = new RelaySignal();
        await using var transaction = new Transaction(audit.Database, signal, store, Settings("audit", audit.KeyFolder), audit.Clock);
        await transaction.BeginAsync(Cancel);
        var id = await transaction.RecordAsync(new AuditRecord { Type = "messages.resent", Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = officer } }, Cancel);
        await transaction.CommitAsync(Cancel);
        return id;
    }

    private Task<IReadOnlyList<SealedOpening>> RowsAsync() => audit.QueryAsync<SealedOpening>("select event_id, name, month, wrapped_key, sealed, erasure_id from audit_openings order by event_id");
}
