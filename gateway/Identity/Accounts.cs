using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Dapper;
using Exchange.Gateway.Portal.SignIn;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Gateway.Identity;

/// <summary>
/// Accounts and the check of their secrets. An unknown client costs what a wrong secret costs, and both count towards the same short lock-out,
/// so an answer never tells whether a client exists.
/// </summary>
internal sealed partial class Accounts(Database database, IServiceScopeFactory scopes) : IDisposable
{
    public const int FailuresAllowed = 10;
    private const int LongestSecret = 200;
    private const long LockKey = 0x6163_6374_0000_0001;

    // Hashing is the costly part: more at once than cores only makes everyone wait.
    private readonly SemaphoreSlim hashing = new(Environment.ProcessorCount);
    private SecretHash decoy = SecretHash.Of(Convert.ToHexString(RandomNumberGenerator.GetBytes(16)), 100_000);

    /// <summary>Makes the table what the file says: new and changed accounts are written, missing ones go. Each of it is told to the log: who may do what, and that a secret changed.</summary>
    public async Task ImportAsync(string path, CancellationToken cancel)
    {
        await using var file = File.OpenRead(path);
        var accounts = (await JsonSerializer.DeserializeAsync<AccountsFile>(file, Json.Options, cancel))?.Accounts ?? [];
        var faults = accounts.SelectMany((account, at) => account.Faults().Select(fault => $"accounts[{at}].{fault}"))
            .Concat(accounts.GroupBy(account => account.ClientId).Where(group => group.Count() > 1).Select(group => $"client_id {group.Key}: stands there twice"))
            .ToList();
        if (faults.Count > 0)
        {
            throw new InvalidSettingsException([.. faults.Select(fault => $"Gateway:AccountsFile: {fault}")]);
        }

        await using var scope = scopes.CreateAsyncScope();
        var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
        await transaction.BeginAsync(cancel);
        var connection = transaction.Connection;
        // Two processes that start at once must not both find what is new.
        await connection.ExecuteAsync("select pg_advisory_xact_lock(@LockKey)", new { LockKey });
        var known = (await connection.QueryAsync<ImportedAccount>("select client_id, secret_hash, subject, sub_type, name, city, department, roles from accounts")).ToDictionary(account => account.ClientId, StringComparer.Ordinal);
        foreach (var account in accounts)
        {
            if (known.Remove(account.ClientId, out var before) && account.ChangesOf(before) is not { Length: > 0 })
            {
                continue;
            }

            await connection.ExecuteAsync(Upsert, account);
            await transaction.RecordAsync(account.Record(before is null ? "account.created" : "account.changed", before is null ? null : account.ChangesOf(before)), cancel);
        }

        await connection.ExecuteAsync("delete from accounts where client_id = any(@ids)", new { ids = known.Keys.ToArray() });
        foreach (var gone in known.Values)
        {
            await transaction.RecordAsync(gone.Record("account.removed", changed: null), cancel);
        }

        await transaction.CommitAsync(cancel);
        await MatchDecoyAsync(connection);
    }

