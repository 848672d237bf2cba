using System.Text;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Checkpoints;

/// <summary>What anyone may read about a log without seeing a leaf: its newest checkpoint, its growth, its keys.</summary>
internal static class ReadCheckpoints
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/logs", ListAsync).AllowAnyone().WithSummary("日志一览 · The logs, newest first");
        routes.MapGet("/log/{year:int}/checkpoint", CheckpointAsync).AllowAnyone().WithSummary("最新检查点 · Newest signed checkpoint (C2SP signed note)");
        routes.MapGet("/log/{year:int}/consistency", ConsistencyAsync).AllowAnyone().WithSummary("一致性证明 · Hashes proving that one tree extends another");
        routes.MapGet("/log/{year:int}/vkeys", KeysAsync).AllowAnyone().WithSummary("日志公钥 · The log's verifier keys, one a line");
    }

    public static readonly Rule NotYetSigned = new("not-yet-signed", StatusCodes.Status404NotFound, null,
        new("记录已写入日志，但尚未被签名的检查点覆盖。", "What you ask for is in the log, but no signed checkpoint covers it yet."),
        new("请一秒后重试。", "Retry in a second."));

    public static readonly Rule NotYetWitnessed = new("not-yet-witnessed", StatusCodes.Status404NotFound, null,
        new("记录已写入日志并签名，但见证城市尚未达到约定数目。", "The record is in the log and signed for, but fewer witnesses than agreed have cosigned it yet."),
        new("请一秒后重试；见证方离线时由其运维人员恢复。", "Retry in a second; while witnesses are away their operators bring them back."));

    private static readonly Rule WrongRange = new("wrong-tree-sizes", StatusCodes.Status400BadRequest, null,
        new("old 与 new 须为不超过最新检查点的树大小，且 old 不大于 new。", "old and new are tree sizes up to the newest checkpoint, old not above new."),
        new("请先读取检查点，用其中的大小作为 new。", "Read the checkpoint first and use its size as new."));

    private static async Task<Ok<LogList>> ListAsync(Database database, Witnesses witnesses, Origins origins, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<LogRow>(new CommandDefinition("""
            select l.year, l.year < max(l.year) over () as closed, c.size, c.signed_at
            from logs l
            left join lateral (select size, signed_at from checkpoints where year = l.year order by size desc limit 1) c on true
            order by l.year desc
            """, cancellationToken: cancel));
        List<LogEntry> logs = [];
        foreach (var row in rows)
        {
            var agreed = witnesses.AgreedOn(origins.Of(row.Year));
            logs.Add(new LogEntry(row.Year, origins.Of(row.Year), origins.AddressOf(row.Year), row.Size, row.SignedAt, row.Closed)
            {
                WitnessedSize = agreed is null ? null : (await WitnessedAsync(connection, row.Year, agreed, cancel))?.Size,
                Witnesses = agreed is null ? [] : [.. await connection.QueryAsync<WitnessSeen>(new CommandDefinition(LastSeen, new { row.Year, names = agreed.Witnesses.Select(w => w.Name).ToArray() }, cancellationToken: cancel))],
                FinalSize = agreed is null ? null : (await WitnessedAsync(connection, row.Year, agreed with { Quorum = agreed.Witnesses.Count }, cancel))?.Size,
            });
        }
        return TypedResults.Ok(new LogList(logs));
    }

    /// <param name="witnessed">The newest one that the agreed quorum has cosigned, instead of the newest one.</param>
    private static async Task<Results<ContentHttpResult, Refused>> CheckpointAsync(int year, bool? witnessed, Database database, Witnesses witnesses, Origins origins, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var agreed = witnessed == true ? witnesses.AgreedOn(origins.Of(year)) : null;
        if ((agreed is null ? await NewestAsync(connection, year, cancel) : await WitnessedAsync(connection, year, agreed, cancel)) is not { } newest)
        {
            return agreed is null ? Pipeline.NotFound() : new Refused(NotYetWitnessed) { RetryAfter = 1 };
        }
        http.Response.Headers.CacheControl = "public, max-age=1";
        return TypedResults.Text(newest.Note, "text/plain", Encoding.UTF8);
    }

    private static async Task<Results<ContentHttpResult, Refused>> ConsistencyAsync(int year, long old, [Microsoft.AspNetCore.Mvc.FromQuery(Name = "new")] long newer, Database database, LogReader log, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await NewestAsync(connection, year, cancel) is not { } newest)
        {
            return Pipeline.NotFound();
        }
        if (old < 0 || old > newer || newer > newest.Size)
        {
            return new Refused(WrongRange);
        }
        var hashes = await log.ConsistencyAsync(year, old, newer, cancel);
        return TypedResults.Text(string.Concat(hashes.Select(hash => Convert.ToBase64String(hash) + "\n")), "text/plain", Encoding.UTF8);
    }

    private static async Task<Results<ContentHttpResult, Refused>> KeysAsync(int year, Database database, LogKeyring keys, Origins origins, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        // Next year's name is given out too, so that it can be trusted before the year begins.
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select @year between min(year) and max(year) + 1 from logs", new { year }, cancellationToken: cancel));
        return exists
            ? TypedResults.Text(string.Concat(keys.Signers.Select(signer => $"{signer.VerifierKey(origins.Of(year))}\n")), "text/plain", Encoding.UTF8)
            : Pipeline.NotFound();
    }

    /// <summary>The newest published checkpoint, with what the witnesses last said of it.</summary>
    public static Task<Newest?> NewestAsync(Npgsql.NpgsqlConnection connection, int year, CancellationToken cancel) =>
        connection.QuerySingleOrDefaultAsync<Newest?>(new CommandDefinition("""
            select c.size, c.note || coalesce((select string_agg(newest, '' order by witness) from cosignatures where year = @year and size = c.size), '') as note
            from checkpoints c where c.year = @year order by c.size desc limit 1
            """, new { year }, cancellationToken: cancel));

    /// <summary>The newest checkpoint that so many of these witnesses have cosigned, with the lines that date it.</summary>
    public static Task<Newest?> WitnessedAsync(Npgsql.NpgsqlConnection connection, int year, Agreement agreed, CancellationToken cancel) =>
        connection.QuerySingleOrDefaultAsync<Newest?>(new CommandDefinition("""
            select c.size, c.note || s.lines as note, s.at
            from (
                select size, string_agg(line, '' order by witness) as lines, (array_agg(newest_at order by newest_at desc))[@Quorum] as at
                from cosignatures where year = @year and witness = any(@names)
                group by size having count(*) >= @Quorum
                order by size desc limit 1) s
            join checkpoints c on c.year = @year and c.size = s.size
            """, new { year, agreed.Quorum, names = agreed.Witnesses.Select(w => w.Name).ToArray() }, cancellationToken: cancel));

    private const string LastSeen = """
        select n.name, c.size, c.newest_at as at
        from unnest(@names) with ordinality as n (name, place)
        left join lateral (select size, newest_at from cosignatures where year = @Year and witness = n.name order by size desc limit 1) c on true
        order by n.place
        """;

    public sealed record Newest
    {
        public required long Size { get; init; }
        public required string Note { get; init; }

        /// <summary>When the quorum last said that it knows no larger tree; null where none was asked for.</summary>
        public DateTimeOffset? At { get; init; }
    }

    private sealed record LogRow
    {
        public required int Year { get; init; }
        public required bool Closed { get; init; }
        public long? Size { get; init; }
        public DateTimeOffset? SignedAt { get; init; }
    }
}

