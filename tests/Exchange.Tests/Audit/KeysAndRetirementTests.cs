using System.Text.Json;
using Dapper;
using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Exchange.Hosting;
using Exchange.Hosting.Transparency;
using Exchange.Tests.Verifier;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging.Abstractions;

namespace Exchange.Tests.Audit;

/// <summary>The log's keys are replaced side by side; a year goes when nothing keeps it and two persons say so.</summary>
[Trait("needs", "server")]
public sealed class KeysAndRetirementTests : IAsyncLifetime
{
    private static readonly Caller Operator = Person("exchange-operator", Roles.Operator);
    private static readonly Caller Auditor = Person("auditor", Roles.Auditor);

    private readonly TestSource changsha = new("changsha");
    private AuditDatabase audit = null!;

    public async ValueTask InitializeAsync() => audit = await AuditDatabase.CreateAsync();

    public ValueTask DisposeAsync() => audit.DisposeAsync();

    [Fact]
    public async Task Old_and_new_keys_sign_side_by_side_until_the_old_ones_end()
    {
        var old = Keys();
        await SignAsync();
        Assert.IsType<Refused>(await RotateAsync(reason: " "));
        var rotation = Assert.IsType<Ok<RotateKeys.Rotation>>(await RotateAsync("yearly")).Value!;
        Assert.Equal(audit.Clock.Now.AddDays(30), rotation.OldKeysEnd);
        Assert.Equal("rotation-underway", Assert.IsType<Refused>(await RotateAsync("again")).Rule.Type);

        var both = await SignAsync();
        Assert.Equal(4, Lines(both));
        Assert.Equal((0, 0), (Verify(both, old), Verify(both, rotation.Keys)));
        // A start in between finds all four.
        using (var again = audit.NewKeyring())
        {
            await again.StartAsync(TestContext.Current.CancellationToken);
            Assert.Equal([.. old, .. rotation.Keys], again.Signers.Select(signer => signer.VerifierKey(AuditDatabase.Origin).ToString()).OrderBy(key => !old.Contains(key)));
        }

        audit.Clock.Now = rotation.OldKeysEnd.AddSeconds(1);
        var alone = await SignAsync();
        Assert.Equal(2, Lines(alone));
        Assert.Equal((1, 0), (Verify(alone, old), Verify(alone, rotation.Keys)));
        var record = JsonDocument.Parse(await audit.OneAsync<string>("select content from outbox where type = 'log.keys_rotated'")).RootElement;
        Assert.Equal(rotation.Keys[0], record.GetProperty("details").GetProperty("key_1").GetString());
    }

    [Fact]
    public async Task An_old_key_goes_on_while_the_agreement_does_not_name_its_successor()
    {
        var old = Keys();
        await AgreeAsync(old);
        var rotation = Assert.IsType<Ok<RotateKeys.Rotation>>(await RotateAsync("yearly")).Value!;

        audit.Clock.Now = rotation.OldKeysEnd.AddDays(1);
        Assert.Equal(4, Lines(await SignAsync()));
        Assert.Contains("does not name its successor yet", audit.Keyring.Overdue, StringComparison.Ordinal);

        await AgreeAsync([.. old, .. rotation.Keys]);
        Assert.Equal(2, Lines(await SignAsync()));
        Assert.Null(audit.Keyring.Overdue);
    }

    [Fact]
    public async Task Who_takes_the_agreement_away_does_not_do_away_with_the_witnesses()
    {
        await SignAsync();
        Assert.Null(await ShutAsync());
        await audit.TamperAsync("insert into cosignatures (year, size, witness, line, newest) select year, size, 'zhuzhou.example/witness', '', '' from checkpoints");

        Assert.Contains("this log was cosigned", await ShutAsync(), StringComparison.Ordinal);

        async Task<string?> ShutAsync()
        {
            var origins = new Origins(audit.Service);
            using var witnesses = new Witnesses(audit.Database, audit.Settings, new AgreementFile(audit.Service), origins, NullLogger<Witnesses>.Instance);
            using var gate = new StartGate(audit.Database, witnesses, origins, NullLogger<StartGate>.Instance);
            await gate.StartAsync(TestContext.Current.CancellationToken);
            await gate.StopAsync(TestContext.Current.CancellationToken);
            return gate.Shut;
        }
    }

