using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;
using Exchange.Tests.Files;
using Exchange.Tests.Flow;
using Npgsql;

namespace Exchange.Tests.Faults;

/// <summary>The broker's disk is full, or the database's, or the cities' for files; each has a small one of its own.</summary>
[Collection(ExchangeOnSmallDisks.Name)]
[Trait("needs", "server")]
public sealed class DiskTests(SmallDisks exchange)
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    [Fact, Trait("length", "long")]
    public async Task A_broker_without_space_blocks_its_publishers_and_the_outbox_keeps_what_is_accepted_meanwhile()
    {
        exchange.SkipWithoutDisks();
        var dataset = await PublishAsync();
        await exchange.ReceivedAsync(await exchange.SubmitAsync(dataset));

        List<string> accepted = [];
        exchange.Fill("rabbitmq", leave: 40_000_000);
        try
        {
            await Eventually.TrueAsync(async () => (await exchange.Stack.Rabbit!.ControlAsync(["-q", "eval", "rabbit_alarm:get_alarms()."], default)).Output.Contains("disk", StringComparison.Ordinal), Long);
            accepted.Add(await exchange.SubmitAsync(dataset));
            await Eventually.GetAsync(() => exchange.ReadinessAsync("zhuzhou"), r => r.Contains("the broker takes no messages", StringComparison.Ordinal) && r.Contains("\"status\":\"degraded\"", StringComparison.Ordinal), Long, r => r);

            accepted.Add(await exchange.SubmitAsync(dataset));
            await using var outbox = await exchange.AdminAsync("zhuzhou");
            await Eventually.TrueAsync(() => outbox.ExecuteScalarAsync<bool>("select not exists (select from service.outbox where sealed is null)"), Long);
            Assert.Equal(2, await outbox.ExecuteScalarAsync<int>("select count(*) from service.outbox where sent_at is null and type = 'Exchange.Contracts.RequestSubmitted'"));
        }
        finally
        {
            exchange.Free("rabbitmq");
        }

        foreach (var id in accepted)
        {
            await Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200, Long, a => a.Text);
            var timeline = await exchange.TimelineAsync(id, "request.submitted", "request.received");
            Assert.All(timeline["events"].EnumerateArray().GroupBy(e => e.GetProperty("type").GetString()), g => Assert.Single(g));
        }

        await exchange.DrainedAsync("zhuzhou", Long);
        Assert.DoesNotContain("takes no messages", await exchange.ReadinessAsync("zhuzhou"), StringComparison.Ordinal);
        await exchange.NothingSetAsideAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_database_without_space_refuses_and_half_does_nothing(bool logToo)
    {
        exchange.SkipWithoutDisks();
        var dataset = await PublishAsync();
        await exchange.DraftRequestAsync(dataset);
        await exchange.DrainedAsync("changsha", Long);
        var officer = exchange.Who("zhuzhou", "officer");
        await officer.TokenAsync();
        var before = await CountAsync();
        List<string> accepted = [], refused = [];

        exchange.Fill("postgres", leave: 0);
        try
        {
            if (logToo)
            {
                await FillLogAsync();
            }

            for (var i = 0; refused.Count < 3; i++)
            {
                Assert.True(i < 2000, "The disk is full and everything is still accepted.");
                var key = Guid.NewGuid().ToString();
                var asked = await AskAsync(key);
                if (asked.Status == 201)
                {
                    accepted.Add(key);
                    continue;
                }

                Assert.True(asked.Status == 503 && asked.Headers.ContainsKey("Retry-After"), asked.Text);
                refused.Add(key);
            }

            // Where the server only refuses what needs space, what is there can be read.
            if (!logToo)
            {
                (await officer.GetAsync("/api/cities/zhuzhou/requests")).Succeeded("read");
            }
        }
        finally
        {
            exchange.Free("postgres");
            await exchange.Stack.KeepPostgresAsync();
        }

        foreach (var key in refused.Concat(accepted))
        {
            var again = await Eventually.GetAsync(() => AskAsync(key), a => a.Status != 503, Long, a => a.Text);
            Assert.Equal(201, again.Status);
        }

        Assert.Equal(before + accepted.Count + refused.Count, await CountAsync());
        var id = await exchange.SubmitAsync(await PublishAsync());
        await Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/approvals/{id}"), a => a.Status == 200, Long, a => a.Text);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        var timeline = await exchange.TimelineAsync(id, "request.submitted", "request.received", "grant.activated");
        Assert.All(timeline["events"].EnumerateArray().GroupBy(e => e.GetProperty("type").GetString()), g => Assert.Single(g));
        foreach (var service in (string[])["changsha", "zhuzhou", "gateway"])
        {
            await exchange.DrainedAsync(service, Long);
        }

        await exchange.NothingSetAsideAsync();

        Task<Answer> AskAsync(string key) => officer.PostAsync("/api/cities/zhuzhou/requests", ExchangeFixture.RequestBody(dataset), key: key);
    }

    [Fact]
    public async Task A_disk_without_room_for_a_file_refuses_it_and_nothing_has_changed()
    {
        exchange.SkipWithoutDisks();
        var (dataset, etag) = await PatientlyAsync(() => exchange.PublishFileEntryAsync("changsha"));
        var large = SampleFiles.LargePdf(SmallDisks.RoomForFiles + 1);
        foreach (var content in (HttpContent[])[new ByteArrayContent(large), new Chunked(large)])
        {
            var refused = await exchange.HandInAsync("changsha", dataset, "a.pdf", content, etag);
            Assert.Equal((507, "no-room"), (refused.Status, refused["rule"].GetString()));
            Assert.Empty(Directory.GetFiles(Path.Combine(exchange.Stack.Data, "files", "changsha")));
        }

        // What fits is taken under the same ETag.
        (await exchange.HandInAsync("changsha", dataset, "a.pdf", new ByteArrayContent(SampleFiles.Pdf), etag)).Succeeded("hand in");
    }

    /// <summary>Each session that a stopped server left in a pool fails once, with a 503 that says to try again.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<Task<T>> act)
        where T : struct => (await Eventually.GetAsync<T?>(
            async () =>
            {
                try
                {
                    return await act();
                }
                catch (LocalFault fault) when (fault.Message.Contains("503", StringComparison.Ordinal))
                {
                    return null;
                }
            },
            done => done is not null, Long))!.Value;

    private Task<Guid> PublishAsync() => PatientlyAsync(async () => (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid());

    private async Task<long> CountAsync()
    {
        await using var city = await exchange.AdminAsync("zhuzhou");
        return await city.ExecuteScalarAsync<long>("select count(*) from service.sharing_requests where side = 'asking'");
    }

    /// <summary>Until the server wants another file for its log and finds no room: it stops, and cannot start again either.</summary>
    private async Task FillLogAsync()
    {
        try
        {
            await using var admin = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(exchange.Stack.Postgres!.AdminConnectionString) { Pooling = false }.ConnectionString);
            await admin.OpenAsync();
            while (true)
            {
                await admin.ExecuteAsync("select pg_logical_emit_message(false, 'fill', repeat('x', 1000000)), pg_switch_wal()");
            }
        }
        catch (NpgsqlException)
        {
            // That is what was wanted.
        }
    }
}

