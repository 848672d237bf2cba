using System.Net;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

/// <summary>The life of an entry, told over HTTP by the persons who carry it.</summary>
public sealed class PublishingTests(PublishingCity city)
{
    [Fact]
    public async Task An_entry_goes_from_draft_to_the_catalogue_by_three_persons()
    {
        var (path, revision) = await city.DraftAsync();
        var stages = new List<string>();
        var answer = await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(), revision);
        stages.Add(answer.Expect(HttpStatusCode.OK).Body.GetProperty("state").GetString()!);
        answer = await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, answer.Revision);
        stages.Add(answer.Expect(HttpStatusCode.OK).Body.GetProperty("state").GetString()!);
        answer = await city.SendAsync(HttpMethod.Post, path + "/publish", Authority, null, answer.Revision);
        stages.Add(answer.Expect(HttpStatusCode.OK).Body.GetProperty("state").GetString()!);
        Assert.Equal(["assessed", "in_review", "published"], stages);

        var entry = answer.Body.GetProperty("published");
        Assert.Equal(("changsha", 1, "长沙市住房公积金管理中心", true), (entry.GetProperty("city").GetString(), entry.GetProperty("version").GetInt32(), entry.GetProperty("department_name").GetString(), entry.GetProperty("personal_information").GetBoolean()));

        var history = (await city.SendAsync(HttpMethod.Get, path + "/history", Officer)).Expect(HttpStatusCode.OK).Body.GetProperty("items").EnumerateArray().ToList();
        Assert.Equal(["drafted", "assessed", "approved", "submitted", "published"], history.Select(h => h.GetProperty("event").GetString()));
        Assert.Contains(history[0].GetProperty("changes").EnumerateArray(), c => c.GetProperty("field").GetString() == "fields.balance.type" && c.GetProperty("to").GetString() == "Y");
    }

    [Fact]
    public async Task Publication_writes_one_feed_event_and_one_audit_record_with_it()
    {
        var (path, _) = await city.PublishAsync();
        var id = Guid.Parse(path[10..]);
        await using var connection = await city.OpenAsync();
        var rows = (await connection.QueryAsync<(string Kind, string Type, string Content)>("select kind, type, content from service.outbox where content like '%' || @id || '%' order by kind", new { id = id.ToString() })).ToList();
        Assert.Equal([("message", "Exchange.Contracts.DatasetPublished"), ("record", "dataset.published")], rows.Select(r => (r.Kind, r.Type)));
        var record = JsonSerializer.Deserialize<JsonElement>(rows[1].Content);
        Assert.Equal((Funds, 1), (record.GetProperty("providing").GetString(), record.GetProperty("service_version").GetInt32()));
        Assert.DoesNotContain(Authority.Subject, rows[1].Content, StringComparison.Ordinal);
        Assert.Equal("公积金缴存（示例）", JsonSerializer.Deserialize<JsonElement>(rows[0].Content).GetProperty("entry").GetProperty("name").GetString());
    }

    [Fact]
    public async Task The_digest_counts_what_was_published()
    {
        var (path, _) = await city.PublishAsync();
        var change = await Until(async () =>
        {
            var page = (await city.SendAsync(HttpMethod.Get, "/datasets/changes", Repair)).Expect(HttpStatusCode.OK).Body;
            return page.GetProperty("items").EnumerateArray().Where(i => path.EndsWith(i.GetProperty("key").GetString()!, StringComparison.Ordinal)).Select(i => (long?)i.GetProperty("change").GetInt64()).FirstOrDefault();
        });
        var digest = (await city.SendAsync(HttpMethod.Get, "/datasets/digest", Repair)).Expect(HttpStatusCode.OK).Body;
        Assert.True(digest.GetProperty("change").GetInt64() >= change);
        (await city.SendAsync(HttpMethod.Get, "/datasets/digest", Officer)).Refuses(HttpStatusCode.Forbidden, "role-missing");
    }

    [Fact]
    public async Task A_machine_or_the_same_person_signs_nothing()
    {
        var (path, revision) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer with { Type = "client" }, Assessed(), revision)).Refuses(HttpStatusCode.Forbidden, "person-required");
        revision = (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(), revision)).Revision;
        (await city.SendAsync(HttpMethod.Post, path + "/approve", Head with { Subject = Officer.Subject }, null, revision)).Refuses(HttpStatusCode.Conflict, "same-person", "第13条");
        revision = (await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, revision)).Expect(HttpStatusCode.OK).Revision;
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority with { Subject = Head.Subject }, null, revision)).Refuses(HttpStatusCode.Conflict, "same-person");
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority with { Subject = Officer.Subject }, null, revision)).Refuses(HttpStatusCode.Conflict, "same-person");
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority with { Type = "client" }, null, revision)).Refuses(HttpStatusCode.Forbidden, "person-required");
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Head, null, revision)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        Assert.Equal("in_review", (await city.SendAsync(HttpMethod.Get, path, Officer)).Body.GetProperty("state").GetString());
    }

    [Fact]
    public async Task No_step_is_skipped_or_done_twice()
    {
        var (path, revision) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, revision)).Refuses(HttpStatusCode.Conflict, "wrong-state", "第13条");
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority, null, revision)).Refuses(HttpStatusCode.Conflict, "wrong-state");
        (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = "试" }, revision)).Refuses(HttpStatusCode.Conflict, "wrong-state");
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("account_no,balance\n"), revision)).Refuses(HttpStatusCode.Conflict, "not-published", "第16条");
        (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "approve" }, revision)).Refuses(HttpStatusCode.Conflict, "not-published");
        revision = await city.FinishAsync(path, revision);
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority, null, revision)).Refuses(HttpStatusCode.Conflict, "wrong-state");
    }

    [Fact]
    public async Task Another_department_or_city_changes_nothing_and_drafts_are_not_seen()
    {
        var (draft, revision) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Get, draft, OtherOfficer)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await city.SendAsync(HttpMethod.Get, draft, null)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await city.SendAsync(HttpMethod.Put, draft, OtherOfficer, Fresh(), revision)).Refuses(HttpStatusCode.NotFound, "not-found");
        (await city.SendAsync(HttpMethod.Post, "/datasets", OtherOfficer, Fresh())).Refuses(HttpStatusCode.Forbidden, "foreign-department", "第12条");
        (await city.SendAsync(HttpMethod.Post, "/datasets", OtherCity with { Department = Funds }, Fresh())).Refuses(HttpStatusCode.Forbidden, "foreign-department");

        var (path, known) = await city.PublishAsync();
        (await city.SendAsync(HttpMethod.Get, path, OtherCity)).Expect(HttpStatusCode.OK);
        foreach (var (method, act, body) in new (HttpMethod, string, object?)[]
        {
            (HttpMethod.Put, "", Fresh()), (HttpMethod.Post, "/withdraw", new { reason = "试" }), (HttpMethod.Put, "/rows", Csv("account_no,balance\n")), (HttpMethod.Put, "/standing-sign-off", new { reply = "approve" }),
        })
        {
            (await city.SendAsync(method, path + act, OtherOfficer, body, known)).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        }

        (await city.SendAsync(HttpMethod.Post, draft + "/publish", OtherCity, null, revision)).Refuses(HttpStatusCode.Forbidden, "foreign-city");
        (await city.SendAsync(HttpMethod.Get, path, null)).Refuses(HttpStatusCode.NotFound, "not-found");
    }

    [Fact]
    public async Task Outsiders_see_offices_in_place_of_names()
    {
        var (path, _) = await city.PublishAsync();
        var history = (await city.SendAsync(HttpMethod.Get, path + "/history", OtherCity)).Expect(HttpStatusCode.OK).Body.GetProperty("items").EnumerateArray().ToList();
        Assert.Contains(history, h => h.GetProperty("by_role").GetString() == "authority");
        Assert.All(history, h => Assert.False(h.TryGetProperty("by_name", out _)));
    }

    [Fact]
    public async Task Of_two_changes_made_from_one_reading_the_second_is_refused()
    {
        var (path, revision) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed())).Refuses(HttpStatusCode.PreconditionRequired, "if-match-required");
        var both = await Task.WhenAll(
            city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(), revision),
            city.SendAsync(HttpMethod.Post, path + "/assess", Officer, Assessed(), revision));
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.PreconditionFailed], both.Select(a => a.Status).Order());
    }

    [Fact]
    public async Task All_faults_come_at_once_in_the_readers_language()
    {
        var answer = (await city.SendAsync(HttpMethod.Post, "/datasets", Officer, Fresh() with { Name = null, Theme = "Z", Grade = 9 }, language: "en")).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal(["name", "theme", "grade"], answer.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()));
        Assert.Equal("This field is required.", answer.Body.GetProperty("errors")[0].GetProperty("message").GetString());
    }

    [Fact]
    public async Task A_failed_assessment_is_kept_and_leads_nowhere()
    {
        var (path, revision) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(personal: false), revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        var answer = (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, new { secrecy = new { result = "secret", note = "涉密" }, personal_information = new { result = "passed" } }, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(("draft", "secret"), (answer.Body.GetProperty("state").GetString(), answer.Body.GetProperty("working").GetProperty("secrecy").GetProperty("result").GetString()));
        (await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, answer.Revision)).Refuses(HttpStatusCode.Conflict, "wrong-state");
    }

    [Fact]
    public async Task A_revision_stands_beside_the_published_version_and_then_replaces_it()
    {
        var draft = Fresh();
        var (path, revision) = await city.PublishAsync(draft);
        var next = draft with { Abstract = "修订后的摘要。", Fields = [.. draft.Fields!, new() { Name = "paid_month", Title = "缴至年月", Type = "C", Length = 7 }] };
        var answer = (await city.SendAsync(HttpMethod.Put, path, Officer, next, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal((1, 2, "draft"), (answer.Body.GetProperty("published").GetProperty("version").GetInt32(), answer.Body.GetProperty("working").GetProperty("version").GetInt32(), answer.Body.GetProperty("state").GetString()));
        Assert.False((await city.SendAsync(HttpMethod.Get, path, OtherCity)).Body.TryGetProperty("working", out _));

        await city.FinishAsync(path, answer.Revision);
        var published = (await city.SendAsync(HttpMethod.Get, path, OtherCity)).Body.GetProperty("published");
        Assert.Equal((2, "修订后的摘要。", 3), (published.GetProperty("version").GetInt32(), published.GetProperty("abstract").GetString(), published.GetProperty("fields").GetArrayLength()));
        var revised = (await city.SendAsync(HttpMethod.Get, path + "/history", OtherCity)).Body.GetProperty("items").EnumerateArray().Single(h => h.GetProperty("event").GetString() == "revised");
        Assert.Equal(["abstract", "fields", "fields.paid_month.length", "fields.paid_month.personal", "fields.paid_month.sharing_type", "fields.paid_month.title", "fields.paid_month.type"],
            revised.GetProperty("changes").EnumerateArray().Select(c => c.GetProperty("field").GetString()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Revising_with_the_same_words_changes_nothing_and_the_code_stays()
    {
        var draft = Fresh();
        var (path, revision) = await city.PublishAsync(draft);
        Assert.Equal(revision, (await city.SendAsync(HttpMethod.Put, path, Officer, draft, revision)).Expect(HttpStatusCode.OK).Revision);
        var answer = (await city.SendAsync(HttpMethod.Put, path, Officer, Fresh(), revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal("code-fixed", answer.Body.GetProperty("errors")[0].GetProperty("rule").GetString());
    }

    [Fact]
    public async Task Revising_in_review_takes_the_entry_back_to_its_draft()
    {
        var draft = Fresh();
        var (path, revision) = await city.DraftAsync(draft);
        revision = (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(), revision)).Revision;
        revision = (await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, revision)).Revision;
        var answer = (await city.SendAsync(HttpMethod.Put, path, Officer, draft with { Abstract = "另一摘要" }, revision)).Expect(HttpStatusCode.OK);
        var working = answer.Body.GetProperty("working");
        Assert.Equal(("draft", 1, false, false), (working.GetProperty("state").GetString(), working.GetProperty("version").GetInt32(), working.TryGetProperty("secrecy", out _), working.TryGetProperty("approved_by", out _)));
        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority, null, answer.Revision)).Refuses(HttpStatusCode.Conflict, "wrong-state");
    }

    [Fact]
    public async Task A_withdrawal_is_a_tombstone_and_the_entry_can_come_back_above_it()
    {
        var draft = Fresh();
        var (path, revision) = await city.PublishAsync(draft);
        (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = " " }, revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        var answer = (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = "职责调整" }, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal("withdrawn", answer.Body.GetProperty("state").GetString());
        (await city.SendAsync(HttpMethod.Get, path, OtherCity)).Refuses(HttpStatusCode.NotFound, "not-found");

        await using var connection = await city.OpenAsync();
        var tombstone = JsonSerializer.Deserialize<JsonElement>((await connection.QuerySingleAsync<string>("select content from service.outbox where type = 'Exchange.Contracts.DatasetWithdrawn' and content like '%' || @id || '%'", new { id = path[10..] })));
        Assert.Equal((2, "职责调整"), (tombstone.GetProperty("version").GetInt32(), tombstone.GetProperty("reason").GetString()));

        answer = (await city.SendAsync(HttpMethod.Put, path, Officer, draft, answer.Revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(3, answer.Body.GetProperty("working").GetProperty("version").GetInt32());
        await city.FinishAsync(path, answer.Revision);
        Assert.Equal(3, (await city.SendAsync(HttpMethod.Get, path, OtherCity)).Body.GetProperty("published").GetProperty("version").GetInt32());
    }

    [Fact]
    public async Task While_a_grant_runs_nothing_it_names_goes_or_changes()
    {
        var draft = Fresh();
        var (path, revision) = await city.PublishAsync(draft);
        await using var connection = await city.OpenAsync();
        var grant = new { exchange = Guid.CreateVersion7(), dataset = Guid.Parse(path[10..]) };
        await connection.ExecuteAsync("""
            insert into service.grants (exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, state, valid_from, valid_until, issued_at, changed_at)
            values (@exchange, 'zhuzhou', '11430200EXAMPL0126', '12430100EXAMPL039M', @dataset, 1, '{balance}', 'suspended', current_date, current_date, now(), now())
            """, grant);
        (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = "试" }, revision)).Refuses(HttpStatusCode.Conflict, "grant-runs", "第27条");
        var dropped = draft with { Fields = [draft.Fields![0]] };
        var answer = (await city.SendAsync(HttpMethod.Put, path, Officer, dropped, revision)).Refuses(HttpStatusCode.Conflict, "grant-runs");
        Assert.Contains("balance", answer.Body.GetProperty("detail").GetString(), StringComparison.Ordinal);
        (await city.SendAsync(HttpMethod.Put, path, Officer, draft with { Fields = [draft.Fields[0], draft.Fields[1] with { Type = "I" }] }, revision)).Refuses(HttpStatusCode.Conflict, "grant-runs");
        (await city.SendAsync(HttpMethod.Put, path, Officer, draft with { Fields = [draft.Fields[1]] }, revision)).Expect(HttpStatusCode.OK);

        await connection.ExecuteAsync("update service.grants set state = 'ended' where exchange_id = @exchange", grant);
        revision = (await city.SendAsync(HttpMethod.Get, path, Officer)).Revision;
        (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = "试" }, revision)).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_standing_reply_fits_the_class_and_is_signed_once_per_version()
    {
        var (conditional, known) = await city.PublishAsync();
        (await city.SendAsync(HttpMethod.Put, conditional + "/standing-sign-off", SharingHead, new { reply = "approve" }, known)).Refuses(HttpStatusCode.Conflict, "no-standing-reply", "第21条");

        var draft = Fresh() with { SharingType = "refused", SharingConditions = "依法封存", RefusalLaw = "《中华人民共和国刑事诉讼法》第二百八十六条", Fields = [new() { Name = "case_no", Title = "案件编号", Type = "C", Length = 20 }] };
        var (path, revision) = await city.PublishAsync(draft);
        (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "approve" }, revision)).Refuses(HttpStatusCode.Conflict, "no-standing-reply");
        (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead with { Type = "client" }, new { reply = "refuse" }, revision)).Refuses(HttpStatusCode.Forbidden, "person-required");
        (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "maybe" }, revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        var answer = (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "refuse" }, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(draft.RefusalLaw, answer.Body.GetProperty("standing_sign_off").GetProperty("cited_law").GetString());
        Assert.Equal(answer.Revision, (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "refuse" }, answer.Revision)).Expect(HttpStatusCode.OK).Revision);
        await using var connection = await city.OpenAsync();
        Assert.Equal(1, await connection.ExecuteScalarAsync<int>("select count(*) from service.outbox where type = 'standing_sign_off.given' and content like '%' || @id || '%'", new { id = path[10..] }));
    }

    [Fact]
    public async Task A_standing_reply_ends_with_its_version_whose_text_can_still_be_read()
    {
        var draft = Fresh() with { SharingType = "unconditional", SharingConditions = null, Fields = [new() { Name = "name", Title = "名称", Type = "C", Length = 20 }] };
        var (path, revision) = await city.PublishAsync(draft);
        revision = (await city.SendAsync(HttpMethod.Put, path + "/standing-sign-off", SharingHead, new { reply = "approve" }, revision)).Expect(HttpStatusCode.OK).Revision;
        var id = Guid.Parse(path[10..]);
        await using var parts = await city.PartsAsync();
        await using var transaction = parts.Transaction();
        await transaction.BeginAsync(CancellationToken.None);
        var entries = new PublishedEntries(transaction, Exchange.Catalogue.City.Read(Samples.CityFile("changsha")));
        Assert.Equal((SharingHead.Subject, Funds), (await entries.StandingAsync(id, 1, CancellationToken.None)) is { } given ? (given.SignedBy, given.Department) : default);
        Assert.Null(await entries.FindAsync(id, 2, CancellationToken.None));

        revision = (await city.SendAsync(HttpMethod.Put, path, Officer, draft with { Abstract = "第二版" }, revision)).Expect(HttpStatusCode.OK).Revision;
        Assert.NotNull(await entries.StandingAsync(id, 1, CancellationToken.None));
        await city.FinishAsync(path, revision, personal: false);
        Assert.Null(await entries.StandingAsync(id, 1, CancellationToken.None));
        Assert.Null(await entries.StandingAsync(id, 2, CancellationToken.None));
        Assert.Equal("虚构示例。", (await entries.FindAsync(id, 1, CancellationToken.None))!.Abstract);
    }

    [Fact]
    public async Task Codes_are_unique_in_the_city_and_names_without_one_in_the_department()
    {
        var draft = Fresh();
        await city.DraftAsync(draft);
        (await city.SendAsync(HttpMethod.Post, "/datasets", Officer, draft)).Refuses(HttpStatusCode.Conflict, "code-taken");
        var nameless = draft with { Code = null, Name = $"无代码 {Guid.NewGuid():N}" };
        await city.DraftAsync(nameless);
        (await city.SendAsync(HttpMethod.Post, "/datasets", Officer, nameless)).Refuses(HttpStatusCode.Conflict, "name-taken");
    }

    [Fact]
    public async Task Pages_lead_through_all_entries_once()
    {
        for (var i = 0; i < 3; i++)
        {
            await city.DraftAsync();
        }

        var seen = new List<string>();
        string? next = "";
        while (next is not null)
        {
            var page = (await city.SendAsync(HttpMethod.Get, $"/datasets?limit=2{next}", Officer)).Expect(HttpStatusCode.OK).Body;
            seen.AddRange(page.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("dataset_id").GetString()!));
            next = page.TryGetProperty("next", out var cursor) ? "&cursor=" + cursor.GetString() : null;
        }

        Assert.True(seen.Count >= 3);
        Assert.Equal(seen.Count, seen.Distinct().Count());
        (await city.SendAsync(HttpMethod.Get, "/datasets?cursor=x", Officer)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Get, "/datasets?limit=0", Officer)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.All((await city.SendAsync(HttpMethod.Get, "/datasets?limit=200", OtherCity)).Body.GetProperty("items").EnumerateArray(), i => Assert.Equal("published", i.GetProperty("state").GetString()));
        Assert.All((await city.SendAsync(HttpMethod.Get, "/datasets?limit=200", null)).Body.GetProperty("items").EnumerateArray(), i => Assert.True(i.GetProperty("published").GetProperty("open_to_society").GetBoolean()));
        Assert.All((await city.SendAsync(HttpMethod.Get, "/datasets?limit=200&state=draft", Officer)).Body.GetProperty("items").EnumerateArray(), i => Assert.Equal("draft", i.GetProperty("state").GetString()));
    }

    [Fact]
    public async Task A_part_of_a_name_finds_the_entries_whose_name_the_reader_may_know()
    {
        var mark = $"{Guid.NewGuid():N}"[..12];
        var (path, revision) = await city.PublishAsync(Fresh() with { Name = $"缴存 Ab_{mark}%甲（示例）" });
        await city.DraftAsync(Fresh() with { Name = $"缴存 Abc{mark}草稿（示例）" });
        (await city.SendAsync(HttpMethod.Put, path, Officer, Fresh() with { Code = (await OneAsync()).GetProperty("published").GetProperty("code").GetString(), Name = $"缴存 新名{mark}（示例）" }, revision)).Expect(HttpStatusCode.OK);

        // Within the department the name in work, for everyone else the one in the catalogue; and a sign is a sign.
        Assert.Equal(2, await FoundAsync(mark, Officer));
        Assert.Equal(1, await FoundAsync($"  新名{mark} ", Officer));
        Assert.Equal(1, await FoundAsync($"ABC{mark.ToUpperInvariant()}", Officer));
        Assert.Equal(0, await FoundAsync($"Ab_{mark}", Officer));
        Assert.Equal(2, await FoundAsync(mark, Authority));
        Assert.Equal(1, await FoundAsync(mark, OtherOfficer));
        Assert.Equal(1, await FoundAsync($"ab_{mark}%甲", OtherCity));
        Assert.Equal(0, await FoundAsync($"新名{mark}", OtherCity));
        Assert.Equal(0, await FoundAsync($"Ab%{mark}", OtherCity));
        Assert.Equal(0, await FoundAsync(mark, null));
        Assert.Equal(2, await FoundAsync(mark, Officer, "&state=draft"));
        Assert.Equal(0, await FoundAsync(mark, Officer, "&state=published"));
        Assert.Equal(1, await FoundAsync(mark, OtherCity, "&state=published"));

        async Task<JsonElement> OneAsync() => (await city.SendAsync(HttpMethod.Get, path, Officer)).Expect(HttpStatusCode.OK).Body;

        async Task<int> FoundAsync(string part, Who? who, string more = "")
        {
            var found = 0;
            for (var cursor = ""; ;)
            {
                var page = (await city.SendAsync(HttpMethod.Get, $"/datasets?limit=1&q={Uri.EscapeDataString(part)}{more}{cursor}", who)).Expect(HttpStatusCode.OK).Body;
                found += page.GetProperty("items").GetArrayLength();
                if (!page.TryGetProperty("next", out var next))
                {
                    return found;
                }

                cursor = $"&cursor={next.GetString()}";
            }
        }
    }

    [Fact]
    public async Task A_check_names_every_fault_and_keeps_nothing()
    {
        var good = Fresh() with { Code = null, Name = $"检查 {Guid.NewGuid():N}" };
        var faulty = good with { Theme = "Z9", SharingType = "sometimes", Grade = 9, Fields = [new() { Name = "1", Title = "", Type = "C" }] };
        var before = await CountAsync();
        var told = (await city.SendAsync(HttpMethod.Post, "/datasets?check=true", Officer, faulty)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input").Body.GetProperty("errors");
        Assert.True(told.GetArrayLength() >= 5, told.GetRawText());
        Assert.Equal((await city.SendAsync(HttpMethod.Post, "/datasets", Officer, faulty)).Expect(HttpStatusCode.UnprocessableEntity).Body.GetProperty("errors").GetRawText(), told.GetRawText());
        Assert.Equal("", (await city.SendAsync(HttpMethod.Post, "/datasets?check=true", Officer, good)).Expect(HttpStatusCode.NoContent).Text);
        (await city.SendAsync(HttpMethod.Post, "/datasets?check=true", OtherOfficer, good)).Expect(HttpStatusCode.Forbidden);
        (await city.SendAsync(HttpMethod.Post, "/datasets?check=true", Reviewer, good)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        Assert.Equal(before, await CountAsync());

        // So with an entry that is there: it stays as it is, also for the next one who names its version.
        var (path, revision) = await city.DraftAsync(good);
        before = await CountAsync();
        (await city.SendAsync(HttpMethod.Put, $"{path}?check=true", Officer, faulty, revision)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Put, $"{path}?check=true", Officer, good with { Abstract = "另一个摘要" }, revision)).Expect(HttpStatusCode.NoContent);
        (await city.SendAsync(HttpMethod.Put, $"{path}?check=true", Officer, good, revision + 1)).Expect(HttpStatusCode.PreconditionFailed);
        var now = (await city.SendAsync(HttpMethod.Get, path, Officer)).Expect(HttpStatusCode.OK);
        Assert.Equal((revision, good.Abstract), (now.Revision, now.Body.GetProperty("working").GetProperty("entry").GetProperty("abstract").GetString()));
        Assert.Equal(before, await CountAsync());

        // Of this name alone: other tests write at the same time.
        async Task<long> CountAsync()
        {
            await using var connection = await city.OpenAsync();
            return await connection.ExecuteScalarAsync<long>("""
                select (select count(*) from datasets where name = @Name) + (select count(*) from dataset_versions v join datasets using (dataset_id) where name = @Name)
                     + (select count(*) from dataset_history h join datasets using (dataset_id) where name = @Name) + (select count(*) from outbox where position(@Name in content) > 0)
                """, new { good.Name });
        }
    }

    [Theory]
    [InlineData("{\"name\":\"a\\u0000b\"}")]
    [InlineData("{\"unknown_member\":1}")]
    [InlineData("{\"state\":\"published\"}")]
    [InlineData("{\"grade\":\"1\"}")]
    [InlineData("[1")]
    [InlineData("null")]
    public async Task Bodies_that_are_no_entry_are_problems_not_failures(string body)
    {
        var answer = await city.SendAsync(HttpMethod.Post, "/datasets", Officer, new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        Assert.InRange((int)answer.Status, 400, 422);
        Assert.NotEqual("", answer.Body.GetProperty("way_out").GetString());
    }

    [Fact]
    public async Task The_authority_keeps_the_list_of_departments()
    {
        const string code = "11430100EXAMPL11XX";
        var valid = code[..17] + Exchange.Catalogue.Departments.CreditCode.CheckCharacter(code.AsSpan(0, 17));
        var body = new { name = $"长沙市示例局{Guid.NewGuid():N}"[..20], sharing_office = new { name = "办公室（示例）", contact = "示例联系人" } };
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Officer, body)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, OtherCity, body)).Refuses(HttpStatusCode.Forbidden, "foreign-city");
        (await city.SendAsync(HttpMethod.Put, "/departments/11430100EXAMPL11X1", Authority, new { name = "" })).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, body)).Expect(HttpStatusCode.Created);
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, body)).Refuses(HttpStatusCode.PreconditionRequired, "if-match-required");
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, body with { name = "长沙市公安局" }, 1)).Refuses(HttpStatusCode.Conflict, "department-name-taken");
        Assert.Equal(2, (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, body, 1)).Expect(HttpStatusCode.OK).Revision);
        Assert.Contains((await city.SendAsync(HttpMethod.Get, "/departments", null)).Body.GetProperty("items").EnumerateArray(), d => d.GetProperty("code").GetString() == valid);

        // How it takes reports of errors (art. 26) is published once and stays.
        var rules = new { body.name, body.sharing_office, correction_rules = "十个工作日内答复（示例）", correction_channel = "0731-0000（示例）" };
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, rules with { correction_channel = new string('0', 201) }, 2)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, rules, 2)).Expect(HttpStatusCode.OK);
        var kept = (await city.SendAsync(HttpMethod.Put, "/departments/" + valid, Authority, body, 3)).Expect(HttpStatusCode.OK).Body;
        Assert.Equal((rules.correction_rules, rules.correction_channel), (kept.GetProperty("correction_rules").GetString(), kept.GetProperty("correction_channel").GetString()));
    }

    internal static async Task<T> Until<T>(Func<Task<T?>> probe)
        where T : struct
    {
        using var giveUp = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            if (await probe() is { } found)
            {
                return found;
            }

            giveUp.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }
}
