using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;
using Exchange.Verifier;
using Text = Exchange.Hosting.Text;

namespace Exchange.Local.Check;

/// <summary>
/// The log verifies: every tree is computed again from its leaves with the verifier's hashing, and head, tiles, signed checkpoints and search rows must follow from it.
/// A tree is walked once, in constant memory.
/// </summary>
internal static class LogTree
{
    private const int TileWidth = 256;
    private const int SignaturesVerified = 100;

    private static readonly Text Keep = new(
        "日志被改动或损坏：不要写入或修复，立即保留数据库副本，与其他城市或审计员手中的检查点对照（verifier consistency），从备份恢复审计数据库。",
        "The log was altered or damaged: write and mend nothing, keep a copy of the database at once, compare with a checkpoint that another city or an auditor holds (verifier consistency), and restore the audit database from its backup.");

    public static async Task CheckAsync(View view, Tally tally, CancellationToken ct)
    {
        view.RequireDatabases(tally, [Stack.Audit]);
        if (view[Stack.Audit] is not { } log)
            return;
        var logs = await log.ListAsync<LogRow>("select year, size, edge from logs where retired_at is null order by year", ct: ct);
        var trust = await TrustAsync(view.Exchange, [.. logs.Select(l => l.Year)], tally, ct);
        foreach (var row in logs)
            await CheckAsync(log, row, trust, tally, ct);
    }

    private static async Task CheckAsync(Snapshot log, LogRow row, Verifier.Trust? trust, Tally tally, CancellationToken ct)
    {
        var checkpoints = await log.ListAsync<CheckpointRow>("select size, root, note from checkpoints where year = @Year order by size", new { row.Year }, ct);
        var tiles = (await log.ListAsync<TileRow>("select level, idx, bytes from tiles where year = @Year", new { row.Year }, ct)).ToDictionary(t => (t.Level, t.Idx), t => t.Bytes);
        var tree = new Tree();
        var signed = 0;
        var differs = false;
        var last = DateTimeOffset.MinValue;
        Roots();
        // One connection reads one thing at a time: the leaves come in pages.
        while (await log.ListAsync<LeafRow>("""
            select l.idx, l.hash, l.bytes, e.event_id, e.digest, r.type, r.source, r.seq, r.exchange_id, r.delivery_id
            from leaves l left join events e using (year, idx) left join records r using (year, idx)
            where l.year = @Year and l.idx >= @From
            order by l.idx limit 2000
            """, new { row.Year, From = tree.Size }, ct) is { Count: > 0 } page)
        {
            foreach (var leaf in page)
            {
                if (leaf.Idx != tree.Size)
                {
                    tally.Find(log.Service, "leaves", Id(row.Year, tree.Size), new("序号连续", "leaves without a hole"), new($"下一条为第 {leaf.Idx} 号", $"the next one is {leaf.Idx}"), Keep);
                    return;
                }
                CheckLeaf(log.Service, row.Year, leaf, ref last, tally);
                tree.Append(Hashing.Leaf(leaf.Bytes), CheckTile);
                Roots();
            }
        }
        tally.Compared(tree.Size, "条日志记录", "leaves");
        tally.Compared(tiles.Count, "个哈希块", "tiles");
        if (tree.Size != row.Size || !tree.Edge.SequenceEqual(row.Edge))
            tally.Find(log.Service, "logs", row.Year, new($"{tree.Size} 条，边缘由记录算得", $"{tree.Size} leaves and the edge that follows from them"), new($"{row.Size} 条", tree.Size == row.Size ? "another edge" : $"{row.Size}"), Keep);
        foreach (var rest in tree.Partial())
            CheckTile(rest.Level, rest.Index, rest.Hashes);
        foreach (var (level, index) in tiles.Keys)
            tally.Find(log.Service, "tiles", $"{row.Year} {level}/{index}", new("由记录算得的块", "a tile that follows from the leaves"), new("多余的块", "one that does not"), Keep);
        foreach (var beyond in checkpoints.Skip(signed))
            tally.Find(log.Service, "checkpoints", Id(row.Year, beyond.Size), new($"不超过 {tree.Size} 条", $"a size of at most {tree.Size}"), new($"已签署 {beyond.Size} 条：末尾被截去", $"{beyond.Size} were signed: the tail is gone"), Keep);
        CheckSignatures(log.Service, row.Year, tree.Size, checkpoints, trust, tally);

        // Checkpoints come in the order of their sizes, as the tree grows past them.
        void Roots()
        {
            for (; signed < checkpoints.Count && checkpoints[signed].Size == tree.Size; signed++)
            {
                tally.Compared(1, "个检查点", "checkpoints");
                var root = tree.Root();
                // One altered leaf makes every root after it another one: the first tells where to look.
                if (differs || (root.AsSpan().SequenceEqual(checkpoints[signed].Root) && checkpoints[signed].Note.Contains($"\n{tree.Size}\n{Convert.ToBase64String(root)}\n\n", StringComparison.Ordinal)))
                    continue;
                differs = true;
                tally.Find(log.Service, "checkpoints", Id(row.Year, tree.Size), new($"树根 {Convert.ToBase64String(root)}", $"root {Convert.ToBase64String(root)}"), new(Convert.ToBase64String(checkpoints[signed].Root), Convert.ToBase64String(checkpoints[signed].Root)), Keep);
            }
        }

        void CheckTile(int level, long index, byte[] hashes)
        {
            if (!tiles.Remove((level, index), out var stored) || !stored.AsSpan().SequenceEqual(hashes))
                tally.Find(log.Service, "tiles", $"{row.Year} {level}/{index}", new("由记录算得的哈希", "the hashes that follow from the leaves"), new(stored is null ? "没有此块" : "不同的哈希", stored is null ? "no such tile" : "other hashes"), Keep);
        }
    }

