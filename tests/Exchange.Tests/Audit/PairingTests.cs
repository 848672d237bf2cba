using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Audit.Log;
using Exchange.Audit.Reconciliation;
using Exchange.Audit.Recording;

namespace Exchange.Tests.Audit;

/// <summary>Completeness: what one party reports, the other party reports too, in time and alike; and each source tells what it wrote.</summary>
[Trait("needs", "server")]
public sealed class PairingTests : IAsyncLifetime
{
    private const string Sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    private readonly TestSource changsha = new("changsha");
    private readonly TestSource zhuzhou = new("zhuzhou");
    private readonly TestSource gateway = new("gateway");
    private readonly Guid exchange = Guid.CreateVersion7();
    private AuditDatabase audit = null!;

    public async ValueTask InitializeAsync() => audit = await AuditDatabase.CreateAsync();

    public async ValueTask DisposeAsync() => await audit.DisposeAsync();

    [Fact]
    public async Task An_exchange_that_both_cities_report_alike_leaves_no_finding_in_whatever_order_it_comes()
    {
        SourceRecord[] records =
        [
            Step(zhuzhou, "request.submitted", "submitted", 3), Step(changsha, "request.received", "under_review", 4),
            Step(zhuzhou, "request.supplemented", "supplement_asked", 5), Heard("request.supplemented", "under_review", 6),
            .. Decided("sign_off_reply", "reply.signed_off", "approved", 8), Step(changsha, "grant.activated", "active", 9),
            Step(zhuzhou, "change.asked", "active", 9), Step(changsha, "change.received", "active", 10),
            // Two of a kind are two decisions: the terms of the first are not held against those of the second.
            .. Decided("suspend", "grant.suspended", "suspended", 11), .. Decided("resume", "grant.resumed", "active", 12), .. Decided("suspend", "grant.suspended", "suspended", 13), .. Decided("terminate", "grant.terminated", "terminated", 14),
            Step(zhuzhou, "change.asked", "active", 13), Step(changsha, "act.ignored", "terminated", 14, ("act", "change.asked")),
            Step(zhuzhou, "dispute.position", "terminated", 14), Heard("dispute.position", "terminated", 15), .. Decided("dispute_step", "dispute.position", "terminated", 16),
            Step(zhuzhou, "disposal.recorded", "terminated", 14), Heard("disposal.recorded", "disposed", 15),
        ];
        Random.Shared.Shuffle(records);

        foreach (var batch in records.Chunk(Random.Shared.Next(1, records.Length)))
        {
            await audit.AppendAsync(batch);
        }

        Assert.Empty((await audit.GapsAsync()).Decisions);
        Assert.Equal((12, 11, 1), Assert.Single(await audit.QueryAsync<(long, long, long)>("select sum(asking)::bigint, sum(owning)::bigint, sum(ignored)::bigint from decisions_seen")));
    }

    [Fact]
    public async Task A_decision_that_only_one_city_reports_names_the_other_after_the_window()
    {
        SourceRecord[] reply = Decided("sign_off_reply", "reply.signed_off", "refused", 8), suspension = Decided("suspend", "grant.suspended", "suspended", 9);
        await audit.AppendAsync(reply[0], suspension[1], Step(zhuzhou, "request.withdrawn", "under_review", 7), Step(zhuzhou, "request.submitted", "submitted", 3));

        Assert.Empty((await audit.GapsAsync(settle: null)).Decisions);
        audit.Clock.Now += new LogSettings().PairWithin;
        Assert.Equal(
            ["sign_off_reply 8 asking_city", "submission owning_city", "suspend 9 owning_city", "withdrawal owning_city"],
            (await audit.GapsAsync(settle: null)).Decisions.Select(gap => $"{gap.Step} {gap.Missing}").Order(StringComparer.Ordinal));

        await audit.AppendAsync(reply[1], suspension[0], Step(changsha, "act.ignored", "refused", 8, ("act", "request.withdrawn")), Step(changsha, "request.received", "under_review", 4));
        Assert.Empty((await audit.GapsAsync()).Decisions);
    }

    [Theory]
    [InlineData("refused", "2027-06-30", true)]
    [InlineData("approved", "2027-07-01", true)]
    [InlineData("approved", "2027-06-30", false)]
    public async Task A_decision_is_unequal_when_its_outcome_or_its_terms_differ(string result, string until, bool unequal)
    {
        await audit.AppendAsync(Step(changsha, "change.signed_off", "approved", 8, ("decision", "sign_off_change"), ("use_until", "2027-06-30")));
        await audit.AppendAsync(Step(zhuzhou, "decision.received", result, 8, ("decision", "sign_off_change"), ("use_until", until)));

        Assert.Equal(unequal, (await audit.GapsAsync()).Decisions.Any(gap => gap is { Step: "sign_off_change 8", Unequal: true, Missing: null }));
    }

