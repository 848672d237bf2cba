using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Dapper;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Deliveries;

/// <summary>What each call must state, and how much a grant and a department get in a period.</summary>
public sealed class QuotaTests(PublishingCity city)
{
    [Fact]
    public async Task Every_call_states_the_purpose_that_was_agreed()
    {
        var grant = await GrantAsync();
        var code = PurposeCode.Of(GrantedDataTests.Purpose);
        Assert.Equal("76272d288fbe", code);
        var view = (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}", GrantedDataTests.Program)).Expect(HttpStatusCode.OK);
        Assert.Equal((GrantedDataTests.Purpose, code), (view.Body.GetProperty("purpose").GetString(), view.Body.GetProperty("purpose_code").GetString()));

        foreach (var query in (string[])["", "?purpose=", $"?purpose={code}&purpose=0123456789ab"])
        {
            var missing = (await DataAsync(grant, query)).Expect(HttpStatusCode.UnprocessableEntity);
            Assert.Equal("purpose", Assert.Single(missing.Body.GetProperty("errors").EnumerateArray()).GetProperty("field").GetString());
        }

        foreach (var other in (string[])["0123456789ab", code.ToUpperInvariant(), GrantedDataTests.Purpose, code + "0"])
        {
            var refused = (await DataAsync(grant, $"?purpose={Uri.EscapeDataString(other)}")).Expect(HttpStatusCode.Forbidden);
            Assert.Equal("purpose-not-granted", refused.Body.GetProperty("rule").GetString());
        }

        Assert.Equal("purpose-not-granted", (await DataAsync(grant, "", ("Purpose", "0123456789ab"))).Expect(HttpStatusCode.Forbidden).Body.GetProperty("rule").GetString());
        (await DataAsync(grant, $"?purpose={code}", ("Purpose", "0123456789ab"))).Expect(HttpStatusCode.UnprocessableEntity);
        await using var connection = await city.OpenAsync();
        Assert.Equal(0, await connection.ExecuteScalarAsync<long>("select count(*) from deliveries where exchange_id = @grant", new { grant }));

        var delivery = (await DataAsync(grant, "", ("Purpose", code))).Expect(HttpStatusCode.OK).Headers["Exchange-Delivery-Id"];
        (await DataAsync(grant, $"?purpose={code}", ("Purpose", code))).Expect(HttpStatusCode.OK);
        Assert.Equal(code, (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/deliveries/{delivery}", GrantedDataTests.Program)).Expect(HttpStatusCode.OK).Body.GetProperty("purpose_code").GetString());
        Assert.All(
            await connection.QueryAsync<string>("select content::jsonb -> 'details' ->> 'purpose_code' from outbox where type = 'delivery.opened' and correlation_id = @grant", new { grant }),
            stated => Assert.Equal(code, stated));
        await connection.ExecuteAsync("update grants set purpose = '另一用途（示例）' where exchange_id = @grant", new { grant });
        (await DataAsync(grant, $"?purpose={code}")).Expect(HttpStatusCode.Forbidden);
    }

    [Fact]
    public async Task Calls_are_counted_for_all_who_serve_them_and_a_start_refills_nothing()
    {
        var grant = await GrantAsync();
        await SetAsync(grant, new { Calls = 10 });

        // As many at once as there are twice over; the process of the city and another log beside it.
        await using var parts = await city.PartsAsync();
        await using var services = new ServiceCollection().AddScoped(_ => parts.Transaction()).BuildServiceProvider();
        var read = await ReadAsync(parts, grant);
        using var beside = Log(services, TimeProvider.System);
        await beside.StartAsync(CancellationToken.None);
        var shipment = new Shipment { Form = "csv", Fields = read.Fields, Head = _ => { }, Write = (_, _) => Task.CompletedTask, Rows = () => 0 };
        var opened = Task.WhenAll(Enumerable.Range(0, 10).Select(_ => beside.OpenAsync(Guid.CreateVersion7(), read, "示例", shipment)));
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => DataAsync(grant)));
        var both = answers.Count(a => a.Status == HttpStatusCode.OK) + (await opened).Count(o => o.Opened);
        await beside.StopAsync(CancellationToken.None);

        Assert.Equal(10, both);
        await using var connection = await city.OpenAsync();
        Assert.Equal((10, 10), await connection.QuerySingleAsync<(long, long)>("select (select count(*) from deliveries where exchange_id = @grant), (select calls from quota_use where holder = @grant::text)", new { grant }));
        var refused = (await DataAsync(grant)).Expect(HttpStatusCode.TooManyRequests);
        Assert.Equal("quota-used-up", refused.Body.GetProperty("rule").GetString());
        Assert.Contains("\"grant-calls\";q=10;w=86400", refused.Headers["RateLimit-Policy"], StringComparison.Ordinal);
        var left = Regex.Match(refused.Headers["RateLimit"], "\"grant-calls\";r=0;t=([0-9]+)");
        Assert.Equal(left.Groups[1].Value, refused.Headers["Retry-After"]);
        Assert.InRange(int.Parse(left.Groups[1].Value, CultureInfo.InvariantCulture), 1, 86_400);

        // A process that has just started knows what was used; the next day everything is there anew.
        using var started = Log(services, TimeProvider.System);
        await started.StartAsync(CancellationToken.None);
        Assert.False((await started.OpenAsync(Guid.CreateVersion7(), read, "示例", shipment)).Opened);
        using var tomorrow = Log(services, new Later(TimeSpan.FromDays(1)));
        await tomorrow.StartAsync(CancellationToken.None);
        Assert.True((await tomorrow.OpenAsync(Guid.CreateVersion7(), read, "示例", shipment)).Opened);
        await tomorrow.StopAsync(CancellationToken.None);
        await started.StopAsync(CancellationToken.None);

        // Another limit holds from the next call on.
        await SetAsync(grant, new { Calls = 11 });
        (await DataAsync(grant)).Expect(HttpStatusCode.OK);
        (await DataAsync(grant)).Expect(HttpStatusCode.TooManyRequests);
        await SetAsync(grant, new { });
        Assert.Contains("\"grant-calls\";r=99988", (await DataAsync(grant)).Expect(HttpStatusCode.OK).Headers["RateLimit"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_and_bytes_stop_where_the_quota_does()
    {
        var grant = await GrantAsync(rows: 20_000);
        await SetAsync(grant, new { Rows = 15_000 });

        // A page of three thousand fits; of a whole export nothing beyond the quota is sent.
        (await DataAsync(grant, $"?limit=3000&purpose={PurposeCode.Of(GrantedDataTests.Purpose)}")).Expect(HttpStatusCode.OK);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => DataAsync(grant));
        await using var connection = await city.OpenAsync();
        var cut = await Eventually.GetAsync(
            () => connection.QuerySingleOrDefaultAsync<(long Rows, string Record)>("""
                select d.rows, o.content::text from deliveries d join outbox o on o.type = 'delivery.ended' and position(d.delivery_id::text in o.content::text) > 0
                where d.exchange_id = @grant and d.outcome = 'aborted'
                """, new { grant }), seen => seen.Record is not null);
        Assert.Contains("\"cut\":\"quota-used-up\"", cut.Record, StringComparison.Ordinal);
        Assert.True(cut.Rows > 0);
        var refused = (await DataAsync(grant)).Expect(HttpStatusCode.TooManyRequests);
        Assert.Contains("\"grant-rows\";q=15000;qu=\"rows\";w=86400", refused.Headers["RateLimit-Policy"], StringComparison.Ordinal);
        Assert.Contains("\"grant-rows\";r=0", refused.Headers["RateLimit"], StringComparison.Ordinal);

        // When not even the first piece fits nothing is sent, and the answer says why.
        var small = await GrantAsync(rows: 100);
        await SetAsync(small, new { Bytes = 10 });
        (await DataAsync(small)).Expect(HttpStatusCode.TooManyRequests);
        var view = (await city.SendAsync(HttpMethod.Get, $"/grants/{small}/quota", Reviewer)).Expect(HttpStatusCode.OK).Body;
        var bytes = view.GetProperty("limits").EnumerateArray().Single(l => l.GetProperty("name").GetString() == "grant-bytes");
        Assert.Equal((10, 0), (bytes.GetProperty("limit").GetInt32(), bytes.GetProperty("used").GetInt32()));
    }

    [Fact]
    public async Task Only_the_provider_sets_a_quota_and_every_fault_is_told()
    {
        var grant = await GrantAsync();
        var faults = (await city.SendAsync(HttpMethod.Put, $"/grants/{grant}/quota", Reviewer, new { Calls = 0, Rows = -1, Bytes = 5 })).Expect(HttpStatusCode.UnprocessableEntity);
        Assert.Equal(["calls", "rows"], faults.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()));
        (await city.SendAsync(HttpMethod.Put, $"/grants/{grant}/quota", Officer, new { Calls = 1 })).Expect(HttpStatusCode.Forbidden);
        (await city.SendAsync(HttpMethod.Put, $"/grants/{grant}/quota", OtherOfficer, new { Calls = 1 })).Expect(HttpStatusCode.NotFound);
        (await city.SendAsync(HttpMethod.Put, $"/grants/{grant}/quota", GrantedDataTests.Program with { Roles = [Roles.Reviewer] }, new { Calls = 1 })).Expect(HttpStatusCode.NotFound);
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/quota", OtherOfficer)).Expect(HttpStatusCode.NotFound);
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/quota", GrantedDataTests.Program)).Expect(HttpStatusCode.OK);
        await using var connection = await city.OpenAsync();
        Assert.True(await connection.ExecuteScalarAsync<bool>("select quota_calls is null from grants where exchange_id = @grant", new { grant }));
        await SetAsync(grant, new { Calls = 7 });
        Assert.Contains("\"calls\":\"7\"", await connection.QuerySingleAsync<string>("select content::text from outbox where type = 'grant.quota_set' and correlation_id = @grant", new { grant }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_departments_total_holds_over_all_its_grants()
    {
        var (first, second) = (await GrantAsync(), await GrantAsync());
        await using var parts = await city.PartsAsync();
        await using var services = new ServiceCollection().AddScoped(_ => parts.Transaction()).BuildServiceProvider();
        // A department that nobody else here is.
        await using (var connection = await city.OpenAsync())
        {
            await connection.ExecuteAsync("update grants set asking_department = '11430200EXAMPL0999' where exchange_id = any(@grants)", new { grants = new[] { first, second } });
        }

        var who = GrantedDataTests.Program with { Department = "11430200EXAMPL0999" };
        var (one, two) = (await ReadAsync(parts, first, who), await ReadAsync(parts, second, who));
        using var log = Log(services, TimeProvider.System, new QuotaSettings { DepartmentCalls = 3 });
        await log.StartAsync(CancellationToken.None);
        var shipment = new Shipment { Form = "csv", Fields = one.Fields, Head = _ => { }, Write = (_, _) => Task.CompletedTask };
        List<bool> opened = [];
        foreach (var grant in (Grant[])[one, two, one, two, one])
        {
            var (stored, allowance) = await log.OpenAsync(Guid.CreateVersion7(), grant, "示例", shipment);
            opened.Add(stored);
            Assert.Equal(stored ? null : "department-calls", allowance!.Exceeded(0)?.Name);
        }

        await log.StopAsync(CancellationToken.None);
        Assert.Equal([true, true, true, false, false], opened);
    }

    [Theory]
    [InlineData("2026-03-01T15:59:59Z", "1.00:00:00", "2026-02-28T16:00:00Z", "2026-03-01T16:00:00Z")]
    [InlineData("2026-03-01T16:00:00Z", "1.00:00:00", "2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z")]
    [InlineData("2026-03-01T05:30:00Z", "01:00:00", "2026-03-01T05:00:00Z", "2026-03-01T06:00:00Z")]
    [InlineData("2026-03-01T15:30:00Z", "05:00:00", "2026-03-01T12:00:00Z", "2026-03-01T16:00:00Z")]
    public void A_period_begins_at_midnight_in_Beijing_and_a_day_is_divided_from_there(string now, string period, string begins, string ends)
    {
        var quotas = new Quotas(new QuotaSettings { Period = TimeSpan.Parse(period, CultureInfo.InvariantCulture) }, new At(DateTimeOffset.Parse(now, CultureInfo.InvariantCulture)));
        Assert.Equal(DateTimeOffset.Parse(begins, CultureInfo.InvariantCulture), quotas.Period);
        var grant = new Grant { ExchangeId = default, AskingCity = "", AskingDepartment = "", OwningDepartment = "", DatasetId = default, DatasetVersion = 1, Fields = [], State = "active", ValidFrom = default, ValidUntil = default };
        Assert.Equal(DateTimeOffset.Parse(ends, CultureInfo.InvariantCulture), quotas.AllowanceOf(grant, quotas.Period, new("", 0, 0, 0), new("", 0, 0, 0)).Resets);
    }

    private static DeliveryLog Log(ServiceProvider services, TimeProvider clock, QuotaSettings? settings = null) => new(
        services.GetRequiredService<IServiceScopeFactory>(), new Quotas(settings ?? new QuotaSettings(), clock), clock,
        new Seat(new ConfigurationBuilder().Build(), new ServiceSettings { Name = "changsha" }), NullLogger<DeliveryLog>.Instance);

    private static async Task<Grant> ReadAsync(CityParts parts, Guid grant, Who? who = null)
    {
        who ??= GrantedDataTests.Program;
        var caller = new Caller { Subject = who.Subject, IsPerson = false, ClientId = who.Subject, Name = who.Subject, City = who.City, Department = who.Department!, Roles = who.Roles.ToHashSet(StringComparer.Ordinal) };
        return (await ReadGrants.FindAsync(parts.Database, grant, caller, Catalogue.City.Read(Samples.CityFile("changsha")), CancellationToken.None))!;
    }

    private async Task<Guid> GrantAsync(int rows = 3)
    {
        var (path, revision) = await city.PublishAsync();
        var csv = "account_no,balance\r\n" + string.Concat(Enumerable.Range(1, rows).Select(n => $"示例{n},{n}\r\n"));
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(csv), revision)).Expect(HttpStatusCode.OK);
        return await GrantedDataTests.GrantAsync(city, Guid.Parse(path["/datasets/".Length..]), new(["account_no", "balance"]));
    }

    private async Task SetAsync(Guid grant, object limits) => (await city.SendAsync(HttpMethod.Put, $"/grants/{grant}/quota", Reviewer, limits)).Expect(HttpStatusCode.OK);

    private Task<Answer> DataAsync(Guid grant) => DataAsync(grant, "", ("Purpose", PurposeCode.Of(GrantedDataTests.Purpose)));

    private Task<Answer> DataAsync(Guid grant, string query, params (string Name, string Value)[] headers) =>
        city.SendAsync(HttpMethod.Get, $"/grants/{grant}/data{query}", GrantedDataTests.Program, headers: headers);

    private sealed class Later(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }

    private sealed class At(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
