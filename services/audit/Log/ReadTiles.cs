using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Log;

/// <summary>The tiles of c2sp.org/tlog-tiles: hashes for anyone, entries for auditors. Only what a signed checkpoint covers is served; full tiles are files (<see cref="TileFiles"/>).</summary>
internal static class ReadTiles
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/log/{year:int}/tile/{level:int}/{**rest}", HashesAsync).AllowAnyone().WithSummary("哈希瓦片 · A tile of hashes");
        routes.MapGet("/log/{year:int}/tile/entries/{**rest}", EntriesAsync).AllowCallers(Roles.Auditor).IsALook("entries").WithSummary("记录包 · A bundle of leaves");
    }

    private static Task<Results<PhysicalFileHttpResult, FileContentHttpResult, Refused>> HashesAsync(int year, int level, string rest, Database database, TileFiles files, HttpContext http, CancellationToken cancel) =>
        // As it was spelt: the route's own number has lost leading zeros.
        ServeAsync(year, TilePath.Parse($"{http.Request.RouteValues["level"]}/{rest}"), "public", database, files, http, (connection, tile) => connection.QuerySingleAsync<byte[]>(new CommandDefinition("""
            select substring(bytes for @Length) from tiles where year = @year and level = @level and idx = @Index
            """, new { year, level, tile.Index, Length = tile.Width * Merkle.HashSize }, cancellationToken: cancel)), cancel);

    private static Task<Results<PhysicalFileHttpResult, FileContentHttpResult, Refused>> EntriesAsync(int year, string rest, Database database, TileFiles files, HttpContext http, CancellationToken cancel) =>
        ServeAsync(year, TilePath.Parse($"entries/{rest}"), "private", database, files, http, async (connection, tile) =>
        {
            var first = tile.Index * TilePath.FullWidth;
            var leaves = await connection.QueryAsync<byte[]>(new CommandDefinition("""
                select bytes from leaves where year = @year and idx >= @first and idx < @end order by idx
                """, new { year, first, end = first + tile.Width }, cancellationToken: cancel));
            return EntryBundle.Write(leaves.AsList());
        }, cancel);

    /// <summary>The file where there is one, which needs no database; else what the rows hold.</summary>
    private static async Task<Results<PhysicalFileHttpResult, FileContentHttpResult, Refused>> ServeAsync(
        int year, TilePath? asked, string cache, Database database, TileFiles files, HttpContext http, Func<Npgsql.NpgsqlConnection, TilePath, Task<byte[]>> read, CancellationToken cancel)
    {
        if (asked is not { } tile)
        {
            return Pipeline.NotFound();
        }
        var file = files.Find(year, tile);
        await using var connection = file is null ? await database.OpenAsync(cancel) : null;
        if (connection is not null && !await IsSignedAsync(connection, year, tile with { Level = tile.Level ?? 0 }, cancel))
        {
            return await RetireYear.MissingAsync(connection, year, cancel);
        }
        http.Response.Headers.CacheControl = $"{cache}, max-age=31536000, immutable";
        return connection is null ? TypedResults.PhysicalFile(file!, "application/octet-stream") : TypedResults.Bytes(await read(connection, tile), "application/octet-stream");
    }

    private static async Task<bool> IsSignedAsync(Npgsql.NpgsqlConnection connection, int year, TilePath tile, CancellationToken cancel) =>
        await ReadCheckpoints.NewestAsync(connection, year, cancel) is { } newest && tile.Width <= TilePath.WidthAt(tile.Level!.Value, tile.Index, newest.Size);
}