internal sealed record LogList(IReadOnlyList<LogEntry> Items);

/// <param name="Year">Year of the receive times in it, UTC.</param>
/// <param name="Origin">First line of its checkpoints.</param>
/// <param name="Address">Where its checkpoint, tiles and proofs are.</param>
/// <param name="Size">Leaves under the newest checkpoint; absent before the first one.</param>
/// <param name="SignedAt">When that checkpoint was signed.</param>
/// <param name="Closed">True when a later year's log has begun.</param>
internal sealed record LogEntry(int Year, string Origin, string Address, long? Size, DateTimeOffset? SignedAt, bool Closed)
{
    /// <summary>Leaves under the newest checkpoint that the agreed quorum has cosigned; absent where none was agreed on.</summary>
    public long? WitnessedSize { get; init; }

    /// <summary>Leaves under the newest checkpoint that all agreed witnesses have cosigned.</summary>
    public long? FinalSize { get; init; }

    /// <summary>The agreed witnesses, in the order of the agreement.</summary>
    public IReadOnlyList<WitnessSeen> Witnesses { get; init; } = [];
}

/// <summary>A witness of a log.</summary>
internal sealed record WitnessSeen
{
    public required string Name { get; init; }

    /// <summary>The largest tree that it has cosigned; absent when none.</summary>
    public long? Size { get; init; }

    /// <summary>When it last said that it knows no larger one.</summary>
    public DateTimeOffset? At { get; init; }
}