    private static void CheckLeaf(string service, int year, LeafRow leaf, ref DateTimeOffset last, Tally tally)
    {
        var id = Id(year, leaf.Idx);
        if (!Hashing.Leaf(leaf.Bytes).AsSpan().SequenceEqual(leaf.Hash))
            tally.Find(service, "leaves", id, new("内容的哈希", "the hash of its bytes"), new("另一个哈希：内容或哈希被改动", "another one: bytes or hash were altered"), Keep);
        Leaf told;
        try
        {
            told = Leaf.Parse(leaf.Bytes);
        }
        catch (Refusal)
        {
            tally.Find(service, "leaves", id, new("一条审计记录", "an audit record"), new("无法读取", "it cannot be read"), Keep);
            return;
        }
        if (told.ReceivedAt < last || told.ReceivedAt.Year != year)
            tally.Find(service, "leaves", id, new($"收到时间不早于 {last:O}", $"received no earlier than {last:O}"), new($"{told.ReceivedAt:O}", $"{told.ReceivedAt:O}"), Keep);
        last = told.ReceivedAt > last ? told.ReceivedAt : last;

        // The source's bytes verbatim stand between these two: {"event": … ,"received_at":"2026-01-01T00:00:00.000Z"}
        var content = leaf.Bytes.AsSpan("{\"event\":".Length..^",\"received_at\":\"2026-01-01T00:00:00.000Z\"}".Length);
        if (leaf.Digest is null || !SHA256.HashData(content).AsSpan().SequenceEqual(leaf.Digest) || Word("id") != leaf.EventId?.ToString())
            tally.Find(service, "events", id, new($"编号 {Word("id")} 与内容的摘要", $"id {Word("id")} and the digest of its content"), new(leaf.EventId?.ToString() ?? "没有", leaf.EventId is null ? "there is none" : $"{leaf.EventId} or another digest"), Keep);
        var delivery = told.Event.TryGetProperty("details", out var details) && details.TryGetProperty("delivery_id", out var named) ? named.GetString() : null;
        if ((leaf.Type, leaf.Source, leaf.Seq?.ToString(CultureInfo.InvariantCulture), leaf.ExchangeId?.ToString(), leaf.DeliveryId?.ToString()) != (Word("type"), Word("source"), Word("seq"), Word("exchange_id"), delivery))
        {
            tally.Find(service, "records", id, new($"{Word("source")} {Word("seq")} {Word("type")}（记录原文）", $"{Word("source")} {Word("seq")} {Word("type")}, as the leaf says"), new($"{leaf.Source} {leaf.Seq} {leaf.Type}", $"{leaf.Source} {leaf.Seq} {leaf.Type}"),
                new("检索表是记录的副本，证明不受影响；从备份恢复审计数据库。", "Search rows are a copy and no proof rests on them; restore the audit database from its backup."));
        }

        string? Word(string name) => told.Event.TryGetProperty(name, out var value) ? value.ToString() : null;
    }

    private static void CheckSignatures(string service, int year, long size, IReadOnlyList<CheckpointRow> checkpoints, Verifier.Trust? trust, Tally tally)
    {
        if (size > 0 && (checkpoints.Count == 0 || checkpoints[^1].Size < size))
        {
            tally.Find(service, "checkpoints", Id(year, size), new("末尾已签署", "the end is signed"), new(checkpoints.Count == 0 ? "没有检查点" : $"最新的为 {checkpoints[^1].Size} 条", checkpoints.Count == 0 ? "no checkpoint" : $"the newest is of {checkpoints[^1].Size}"),
                new("查看审计服务日志：它不会签署与已签署内容不一致的日志。", "See the audit service's log: it signs nothing that does not extend what it signed before."));
        }
        if (trust is null)
            return;
        // The newest one vouches for all leaves; those before it are what others may hold by now.
        foreach (var checkpoint in checkpoints.TakeLast(SignaturesVerified))
        {
            try
            {
                trust.Accept(checkpoint.Note);
                tally.Compared(1, "个经核对签名的检查点", "checkpoints whose signatures were verified");
            }
            catch (Refusal refusal)
            {
                tally.Find(service, "checkpoints", Id(year, checkpoint.Size), new("信任文件所列密钥的有效签名", "valid signatures of the keys in the trust file"), new(refusal.Reason.Zh, refusal.Reason.En), Keep);
            }
        }
    }