/// <summary>Small disks: for the database, for the broker and for files. Whoever uses it looks at his own traces only: it is not left as it was.</summary>
[CollectionDefinition(Name)]
public sealed class ExchangeOnSmallDisks : ICollectionFixture<SmallDisks>
{
    public const string Name = "exchange on small disks";
}

/// <summary>A faulty exchange on small disks.</summary>
public sealed class SmallDisks : FaultFixture
{
    /// <summary>Bytes.</summary>
    internal const int RoomForFiles = 16 << 20;

    private static readonly (string Name, string Size)[] Disks = [("postgres", "700m"), ("rabbitmq", "1200m"), ("files", $"{RoomForFiles >> 20}m")];

    private readonly List<string> mounted = [];
    private ThrowAway? place;
    private string? missing;

    public override async ValueTask InitializeAsync()
    {
        place = await ThrowAway.MakeAsync(default);
        foreach (var (name, size) in Disks)
        {
            var folder = Directory.CreateDirectory(Path.Combine(place.Folder, name)).FullName;
            var done = await Command.RunAsync("mount", ["-t", "tmpfs", "-o", $"size={size}", "exchange-test", folder]);
            if (done.Code != 0)
            {
                missing = $"No small disk can be mounted here: {done.Text}";
                return;
            }

            mounted.Add(folder);
        }

        await base.InitializeAsync();
    }

    internal void SkipWithoutDisks() => Assert.SkipWhen(missing is not null, missing ?? "");

    private protected override StackOptions Options() => base.Options() with
    {
        Data = place!.Folder,
        BrokerDiskLimit = "100MB",
    };

    /// <summary>Fills a disk up to so many bytes.</summary>
    internal void Fill(string disk, long leave)
    {
        using var filler = new FileStream(Filler(disk), FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        var piece = new byte[1 << 20];
        try
        {
            for (var room = new DriveInfo(Path.GetDirectoryName(Filler(disk))!).AvailableFreeSpace - leave; room > 0; room -= piece.Length)
            {
                filler.Write(piece, 0, (int)Math.Min(room, piece.Length));
            }
        }
        catch (IOException) when (leave == 0)
        {
            // Others write there too and were quicker: it is full.
        }
    }

    internal void Free(string disk) => File.Delete(Filler(disk));

    public override async ValueTask DisposeAsync()
    {
        if (missing is null)
        {
            await base.DisposeAsync();
        }

        foreach (var folder in mounted)
        {
            await Command.RequireAsync("umount", [folder]);
        }

        place?.Dispose();
    }

    private string Filler(string disk) => Path.Combine(place!.Folder, disk, "filler");
}

internal static class Restart
{
    /// <summary>Starts the database if it stopped, and waits until it takes connections.</summary>
    public static async Task KeepPostgresAsync(this Stack stack)
    {
        await Eventually.TrueAsync(async () =>
        {
            if (stack.Postgres!.Process is null)
            {
                await stack.StartPostgresAsync();
            }

            try
            {
                await using var admin = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(stack.Postgres.AdminConnectionString) { Pooling = false }.ConnectionString);
                await admin.OpenAsync();
                return true;
            }
            catch (NpgsqlException)
            {
                return false;
            }
        }, TimeSpan.FromSeconds(90));
    }
}