    [Fact]
    public async Task A_city_cannot_speak_for_the_other_one_and_one_that_asks_itself_is_not_one_sided()
    {
        await audit.AppendAsync(Step(changsha, "reply.signed_off", "approved", 8, ("decision", "sign_off_reply")), Step(changsha, "decision.received", "approved", 8, ("decision", "sign_off_reply")));
        Assert.Equal("asking_city", Assert.Single((await audit.GapsAsync()).Decisions).Missing);

        var own = Guid.CreateVersion7();
        SourceRecord Own(string type, params (string, string)[] more) => changsha.NextRecord(type, own, Content("approved", 8, [("asking_city", "changsha"), ("owning_city", "changsha"), .. more]));
        await audit.AppendAsync(Own("request.submitted"), Own("request.received"), Own("reply.signed_off", ("decision", "sign_off_reply")), Own("decision.received", ("decision", "sign_off_reply")), Own("disposal.recorded"), Own("disposal.recorded", ("heard_from", "changsha")));
        Assert.DoesNotContain((await audit.GapsAsync()).Decisions, gap => gap.Subject == own);
    }

    [Fact]
    public async Task A_correction_is_paired_by_its_own_id_and_with_everyone_who_was_told()
    {
        var correction = Guid.CreateVersion7().ToString();
        SourceRecord Correct(TestSource source, string type, Guid of, params (string, string)[] more) => source.NextRecord(type, of, content =>
        {
            content["result"] = "corrected";
            content["details"] = Details([("correction", correction), ("field", "months"), .. more]);
        });
        await audit.AppendAsync(Correct(zhuzhou, "correction.filed", exchange), Correct(changsha, "correction.received", exchange));
        (string, string)[] error = [("error_from", "2026-01-01"), ("error_to", "2026-02-01")];
        await audit.AppendAsync(
            Correct(changsha, "correction.answered", exchange, [.. error, ("told", "2")]), Correct(zhuzhou, "correction.answer_received", exchange),
            Correct(zhuzhou, "correction.told", exchange, error));

        var gap = Assert.Single((await audit.GapsAsync()).Decisions);
        Assert.Equal(("correction told", "asking_city", 1, 2), (gap.Step, gap.Missing, gap.Asking.Times, gap.Owning.Times));
        await audit.AppendAsync(Correct(new TestSource("xiangtan"), "correction.told", Guid.CreateVersion7(), error));
        Assert.Empty((await audit.GapsAsync()).Decisions);
    }

    [Fact]
    public async Task A_delivery_is_held_against_the_gateway_and_against_the_receiver_when_it_speaks()
    {
        var (alike, torn, denied, twice) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var delivery in new[] { alike, torn, denied, twice })
        {
            await audit.AppendAsync(Transfer(changsha, "delivery.opened", delivery, null, null, null), Transfer(changsha, "delivery.ended", delivery, "complete", 7, Sha), Transfer(gateway, "gateway.delivered", delivery, delivery == torn ? "aborted" : "complete", 7, Sha));
        }
        // Without the receiver's word nothing is missing.
        Assert.Equal(torn, Assert.Single((await audit.GapsAsync()).Deliveries).DeliveryId);

        await audit.AppendAsync(
            Transfer(changsha, "delivery.acknowledged", alike, "equal", 7, Sha), Transfer(changsha, "delivery.acknowledged", denied, "different", 6, new string('0', 64)),
            Transfer(changsha, "delivery.ended", twice, "complete", 8, Sha));

