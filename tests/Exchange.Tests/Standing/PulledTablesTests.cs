using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Standing;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Xunit;

namespace Exchange.Tests.Standing;

/// <summary>The copy and its position: changed together or not at all, by one process and by no other.</summary>
public sealed class PulledTablesTests(PublishingCity city)
{
    private static readonly (string, string)[] Fields = [("no", "I"), ("name", "C"), ("paid", "Y"), ("ratio", "F"), ("on_day", "D"), ("seen", "T"), ("ok", "L")];

    [Fact]
    public async Task Changes_are_carried_in_once_and_whoever_comes_from_another_position_changes_nothing()
    {
        await using var parts = await city.PartsAsync();
        await using var rows = parts.Tables();
        var (tables, exchange) = (new PulledTables(rows), Guid.CreateVersion7());
        await Task.WhenAll(tables.PrepareAsync(CancellationToken.None), tables.PrepareAsync(CancellationToken.None));
        Assert.Null(await tables.FindAsync(exchange, CancellationToken.None));
        await using var reader = await city.OpenAsync("reader");

        // Two bring the first state: one of them does.
        await using (var first = await BeginAsync(whole: true, Row(1, "甲"), Row(2, "乙")))
        await using (var second = await BeginAsync(whole: true, Row(1, "甲"), Row(2, "乙")))
        {
            await first.ApplyAsync(exchange, null, At(first, "one"), continued: false, CancellationToken.None);
            await Assert.ThrowsAsync<PositionMovedException>(() => second.ApplyAsync(exchange, null, At(second, "one"), continued: false, CancellationToken.None));
        }

        Assert.Equal(["1 甲 12.50 0.5 2026-03-05 2026-03-05 00:30:00 t", "2 乙 12.50 0.5 2026-03-05 2026-03-05 00:30:00 t"], await CopyAsync());
        var one = (await tables.FindAsync(exchange, CancellationToken.None))!;
        Assert.Equal(("one", "no"), (one.Cursor, Assert.Single(one.Key)));

        // One that was frozen with changes from there finds that another has gone on.
        await using (var frozen = await BeginAsync(whole: false, Row(1, "丙")))
        {
            await using (var other = await BeginAsync(whole: false, Row(1, "丁"), Row(3, null)))
            {
                await other.DeleteAsync(Json("""{"no":2}"""), CancellationToken.None);
                await other.ApplyAsync(exchange, one, At(other, "two"), continued: false, CancellationToken.None);
            }

            await Assert.ThrowsAsync<PositionMovedException>(() => frozen.ApplyAsync(exchange, one, At(frozen, "two"), continued: false, CancellationToken.None));
        }

        Assert.Equal(["1 丁 12.50 0.5 2026-03-05 2026-03-05 00:30:00 t", "3 ∅ 12.50 0.5 2026-03-05 2026-03-05 00:30:00 t"], await CopyAsync());
        var two = (await tables.FindAsync(exchange, CancellationToken.None))!;

        // What breaks off, or is not what it says, leaves nothing behind.
        await using (var broken = await BeginAsync(whole: false, Row(9, "戊")))
        {
            await Assert.ThrowsAsync<NotUnderstoodException>(() => broken.UpsertAsync(Json("""{"no":"x","name":"己"}"""), CancellationToken.None));
        }

        await using (var twice = await BeginAsync(whole: true, Row(7, "庚"), Row(7, "辛")))
        {
            await Assert.ThrowsAsync<Npgsql.PostgresException>(() => twice.ApplyAsync(exchange, two, At(twice, "three"), continued: false, CancellationToken.None));
        }

        Assert.Equal("two", (await tables.FindAsync(exchange, CancellationToken.None))!.Cursor);
        Assert.Equal(2, (await CopyAsync()).Count);

        // A state in parts waits beside the copy until it is whole; whoever comes with a part that was taken changes nothing.
        await using (var part = await BeginAsync(whole: true, Row(5, "壬")))
        {
            await part.ApplyAsync(exchange, two, At(part, "two") with { PartCursor = "part" }, continued: false, CancellationToken.None);
        }

        Assert.Equal(2, (await CopyAsync()).Count);
        var halfway = (await tables.FindAsync(exchange, CancellationToken.None))!;
        Assert.Equal(("two", "part"), (halfway.Cursor, halfway.PartCursor));
        await using (var again = await BeginAsync(whole: true, Row(6, "癸")))
        {
            await Assert.ThrowsAsync<PositionMovedException>(() => again.ApplyAsync(exchange, two, At(again, "three"), continued: true, CancellationToken.None));
        }

        await using (var last = await BeginAsync(whole: true, Row(6, "癸")))
        {
            await last.ApplyAsync(exchange, halfway, At(last, "three"), continued: true, CancellationToken.None);
        }

        Assert.Equal(["5 壬", "6 癸"], (await CopyAsync()).Select(row => row[..3]));
        Assert.Equal(("three", (string?)null), ((await tables.FindAsync(exchange, CancellationToken.None))!.Cursor, (await tables.FindAsync(exchange, CancellationToken.None))!.PartCursor));

        // Sealed it is there and nobody reads it; deleted it is gone, and a pull that was on its way does not bring it back.
        await using (var late = await BeginAsync(whole: true, Row(1, "甲")))
        {
            await tables.DisposeAsync(exchange, seal: true, CancellationToken.None);
            Assert.Equal("42501", (await Assert.ThrowsAsync<Npgsql.PostgresException>(CopyAsync)).SqlState);
            await tables.DisposeAsync(exchange, seal: false, CancellationToken.None);
            await Assert.ThrowsAsync<PositionMovedException>(() => late.ApplyAsync(exchange, null, At(late, "one"), continued: false, CancellationToken.None));
        }

        Assert.Equal("42P01", (await Assert.ThrowsAsync<Npgsql.PostgresException>(CopyAsync)).SqlState);
        Assert.Null(await tables.FindAsync(exchange, CancellationToken.None));
        Assert.False(await reader.ExecuteScalarAsync<bool>("select exists (select from pg_tables where schemaname = 'data' and tablename like any (array['incoming%', 'parts%']))"));

        async Task<IncomingRows> BeginAsync(bool whole, params string[] lines)
        {
            var incoming = await tables.BeginAsync(whole, Fields, ["no"], DateTimeOffset.UtcNow, CancellationToken.None);
            foreach (var line in lines)
            {
                await incoming.UpsertAsync(Json(line), CancellationToken.None);
            }

            return incoming;
        }

        async Task<List<string>> CopyAsync() => [.. await reader.QueryAsync<string>($"""
            select concat_ws(' ', c1, coalesce(c2, '∅'), c3, c4, c5, c6 at time zone 'UTC', c7) from data.{PulledTables.NameOf(exchange)} order by c1
            """)];
    }

