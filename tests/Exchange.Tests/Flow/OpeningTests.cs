using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;
using Exchange.Verifier;

namespace Exchange.Tests.Flow;

/// <summary>What records only committed to: opened under a case number by two approvals, erased by two persons, and each look put on record.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class OpeningTests(ExchangeFixture exchange)
{
    private const string Openings = "/api/cities/changsha/openings";
    private const string Ground = "《个人信息保护法》第四十七条";

    private Participant CaseAuditor => exchange.Who("case-auditor");

    private Participant Auditor => exchange.Who("auditor");

    private Participant Authority => exchange.Who("changsha-authority");

    [Fact]
    public async Task What_a_record_committed_to_is_opened_by_two_approvals_and_checked_offline()
    {
        var id = await PublishedAsync();
        var asked = await AskAsync(id, "published_by");
        Assert.Equal(["authority", "auditor"], asked["missing"].EnumerateArray().Select(m => m.GetString()));
        var path = $"{Openings}/{asked["id"].GetString()}";
        Refused(await CaseAuditor.GetAsync($"{path}/values"), 409, "opening-not-approved");

        (await Authority.PostAsync($"{path}/approve")).Succeeded("approve");
        Refused(await Authority.PostAsync($"{path}/approve"), 403, "openings-two-persons");
        Assert.Equal(["auditor"], (await CaseAuditor.GetAsync(path))["missing"].EnumerateArray().Select(m => m.GetString()));
        Refused(await CaseAuditor.GetAsync($"{path}/values"), 409, "opening-not-approved");
        Assert.Equal("approved", (await Auditor.PostAsync($"{path}/approve")).Succeeded("approve")["state"].GetString());
        foreach (var other in (Participant[])[Auditor, Authority])
        {
            Refused(await other.GetAsync($"{path}/values"), 403, "openings-case-auditor");
        }

        var values = (await CaseAuditor.GetAsync($"{path}/values")).Succeeded("read");
        Assert.Equal("no-store", values.Headers["Cache-Control"]);
        var value = Assert.Single(values["items"].EnumerateArray());
        Assert.Equal(("open", "changsha-authority"), (value.GetProperty("state").GetString(), value.GetProperty("value").GetString()));
        await using (var city = await exchange.AdminAsync("changsha"))
        {
            // Committed with the answer, not some time after it.
            var opened = await city.QuerySingleAsync<string>("select content from service.outbox where type = 'audit.opened' and content like @of", new { of = $"%{asked["id"].GetString()}%" });
            Assert.Contains(id.ToString(), opened, StringComparison.Ordinal);
            Assert.Contains("（2026）湘01刑初12号", opened, StringComparison.Ordinal);
            Assert.DoesNotContain("case-auditor", opened, StringComparison.Ordinal);
        }

        var proof = await ProofAsync(id);
        Assert.Equal(0, await VerifyAsync(proof, value.GetRawText()));
        Assert.Equal(1, await VerifyAsync(proof, value.GetRawText().Replace("changsha-authority", "zhuzhou-authority", StringComparison.Ordinal)));

        (await Auditor.PostAsync($"{path}/refuse", new { Reason = "案件已结（示例）" })).Succeeded("take back");
        Refused(await CaseAuditor.GetAsync($"{path}/values"), 403, "opening-ended");
        var records = await Eventually.GetAsync(() => LoggedAsync(asked["id"].GetString()!), types => types.Count == 5, show: types => string.Join(' ', types));
        Assert.Equal(["opening.asked", "opening.approved", "opening.approved", "audit.opened", "opening.refused"], records);
    }

    [Fact]
    public async Task Two_who_approve_at_once_each_count_once()
    {
        var id = (await AskAsync(await PublishedAsync()))["id"].GetGuid();
        var path = $"{Openings}/{id}";
        await using var keeper = await exchange.AdminAsync("changsha");
        await using var watcher = await exchange.AdminAsync("changsha");
        await using var held = await keeper.BeginTransactionAsync();
        await keeper.ExecuteAsync("select 1 from service.opening_cases where case_id = @id for update", new { id });
        // Each of them has read that nobody has approved yet, and stands before the row; the auditor comes last.
        List<Task<Answer>> calls = [];
        foreach (var who in (Participant[][])[[Authority, Authority, Authority], [Auditor]])
        {
            calls.AddRange(who.Select(one => one.PostAsync($"{path}/approve")));
            await Eventually.GetAsync(
                // The first one waits for the transaction that holds the row, the others for their turn behind it.
                () => watcher.ExecuteScalarAsync<long>("select count(*) + 1 from pg_locks where locktype = 'tuple' and relation = 'service.opening_cases'::regclass and not granted"),
                waiting => waiting == calls.Count,
                show: waiting => $"{waiting} wait for the case");
        }
        await held.CommitAsync();
        var answers = await Task.WhenAll(calls);
        Assert.Equal(2, answers.Count(answer => answer.Status == 200));
        Assert.Equal("approved", (await CaseAuditor.GetAsync(path))["state"].GetString());
    }

    [Fact]
    public async Task Nobody_else_gets_near_and_every_fault_is_told_at_once()
    {
        var id = await PublishedAsync();
        var body = new { CaseNumber = "（2026）湘01刑初12号", Reason = "示例", EventIds = new[] { id } };
        foreach (var who in (Participant[])[Auditor, Authority, exchange.Who("changsha", "operator"), exchange.Who("changsha", "officer")])
        {
            var refused = Refused(await who.PostAsync(Openings, body), 403, "openings-case-auditor");
            Assert.Equal("GB/T 39477", refused["article"].GetString());
        }
        var asked = await AskAsync(id);
        var path = $"{Openings}/{asked["id"].GetString()}";
        foreach (var who in (Participant[])[CaseAuditor, exchange.Who("zhuzhou-authority"), exchange.Who("changsha", "operator")])
        {
            Refused(await who.PostAsync($"{path}/approve"), 403, "openings-approver");
        }
        Assert.Equal(404, (await exchange.Who("changsha", "operator").GetAsync(path)).Status);
        Assert.Equal(403, (await exchange.Who("changsha", "operator").GetAsync(Openings)).Status);
        Assert.Contains((await CaseAuditor.GetAsync(Openings))["items"].EnumerateArray(), item => item.GetProperty("id").GetString() == asked["id"].GetString());

        var faults = await CaseAuditor.PostAsync(Openings, new { CaseNumber = "无号", Names = new[] { "No" }, EventIds = new[] { Guid.NewGuid(), id }, Until = DateTimeOffset.UtcNow.AddDays(31) });
        Assert.Equal(422, faults.Status);
        Assert.Equal(["case_number", "event_ids[0]", "event_ids[1]", "names", "reason", "until"], faults["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Refused(await CaseAuditor.PostAsync(Openings, body with { CaseNumber = "430102199001011234" }), 422, "invalid-input");
    }

    [Fact]
    public async Task What_is_erased_can_never_be_opened_and_its_old_proof_still_holds()
    {
        var (erased, kept) = (await PublishedAsync(), await PublishedAsync());
        var before = await ProofAsync(erased);
        var asked = await AskAsync(erased);
        var path = $"{Openings}/{asked["id"].GetString()}";
        (await Authority.PostAsync($"{path}/approve")).Succeeded("approve");
        (await Auditor.PostAsync($"{path}/approve")).Succeeded("approve");

        var body = new { EventIds = new[] { erased }, Ground };
        Refused(await Auditor.PostAsync($"{Openings}/erasures", body), 403, "openings-authority");
        Refused(await exchange.Who("zhuzhou-authority").PostAsync($"{Openings}/erasures", body), 403, "openings-authority");
        var faults = await Authority.PostAsync($"{Openings}/erasures", new { Month = DateTime.UtcNow.ToString("yyyy-MM", CultureInfo.InvariantCulture), Ground = "周某要求" });
        Assert.Equal(["ground", "month"], faults["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        var erasure = (await Authority.PostAsync($"{Openings}/erasures", body)).Succeeded("ask")["id"].GetString();
        Refused(await Authority.PostAsync($"{Openings}/erasures/{erasure}/confirm"), 403, "openings-auditor");
        var held = Refused(await Auditor.PostAsync($"{Openings}/erasures/{erasure}/confirm"), 409, "erasure-held-by-case");
        Assert.Contains("（2026）湘01刑初12号", held["detail"].GetString(), StringComparison.Ordinal);
        Assert.Equal("open", (await ValuesAsync(path))[0].GetProperty("state").GetString());

        (await Auditor.PostAsync($"{path}/refuse", new { Reason = "示例" })).Succeeded("end the case");
        var confirmed = (await Auditor.PostAsync($"{Openings}/erasures/{erasure}/confirm")).Succeeded("confirm");
        Assert.Equal(2, confirmed["erased"].GetInt32());
        Refused(await Auditor.PostAsync($"{Openings}/erasures/{erasure}/confirm"), 409, "erasure-confirmed");

        Assert.Equal(422, (await CaseAuditor.PostAsync(Openings, new { CaseNumber = "示例 1", Reason = "示例", EventIds = new[] { erased } })).Status);
        await using (var city = await exchange.AdminAsync("changsha"))
        {
            Assert.Equal(0, await city.ExecuteScalarAsync<int>("select count(*) from service.audit_openings where event_id = @erased and (sealed is not null or wrapped_key is not null)", new { erased }));
            Assert.Equal(2, await city.ExecuteScalarAsync<int>("select count(*) from service.audit_openings where event_id = @kept and sealed is not null", new { kept }));
        }
        // A case that names both sees the one as erased.
        var both = (await CaseAuditor.PostAsync(Openings, new { CaseNumber = "示例 2", Reason = "示例", EventIds = new[] { kept } })).Succeeded("ask");
        await using (var city = await exchange.AdminAsync("changsha"))
        {
            await city.ExecuteAsync("update service.opening_cases set event_ids = @Ids where case_id = @Id", new { Ids = new[] { erased, kept }, Id = both["id"].GetGuid() });
        }
        var bothPath = $"{Openings}/{both["id"].GetString()}";
        (await Auditor.PostAsync($"{bothPath}/approve")).Succeeded("approve");
        (await Authority.PostAsync($"{bothPath}/approve")).Succeeded("approve");
        var states = (await ValuesAsync(bothPath)).ToLookup(v => v.GetProperty("event_id").GetGuid(), v => v.GetProperty("state").GetString());
        Assert.Equal(["erased", "erased"], states[erased]);
        Assert.Equal(["open", "open"], states[kept]);

        var after = await ProofAsync(erased);
        Assert.Equal((0, 0), (await VerifyAsync(before), await VerifyAsync(after)));
        Assert.Equal(["erasure.asked", "audit.erased"], await Eventually.GetAsync(() => LoggedAsync(erasure!), types => types.Count == 2, show: types => string.Join(' ', types)));
    }

    [Fact]
    public async Task A_month_is_due_after_its_retention_and_goes_with_its_key()
    {
        var old = new Guid("016f5e66-e800-7000-8000-" + Guid.NewGuid().ToString("n")[..12]); // 2020-01-01 in Beijing
        var keyFile = Path.Combine(exchange.Stack.Data, "keys", "changsha", "openings-2020-01.key");
        await File.WriteAllTextAsync(keyFile, Convert.ToBase64String(new byte[32]));
        await using var city = await exchange.AdminAsync("changsha");
        await city.ExecuteAsync("""
            insert into service.opening_months (month, key_check) values ('2020-01', ''::bytea), (@Kept, ''::bytea) on conflict do nothing;
            insert into service.audit_openings (event_id, name, month, wrapped_key, sealed) values (@old, 'officer', '2020-01', '\x00', '\x00');
            """, new { old, Kept = DateTime.UtcNow.AddYears(-3).ToString("yyyy-MM", CultureInfo.InvariantCulture) });

        var due = (await Auditor.GetAsync($"{Openings}/due")).Succeeded("due");
        Assert.Equal(3, due["retention_years"].GetInt32());
        Assert.Equal(["2020-01"], due["months"].EnumerateArray().Select(m => m.GetString()!));
        var asked = await AskAsync(old);
        var erasure = (await Authority.PostAsync($"{Openings}/erasures", new { Month = "2020-01", Ground })).Succeeded("ask")["id"].GetString();
        Refused(await Auditor.PostAsync($"{Openings}/erasures/{erasure}/confirm"), 409, "erasure-held-by-case");
        Assert.True(File.Exists(keyFile));
        (await Auditor.PostAsync($"{Openings}/{asked["id"].GetString()}/refuse", new { Reason = "示例" })).Succeeded("end the case");
        Assert.Equal(1, (await Auditor.PostAsync($"{Openings}/erasures/{erasure}/confirm")).Succeeded("confirm")["erased"].GetInt32());

        await Eventually.TrueAsync(() => city.ExecuteScalarAsync<bool>("select destroyed_at is not null from service.opening_months where month = '2020-01'"));
        Assert.False(File.Exists(keyFile));
        Assert.False(await city.ExecuteScalarAsync<bool>("select exists (select from service.audit_openings where event_id = @old and sealed is not null)", new { old }));
        Assert.Empty((await Auditor.GetAsync($"{Openings}/due"))["months"].EnumerateArray());
        var again = await Authority.PostAsync($"{Openings}/erasures", new { Month = "2020-01", Ground });
        Assert.Equal("nothing-there", again["errors"][0].GetProperty("rule").GetString());
    }

    [Fact]
    public async Task Every_look_is_a_leaf_and_one_that_cannot_be_recorded_is_not_answered()
    {
        var path = $"/api/audit/exchanges?department=11430100EXAMPL020U&from=2026-01-01T00:00:00Z&city={Guid.NewGuid()}";
        for (var i = 0; i < 3; i++)
        {
            (await Auditor.GetAsync(path)).Succeeded("look");
        }
        await using var audit = await exchange.AdminAsync("audit");
        var city = path.Split("city=")[1];
        // Three calls within a minute are one act, or two when the minute turned between them; none of them waits in memory.
        Assert.Equal(3, await audit.ExecuteScalarAsync<int>("select sum(count)::int from service.counted_acts where act like @of", new { of = $"%{city}%" }));
        await audit.ExecuteAsync("update service.counted_acts set until = clock_timestamp() - interval '1 second' where act like @of", new { of = $"%{city}%" });
        var details = await Eventually.GetAsync(
            async () => (await audit.QueryAsync<string>("select details::text from service.records where type = 'audit.looked' and details ->> 'filter_city' = @city", new { city })).AsList(),
            leaves => leaves.Sum(leaf => int.Parse(JsonDocument.Parse(leaf).RootElement.GetProperty("count").GetString()!, CultureInfo.InvariantCulture)) == 3);
        var leaf = JsonDocument.Parse(details[0]).RootElement;
        Assert.Equal(("exchanges", "11430100EXAMPL020U", "2026-01-01T00:00:00Z"), (leaf.GetProperty("what").GetString(), leaf.GetProperty("filter_department").GetString(), leaf.GetProperty("filter_from").GetString()));
        Assert.DoesNotContain("\"auditor\"", details[0], StringComparison.Ordinal);

        // Somebody looks for a person: the leaf only commits to that.
        (await Auditor.GetAsync("/api/audit/exchanges?department=430102199001011234")).Succeeded("look");
        var act = await audit.QueryFirstAsync<string>("select act from service.counted_acts where act like '%430102199001011234%'");
        Assert.Equal("committed", JsonDocument.Parse(act).RootElement.GetProperty("Details").GetProperty("filter_department").GetString());

        await audit.ExecuteAsync("""
            create function service.no_looks() returns trigger language plpgsql as $$ begin raise exception 'away' using errcode = '57P03'; end $$;
            create trigger no_looks before insert on service.counted_acts for each row when (new.act like '%audit.looked%') execute function service.no_looks();
            """);
        try
        {
            var refused = await Auditor.GetAsync(path);
            Assert.Equal(503, refused.Status);
            Assert.DoesNotContain("items", refused.Text, StringComparison.Ordinal);
            // What is written as it is read, too.
            foreach (var download in (string[])["export?format=csv&type=dataset.", "export?format=json&type=dataset.", "uses?format=csv", "receipts?format=json"])
            {
                var answer = await Auditor.GetAsync($"/api/audit/{download}");
                Assert.True(answer.Status == 503, $"{download}: {answer.Status} {answer.Text}");
            }
        }
        finally
        {
            await audit.ExecuteAsync("drop function service.no_looks() cascade");
        }
        (await Auditor.GetAsync(path)).Succeeded("look");
    }

    /// <summary>The record of an entry's publication, which commits to who approved and who published it.</summary>
    private async Task<Guid> PublishedAsync()
    {
        var dataset = (await exchange.PublishAsync("changsha", "unconditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        await using var city = await exchange.AdminAsync("changsha");
        return await city.QuerySingleAsync<Guid>("select id from service.outbox where type = 'dataset.published' and content::jsonb ->> 'service' = @dataset", new { dataset = dataset.ToString() });
    }

    private async Task<Answer> AskAsync(Guid id, params string[] names) =>
        (await CaseAuditor.PostAsync(Openings, new { CaseNumber = "（2026）湘01刑初12号", Reason = "核查发布人（示例）", EventIds = new[] { id }, Names = names })).Succeeded("ask");

    private async Task<List<JsonElement>> ValuesAsync(string path) => [.. (await CaseAuditor.GetAsync($"{path}/values")).Succeeded("read")["items"].EnumerateArray()];

    private async Task<string> ProofAsync(Guid id) =>
        (await Eventually.GetAsync(() => Auditor.GetAsync($"/api/audit/log/{DateTime.UtcNow.Year}/proof/{id}"), a => a.Status == 200, show: a => a.Text)).Text;

    private async Task<IReadOnlyList<string>> LoggedAsync(string id)
    {
        await using var audit = await exchange.AdminAsync("audit");
        return (await audit.QueryAsync<string>("select type from service.records where details ->> 'opening' = @id or details ->> 'erasure' = @id order by year, idx", new { id })).AsList();
    }

    private async Task<int> VerifyAsync(string proof, string? opening = null)
    {
        var folder = Directory.CreateTempSubdirectory("exchange-opening-");
        try
        {
            var (trust, proofFile, openingFile) = (Path.Combine(folder.FullName, "trust.json"), Path.Combine(folder.FullName, "proof"), Path.Combine(folder.FullName, "opening.json"));
            await Exchange.Local.Trust.WriteAsync(trust, exchange.Stack, default);
            await File.WriteAllTextAsync(proofFile, proof);
            await File.WriteAllTextAsync(openingFile, opening);
            return new Commands(TextWriter.Null, TextWriter.Null).Run(opening is null ? ["proof", proofFile, "--trust", trust] : ["opening", proofFile, openingFile, "--trust", trust]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static Answer Refused(Answer answer, int status, string rule)
    {
        Assert.True(answer.Status == status && answer["rule"].GetString() == rule, $"{status} {rule} was expected: {answer.Status} {answer.Text}");
        return answer;
    }
}
