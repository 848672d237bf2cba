using System.Globalization;
using Dapper;
using Exchange.Audit.Log;
using Exchange.Audit.Recording;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Audit.Checkpoints;

/// <summary>
/// Replaces the log's keys. From the next checkpoint on the new ones sign beside the old ones, so that a witness or verifier whose <c>trust.json</c> names only the old still
/// believes it; the old ones end after the overlap. The change is a leaf.
/// </summary>
internal static class RotateKeys
{
    private static readonly Rule Underway = new("rotation-underway", StatusCodes.Status409Conflict, null,
        new("上一次更换尚在并行期内，旧密钥仍在签名。", "The last replacement is still under way: its old keys sign beside the new ones."),
        new("请待旧密钥停用后再更换。", "Wait until those have ended."));

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/keys/rotate", HandleAsync).AllowOperators().WritesOnce().WithSummary("更换日志签名密钥 · Replaces the log's signing keys; old and new sign side by side for the overlap");

    internal static async Task<Results<Ok<Rotation>, Refused>> HandleAsync(
        RotationOrder order, Caller caller, Transaction transaction, ServiceSettings service, LogSettings settings, Origins origins, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("reason", order.Reason, null, 500);
        if (faults.Any)
        {
            return new Refused(faults);
        }
        var (connection, now) = (transaction.Connection, clock.Now());
        // The signer takes this lock for each checkpoint: no note is signed half before and half after.
        await connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(@LockKey)", new { SignCheckpoints.LockKey }, cancellationToken: cancel));
        var names = (await connection.QueryAsync<string>(new CommandDefinition("select name from log_keys", cancellationToken: cancel))).AsList();
        if (await connection.ExecuteScalarAsync<bool>(new CommandDefinition("select exists (select from log_keys where ends_at > @now)", new { now }, cancellationToken: cancel)))
        {
            return new Refused(Underway);
        }
        var endsAt = now + settings.KeyOverlap;
        var made = LogKeys.Kinds.Select(kind => string.Create(CultureInfo.InvariantCulture, $"{kind}-{names.Count(name => LogKeys.KindOf(name) == kind) + 1}")).ToDictionary(name => name, name => LogKeys.Make(service.KeyFolder, name), StringComparer.Ordinal);
        await connection.ExecuteAsync(new CommandDefinition("update log_keys set ends_at = @endsAt where ends_at is null", new { endsAt }, cancellationToken: cancel));
        await LogKeyring.AddAsync(connection, made, cancel);
        await connection.ExecuteAsync(new CommandDefinition("insert into keys_told (public_key) select unnest(@Told) on conflict do nothing", new { Told = made.Values.ToArray() }, cancellationToken: cancel));
        using var opened = LogKeys.Open(service.KeyFolder, made);
        var keys = opened.Signers.Select(signer => signer.VerifierKey(origins.Of(now.Year)).ToString()).ToList();
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "log.keys_rotated",
            Details = keys.Select((key, i) => ($"key_{i + 1}", key)).Append(("old_keys_end", SourceRecord.Time(endsAt))).ToDictionary(detail => detail.Item1, detail => detail.Item2, StringComparer.Ordinal),
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["operator"] = caller.Subject, ["reason"] = order.Reason! },
        }, cancel);
        return TypedResults.Ok(new Rotation(keys, endsAt));
    }

    internal sealed record RotationOrder(string? Reason);

    /// <param name="Keys">The new verifier keys of this year's log, to be added to <c>trust.json</c> everywhere before the old ones end.</param>
    /// <param name="OldKeysEnd">Until then the old keys sign too.</param>
    internal sealed record Rotation(IReadOnlyList<string> Keys, DateTimeOffset OldKeysEnd);
}