        var gaps = (await audit.GapsAsync()).Deliveries.ToDictionary(gap => gap.DeliveryId);
        Assert.Equal(new HashSet<Guid> { torn, denied, twice }, [.. gaps.Keys]);
        Assert.Equal(new DeliveryReport("different", 6, new string('0', 64)), gaps[denied].Acknowledgement);
        Assert.All(gaps.Values, gap => Assert.True(gap.Unequal));
    }

    [Fact]
    public async Task A_record_that_took_too_long_is_named_with_its_index_on_its_day()
    {
        var prompt = changsha.NextRecord(more: At(audit.Clock.Now));
        audit.Clock.Now += TimeSpan.FromSeconds(90);
        var slow = changsha.NextRecord(more: At(audit.Clock.Now - new LogSettings().LateAfter - TimeSpan.FromSeconds(1)));
        await audit.AppendAsync(prompt, slow);

        var day = Assert.Single((await audit.GapsAsync()).Days);
        Assert.Equal(("changsha", new DateOnly(2026, 11, 22), 1L, new LateRecord(2026, 1, slow.EventId)), (day.Source, day.Day, day.Late, day.FirstLate));
    }

    [Fact]
    public async Task Silent_hours_and_days_are_named_and_none_before_the_first_heartbeat_or_in_the_running_hour()
    {
        // 04:00 in Beijing on the 22nd.
        var start = audit.Clock.Now;
        await audit.AppendAsync(changsha.NextRecord(more: At(start)), Beat(start));
        audit.Clock.Now += TimeSpan.FromMinutes(59);
        Assert.Empty((await audit.GapsAsync()).Days);

        // The hour of 05:00 passes without a sign, and nobody can make up for it later.
        audit.Clock.Now = start.AddHours(2);
        await audit.AppendAsync(Beat(start.AddHours(2)), Beat(start.AddHours(1), at: start.AddHours(2).AddMinutes(6)));
        audit.Clock.Now = start.AddHours(2.5);
        Assert.Equal([start.AddHours(1)], Assert.Single((await audit.GapsAsync()).Days).MissingHours);

        audit.Clock.Now = start.AddDays(2);
        var days = (await audit.GapsAsync()).Days;
        Assert.Equal([(new DateOnly(2026, 11, 22), 18), (new DateOnly(2026, 11, 23), 24), (new DateOnly(2026, 11, 24), 4)], days.Select(day => (day.Day, day.MissingHours.Count)));
        // The first two days are over and were not closed; the running one need not be.
        Assert.Equal([true, true, false], days.Select(day => day.Differs));
    }

    [Fact]
    public async Task A_day_is_closed_with_the_number_of_its_records_and_one_taken_out_or_slipped_in_is_seen()
    {
        var start = audit.Clock.Now;
        await audit.AppendAsync([.. Enumerable.Range(0, 20).Select(hour => Beat(start.AddHours(hour)))]);
        audit.Clock.Now = start.AddHours(20).AddMinutes(5);
        await audit.AppendAsync(Beat(start.AddHours(20)), Closed(new DateOnly(2026, 11, 22), 20, audit.Clock.Now));
        Assert.Empty((await audit.GapsAsync()).Days);

        await audit.AppendAsync(changsha.NextRecord(more: At(start.AddHours(3))));

        var day = (await audit.GapsAsync()).Days.Single(found => found.Day == new DateOnly(2026, 11, 22));
        Assert.Equal((21L, 20L, true), (day.Records, day.ClosedWith!.Value, day.Differs));
    }

    // As the database's owner, who can do more than the service: what each way of lying leaves for reconciliation to name.

    [Fact]
    public async Task A_record_never_delivered_is_named_by_source_and_number()
    {
        var records = Enumerable.Range(0, 6).Select(_ => changsha.NextRecord()).ToList();
        await audit.AppendAsync([.. records[..3], records[4], records[5], zhuzhou.NextRecord()]);

        var sources = (await audit.GapsAsync()).Sources.ToDictionary(source => source.Source);
        Assert.Equal([new SeqRange(4, 4)], sources["changsha"].Missing);
        Assert.Equal(6, sources["changsha"].LastSeq);
        Assert.Empty(sources["zhuzhou"].Missing);
        await audit.AppendAsync(records[3]);
        Assert.All((await audit.GapsAsync()).Sources, source => Assert.Equal((0, 0, 0), (source.Missing.Count, source.Repeated.Count, source.Broken.Count)));
    }

    [Fact]
    public async Task A_record_slipped_in_under_a_used_number_is_a_fork_at_that_number()
    {
        var copy = changsha.Copied();
        copy.NextRecord();
        await audit.AppendAsync([.. Enumerable.Range(0, 5).Select(_ => changsha.NextRecord())]);
        var forged = copy.NextRecord("grant.activated", exchange);

        await audit.AppendAsync(forged);

        var source = Assert.Single((await audit.GapsAsync()).Sources);
        Assert.Equal((2L, forged.EventId), (source.Fork!.Seq, source.Fork.EventIds[1]));
        Assert.Equal([2], source.Repeated);
    }

    [Fact]
    public async Task A_record_that_names_another_predecessor_is_broken_at_its_number_and_so_is_the_search_row_of_one_whose_number_was_changed()
    {
        await audit.AppendAsync([.. Enumerable.Range(0, 3).Select(_ => changsha.NextRecord())]);
        var other = new TestSource("changsha");
        for (var i = 0; i < 3; i++)
        {
            other.NextRecord();
        }
        await audit.AppendAsync(other.NextRecord());
        Assert.Equal([4], Assert.Single((await audit.GapsAsync()).Sources).Broken);

        // The derived rows are made anew from what the owner left.
        await audit.TamperAsync("update records set seq = 1 where idx = 1");
        await RebuildAsync();
        var source = Assert.Single((await audit.GapsAsync()).Sources);
        Assert.Equal([1], source.Repeated);
    }

    [Fact]
    public async Task A_report_of_a_delivery_that_is_taken_out_leaves_it_one_sided_once_the_rows_are_made_anew()
    {
        var delivery = Guid.CreateVersion7();
        await audit.AppendAsync(Transfer(changsha, "delivery.opened", delivery, null, null, null), Transfer(changsha, "delivery.ended", delivery, "complete", 7, Sha));
        await audit.AppendAsync(Transfer(gateway, "gateway.delivered", delivery, "complete", 7, Sha));
        Assert.Empty((await audit.GapsAsync()).Deliveries);

        await audit.TamperAsync("delete from records where idx = 2; delete from events where idx = 2; delete from leaves where idx = 2");
        await RebuildAsync();

        var gap = Assert.Single((await audit.GapsAsync()).Deliveries);
        Assert.Equal((delivery, "gateway"), (gap.DeliveryId, Assert.Single(gap.Missing)));
    }

    [Fact]
    public async Task Rows_made_anew_say_what_the_appends_said()
    {
        await An_exchange_that_both_cities_report_alike_leaves_no_finding_in_whatever_order_it_comes();
        await A_delivery_is_held_against_the_gateway_and_against_the_receiver_when_it_speaks();
        await audit.AppendAsync(Beat(audit.Clock.Now), changsha.NextRecord());
        string[] tables = ["deliveries_seen", "decisions_seen", "source_days", "late_records", "sources_seen", "number_faults"];
        var before = await Task.WhenAll(tables.Select(RowsAsync));

        await RebuildAsync();
        Assert.Equal(before, await Task.WhenAll(tables.Select(RowsAsync)));

        // Emptied under a running writer, the next append takes up first what lies before it, and itself once.
        await EmptyAsync();
        await audit.AppendAsync(changsha.NextRecord());
        await audit.AppendAsync(changsha.NextRecord());
        var appended = await Task.WhenAll(tables.Select(RowsAsync));
        await RebuildAsync();
        Assert.Equal(await Task.WhenAll(tables.Select(RowsAsync)), appended);
        await audit.CheckAsync();

        async Task<string> RowsAsync(string table) => string.Join('\n', await audit.QueryAsync<string>($"select to_jsonb(t)::text from {table} t order by 1"));
    }

    [Fact]
    public async Task No_part_of_the_report_reads_the_whole_log()
    {
        foreach (var batch in Enumerable.Range(0, 4000).Select(_ => changsha.NextRecord("request.submitted", Guid.CreateVersion7())).Chunk(2000))
        {
            await audit.AppendAsync(batch);
        }
        await audit.TamperAsync("insert into number_faults values ('changsha', 17); analyze");
        foreach (var sql in new[] { ReportGaps.SelectMissing, ReportGaps.SelectRepeated, ReportGaps.SelectBroken, ReportGaps.SelectDays, ReportGaps.SelectDecisions, ReportGaps.SelectDeliveries })
        {
            var bound = sql.Replace("@source::text", "null::text", StringComparison.Ordinal).Replace("@source", "null", StringComparison.Ordinal).Replace("@after::uuid", "null::uuid", StringComparison.Ordinal).Replace("@after", "null", StringComparison.Ordinal)
                .Replace("@All", "true", StringComparison.Ordinal).Replace("@OwnCity", "null", StringComparison.Ordinal).Replace("@Own", "null", StringComparison.Ordinal).Replace("@SettledBefore", "now()", StringComparison.Ordinal)
                .Replace("@Since", "null", StringComparison.Ordinal).Replace("@Until", "null", StringComparison.Ordinal).Replace("@FirstDay", "date '2026-10-22'", StringComparison.Ordinal).Replace("@LastDay", "date '2026-11-22'", StringComparison.Ordinal)
                .Replace("@LateAfter", "interval '5 minutes'", StringComparison.Ordinal).Replace("@Limit", "51", StringComparison.Ordinal);
            var plan = string.Join('\n', await audit.QueryAsync<string>("explain analyze " + bound));
            Assert.False(plan.Split('\n').Any(line => (line.Contains("Seq Scan on records", StringComparison.Ordinal) || line.Contains("Seq Scan on events", StringComparison.Ordinal)) && !line.Contains("never executed", StringComparison.Ordinal)), plan);
        }
    }

    [Fact]
    public async Task An_append_reads_as_much_in_a_long_log_as_in_a_short_one()
    {
        foreach (var batch in Enumerable.Range(0, 4000).Select(_ => changsha.NextRecord("request.submitted", Guid.CreateVersion7())).Chunk(2000))
        {
            await audit.AppendAsync(batch);
        }
        // The planner knows then that all leaves are of one year, and takes a comparison of year and index for one of years.
        await audit.TamperAsync("analyze leaves, events, records; update paired set one = one");
        var before = await ReadAsync(leaves: 4000);

        await audit.AppendAsync(changsha.NextRecord("request.submitted", Guid.CreateVersion7()));

        Assert.InRange(await ReadAsync(leaves: 4001) - before, 0, 200);

        // A backend tells what it read together with what it wrote.
        async Task<long> ReadAsync(long leaves)
        {
            await Eventually.TrueAsync(async () => await audit.OneAsync<long>("select n_tup_ins from pg_stat_user_tables where relname = 'leaves'") == leaves);
            return await audit.OneAsync<long>("select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables");
        }
    }

    private Task EmptyAsync() => audit.TamperAsync("truncate deliveries_seen, decisions_seen, sources_seen, number_faults, source_days, late_records; update paired set year = 0, idx = -1");

    private async Task RebuildAsync()
    {
        await EmptyAsync();
        await new StartPairing(audit.Database).StartAsync(TestContext.Current.CancellationToken);
    }

    private SourceRecord Step(TestSource source, string type, string result, int version, params (string, string)[] more) =>
        source.NextRecord(type, exchange, Content(result, version, [("asking_city", "zhuzhou"), ("owning_city", "changsha"), .. more]));

    /// <summary>The owning city's record of what it decided, and the asking city's of having heard of it.</summary>
    private SourceRecord[] Decided(string decision, string type, string result, int version)
    {
        (string, string)[] terms = [("decision", decision), ("use_until", $"2027-06-{version:00}")];
        return [Step(changsha, type, result, version, terms), Step(zhuzhou, "decision.received", result, version, terms)];
    }

    private SourceRecord Heard(string type, string result, int version) => Step(changsha, type, result, version, ("heard_from", "zhuzhou"));

    private static Action<JsonObject> Content(string result, int version, (string, string)[] details) => content =>
    {
        content["result"] = result;
        content["approval"] = "长沙-2026-000001";
        content["details"] = Details([("version", version.ToString(CultureInfo.InvariantCulture)), .. details]);
    };

    private static JsonObject Details(IEnumerable<(string Name, string Value)> details) => new(details.Select(detail => KeyValuePair.Create(detail.Name, (JsonNode?)detail.Value)));

    private SourceRecord Transfer(TestSource source, string type, Guid delivery, string? result, long? bytes, string? sha256) => source.NextRecord(type, exchange, content =>
    {
        content["details"] = Details(sha256 is null ? [("delivery_id", delivery.ToString())] : [("delivery_id", delivery.ToString()), ("sha256", sha256)]);
        if (result is not null)
        {
            (content["result"], content["bytes"]) = (result, bytes);
        }
    });

    private static Action<JsonObject> At(DateTimeOffset at) => content => content["at"] = SourceRecord.Time(at);

    private SourceRecord Beat(DateTimeOffset hour, DateTimeOffset? at = null) => changsha.NextRecord("source.heartbeat", more: content =>
    {
        At(at ?? hour)(content);
        content["details"] = Details([("hour", hour.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture))]);
    });

    private SourceRecord Closed(DateOnly day, long count, DateTimeOffset at) => changsha.NextRecord("source.day_closed", more: content =>
    {
        At(at)(content);
        content["details"] = Details([("day", day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)), ("count", count.ToString(CultureInfo.InvariantCulture))]);
    });
}
