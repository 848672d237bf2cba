using Dapper;
using Exchange.Audit.Recording;
using Npgsql;

namespace Exchange.Audit.Log;

/// <summary>
/// How far each source's records are in the log without a gap, kept in the append's own transaction. A record fills the next place; the ones that waited behind it follow
/// by their <c>prev</c>. A number that was taken up before means that the source was restored and counts again from there: so does this.
/// </summary>
internal static class TakenUp
{
    public static async Task AdvanceAsync(NpgsqlConnection connection, IEnumerable<SourceRecord> appended, CancellationToken cancel)
    {
        var arrived = appended.Where(record => record.Seq is not null).GroupBy(record => record.Source, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.ToList(), StringComparer.Ordinal);
        if (arrived.Count == 0)
        {
            return;
        }
        var tips = (await connection.QueryAsync<Tip>(new CommandDefinition("select source, seq, digest from taken_up where source = any(@Sources)", new { Sources = arrived.Keys.ToArray() }, cancellationToken: cancel)))
            .ToDictionary(tip => tip.Source, StringComparer.Ordinal);
        foreach (var (source, records) in arrived)
        {
            var before = tips.GetValueOrDefault(source);
            var tip = before ?? new Tip { Source = source, Seq = 0, Digest = [] };
            var waiting = false;
            foreach (var record in records)
            {
                if (record.Seq <= tip.Seq + 1)
                {
                    tip = new Tip { Source = source, Seq = record.Seq!.Value, Digest = record.Digest };
                }
                else
                {
                    waiting = true;
                }
            }
            if (tip.Seq == (before?.Seq ?? 0) && tip.Digest.AsSpan().SequenceEqual(before?.Digest))
            {
                continue;
            }
            // What came earlier than its predecessor, in this batch or before.
            if (waiting || await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from records where source = @Source and seq = @Seq + 1)", tip, cancellationToken: cancel)))
            {
                tip = await connection.QuerySingleAsync<Tip>(new CommandDefinition(Follow, tip, cancellationToken: cancel));
            }
            await connection.ExecuteAsync(new CommandDefinition("""
                insert into taken_up (source, seq, digest) values (@Source, @Seq, @Digest) on conflict (source) do update set seq = excluded.seq, digest = excluded.digest
                """, tip, cancellationToken: cancel));
        }
    }

    private sealed record Tip
    {
        public required string Source { get; init; }
        public required long Seq { get; init; }
        public required byte[] Digest { get; init; }
    }

    private const string Follow = """
        with recursive chain (seq, digest) as (
            select @Seq::bigint, @Digest::bytea
            union
            select r.seq, e.digest
            from chain c
            join records r on r.source = @Source and r.seq = c.seq + 1 and r.prev = c.digest
            join events e on e.event_id = r.event_id)
        select @Source as source, seq, digest from chain order by seq desc limit 1
        """;
}