    [Fact]
    public async Task Lines_are_read_however_they_are_cut_into_pieces_and_a_rest_is_no_line()
    {
        var text = Encoding.UTF8.GetBytes("""{"op":"begin","name":"长沙"}""" + "\n" + """{"op":"end"}""" + "\n");
        for (var piece = 1; piece <= text.Length; piece++)
        {
            using var idle = new CancellationTokenSource();
            var lines = new ChangeLines(new InPieces(text, piece), idle, TimeSpan.FromMinutes(1), 1000);
            Assert.Equal("长沙", (await lines.NextAsync())!.RootElement.GetProperty("name").GetString());
            Assert.Equal("end", (await lines.NextAsync())!.RootElement.GetProperty("op").GetString());
            Assert.Null(await lines.NextAsync());
            Assert.Equal((text.Length, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(text))), (lines.Bytes, lines.Sha256));
        }

        using var still = new CancellationTokenSource();
        var cut = new ChangeLines(new InPieces(text[..^3], 7), still, TimeSpan.FromMinutes(1), 1000);
        await cut.NextAsync();
        await Assert.ThrowsAsync<IOException>(cut.NextAsync);
        await Assert.ThrowsAsync<NotUnderstoodException>(new ChangeLines(new InPieces(new byte[5000], 100), still, TimeSpan.FromMinutes(1), 1000).NextAsync);
    }

    [Fact]
    public void The_next_time_is_every_so_many_minutes_or_daily_in_Beijing()
    {
        var moment = new DateTimeOffset(2026, 11, 22, 18, 29, 0, TimeSpan.Zero);
        Assert.Equal(moment.AddMinutes(5), new StandingSchedule(5, null).After(moment));
        Assert.Equal(new DateTimeOffset(2026, 11, 22, 18, 30, 0, TimeSpan.Zero), new StandingSchedule(null, "02:30").After(moment));
        Assert.Equal(new DateTimeOffset(2026, 11, 23, 18, 30, 0, TimeSpan.Zero), new StandingSchedule(null, "02:30").After(moment.AddMinutes(1)));
        Assert.Equal(new DateTimeOffset(2026, 11, 23, 16, 0, 0, TimeSpan.Zero), new StandingSchedule(null, "00:00").After(moment));
    }

    private static PulledPosition At(IncomingRows incoming, string cursor) =>
        new() { Cursor = cursor, Columns = incoming.Columns, Key = incoming.Key, DeliveryId = Guid.CreateVersion7(), Sha256 = new string('0', 64), Bytes = 1, Rows = incoming.Rows };

    private static string Row(int no, string? name) => $$"""{"no":{{no}},"name":{{(name is null ? "null" : $"\"{name}\"")}},"paid":12.50,"ratio":0.5,"on_day":"2026-03-05","seen":"2026-03-05T08:30:00+08:00","ok":true}""";

    private static JsonElement Json(string text) => JsonSerializer.Deserialize<JsonElement>(text);

    /// <summary>Gives so many bytes at a time.</summary>
    private sealed class InPieces(byte[] content, int piece) : MemoryStream(content)
    {
        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, piece));

        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(buffer.Length, piece)]);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => base.ReadAsync(buffer, offset, Math.Min(count, piece), cancellationToken);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => base.ReadAsync(buffer[..Math.Min(buffer.Length, piece)], cancellationToken);
    }
}
