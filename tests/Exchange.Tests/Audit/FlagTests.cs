using System.Globalization;
using System.Text.Json.Nodes;
using Exchange.Audit.Recording;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Tests.Audit;

/// <summary>Each flag is raised by the smallest story that deserves it, and not by its honest twin. Now is Sunday 2026-11-22, 04:00 in Beijing.</summary>
[Trait("needs", "server")]
public sealed class FlagTests : IAsyncLifetime
{
    private const string Asking = "11430200EXAMPL0011";
    private const string Providing = "11430100EXAMPL0121";
    private const string Office = "2026-11-20T03:00:00.000Z"; // Friday, 11:00 in Beijing

    private readonly TestSource changsha = new("changsha");
    private readonly Guid odd = Guid.CreateVersion7();
    private readonly Guid honest = Guid.CreateVersion7();
    private AuditDatabase audit = null!;

    public async ValueTask InitializeAsync() => audit = await AuditDatabase.CreateAsync();

    public ValueTask DisposeAsync() => audit.DisposeAsync();

    [Fact]
    public async Task A_day_far_beyond_the_grants_own_days()
    {
        var records = new List<SourceRecord>();
        foreach (var (exchange, last) in new[] { (odd, 10_000_001), (honest, 9_000_000) })
        {
            for (var day = 10; day < 16; day++)
            {
                records.AddRange(Delivery(exchange, $"2026-11-{day}T03:00:00.000Z", bytes: 1_000_000));
            }
            records.AddRange(Delivery(exchange, Office, bytes: last));
        }
        // Too young to be compared with itself.
        var young = Guid.CreateVersion7();
        records.AddRange([.. Delivery(young, "2026-11-10T03:00:00.000Z", bytes: 1), .. Delivery(young, Office, bytes: 9_999_999)]);
        await audit.AppendAsync([.. records]);

        var flag = await OnlyAsync("volume_beyond_grant");
        Assert.Contains("10000001", flag.Sentence.Zh, StringComparison.Ordinal);
        Assert.Contains("2026-11-20", flag.Sentence.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Much_on_a_holiday_a_weekend_or_at_night()
    {
        var (saturday, night) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        audit.Clock.Now = new DateTimeOffset(2026, 10, 20, 0, 0, 0, TimeSpan.Zero);
        await audit.AppendAsync([
            .. Delivery(odd, "2026-10-05T03:00:00.000Z", records: 10_000), // a Monday off
            .. Delivery(saturday, "2026-10-17T03:00:00.000Z", bytes: 10_000_000),
            .. Delivery(night, "2026-10-14T12:00:00.000Z", records: 10_000), // 20:00 in Beijing
            .. Delivery(honest, "2026-10-10T03:00:00.000Z", records: 10_000), // a Saturday that is worked
            .. Delivery(honest, "2026-10-14T11:59:59.000Z", records: 10_000),
            .. Delivery(honest, "2026-10-14T00:00:00.000Z", records: 10_000),
            .. Delivery(honest, "2026-10-17T03:00:00.000Z", records: 9_999),
        ]);

        Assert.Equal(new[] { odd, saturday, night }.Order(), (await FlagsAsync("bulk_outside_hours")).Select(flag => flag.ExchangeId!.Value).Order());
    }

    [Fact]
    public async Task Many_refusals_within_an_hour()
    {
        await audit.AppendAsync([
            Refusal(Asking, "role-missing", "2026-11-20T03:10:00.000Z", 12),
            Refusal(Asking, "role-missing", "2026-11-20T04:09:00.000Z", 8),
            Refusal(Asking, "role-missing", "2026-11-20T04:09:30.000Z", 5), // the same burst
            Refusal(Providing, "role-missing", "2026-11-20T03:10:00.000Z", 12),
            Refusal(Providing, "role-missing", "2026-11-20T04:10:01.000Z", 8), // another hour
            Refusal(Providing, "person-required", "2026-11-20T03:10:00.000Z", 19), // another rule
            Refusal(null, "role-missing", "2026-11-20T03:10:00.000Z", 500), // strangers
        ]);

        var flag = Assert.Single(await FlagsAsync("refusal_burst"));
        Assert.Equal((Asking, 2), (flag.Requesting, flag.Events.Count));
        Assert.Contains("20 times", flag.Sentence.En, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("grant.ended")]
    [InlineData("grant.suspended")]
    [InlineData("disposal.recorded")]
    public async Task Use_after_the_end(string end)
    {
        var underWay = Guid.CreateVersion7();
        await audit.AppendAsync([
            Of(odd, "grant.activated", Office), .. Delivery(odd, Office), Of(odd, end, Office), .. Delivery(odd, "2026-11-20T02:00:00.000Z"), // the clock claims an earlier time
            Of(honest, "grant.activated", Office), Opened(honest, Office, underWay), Of(honest, end, Office), Ended(honest, Office, underWay),
            .. Delivery(honest, Office, result: "aborted"),
            Of(honest, "grant.resumed", Office), .. Delivery(honest, Office),
        ]);

        var flag = await OnlyAsync("use_after_end");
        Assert.Contains(end, flag.Sentence.En, StringComparison.Ordinal);
        Assert.Equal(2, flag.Events.Count);
    }

    [Fact]
    public async Task Use_after_the_last_day()
    {
        SourceRecord Agreed(Guid exchange, string until) => Of(exchange, "reply.signed_off", "2026-11-01T00:00:00.000Z", content => content["details"] = new JsonObject { ["use_until"] = until });
        await audit.AppendAsync([
            Agreed(odd, "2026-11-19"), .. Delivery(odd, Office),
            Agreed(honest, "2026-11-19"), Agreed(honest, "2026-11-20"), .. Delivery(honest, Office), // prolonged, and on its last day
        ]);

        Assert.Contains("use_until 2026-11-19", (await OnlyAsync("use_after_end")).Sentence.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answers_that_came_late()
    {
        SourceRecord Due(Guid exchange, string type, string at, string due) => Of(exchange, type, at, content => content["details"] = new JsonObject { ["reply_due"] = due });
        var breached = Guid.CreateVersion7();
        await audit.AppendAsync([
            Due(odd, "request.received", "2026-11-02T03:00:00.000Z", "2026-11-19"), Of(odd, "reply.signed_off", Office),
            Due(honest, "request.received", "2026-11-02T03:00:00.000Z", "2026-11-19"), Due(honest, "extension.consented", "2026-11-12T03:00:00.000Z", "2026-11-20"), Of(honest, "reply.signed_off", Office),
            Due(breached, "request.received", "2026-11-02T03:00:00.000Z", "2026-11-19"),
            Of(breached, "clock.breached", "2026-11-19T16:00:00.000Z", content => content["details"] = new JsonObject { ["clock"] = "reply", ["reply_due"] = "2026-11-19" }),
            Of(breached, "reply.signed_off", Office),
        ]);

        Assert.Equal(new[] { odd, breached }.Order(), (await FlagsAsync("late_answer")).Select(flag => flag.ExchangeId!.Value).Order());
    }

    [Fact]
    public async Task Grants_that_nobody_uses()
    {
        var (ended, young) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        const string Activated = "2026-08-10T03:00:00.000Z";
        await audit.AppendAsync([
            Of(odd, "grant.activated", Activated), .. Delivery(odd, "2026-11-09T03:00:00.000Z"), // the 91st day
            Of(honest, "grant.activated", Activated), .. Delivery(honest, "2026-11-08T02:00:00.000Z"),
            Of(ended, "grant.activated", Activated), Of(ended, "grant.ended", "2026-09-01T03:00:00.000Z"),
            Of(young, "grant.activated", "2026-08-25T03:00:00.000Z"),
        ]);

        Assert.Equal(DateTimeOffset.Parse(Activated, CultureInfo.InvariantCulture).AddDays(90), (await OnlyAsync("unused_grant")).At);
    }

    [Fact]
    public async Task Another_purpose_than_the_one_approved()
    {
        SourceRecord For(Guid exchange, string type, string purpose, string? change = null) => Of(exchange, type, Office, content =>
        {
            content["purpose"] = purpose;
            content["details"] = change is null ? new JsonObject() : new JsonObject { ["change"] = change };
        });
        await audit.AppendAsync([
            For(odd, "reply.signed_off", "转移接续"), For(odd, "change.signed_off", "信用评价", "refused"), For(odd, "delivery.ended", "信用评价"), For(odd, "delivery.ended", "信用评价"),
            For(honest, "reply.signed_off", "转移接续"), For(honest, "delivery.ended", "转移接续"), For(honest, "change.signed_off", "信用评价", "approved"), For(honest, "delivery.ended", "信用评价"),
        ]);

        Assert.Contains("“信用评价” is not the one that was approved, “转移接续”", (await OnlyAsync("purpose_differs")).Sentence.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Findings_are_paged_and_seen_by_auditors_and_by_the_authority_of_a_city_that_took_part()
    {
        var exchanges = Enumerable.Range(0, 5).Select(_ => Guid.CreateVersion7()).ToList();
        await audit.AppendAsync([.. exchanges.SelectMany(exchange => new[]
        {
            // Two flags of one record stay on one page.
            Of(exchange, "grant.ended", Office),
            Of(exchange, "delivery.ended", "2026-11-21T03:00:00.000Z", content => (content["result"], content["records"]) = ("complete", 10_000)),
        })]);

        List<(Guid?, string)> seen = [];
        string? cursor = null;
        do
        {
            var page = await PageAsync(null, Auditor, cursor, limit: 3);
            seen.AddRange(page.Items.Select(flag => (flag.ExchangeId, flag.Kind)));
            Assert.InRange(page.Items.Count, 2, 4);
            cursor = page.Next;
        }
        while (cursor is not null);
        Assert.Equal(10, seen.Distinct().Count());
        Assert.Equal(10, seen.Count);

        Assert.Equal(10, (await PageAsync(null, Authority("changsha"))).Items.Count);
        Assert.Empty((await PageAsync(null, Authority("zhuzhou"))).Items);
        Assert.Empty((await PageAsync(null, Auditor, department: "11430300EXAMPL0011")).Items);
        Assert.Equal(10, (await PageAsync(null, Auditor, department: Providing)).Items.Count);
        var faults = await AskAsync("no_such_kind", Auditor, from: new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        Assert.Equal(["kind", "from"], Assert.IsType<Refused>(faults.Result).Faults.Select(fault => fault.Field));
    }

    private SourceRecord Of(Guid exchange, string type, string at, Action<JsonObject>? more = null) => changsha.NextRecord(type, exchange, content =>
    {
        (content["at"], content["requesting"], content["providing"]) = (at, Asking, Providing);
        more?.Invoke(content);
    });

    private SourceRecord[] Delivery(Guid exchange, string at, long bytes = 100, long records = 1, string result = "complete")
    {
        var delivery = Guid.CreateVersion7();
        return [Opened(exchange, at, delivery), Ended(exchange, at, delivery, bytes, records, result)];
    }

    private SourceRecord Opened(Guid exchange, string at, Guid delivery) =>
        Of(exchange, "delivery.opened", at, content => content["details"] = new JsonObject { ["delivery_id"] = delivery.ToString() });

    private SourceRecord Ended(Guid exchange, string at, Guid delivery, long bytes = 100, long records = 1, string result = "complete") => Of(exchange, "delivery.ended", at, content =>
    {
        (content["result"], content["bytes"], content["records"]) = (result, bytes, records);
        content["details"] = new JsonObject { ["delivery_id"] = delivery.ToString() };
    });

    private SourceRecord Refusal(string? department, string rule, string at, int count) => changsha.NextRecord("refusal", null, content =>
    {
        content["at"] = at;
        if (department is not null)
        {
            content["requesting"] = department;
        }
        content["details"] = new JsonObject { ["rule"] = rule, ["count"] = count.ToString(CultureInfo.InvariantCulture) };
    });

    /// <summary>The odd story alone deserves it, and each record it rests on has its proof.</summary>
    private async Task<Flag> OnlyAsync(string kind)
    {
        var flag = Assert.Single(await FlagsAsync(kind));
        Assert.Equal((odd, Asking, Providing), (flag.ExchangeId, flag.Requesting, flag.Providing));
        Assert.All(flag.Events, e => Assert.Equal($"/api/audit/log/2026/proof/{e.EventId}", e.Proof));
        return flag;
    }

    private async Task<IReadOnlyList<Flag>> FlagsAsync(string kind) => (await PageAsync(kind, Auditor)).Items;

    private async Task<FlagPage> PageAsync(string? kind, Caller caller, string? cursor = null, int? limit = null, string? department = null) =>
        Assert.IsType<Ok<FlagPage>>((await AskAsync(kind, caller, cursor, limit, department)).Result).Value!;

    private Task<Results<Ok<FlagPage>, Refused>> AskAsync(string? kind, Caller caller, string? cursor = null, int? limit = null, string? department = null, DateTimeOffset? from = null) =>
        Flags.HandleAsync(caller, audit.Database, new FlagSettings(), audit.Clock, kind, department, from, to: null, cursor, limit, TestContext.Current.CancellationToken);

    private static Caller Auditor => Person(null, Roles.Auditor);

    private static Caller Authority(string city) => Person(city, Roles.Authority);

    private static Caller Person(string? city, string role) =>
        new() { Subject = role, IsPerson = true, ClientId = role, Name = "示例", City = city, Roles = new HashSet<string>(StringComparer.Ordinal) { role } };
}
