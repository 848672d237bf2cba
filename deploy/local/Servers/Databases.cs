using Npgsql;

namespace Exchange.Local.Servers;

/// <summary>
/// One database per service. <c>&lt;s&gt;_owner</c> migrates, <c>&lt;s&gt;_app</c> runs and makes no tables. A city has two more:
/// <c>&lt;s&gt;_loader</c> makes the departments' tables in schema <c>data</c>, <c>&lt;s&gt;_reader</c> reads them and can do nothing else.
/// </summary>
internal sealed class Databases(string adminConnectionString, Secrets secrets)
{
    // Not pooled: a connection kept open to a template would forbid copying it.
    private readonly string admin = new NpgsqlConnectionStringBuilder(adminConnectionString) { Pooling = false }.ConnectionString;

    private static readonly string[] Common = ["owner", "app"];
    private static readonly string[] OfCities = ["owner", "app", "loader", "reader"];

    public static IReadOnlyList<string> Kinds(bool city) => city ? OfCities : Common;

    public string ConnectionString(string service, string kind, string? database = null) =>
        new NpgsqlConnectionStringBuilder(adminConnectionString)
        {
            Database = database ?? service,
            Username = $"{service}_{kind}",
            Password = secrets[$"postgres/{service}_{kind}"],
            MaxPoolSize = kind == "app" ? 30 : 10,
            ApplicationName = service,
        }.ConnectionString;

    public string AdminConnectionString(string database) => new NpgsqlConnectionStringBuilder(admin) { Database = database }.ConnectionString;

    /// <summary>Safe to repeat: what is there stays, passwords become those of the secrets file.</summary>
    public async Task EnsureAsync(IEnumerable<(string Service, bool IsCity)> services, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(admin);
        await connection.OpenAsync(ct);
        var roles = await ListAsync(connection, "select rolname from pg_roles", ct);
        var databases = await ListAsync(connection, "select datname from pg_database", ct);
        foreach (var (service, isCity) in services)
        {
            foreach (var kind in Kinds(isCity))
                await EnsureRoleAsync(connection, $"{service}_{kind}", kind, roles, ct);
            if (!databases.Contains(service))
                await CreateAsync(connection, service, null, ct);
            await EnsureSchemasAsync(service, isCity, service, ct);
        }
    }

    /// <summary>On a server of our own nobody but the admin has business in the databases that came with it.</summary>
    public async Task CloseOthersAsync(CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(admin);
        await connection.OpenAsync(ct);
        await ExecuteAsync(connection, "revoke all on database postgres, template1 from public", ct);
    }

    /// <summary>A further database for the same roles, empty or copied from one that was migrated: for tests that want their own.</summary>
    public async Task CreateAsync(string service, bool isCity, string database, string? template, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(admin);
        await connection.OpenAsync(ct);
        await CreateAsync(connection, database, template, ct);
        if (template is null)
            await EnsureSchemasAsync(service, isCity, database, ct);
        else
            await GrantConnectAsync(connection, service, isCity, database, ct);
    }

    private static async Task CreateAsync(NpgsqlConnection connection, string database, string? template, CancellationToken ct) =>
        await ExecuteAsync(connection, $"create database {Quote(database)}{(template is null ? "" : $" template {Quote(template)}")}", ct);

    private async Task EnsureRoleAsync(NpgsqlConnection connection, string role, string kind, HashSet<string> roles, CancellationToken ct)
    {
        var name = Quote(role);
        var verb = roles.Contains(role) ? "alter" : "create";
        await ExecuteAsync(connection, $"""
            {verb} role {name} login nosuperuser nocreatedb nocreaterole noinherit password '{secrets[$"postgres/{role}"]}';
            alter role {name} set search_path = {(kind is "loader" or "reader" ? "data" : "service")};
            """, ct);
        if (kind == "reader")
        {
            await ExecuteAsync(connection, $"""
                alter role {name} set default_transaction_read_only = on;
                alter role {name} set statement_timeout = '5min';
                """, ct);
        }
    }

    private async Task EnsureSchemasAsync(string service, bool isCity, string database, CancellationToken ct)
    {
        var (owner, app, loader, reader) = (Quote($"{service}_owner"), Quote($"{service}_app"), Quote($"{service}_loader"), Quote($"{service}_reader"));
        await using var connection = new NpgsqlConnection(AdminConnectionString(database));
        await connection.OpenAsync(ct);
        await GrantConnectAsync(connection, service, isCity, database, ct);
        await ExecuteAsync(connection, $"""
            revoke all on schema public from public;
            create schema if not exists service authorization {owner};
            grant usage on schema service to {app};
            alter default privileges for role {owner} in schema service grant select, insert, update, delete on tables to {app};
            alter default privileges for role {owner} in schema service grant usage, select on sequences to {app};
            """, ct);
        if (isCity)
        {
            await ExecuteAsync(connection, $"""
                create schema if not exists data authorization {loader};
                grant usage on schema data to {reader};
                alter default privileges for role {loader} in schema data grant select on tables to {reader};
                """, ct);
        }
    }

    private static async Task GrantConnectAsync(NpgsqlConnection connection, string service, bool isCity, string database, CancellationToken ct) =>
        await ExecuteAsync(connection, $"""
            revoke all on database {Quote(database)} from public;
            grant connect on database {Quote(database)} to {string.Join(", ", Kinds(isCity).Select(kind => Quote($"{service}_{kind}")))};
            """, ct);

    private static string Quote(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        // Names are ours or the city files' (letters only) and secrets are base64url; identifiers and passwords cannot be parameters.
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(ct);
    }

    private static async Task<HashSet<string>> ListAsync(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await using var rows = await command.ExecuteReaderAsync(ct);
        var names = new HashSet<string>(StringComparer.Ordinal);
        while (await rows.ReadAsync(ct))
            names.Add(rows.GetString(0));
        return names;
    }
}
