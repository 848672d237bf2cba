using System.Globalization;
using System.Text;
using Dapper;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Npgsql;

namespace Exchange.Catalogue.Witness;

/// <summary>
/// Cosigns a checkpoint that extends the one cosigned before (c2sp.org/tlog-witness v1.0.0). Checked and stored in one transaction, and only then answered: two roots of
/// one size never both get a cosignature, whenever the process dies. The answers are the specification's, for programs, not problem documents.
/// </summary>
internal static partial class AddCheckpoint
{
    private const int LongestProof = 63;
    private const int LargestBody = 64 * 1024;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/witness/add-checkpoint", HandleAsync).AllowAnyone().WithSummary("见证检查点 · Cosign a checkpoint (C2SP tlog-witness)");

    private static async Task<IResult> HandleAsync(HttpRequest request, Database database, AgreementFile agreement, WitnessKey key, TimeProvider clock, ILogger<WitnessKey> log, CancellationToken cancel)
    {
        if (await ReadAsync(request, cancel) is not { } body || Submission.Parse(body) is not { } submitted)
        {
            return Plain(StatusCodes.Status400BadRequest, "The body is not: old N, at most 63 hashes, an empty line, a checkpoint.\n");
        }
        var (old, proof, note, checkpoint) = submitted;
        if (agreement.Current?.Logs.TryGetValue(checkpoint.Origin, out var keys) is not true)
        {
            return Plain(StatusCodes.Status404NotFound, "This log is not in the trust file of this witness.\n");
        }
        if (!Checkpoint.IsSigned(note, keys))
        {
            return Plain(StatusCodes.Status403Forbidden, "The checkpoint is not signed by the log's keys.\n");
        }
        if (old > checkpoint.Size)
        {
            return Plain(StatusCodes.Status400BadRequest, "The old size is above the checkpoint's.\n");
        }

        await using var connection = await database.OpenAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var last = await LastAsync(connection, checkpoint.Origin, clock.Now(), cancel);
        if (last.Size != old)
        {
            return Results.Text(last.Size.ToString(CultureInfo.InvariantCulture) + "\n", "text/x.tlog.size", Encoding.UTF8, StatusCodes.Status409Conflict);
        }
        var same = checkpoint.Size == last.Size;
        if (same ? !checkpoint.Root.AsSpan().SequenceEqual(last.Root) || proof.Count > 0 : !Merkle.Extends(last.Size, last.Root, checkpoint.Size, checkpoint.Root, proof))
        {
            // The log has signed it, so it is evidence and stays, whatever becomes of the log.
            LogContradiction(log, checkpoint.Origin, checkpoint.Size, last.Size);
            await connection.ExecuteAsync(new CommandDefinition(Keep, new { checkpoint.Origin, checkpoint.Size, checkpoint.Root, Note = body[(body.IndexOf("\n\n", StringComparison.Ordinal) + 2)..], Cosigned = last.Note, Now = clock.Now() }, cancellationToken: cancel));
            await transaction.CommitAsync(CancellationToken.None);
            return Plain(same ? StatusCodes.Status409Conflict : StatusCodes.Status422UnprocessableEntity, "The checkpoint does not extend the one cosigned before.\n");
        }

        var now = clock.Now();
        await connection.ExecuteAsync(new CommandDefinition("""
            update witnessed set size = @Size, root = @Root, note = @Note, cosigned_at = @now where origin = @Origin
            """, new { checkpoint.Origin, checkpoint.Size, checkpoint.Root, Note = $"{note.Text}\n{string.Concat(note.Signatures)}", now }, cancellationToken: cancel));
        await transaction.CommitAsync(CancellationToken.None);
        return Results.Text(key.Cosign(note.Text, now).ToString(), "text/plain", Encoding.UTF8);
    }

    /// <summary>The row of this log, locked until the transaction ends.</summary>
    private static async Task<Last> LastAsync(NpgsqlConnection connection, string origin, DateTimeOffset now, CancellationToken cancel)
    {
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into witnessed (origin, size, root, note, cosigned_at) values (@origin, 0, @EmptyRoot, '', @now) on conflict do nothing
            """, new { origin, Merkle.EmptyRoot, now }, cancellationToken: cancel));
        return await connection.QuerySingleAsync<Last>(new CommandDefinition("select size, root, note from witnessed where origin = @origin for update", new { origin }, cancellationToken: cancel));
    }

    private static async Task<string?> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        var bytes = new byte[LargestBody + 1];
        var length = await request.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancel);
        try
        {
            return length <= LargestBody ? new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, 0, length) : null;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static IResult Plain(int status, string text) => Results.Text(text, "text/plain", Encoding.UTF8, status);

    private sealed record Last
    {
        public required long Size { get; init; }
        public required byte[] Root { get; init; }
        public required string Note { get; init; }
    }

    private sealed record Submission(long Old, IReadOnlyList<byte[]> Proof, Note Note, Checkpoint Checkpoint)
    {
        public static Submission? Parse(string body)
        {
            var end = body.IndexOf("\n\n", StringComparison.Ordinal);
            var lines = end < 0 ? [] : body[..end].Split('\n');
            if (lines is not [var first, ..] || !first.StartsWith("old ", StringComparison.Ordinal)
                || !long.TryParse(first["old ".Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var old)
                || lines.Length - 1 > LongestProof)
            {
                return null;
            }
            var proof = lines[1..].Select(Hash).ToList();
            return !proof.Contains(null) && Note.Parse(body[(end + 2)..]) is { } note && Checkpoint.Parse(note.Text) is { } checkpoint
                ? new Submission(old, [.. proof.OfType<byte[]>()], note, checkpoint)
                : null;
        }

        private static byte[]? Hash(string line)
        {
            var hash = new byte[Merkle.HashSize];
            return line.Length == 44 && Convert.TryFromBase64String(line, hash, out var length) && length == hash.Length ? hash : null;
        }
    }

    private const string Keep = """
        insert into witness_evidence (origin, size, root, note, cosigned, seen_at) values (@Origin, @Size, @Root, @Note, @Cosigned, @Now) on conflict do nothing
        """;

    [LoggerMessage(Level = LogLevel.Critical, Message = "The log {Origin} has signed a tree of {Size} leaves that does not extend the {Cosigned} leaves this city has cosigned. It was not cosigned; both notes are kept in witness_evidence. Ask the log's operator and tell the other cities")]
    private static partial void LogContradiction(ILogger log, string origin, long size, long cosigned);
}