    private static async Task<Verifier.Trust?> TrustAsync(Surroundings exchange, IReadOnlyList<int> years, Tally tally, CancellationToken ct)
    {
        var reason = "";
        foreach (var address in exchange.TrustFile is null ? exchange.Addresses(Stack.Audit) : [exchange.PublicAddress])
        {
            try
            {
                var json = exchange.TrustFile is { } path
                    ? await File.ReadAllBytesAsync(path, ct)
                    : JsonSerializer.SerializeToUtf8Bytes(await Trust.OfLogAsync(address, exchange.PublicAddress, years, ct), Files.Json);
                // What the log itself signed is looked at here; the witnesses' lines are asked for by who verifies.
                return Verifier.Trust.Parse(json) with { Quorum = 0 };
            }
            catch (Unusable fault)
            {
                reason = fault.Reason.En;
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException or HttpRequestException || (fault is TaskCanceledException && !ct.IsCancellationRequested))
            {
                reason = fault.Message;
            }
        }
        tally.Find(Stack.Audit, "checkpoints", exchange.TrustFile ?? "vkeys", new("可核对签名的公钥", "the keys to verify signatures with"), new(reason, reason),
            new("deploy/up 每次启动都会写出 .local/trust.json；无审计服务时无法取得公钥。", "deploy/up writes .local/trust.json at each start; without it the audit service must answer."));
        return null;
    }

    private static string Id(int year, long index) => string.Create(CultureInfo.InvariantCulture, $"{year} {index}");

    /// <summary>The growing tree: the roots of its full subtrees, and the tiles that are still being filled.</summary>
    private sealed class Tree
    {
        private readonly List<byte[]> edge = [];
        private readonly List<(long Index, List<byte[]> Hashes)> filling = [];

        public long Size { get; private set; }

        public IEnumerable<byte> Edge => edge.SelectMany(h => h);

        public void Append(byte[] leafHash, Action<int, long, byte[]> fullTile)
        {
            var hash = leafHash;
            var level = 0;
            Fill(0, Size, hash, fullTile);
            for (var index = Size; (index & 1) == 1; index >>= 1)
            {
                hash = Hashing.Node(edge[^1], hash);
                edge.RemoveAt(edge.Count - 1);
                if (++level % 8 == 0)
                    Fill(level / 8, index >> 1, hash, fullTile);
            }
            edge.Add(hash);
            Size++;
        }

        public byte[] Root()
        {
            if (Size == 0)
                return SHA256.HashData([]);
            var root = edge[^1];
            for (var i = edge.Count - 2; i >= 0; i--)
                root = Hashing.Node(edge[i], root);
            return root;
        }

        public IEnumerable<(int Level, long Index, byte[] Hashes)> Partial() =>
            filling.Select((tile, level) => (level, tile.Index, tile.Hashes.SelectMany(h => h).ToArray())).Where(t => t.Item3.Length > 0);

        private void Fill(int level, long index, byte[] hash, Action<int, long, byte[]> fullTile)
        {
            if (filling.Count == level)
                filling.Add((0, []));
            var (tile, hashes) = filling[level];
            hashes.Add(hash);
            if (hashes.Count < TileWidth)
                return;
            fullTile(level, tile, [.. hashes.SelectMany(h => h)]);
            filling[level] = (index / TileWidth + 1, []);
        }
    }

    private sealed record LogRow
    {
        public required int Year { get; init; }
        public required long Size { get; init; }
        public required byte[] Edge { get; init; }
    }

    private sealed record LeafRow
    {
        public required long Idx { get; init; }
        public required byte[] Hash { get; init; }
        public required byte[] Bytes { get; init; }
        public Guid? EventId { get; init; }
        public byte[]? Digest { get; init; }
        public string? Type { get; init; }
        public string? Source { get; init; }
        public long? Seq { get; init; }
        public Guid? ExchangeId { get; init; }
        public Guid? DeliveryId { get; init; }
    }

    private sealed record TileRow
    {
        public required int Level { get; init; }
        public required long Idx { get; init; }
        public required byte[] Bytes { get; init; }
    }

    private sealed record CheckpointRow
    {
        public required long Size { get; init; }
        public required byte[] Root { get; init; }
        public required string Note { get; init; }
    }
}
