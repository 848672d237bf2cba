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

    private static async Task<Results<PhysicalFileHttpResult, FileContentHttpResult, Refused>> HashesAsync(int year, int level, string rest, Database database, TileFiles files, HttpContext http, CancellationToken cancel)
    {
        if (TilePath.Parse($"{http.Request.RouteValues["level"]}/{rest}") is not { } tile)
        {
            return Pipeline.NotFound();
        }
        if (files.Find(year, tile) is { } file)
        {
            http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
            return TypedResults.PhysicalFile(file, "application/octet-stream");
        }
        await using var connection = await database.OpenAsync(cancel);
        if (!await IsSignedAsync(connection, year, tile with { Level = level }, cancel))
        {
            return await RetireYear.MissingAsync(connection, year, cancel);
        }
        var bytes = await connection.QuerySingleAsync<byte[]>(new CommandDefinition("""
            select substring(bytes for @Length) from tiles where year = @year and level = @level and idx = @Index
            """, new { year, level, tile.Index, Length = tile.Width * Merkle.HashSize }, cancellationToken: cancel));
        http.Response.Headers.CacheControl = "public, max-age=31536000, immutable";
        return TypedResults.Bytes(bytes, "application/octet-stream");
    }

    private static async Task<Results<PhysicalFileHttpResult, FileContentHttpResult, Refused>> EntriesAsync(int year, string rest, Database database, TileFiles files, HttpContext http, CancellationToken cancel)
    {
        if (TilePath.Parse($"entries/{rest}") is not { } tile)
        {
            return Pipeline.NotFound();
        }
        if (files.Find(year, tile) is { } file)
        {
            http.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
            return TypedResults.PhysicalFile(file, "application/octet-stream");
        }
        await using var connection = await database.OpenAsync(cancel);
        if (!await IsSignedAsync(connection, year, tile with { Level = 0 }, cancel))
        {
            return await RetireYear.MissingAsync(connection, year, cancel);
        }
        var first = tile.Index * TilePath.FullWidth;
        var leaves = await connection.QueryAsync<byte[]>(new CommandDefinition("""
            select bytes from leaves where year = @year and idx >= @first and idx < @end order by idx
            """, new { year, first, end = first + tile.Width }, cancellationToken: cancel));
        http.Response.Headers.CacheControl = "private, max-age=31536000, immutable";
        return TypedResults.Bytes(EntryBundle.Write(leaves.AsList()), "application/octet-stream");
    }

    private static async Task<bool> IsSignedAsync(Npgsql.NpgsqlConnection connection, int year, TilePath tile, CancellationToken cancel) =>
        await ReadCheckpoints.NewestAsync(connection, year, cancel) is { } newest && tile.Width <= TilePath.WidthAt(tile.Level!.Value, tile.Index, newest.Size);
}
