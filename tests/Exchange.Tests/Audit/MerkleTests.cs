using System.Text;
using Exchange.Audit.Log;
using Exchange.Hosting.Transparency;
using Exchange.Verifier;
using Checkpoint = Exchange.Hosting.Transparency.Checkpoint;

namespace Exchange.Tests.Audit;

public sealed class MerkleTests
{
    [Fact]
    public void The_published_log_has_the_same_roots_tiles_and_bundles()
    {
        var log = new MemoryLog();
        for (var size = 0; size <= TesseraLog.Leaves.Count; size++)
        {
            if (size > 0)
            {
                log.Append(TesseraLog.Leaves[size - 1]);
                var tile = new TilePath(0, 0, size).ToString();
                Assert.Equal(TesseraLog.File("tile", tile), log.Tiles[(0, 0)]);
                var bundle = new TilePath(null, 0, size).ToString();
                Assert.Equal(TesseraLog.File("tile", bundle), EntryBundle.Write([.. TesseraLog.Leaves.Take(size)]));
            }
            var published = Encoding.UTF8.GetString(TesseraLog.File($"checkpoint.{size}"));
            Assert.StartsWith(new Checkpoint(TesseraLog.Origin, size, log.Root).Body + "\n", published, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_proof_of_a_small_tree_convinces_the_verifier()
    {
        var log = new MemoryLog();
        List<byte[]> roots = [log.Root];
        for (var i = 0; i < 70; i++)
        {
            log.Append([(byte)i]);
            roots.Add(log.Root);
        }
        for (var size = 1; size <= 70; size++)
        {
            Assert.Equal(roots[size], Proofs.Fold(Proofs.Root(size), log.Hashes.Hash));
            for (var index = 0; index < size; index++)
            {
                var path = Proofs.Inclusion(index, size).Select(step => Proofs.Fold(step, log.Hashes.Hash)).ToList();
                Assert.True(Hashing.Includes((ulong)index, (ulong)size, Hashing.Leaf([(byte)index]), path, roots[size]));
                Assert.False(Hashing.Includes((ulong)index, (ulong)size, Hashing.Leaf([(byte)(index + 1)]), path, roots[size]));
            }
            for (var old = 1; old <= size; old++)
            {
                var path = Proofs.Consistency(old, size).Select(step => Proofs.Fold(step, log.Hashes.Hash)).ToList();
                Assert.True(Hashing.Extends((ulong)old, roots[old], (ulong)size, roots[size], path));
                Assert.Equal(old == size, Hashing.Extends((ulong)old, roots[old], (ulong)size, roots[old], path));
            }
        }
    }

    [Fact]
    public void Seventy_thousand_leaves_fill_the_tiles_the_specification_counts()
    {
        var log = new MemoryLog();
        for (var i = 0; i < 70_000; i++)
        {
            log.Append(BitConverter.GetBytes(i));
        }
        var tiles = TilePath.All(70_000).ToList();
        Assert.Equal([(0, 256, 273), (0, 112, 1), (1, 256, 1), (1, 17, 1), (2, 1, 1)],
            tiles.GroupBy(tile => (tile.Level!.Value, tile.Width)).Select(group => (group.Key.Value, group.Key.Width, group.Count())));
        Assert.All(tiles, tile => Assert.Equal(tile.Width * Merkle.HashSize, log.Tiles[(tile.Level!.Value, tile.Index)].Length));
        Assert.Equal(tiles.Count, log.Tiles.Count);

        // A proof from the smaller tree reads only a prefix of tiles that have grown since.
        foreach (var (index, size) in new (long, long)[] { (0, 70_000), (69_999, 70_000), (65_535, 65_537), (12_345, 66_000), (255, 256), (256, 257) })
        {
            var path = Proofs.Inclusion(index, size).Select(step => Proofs.Fold(step, log.Hashes.Hash)).ToList();
            var root = Proofs.Fold(Proofs.Root(size), log.Hashes.Hash);
            Assert.True(Hashing.Includes((ulong)index, (ulong)size, Hashing.Leaf(BitConverter.GetBytes((int)index)), path, root));
        }
        Assert.Equal(log.Root, Proofs.Fold(Proofs.Root(70_000), log.Hashes.Hash));
    }

    [Fact]
    public void The_edge_survives_being_stored()
    {
        var (whole, restored) = (new MemoryLog(), Edge.Empty);
        for (var i = 0; i < 600; i++)
        {
            whole.Append([(byte)i]);
            restored.Append(Merkle.LeafHash([(byte)i]), (_, _, _) => { });
            restored = Edge.Read(restored.Size, restored.Write());
            Assert.Equal(whole.Root, restored.Root());
        }
        Assert.Throws<InvalidDataException>(() => Edge.Read(3, new byte[32]));
    }

    [Theory]
    [InlineData("0/000", 0, 0L, 256)]
    [InlineData("0/x001/x234/067", 0, 1_234_067L, 256)]
    [InlineData("3/x001/000.p/255", 3, 1_000L, 255)]
    [InlineData("7/012.p/1", 7, 12L, 1)]
    public void Tile_paths_are_read_and_written(string path, int level, long index, int width)
    {
        Assert.Equal(new TilePath(level, index, width), TilePath.Parse(path));
        Assert.Equal(new TilePath(null, index, width), TilePath.Parse("entries" + path[1..]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("0/")]
    [InlineData("0/0")]
    [InlineData("00/000")]
    [InlineData("+1/000")]
    [InlineData("8/000")]
    [InlineData("0/x000/001")]
    [InlineData("0/001/001")]
    [InlineData("0/x001")]
    [InlineData("0/000.p/0")]
    [InlineData("0/000.p/256")]
    [InlineData("0/000.p/01")]
    [InlineData("0/000.p")]
    [InlineData("0/x00a/000")]
    [InlineData("0/-01")]
    [InlineData("entries")]
    [InlineData("entries/../0")]
    [InlineData("0/x001/x001/x001/x001/x001/001")]
    public void Other_spellings_of_a_tile_path_are_not(string path) => Assert.Null(TilePath.Parse(path));
}
