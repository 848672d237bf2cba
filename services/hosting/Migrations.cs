using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Exchange.Hosting;

/// <summary>
/// Numbered SQL files, forward only: hosting's own first, then the service's. One process at a time (advisory lock), each file in its own transaction,
/// its checksum in the journal; a released file that changed stops the start.
/// </summary>
internal static class Migrations
{
    private const long LockKey = 0x45786368616e6765; // "Exchange"

    public static async Task RunAsync(string ownerConnection, IConfiguration configuration, Assembly service, CancellationToken cancel)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(ownerConnection) { SearchPath = "service", Pooling = false }.ConnectionString);
        await connection.OpenAsync(cancel);
        await connection.ExecuteAsync("select pg_advisory_lock(@LockKey)", new { LockKey });
        await connection.ExecuteAsync("""
            create table if not exists migrations (
                name       text primary key,
                checksum   text not null,
                applied_at timestamptz not null default clock_timestamp())
            """);
        var applied = (await connection.QueryAsync<(string Name, string Checksum)>("select name, checksum from migrations")).ToDictionary(m => m.Name, m => m.Checksum, StringComparer.Ordinal);
        var roles = new[] { "Owner", "App", "Loader", "Reader" }
            .Where(r => configuration.GetConnectionString(r) is not null)
            .ToDictionary(r => $"{{{{{r.ToLowerInvariant()}}}}}", r => new NpgsqlConnectionStringBuilder(configuration.GetConnectionString(r)).Username!, StringComparer.Ordinal);

        foreach (var (name, sql) in Files(typeof(Migrations).Assembly).Concat(Files(service)))
        {
            var checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql)));
            if (applied.TryGetValue(name, out var known))
            {
                if (known != checksum)
                {
                    throw new InvalidOperationException($"Migration {name} was changed after it had been applied. Put the file back and add a new one.");
                }

                continue;
            }

            var text = roles.Aggregate(sql, (current, role) => current.Replace(role.Key, role.Value, StringComparison.Ordinal));
            await using var transaction = await connection.BeginTransactionAsync(cancel);
            await connection.ExecuteAsync("set local lock_timeout = '10s'");
            await connection.ExecuteAsync(text);
            await connection.ExecuteAsync("insert into migrations (name, checksum) values (@name, @checksum)", new { name, checksum });
            await transaction.CommitAsync(cancel);
        }
    }

    /// <summary>The embedded files of an assembly in the order of their numbers, named <c>assembly/0001_name.sql</c>.</summary>
    private static IEnumerable<(string Name, string Sql)> Files(Assembly assembly)
    {
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.EndsWith(".sql", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            var parts = resource.Split('.');
            yield return ($"{assembly.GetName().Name}/{parts[^2]}.sql", reader.ReadToEnd().ReplaceLineEndings("\n"));
        }
    }
}
