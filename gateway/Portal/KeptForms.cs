using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Microsoft.Extensions.Primitives;

namespace Exchange.Gateway.Portal;

/// <summary>
/// What people wrote into forms that were not carried out yet: a request that is being written page by page, and what was sent after a session had ended.
/// Nobody but its writer ever sees it, and it goes when the form is carried out or after thirty days.
/// </summary>
internal sealed class KeptForms(Database database)
{
    private const int Longest = 256 * 1024;

    /// <summary>Null when nothing is kept under the name.</summary>
    public async Task<IReadOnlyDictionary<string, string[]>?> FindAsync(string subject, string form, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var json = await connection.ExecuteScalarAsync<string?>(new CommandDefinition("select fields::text from portal_forms where subject = @subject and form = @form", new { subject, form }, cancellationToken: cancel));
        return json is null ? null : JsonSerializer.Deserialize<Dictionary<string, string[]>>(json);
    }

    /// <summary>What its writer has under way, newest first.</summary>
    public async Task<IReadOnlyList<(string Form, DateTimeOffset KeptAt)>> ListAsync(string subject, string prefix, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return [.. await connection.QueryAsync<(string, DateTimeOffset)>(new CommandDefinition(
            "select form, kept_at from portal_forms where subject = @subject and starts_with(form, @prefix) order by kept_at desc limit 100", new { subject, prefix }, cancellationToken: cancel))];
    }

    /// <summary>Keeps the fields; those of the same form that are not named stay as they were.</summary>
    public async Task KeepAsync(string subject, string form, IEnumerable<KeyValuePair<string, StringValues>> fields, CancellationToken cancel)
    {
        var kept = fields.Where(field => !field.Key.StartsWith('_')).ToDictionary(field => field.Key, field => field.Value.Select(value => value!.Replace("\0", "", StringComparison.Ordinal)).ToArray(), StringComparer.Ordinal);
        var json = JsonSerializer.Serialize(kept);
        if (json.Length > Longest)
        {
            return;
        }

        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(Upsert, new { subject, form, json }, cancellationToken: cancel));
    }

    public async Task ForgetAsync(string subject, string form, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("delete from portal_forms where subject = @subject and form = @form", new { subject, form }, cancellationToken: cancel));
    }

    // Old ones go when somebody writes; a form is written for minutes, and nothing depends on the hour.
    private const string Upsert = """
        delete from portal_forms where kept_at < clock_timestamp() - interval '30 days';
        insert into portal_forms as f (subject, form, fields, kept_at) values (@subject, @form, @json::jsonb, clock_timestamp())
        on conflict (subject, form) do update set fields = f.fields || excluded.fields, kept_at = excluded.kept_at
        """;
}
