using System.Security.Cryptography;
using System.Text;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Witness;

/// <summary>What anyone may ask a witness: its key, and what it cosigned last. An auditor holds the latter against what the log shows them.</summary>
internal static class ReadWitness
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/witness/vkey", (WitnessKey key) => TypedResults.Text($"{key.Public}\n", "text/plain", Encoding.UTF8)).AllowAnyone()
            .WithSummary("见证公钥 · The witness's verifier key");
        routes.MapGet("/witness/{origin:length(64)}/checkpoint", CheckpointAsync).AllowAnyone()
            .WithSummary("最近见证的检查点 · The checkpoint cosigned last, by the SHA-256 of its log's origin");
    }

    private static async Task<Results<ContentHttpResult, Refused>> CheckpointAsync(string origin, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        // A handful of logs, one a year.
        var notes = await connection.QueryAsync<(string Origin, string Note)>(new CommandDefinition("select origin, note from witnessed where size > 0", cancellationToken: cancel));
        return notes.FirstOrDefault(n => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(n.Origin))) == origin).Note is { } note
            ? TypedResults.Text(note, "text/plain", Encoding.UTF8)
            : Pipeline.NotFound();
    }
}