    [Fact]
    public async Task A_year_is_kept_by_its_age_its_exchanges_and_its_holds_and_goes_with_two_persons()
    {
        var (ended, used) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await audit.AppendAsync(
            changsha.NextRecord("request.withdrawn", ended, more: content => content["result"] = "withdrawn"),
            changsha.NextRecord("delivery.ended", used));
        await audit.AppendAsync([.. Enumerable.Range(0, 300).Select(_ => changsha.NextRecord("source.heartbeat"))]);
        Assert.Equal(["open", "too_young", "exchanges_kept: 2"], await KeptByAsync());

        audit.Clock.Now = new DateTimeOffset(2028, 5, 1, 0, 0, 0, TimeSpan.Zero);
        await audit.AppendAsync(changsha.NextRecord("exchange.archived", used, more: content =>
        {
            content["at"] = "2028-05-01T00:00:00.000Z";
            content["details"] = new System.Text.Json.Nodes.JsonObject { ["retain_until"] = "2031-05-01" };
        }));
        await SignAsync();
        await audit.Files.WriteAsync(TestContext.Current.CancellationToken);
        audit.Clock.Now = new DateTimeOffset(2031, 1, 1, 0, 0, 0, TimeSpan.Zero);
        Assert.Equal(["exchanges_kept: 1"], await KeptByAsync());
        Assert.Equal("log-kept", (await AskAsync())!.Rule.Type);
        audit.Clock.Now = new DateTimeOffset(2031, 5, 2, 0, 0, 0, TimeSpan.Zero);
        Assert.Empty(await KeptByAsync());

        var hold = Assert.IsType<Ok<RetireYear.Hold>>(await RunAsync(transaction => RetireYear.HoldAsync(2026, new("case 7"), Auditor, transaction, audit.Clock, default), r => r.Result)).Value!;
        Assert.Equal(["held"], await KeptByAsync());
        Assert.Equal("log-kept", (await AskAsync())!.Rule.Type);
        await RunAsync(transaction => RetireYear.ReleaseAsync(2026, hold.HoldId, Auditor, transaction, audit.Clock, default), r => r.Result);

        Assert.Equal("retirement-not-asked", (await ConfirmAsync(Auditor))!.Rule.Type);
        Assert.Null(await AskAsync());
        Assert.Equal("second-person", (await ConfirmAsync(Operator))!.Rule.Type);
        var last = await audit.OneAsync<string>("select note from checkpoints where year = 2026 order by size desc limit 1");
        Assert.Null(await ConfirmAsync(Auditor));

        Assert.Equal((0L, 0L, 1L, last), await audit.OneAsync<(long, long, long, string)>("""
            select (select count(*) from leaves where year = 2026), (select count(*) from records where year = 2026), (select count(*) from checkpoints where year = 2026), (select note from checkpoints where year = 2026)
            """));
        Assert.Equal(3L, await audit.OneAsync<long>("select count(*) from leaves where year = 2028"));
        var record = JsonDocument.Parse(await audit.OneAsync<string>("select content from outbox where type = 'log.retired'")).RootElement.GetProperty("details");
        Assert.Equal((AuditDatabase.Origin, "303"), (record.GetProperty("origin").GetString(), record.GetProperty("size").GetString()));
        Assert.Contains(record.GetProperty("root").GetString()!, last, StringComparison.Ordinal);
        await audit.Files.WriteAsync(TestContext.Current.CancellationToken);
        Assert.Null(audit.Files.Find(2026, new TilePath(null, 0, 256)));
        Assert.Null(audit.Files.Find(2026, new TilePath(0, 0, 256)));
        // The log goes on, and the retired year is told from one that never was.
        await audit.AppendAsync(changsha.NextRecord());
        await using var connection = await audit.Database.OpenAsync(TestContext.Current.CancellationToken);
        Assert.Equal("log-retired", (await RetireYear.MissingAsync(connection, 2026, TestContext.Current.CancellationToken)).Rule.Type);
        Assert.Equal(404, (await RetireYear.MissingAsync(connection, 2025, TestContext.Current.CancellationToken)).Rule.Status);
    }

