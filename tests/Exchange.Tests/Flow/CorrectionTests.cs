using System.Globalization;
using System.Text.Json;
using Dapper;
using Exchange.Local.Accounts;
using Npgsql;
using Xunit;

namespace Exchange.Tests.Flow;

/// <summary>An error found in received data (校核, art. 26) and the catalogue's own duties (arts. 16, 17), over the public address and three cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class CorrectionTests(ExchangeFixture exchange)
{
    private static DateOnly Today => DateOnly.FromDateTime(DateTimeOffset.UtcNow.ToOffset(TimeSpan.FromHours(8)).DateTime);

    [Fact]
    public async Task A_report_names_a_granted_item_of_received_data_and_every_fault_of_it_is_told()
    {
        var conditional = await PublishAsync("conditional");
        var early = await exchange.SubmitAsync(conditional);
        await exchange.ReceivedAsync(early);
        await exchange.MirrorAsync(early, "under_review");
        var officer = exchange.Who("zhuzhou", "officer");
        var before = await officer.PostAsync(Correct(early), Report());
        Assert.Equal((409, "nothing-received", "第26条"), (before.Status, before["rule"].GetString(), before["article"].GetString()));

        var id = await GrantedAsync(await PublishAsync("unconditional"), "zhuzhou");
        var faulty = await officer.PostAsync(Correct(id), new { Field = "remark", Wrong = "示例", Since = Day(Today.AddDays(3)) });
        Assert.Equal(422, faulty.Status);
        Assert.Equal(["evidence", "field", "record", "right", "since"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal("role-missing", (await exchange.Who("zhuzhou", "sharing_head").PostAsync(Correct(id), Report()))["rule"].GetString());
        Assert.Equal(404, (await exchange.Who("zhuzhou", "officer", "police").PostAsync(Correct(id), Report())).Status);
        Assert.Equal(404, (await exchange.Who("changsha", "officer").PostAsync(Correct(id), Report())).Status);
    }

    [Fact]
    public async Task A_report_is_verified_and_answered_once_and_both_cities_end_equal()
    {
        var dataset = await PublishAsync("unconditional");
        var id = await GrantedAsync(dataset, "zhuzhou");
        var officer = exchange.Who("zhuzhou", "officer");
        var marker = $"示例{Guid.NewGuid():N}";
        var key = Guid.NewGuid().ToString();
        var report = new { Field = "months", Record = marker, Wrong = "12", Right = $"13{marker}", Evidence = $"缴费凭证{marker}", Since = Day(Today.AddDays(-20)) };

        var filed = (await officer.PostAsync(Correct(id), report, key: key)).Succeeded("file");
        var again = (await officer.PostAsync(Correct(id), report, key: key)).Succeeded("file again");

        Assert.Equal((201, "filed", filed["id"].GetString()), (filed.Status, filed["state"].GetString(), again["id"].GetString()));
        var correction = filed["id"].GetString()!;
        var reviewer = exchange.Who("changsha", "reviewer");
        var received = await Eventually.GetAsync(() => reviewer.GetAsync(Owning(correction)), a => a.Status == 200, show: a => a.Text);
        Assert.Equal(("received", marker), (received["state"].GetString(), received["record"].GetString()));
        Assert.Contains(received["links"].EnumerateArray(), l => l.GetProperty("rel").GetString() == "answer");
        var mirror = await Eventually.GetAsync(() => officer.GetAsync(Asking(correction)), a => a["state"].GetString() == "received", show: a => a.Text);
        Assert.Equal(received["due"].ToString(), mirror["due"].ToString());
        Assert.Equal(1, (await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}")).Succeeded("dataset")["open_corrections"].GetInt32());
        Assert.Contains("示例", (await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}"))["corrections"].GetProperty("channel").GetString(), StringComparison.Ordinal);
        Assert.Single(await NoticesAsync("changsha", "reviewer", "correction.received", id));
        Assert.Contains((await exchange.Who("changsha", "authority").GetAsync("/api/cities/changsha/corrections?state=received"))["items"].EnumerateArray(), c => c.GetProperty("id").GetString() == correction);

        // Strangers are told nothing, others of the department do not answer.
        Assert.Equal(404, (await exchange.Who("changsha", "reviewer", "police").PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag)).Status);
        Assert.Equal(404, (await exchange.Who("zhuzhou", "officer", "police").GetAsync(Asking(correction))).Status);
        Assert.Equal("role-missing", (await exchange.Who("changsha", "officer").PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag))["rule"].GetString());
        Assert.Equal(428, (await reviewer.PostAsync(Owning(correction) + "/answer", Corrected())).Status);
        var faulty = await reviewer.PostAsync(Owning(correction) + "/answer", new { Result = "corrected", ErrorTo = Day(Today.AddDays(2)) }, received.ETag);
        Assert.Equal(["error_from", "error_to", "explanation"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));

        var answered = (await reviewer.PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag)).Succeeded("answer");

        Assert.Equal(("answered", "corrected", 0), (answered["state"].GetString(), answered["result"].GetString(), answered["told"].GetInt32()));
        var twice = await reviewer.PostAsync(Owning(correction) + "/answer", Corrected(), answered.ETag);
        Assert.Equal((409, "correction-answered", "第26条"), (twice.Status, twice["rule"].GetString(), twice["article"].GetString()));
        Assert.Equal(412, (await reviewer.PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag)).Status);
        mirror = await Eventually.GetAsync(() => officer.GetAsync(Asking(correction)), a => a["state"].GetString() == "answered", show: a => a.Text);
        foreach (var member in (string[])["version", "field", "record", "wrong", "right", "evidence", "since", "filed_at", "due", "result", "explanation", "error_from", "error_to", "answered_at", "exchange_id", "dataset_id"])
        {
            Assert.Equal(answered[member].ToString(), mirror[member].ToString());
        }

        // What comes a second time under another id changes nothing in either city.
        await RepeatAsync("zhuzhou", "changsha", "CorrectionFiled", correction);
        await RepeatAsync("changsha", "zhuzhou", "CorrectionReceived", correction);
        await RepeatAsync("changsha", "zhuzhou", "CorrectionAnswered", correction);
        Assert.Equal((answered["version"].ToString(), "answered"), ((await reviewer.GetAsync(Owning(correction)))["version"].ToString(), (await officer.GetAsync(Asking(correction)))["state"].GetString()));
        Assert.Single(await NoticesAsync("changsha", "reviewer", "correction.received", id));
        Assert.Equal(0, (await officer.GetAsync($"/api/cities/changsha/datasets/{dataset}"))["open_corrections"].GetInt32());
        Assert.Single(await NoticesAsync("zhuzhou", "officer", "correction.answered", id));
        await exchange.TimelineAsync(id, "correction.filed", "correction.received", "correction.answered", "correction.answer_received");
        await using var city = await OpenAsync("changsha");
        Assert.True(await city.ExecuteScalarAsync<bool>("select bool_and(stopped_at is not null) from service.clocks where subject = @correction::uuid", new { correction }));
        // What people wrote reached the two sides and nobody else.
        foreach (var name in (string[])["changsha", "zhuzhou"])
        {
            await using var side = await OpenAsync(name);
            Assert.Equal(0, await side.ExecuteScalarAsync<long>("select count(*) from service.notices where details::text like @like", new { like = $"%{marker}%" }));
            Assert.Equal(0, await side.ExecuteScalarAsync<long>("select count(*) from service.outbox where kind = 'record' and (content like @like or position(convert_to(@marker, 'UTF8') in body) > 0)", new { like = $"%{marker}%", marker }));
        }
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task The_cross_city_catalogue_shows_an_open_report_and_what_was_granted_and_delivered()
    {
        var dataset = await PublishAsync("unconditional");
        var id = await DeliveredAsync(dataset, "zhuzhou", "labour");
        var officer = exchange.Who("zhuzhou", "officer");
        await using var city = await OpenAsync("changsha");
        await using var gateway = await OpenAsync(Exchange.Local.Stack.Gateway);
        const string Counted = "select concat_ws(' ', f.change, f.swept_at, (select count(*) from service.figure_marks), (select expires_at from service.leases where name = 'figures')) from service.figures_feed f";
        const string Heard = "select concat_ws(' ', figures_change, figures_as_of, change, digest_change, digest_at) from service.city_feeds where city = 'changsha'";
        var entry = await EntryAsync("deliveries", 1);
        Assert.Equal((0, 1, 1), (entry["figures"].GetProperty("open_corrections").GetInt32(), entry["figures"].GetProperty("running_grants").GetInt32(), entry["figures"].GetProperty("grants").GetInt32()));
        Assert.Equal(("monthly", "current", Day(Today), Day(Today.AddMonths(1))), (Fresh("cycle"), Fresh("state"), Fresh("updated_on"), Fresh("due_on")));
        var search = $"/api/catalogue/datasets?q={Uri.EscapeDataString(entry["name"].GetString()!)}&open_correction=";

        var correction = (await officer.PostAsync(Correct(id), Report())).Succeeded("file")["id"].GetString()!;
        await EntryAsync("open_corrections", 1);
        Assert.Equal(1, (await officer.GetAsync(search + "true"))["total"].GetInt32());

        // A row that is lost in the city is counted anew there, deliveries included.
        var counted = await FiguresAsync();
        Assert.Equal(1, await city.ExecuteAsync("delete from service.dataset_figures where dataset_id = @dataset", new { dataset }));
        await Eventually.GetAsync(FiguresAsync, again => again == counted);

        var reviewer = exchange.Who("changsha", "reviewer");
        var received = await reviewer.GetAsync(Owning(correction));
        (await reviewer.PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag)).Succeeded("answer");
        (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Succeeded("data");
        await EntryAsync("open_corrections", 0);
        await EntryAsync("deliveries", 2);
        Assert.Equal((0, 1), ((await officer.GetAsync(search + "true"))["total"].GetInt32(), (await officer.GetAsync(search + "false"))["total"].GetInt32()));
        var history = (await officer.GetAsync($"/api/catalogue/datasets/{dataset}/history")).Succeeded("history");
        Assert.Equal((1, "published"), (Assert.Single(history["changes"].EnumerateArray()).GetProperty("version").GetInt32(), history["changes"][0].GetProperty("event").GetString()));

        string? Fresh(string member) => entry["freshness"].GetProperty(member).GetString();

        Task<string?> FiguresAsync() => city.ExecuteScalarAsync<string>(
            "select open_corrections || ' ' || running_grants || ' ' || grants || ' ' || deliveries || ' ' || data_updated_at from service.dataset_figures where dataset_id = @dataset", new { dataset });

        async Task<Answer> EntryAsync(string figure, int wanted) => (await Eventually.GetAsync(
            async () => (Answer: await officer.GetAsync($"/api/catalogue/datasets/{dataset}"), Counted: await city.ExecuteScalarAsync<string>(Counted), Heard: await gateway.ExecuteScalarAsync<string>(Heard)),
            seen => seen.Answer.Status == 200 && seen.Answer.Json.TryGetProperty("figures", out var figures) && figures.GetProperty(figure).GetInt32() == wanted,
            show: seen => $"counted in the city: {seen.Counted}; heard by the gateway: {seen.Heard}; {seen.Answer.Text}")).Answer;
    }

    [Fact]
    public async Task Whoever_received_the_data_since_the_error_began_is_told_once_and_nobody_else()
    {
        var dataset = await PublishAsync("unconditional");
        var reporter = await DeliveredAsync(dataset, "zhuzhou", "labour");
        var other = await DeliveredAsync(dataset, "xiangtan", "labour");
        var earlier = await DeliveredAsync(dataset, "xiangtan", "police");
        var otherItem = await DeliveredAsync(dataset, "zhuzhou", "medical", ["months"]);
        var never = await GrantedAsync(dataset, "zhuzhou", "police");
        await using var city = await OpenAsync("changsha");
        await city.ExecuteAsync("update service.deliveries set opened_at = opened_at - interval '40 days' where exchange_id = @earlier::uuid", new { earlier });
        // What was received counts, not what may be had now.
        await city.ExecuteAsync("update service.grants set fields = '{months}' where exchange_id = @other::uuid; update service.grants set fields = '{person,months}' where exchange_id = @otherItem::uuid", new { other, otherItem });
        var correction = (await exchange.Who("zhuzhou", "officer").PostAsync(Correct(reporter), Report("person"))).Succeeded("file")["id"].GetString()!;
        var reviewer = exchange.Who("changsha", "reviewer");
        var received = await Eventually.GetAsync(() => reviewer.GetAsync(Owning(correction)), a => a.Status == 200, show: a => a.Text);

        var answered = (await reviewer.PostAsync(Owning(correction) + "/answer", Corrected(), received.ETag)).Succeeded("answer");

        Assert.Equal(2, answered["told"].GetInt32());
        await Eventually.GetAsync(() => NoticesAsync("xiangtan", "officer", "data.corrected", other), n => n.Count == 1);
        await Eventually.GetAsync(() => NoticesAsync("zhuzhou", "officer", "data.corrected", reporter), n => n.Count == 1);
        var told = Assert.Single(await NoticesAsync("xiangtan", "officer", "data.corrected", other)).GetProperty("details");
        Assert.Equal(("person", Day(Today.AddDays(-10))), (told.GetProperty("field").GetString(), told.GetProperty("error_from").GetString()));
        await exchange.TimelineAsync(reporter, "correction.told");
        // Both messages have come; whoever else were told would have been told with them.
        Assert.Equal(2, await city.ExecuteScalarAsync<long>("select count(*) from service.outbox where type like '%DataCorrected' and content like @like", new { like = $"%{correction}%" }));
        Assert.Empty(await NoticesAsync("xiangtan", "officer", "data.corrected", earlier, "police"));
        Assert.Empty(await NoticesAsync("zhuzhou", "officer", "data.corrected", otherItem, "medical"));
        Assert.Empty(await NoticesAsync("zhuzhou", "officer", "data.corrected", never, "police"));
    }

    [Fact]
    public async Task Its_clock_reminds_breaches_and_goes_up_and_a_provisional_date_is_counted_anew_in_both_cities()
    {
        var id = await GrantedAsync(await PublishAsync("unconditional"), "zhuzhou");
        var officer = exchange.Who("zhuzhou", "officer");
        var correction = (await officer.PostAsync(Correct(id), Report())).Succeeded("file")["id"].GetString()!;
        var received = await Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync(Owning(correction)), a => a.Status == 200, show: a => a.Text);
        await using var city = await OpenAsync("changsha");

        await city.ExecuteAsync("""
            update service.corrections set due_on = due_on + 9, due_provisional = true where correction_id = @correction::uuid;
            update service.clocks set due_on = due_on + 9, provisional = true where subject = @correction::uuid
            """, new { correction });
        var recounted = await Eventually.GetAsync(() => officer.GetAsync(Asking(correction)), a => a["version"].GetInt32() == 3, show: a => a.Text);
        Assert.Equal(received["due"].ToString(), recounted["due"].ToString());

        await city.ExecuteAsync("update service.clocks set due_on = due_on - 90, next_on = next_on - 90 where subject = @correction::uuid", new { correction });
        await Eventually.GetAsync(() => NoticesAsync("changsha", "authority", "correction.escalated", id), n => n.Count == 1);
        var told = (await NoticesAsync("changsha", "reviewer", null, id)).Select(n => $"{n.GetProperty("type").GetString()} {n.GetProperty("for").GetString()}").Where(n => n.StartsWith("correction.", StringComparison.Ordinal)).Order(StringComparer.Ordinal);
        Assert.Equal(
            ["correction.breached reviewer", "correction.breached sharing_head", "correction.escalated department_head", "correction.received reviewer", "correction.reminder reviewer", "correction.reminder sharing_head"],
            told);
        await exchange.TimelineAsync(id, "clock.recounted", "clock.reminder", "clock.breached", "clock.escalated");
    }

    [Fact]
    public async Task A_change_of_law_starts_the_clock_of_the_update_and_the_next_text_in_review_stops_it()
    {
        var dataset = await PublishAsync("conditional");
        var (officer, authority) = (exchange.Who("changsha", "officer"), exchange.Who("changsha", "authority"));
        var faulty = await officer.PostAsync(Duties(dataset), new { What = "mood", ChangedOn = Day(Today.AddDays(2)) });
        Assert.Equal(["changed_on", "reference", "what"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        Assert.Equal("foreign-department", (await exchange.Who("changsha", "officer", "police").PostAsync(Duties(dataset), Law()))["rule"].GetString());
        Assert.Equal("foreign-department", (await exchange.Who("zhuzhou", "authority").PostAsync(Duties(dataset), Law()))["rule"].GetString());

        var late = (await authority.PostAsync(Duties(dataset), Law(Today.AddDays(-90)))).Succeeded("state late");
        Assert.Equal("update-late", (await officer.PostAsync($"{Duties(dataset)}/{late["id"].GetString()}/extend", new { WorkingDays = 2, Reason = "示例" }))["rule"].GetString());
        var stated = (await officer.PostAsync(Duties(dataset), Law())).Succeeded("state");

        var one = $"{Duties(dataset)}/{stated["id"].GetString()}";
        Assert.Equal(422, (await officer.PostAsync(one + "/extend", new { WorkingDays = 6, Reason = "示例" })).Status);
        Assert.Equal("update-extension-not-asked", (await authority.PostAsync(one + "/answer-extension", new { Consent = true }))["rule"].GetString());
        (await officer.PostAsync(one + "/extend", new { WorkingDays = 3, Reason = "须征求意见（示例）" })).Succeeded("ask");
        Assert.Equal("update-extended", (await officer.PostAsync(one + "/extend", new { WorkingDays = 3, Reason = "示例" }))["rule"].GetString());
        Assert.Equal("role-missing", (await officer.PostAsync(one + "/answer-extension", new { Consent = true }))["rule"].GetString());
        var longer = (await authority.PostAsync(one + "/answer-extension", new { Consent = true })).Succeeded("consent");
        Assert.True(string.CompareOrdinal(longer["due"].GetProperty("on").GetString(), stated["due"].GetProperty("on").GetString()) > 0);
        Assert.Equal("update-extended", (await officer.PostAsync(one + "/extend", new { WorkingDays = 1, Reason = "示例" }))["rule"].GetString());

        await using var city = await OpenAsync("changsha");
        Assert.Equal(longer["due"].GetProperty("on").GetString(), await city.ExecuteScalarAsync<string>("select due_on::text from service.clocks where subject = @id::uuid and clock = 'catalogue_update' and stopped_at is null", new { id = stated["id"].GetString() }));
        // The late one has been told of up to the authority.
        await Eventually.GetAsync(async () => (await NoticesAsync("changsha", "authority", "catalogue.update_escalated", dataset: dataset)).Count, n => n == 1);
        await exchange.RepublishAsync("changsha", dataset, "conditional");

        var met = (await officer.GetAsync(Duties(dataset))).Succeeded("read");
        Assert.Equal(2, met["items"].GetArrayLength());
        Assert.All(met["items"].EnumerateArray(), c => Assert.Equal(2, c.GetProperty("met_version").GetInt32()));
        Assert.Equal("update-sent", (await officer.PostAsync(one + "/extend", new { WorkingDays = 1, Reason = "示例" }))["rule"].GetString());
        Assert.Equal(0, await city.ExecuteScalarAsync<long>("select count(*) from service.clocks where clock = 'catalogue_update' and stopped_at is null and subject in (select duty_change_id from service.duty_changes where dataset_id = @dataset)", new { dataset }));
        // Each of the two publications was one review of two working days.
        Assert.Equal([(2, true), (2, true)], await city.QueryAsync<(int, bool)>("select days, stopped_at is not null from service.clocks where subject = @dataset and clock = 'catalogue_review'", new { dataset }));
        Assert.Equal(403, (await exchange.Who("zhuzhou", "officer").GetAsync(Duties(dataset))).Status);
    }

    [Fact]
    public async Task Every_city_gets_one_notice_of_a_publication_and_one_of_a_withdrawal()
    {
        var name = $"通知（示例）{Guid.NewGuid():N}";
        var dataset = (await exchange.PublishAsync("changsha", "conditional", name)).GetProperty("dataset_id").GetGuid();
        string[] cities = ["changsha", "zhuzhou", "xiangtan"];
        foreach (var city in cities)
        {
            var told = Assert.Single(await Eventually.GetAsync(() => NoticesAsync(city, "officer", "catalogue.published", dataset: dataset, department: "police"), n => n.Count > 0));
            Assert.Equal((name, "changsha", "1"), (told.GetProperty("details").GetProperty("name").GetString(), told.GetProperty("details").GetProperty("city").GetString(), told.GetProperty("details").GetProperty("version").GetString()));
        }

        // The same once more, under another id.
        await RepeatAsync("changsha", "zhuzhou", "DatasetPublished", $"{dataset}");
        Assert.Single(await NoticesAsync("zhuzhou", "officer", "catalogue.published", dataset: dataset));

        var now = (await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}")).Succeeded("read");
        (await exchange.Who("changsha", "department_head").PostAsync($"/api/cities/changsha/datasets/{dataset}/withdraw", new { Reason = "停止采集（示例）" }, now.ETag)).Succeeded("withdraw");

        foreach (var city in cities)
        {
            var told = Assert.Single(await Eventually.GetAsync(() => NoticesAsync(city, "officer", "catalogue.withdrawn", dataset: dataset), n => n.Count > 0));
            Assert.Equal(name, told.GetProperty("details").GetProperty("name").GetString());
            Assert.Single(await NoticesAsync(city, "officer", "catalogue.published", dataset: dataset));
        }
    }

    private static object Report(string field = "months") => new { Field = field, Record = "示例甲", Right = "13", Evidence = "缴费凭证（示例）" };

    private static object Corrected() => new { Result = "corrected", Explanation = "已核实更正（示例）", ErrorFrom = Day(Today.AddDays(-10)), ErrorTo = Day(Today) };

    private static object Law(DateOnly? on = null) => new { What = "law", ChangedOn = Day(on ?? Today), Reference = "《示例法》（示例）" };

    private static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static string Correct(string id) => $"/api/cities/zhuzhou/requests/{id}/correct";

    private static string Asking(string correction) => $"/api/cities/zhuzhou/corrections/{correction}";

    private static string Owning(string correction) => $"/api/cities/changsha/corrections/{correction}";

    private static string Duties(Guid dataset) => $"/api/cities/changsha/datasets/{dataset}/duty-changes";

    private async Task<Guid> PublishAsync(string sharing) => (await exchange.PublishAsync("changsha", sharing, standing: sharing == "unconditional")).GetProperty("dataset_id").GetGuid();

    /// <summary>An exchange that its standing sign-off granted at once.</summary>
    private async Task<string> GrantedAsync(Guid dataset, string city, string department = "labour", string[]? fields = null)
    {
        var officer = exchange.Who(city, "officer", department);
        var draft = (await Eventually.GetAsync(() => officer.PostAsync($"/api/cities/{city}/requests", ExchangeFixture.RequestBody(dataset, fields: fields)), a => a.Status == 201, show: a => a.Text)).Succeeded("draft");
        var id = draft["id"].GetString()!;
        var signed = (await exchange.Who(city, "sharing_head", department).PostAsync($"/api/cities/{city}/requests/{id}/sign-off", etag: draft.ETag)).Succeeded("sign off");
        (await officer.PostAsync($"/api/cities/{city}/requests/{id}/submit", etag: signed.ETag)).Succeeded("submit");
        await Eventually.GetAsync(() => officer.GetAsync($"/api/cities/{city}/requests/{id}"), a => a["state"].GetString() == "active", show: a => a.Text);
        return id;
    }

    private async Task<string> DeliveredAsync(Guid dataset, string city, string department, string[]? fields = null)
    {
        var id = await GrantedAsync(dataset, city, department, fields);
        (await exchange.Who(city, "integrator", department).GetAsync($"/api/cities/changsha/grants/{id}/data")).Succeeded("data");
        return id;
    }

    private async Task<List<JsonElement>> NoticesAsync(string city, string role, string? type, string? id = null, string department = "labour", Guid? dataset = null)
    {
        var query = $"limit=500{(type is null ? "" : $"&type={type}")}{(id is null ? "" : $"&exchange={id}")}";
        var read = (await exchange.Who(city, role, department).GetAsync($"/api/cities/{city}/notices?{query}")).Succeeded("notices");
        return [.. read["items"].EnumerateArray().Where(n => dataset is null || (n.TryGetProperty("dataset_id", out var about) && about.GetGuid() == dataset))];
    }

    /// <summary>Has the city send its message again as another one, and waits until the other city has taken it.</summary>
    private async Task RepeatAsync(string from, string to, string type, string about)
    {
        var copy = Guid.NewGuid();
        await using (var sender = await OpenAsync(from))
        {
            Assert.Equal(1, await sender.ExecuteAsync("""
                insert into service.outbox (id, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone)
                select @copy, kind, exchange, routing_key, type, content, correlation_id, feed, feed_key, feed_version, feed_tombstone
                from service.outbox where kind = 'message' and type like @type and content like @about
                """, new { copy, type = "%." + type, about = $"%{about}%" }));
        }

        await using var taker = await OpenAsync(to);
        await Eventually.TrueAsync(() => taker.ExecuteScalarAsync<bool>("select exists (select from service.inbox where message_id = @copy)", new { copy }));
    }

    private async Task<NpgsqlConnection> OpenAsync(string city)
    {
        var connection = new NpgsqlConnection(exchange.Stack.Databases.ConnectionString(city, "owner"));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        return connection;
    }
}