    /// <summary>The account, or null with the seconds of a lock-out (0: none) when the secret is wrong or the client unknown.</summary>
    public async Task<(Account? Account, int LockedSeconds)> CheckAsync(string clientId, string secret, CancellationToken cancel)
    {
        var bucket = BinaryPrimitives.ReadUInt16LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(clientId)));
        await using var connection = await database.OpenAsync(cancel);
        var found = await connection.QuerySingleAsync<AccountRow>(Find, new { clientId, bucket = (int)bucket });
        if (found.LockedSeconds > 0)
        {
            return (null, found.LockedSeconds);
        }

        var hash = found.SecretHash is { } stored ? SecretHash.Parse(stored) : null;
        bool right;
        await hashing.WaitAsync(cancel);
        try
        {
            right = secret.Length <= LongestSecret & (hash ?? decoy).Matches(secret[..Math.Min(secret.Length, LongestSecret)]) & hash is not null;
        }
        finally
        {
            hashing.Release();
        }

        if (!right)
        {
            await connection.ExecuteAsync(CountFailure, new { bucket = (int)bucket, FailuresAllowed });
            return (null, 0);
        }

        if (found.Failures > 0)
        {
            await connection.ExecuteAsync("delete from sign_in_failures where bucket = @bucket", new { bucket = (int)bucket });
        }

        return (new Account
        {
            ClientId = found.ClientId!,
            Subject = found.Subject!,
            SubType = found.SubType!,
            Name = found.Name!,
            City = found.City,
            Department = found.Department,
            Roles = found.Roles!,
        }, 0);
    }

    /// <summary>The person with this account, without a secret: for the local start's sample accounts.</summary>
    public async Task<Account?> FindPersonAsync(string clientId, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return await connection.QuerySingleOrDefaultAsync<Account>(new CommandDefinition(Persons + " and client_id = @clientId", new { clientId }, cancellationToken: cancel));
    }

    /// <summary>Every person that has an account, by city and department.</summary>
    public async Task<IReadOnlyList<SampleAccount>> PersonsAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        return (await connection.QueryAsync<SampleAccount>(new CommandDefinition(Persons + " order by city nulls last, department nulls last, client_id", cancellationToken: cancel))).AsList();
    }

    public void Dispose() => hashing.Dispose();

    /// <summary>The decoy must cost what most accounts cost.</summary>
    private async Task MatchDecoyAsync(NpgsqlConnection connection)
    {
        var hashes = await connection.QueryAsync<string>("select secret_hash from accounts");
        if (hashes.Select(SecretHash.Parse).OfType<SecretHash>().Select(hash => hash.Iterations).DefaultIfEmpty(0).Max() is > 0 and var iterations)
        {
            decoy = decoy with { Iterations = iterations };
        }
    }

    /// <summary>What the file holds. A person's <c>sub</c> stays the same over all accounts of that person.</summary>
    private sealed record AccountsFile
    {
        public required IReadOnlyList<ImportedAccount> Accounts { get; init; }
    }

    private sealed partial record ImportedAccount
    {
        public required string ClientId { get; init; }
        public required string SecretHash { get; init; }

        [JsonPropertyName("sub")]
        public required string Subject { get; init; }

        public required string SubType { get; init; }
        public required string Name { get; init; }
        public string? City { get; init; }
        public string? Department { get; init; }
        public string[] Roles { get; init; } = [];

        public IEnumerable<string> Faults()
        {
            if (!ClientIdForm().IsMatch(ClientId))
            {
                yield return "client_id: letters, digits, dot, hyphen and underscore, at most 100";
            }

            if (Identity.SecretHash.Parse(SecretHash) is null)
            {
                yield return "secret_hash: must be pbkdf2-sha256$iterations$salt$hash";
            }

            if (SubType is not ("person" or "client"))
            {
                yield return "sub_type: must be person or client";
            }

            if (Subject.Length == 0 || Name.Length == 0)
            {
                yield return "sub and name: are required";
            }
        }

        /// <summary>Which of its members are new, by name.</summary>
        public string ChangesOf(ImportedAccount before) => string.Join(',', new (string Name, bool Changed)[]
        {
            ("secret", SecretHash != before.SecretHash),
            ("subject", (Subject, SubType) != (before.Subject, before.SubType)),
            ("name", Name != before.Name),
            ("city", City != before.City),
            ("department", Department != before.Department),
            ("roles", !Roles.ToHashSet(StringComparer.Ordinal).SetEquals(before.Roles)),
        }.Where(member => member.Changed).Select(member => member.Name));

        /// <summary>Roles, city and department in clear; whose account it is only as a commitment.</summary>
        public AuditRecord Record(string type, string? changed)
        {
            var details = new Dictionary<string, string>(StringComparer.Ordinal) { ["sub_type"] = SubType, ["roles"] = string.Join(',', Roles.Order(StringComparer.Ordinal)) };
            foreach (var (name, value) in (ReadOnlySpan<(string, string?)>)[("city", City), ("department", Department), ("changed", changed)])
            {
                if (value is not null)
                {
                    details[name] = value;
                }
            }

            return new AuditRecord
            {
                Type = type,
                Details = details,
                Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["client_id"] = ClientId, ["subject"] = Subject, ["name"] = Name },
            };
        }

        [GeneratedRegex(@"^[A-Za-z0-9._-]{1,100}\z", RegexOptions.CultureInvariant)]
        private static partial Regex ClientIdForm();
    }

    private sealed record AccountRow
    {
        public string? ClientId { get; init; }
        public string? SecretHash { get; init; }
        public string? Subject { get; init; }
        public string? SubType { get; init; }
        public string? Name { get; init; }
        public string? City { get; init; }
        public string? Department { get; init; }
        public string[]? Roles { get; init; }
        public int Failures { get; init; }
        public int LockedSeconds { get; init; }
    }

    private const string Upsert = """
        insert into accounts (client_id, secret_hash, subject, sub_type, name, city, department, roles)
        values (@ClientId, @SecretHash, @Subject, @SubType, @Name, @City, @Department, @Roles)
        on conflict (client_id) do update set secret_hash = excluded.secret_hash, subject = excluded.subject, sub_type = excluded.sub_type,
            name = excluded.name, city = excluded.city, department = excluded.department, roles = excluded.roles
        """;

    private const string Persons = "select client_id, subject, sub_type, name, city, department, roles from accounts where sub_type = 'person'";

    private const string Find = """
        select a.client_id, a.secret_hash, a.subject, a.sub_type, a.name, a.city, a.department, a.roles, coalesce(f.failures, 0) as failures,
            greatest(0, ceil(coalesce(extract(epoch from f.locked_until - clock_timestamp()), 0)))::int as locked_seconds
        from (values (1)) as one
        left join accounts a on a.client_id = @clientId
        left join sign_in_failures f on f.bucket = @bucket
        """;

    // Ten failures within five minutes lock for half a minute: enough to make guessing hopeless, too short to shut anyone out for long.
    private const string CountFailure = """
        insert into sign_in_failures as f (bucket, failures, since) values (@bucket, 1, clock_timestamp())
        on conflict (bucket) do update set
            failures = case when f.since < clock_timestamp() - interval '5 minutes' then 1 else f.failures + 1 end,
            since = case when f.since < clock_timestamp() - interval '5 minutes' then clock_timestamp() else f.since end,
            locked_until = case when f.since >= clock_timestamp() - interval '5 minutes' and (f.failures + 1) % @FailuresAllowed = 0 then clock_timestamp() + interval '30 seconds' end
        """;
}