    /// <summary>What the handlers check the database checks too: the running role has no other way to delete a leaf.</summary>
    [Fact]
    public async Task The_running_role_cannot_retire_a_year_that_is_kept()
    {
        await audit.AppendAsync(changsha.NextRecord());

        var refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => audit.QueryAsync<int>("select retire_year(2026, '2040-01-01', 3)"));
        Assert.Contains("not confirmed by a second person", refused.MessageText, StringComparison.Ordinal);
        refused = await Assert.ThrowsAsync<Npgsql.PostgresException>(() => audit.QueryAsync<int>("""
            insert into retirements (year, ground, asked_by, asked_at, confirmed_by) values (2026, 'x', 'a', now(), 'b'); select retire_year(2026, '2040-01-01', 3)
            """));
        Assert.Contains("something keeps the log", refused.MessageText, StringComparison.Ordinal);
    }

    private List<string> Keys() => [.. audit.Keyring.Signers.Select(signer => signer.VerifierKey(AuditDatabase.Origin).ToString())];

    private async Task<string> SignAsync()
    {
        await audit.AppendAsync(changsha.NextRecord());
        await audit.Signer.SignGrownAsync(TestContext.Current.CancellationToken);
        return await audit.OneAsync<string>("select note from checkpoints order by year desc, size desc limit 1");
    }

    private Task<IResult> RotateAsync(string reason) => RunAsync(
        transaction => RotateKeys.HandleAsync(new(reason), Operator, transaction, audit.Service, audit.Settings, new Origins(audit.Service), audit.Clock, default), result => result.Result);

    private async Task<Refused?> AskAsync() => await RunAsync(transaction => RetireYear.AskAsync(2026, new("retention over"), Operator, transaction, audit.Settings, audit.Clock, default), r => r.Result) as Refused;

    private async Task<Refused?> ConfirmAsync(Caller caller) =>
        await RunAsync(transaction => RetireYear.ConfirmAsync(2026, caller, transaction, audit.Settings, new Origins(audit.Service), audit.Clock, default), r => r.Result) as Refused;

    /// <summary>As the route does: in a transaction that a refusal rolls back.</summary>
    private async Task<IResult> RunAsync<T>(Func<Transaction, Task<T>> handle, Func<T, IResult> result)
    {
        await using var transaction = audit.NewTransaction();
        await transaction.BeginAsync(TestContext.Current.CancellationToken);
        var answer = result(await handle(transaction));
        if (answer is not Refused)
        {
            await transaction.CommitAsync(TestContext.Current.CancellationToken);
        }
        return answer;
    }

    private async Task<IReadOnlyList<string>> KeptByAsync() => (await RetireYear.ListAsync(audit.Database, audit.Settings, audit.Clock, TestContext.Current.CancellationToken)).Value!.Items.Single(item => item.Year == 2026).KeptBy;

    private async Task AgreeAsync(IEnumerable<string> keys)
    {
        using var witness = new CosigningWitness("zhuzhou.example/witness", 2);
        await File.WriteAllTextAsync(Path.Combine(audit.KeyFolder, "trust.json"), JsonSerializer.Serialize(new
        {
            version = 1,
            logs = new[] { new { origin = AuditDatabase.Origin, keys } },
            witnesses = new[] { witness.VerifierKey },
            quorum = 1,
        }));
    }

    private static int Lines(string note) => note.Split('\n').Count(line => line.StartsWith("— ", StringComparison.Ordinal));

    private int Verify(string note, IEnumerable<string> keys)
    {
        var (file, trust) = (Path.Combine(audit.KeyFolder, "note"), Path.Combine(audit.KeyFolder, "trusted"));
        File.WriteAllText(file, note);
        File.WriteAllText(trust, JsonSerializer.Serialize(new { version = 1, logs = new[] { new { origin = AuditDatabase.Origin, year = 2026, keys, valid_from = "2026-01-01", valid_to = "2027-12-31" } }, witnesses = Array.Empty<string>(), quorum = 0 }));
        return SignedLog.Run("checkpoint", file, "--trust", trust).Code;
    }

    private static Caller Person(string subject, string role) => new() { Subject = subject, IsPerson = true, ClientId = subject, Name = subject, Roles = new HashSet<string> { role } };
}
