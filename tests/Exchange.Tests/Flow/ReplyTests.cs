using Exchange.Local.Accounts;

namespace Exchange.Tests.Flow;

/// <summary>What may happen between a request and its reply (arts. 20, 21), over the public address and two cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class ReplyTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task What_is_missing_is_asked_for_once_the_clock_waits_and_the_supplement_sets_it_going_again()
    {
        var id = await exchange.SubmitAsync(await DatasetAsync());
        var received = await exchange.ReceivedAsync(id);
        var reviewer = exchange.Who("changsha", "reviewer");

        var faulty = await reviewer.PostAsync($"{Owning(id)}/ask-supplement", new { Missing = new[] { new { Item = "colour", What = "" } } }, received.ETag);
        Assert.Equal(422, faulty.Status);
        Assert.Equal(["missing[0].item", "missing[0].what"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()));
        var asked = (await reviewer.PostAsync($"{Owning(id)}/ask-supplement", Missing, received.ETag)).Succeeded("ask");
        Assert.Equal("supplement_asked", asked["state"].GetString());
        Assert.Equal(System.Text.Json.JsonValueKind.Undefined, asked.Json.TryGetProperty("reply_due", out var none) ? none.ValueKind : default);
        Assert.True(asked["supplement"].GetProperty("days_left").GetInt32() >= 9);
        Assert.Equal("supplement-once", (await reviewer.PostAsync($"{Owning(id)}/ask-supplement", Missing, asked.ETag))["rule"].GetString());

        var told = await exchange.MirrorAsync(id, "supplement_asked");
        Assert.Equal("请注明条款（示例）", told["supplement"].GetProperty("missing")[0].GetProperty("what").GetString());
        var officer = exchange.Who("zhuzhou", "officer");
        Assert.Equal(422, (await officer.PostAsync($"{Asking(id)}/supplement", new { }, told.ETag)).Status);
        var sent = (await officer.PostAsync($"{Asking(id)}/supplement", new { Note = "见所附条款（示例）", LegalBasis = "《示例条例》第三条（示例）" }, told.ETag)).Succeeded("supplement");
        Assert.Equal("supplement", sent["pending"].GetString());
        Assert.Equal("already-pending", (await officer.PostAsync($"{Asking(id)}/supplement", new { Note = "再补（示例）" }, sent.ETag))["rule"].GetString());

        var supplemented = await Eventually.GetAsync(() => reviewer.GetAsync(Owning(id)), a => a["state"].GetString() == "under_review", show: a => a.Text);
        Assert.Equal("《示例条例》第三条（示例）", supplemented["legal_basis"].GetString());
        Assert.Equal("见所附条款（示例）", supplemented["supplement_note"].GetString());
        Assert.Equal(received["reply_due"].GetProperty("on").GetString(), supplemented["reply_due"].GetProperty("on").GetString());
        Assert.Equal("supplement-once", (await reviewer.PostAsync($"{Owning(id)}/ask-supplement", Missing, supplemented.ETag))["rule"].GetString());
        var mirror = await exchange.MirrorAsync(id, "under_review");
        Assert.False(mirror.Json.TryGetProperty("pending", out var pending) && pending.ValueKind == System.Text.Json.JsonValueKind.String);

        // Nor is it refused for that.
        var incomplete = await reviewer.PostAsync($"{Owning(id)}/decide", new { Decision = "refuse", Reason = "材料不全（示例）", Grounds = new[] { "incomplete" } }, supplemented.ETag);
        Assert.Equal((409, "incomplete-is-no-refusal", "第21条"), (incomplete.Status, incomplete["rule"].GetString(), incomplete["article"].GetString()));
        // Both cities tell of the supplement.
        await Eventually.GetAsync(
            () => exchange.TimelineAsync(id, "supplement.asked"),
            a => a["events"].EnumerateArray().Count(e => e.GetProperty("type").GetString() == "request.supplemented") == 2, show: a => a.Text);
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task An_extension_needs_the_authoritys_consent_and_never_exceeds_ten_days()
    {
        var id = await exchange.SubmitAsync(await DatasetAsync());
        var received = await exchange.ReceivedAsync(id);
        var (reviewer, authority) = (exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "authority"));

        Assert.Equal("extension-not-asked", (await authority.PostAsync($"{Owning(id)}/answer-extension", new { Consent = true }, received.ETag))["rule"].GetString());
        Assert.Equal(422, (await reviewer.PostAsync($"{Owning(id)}/extend", new { WorkingDays = 11 }, received.ETag)).Status);
        var asked = (await reviewer.PostAsync($"{Owning(id)}/extend", new { WorkingDays = 6, Reason = "涉及多个部门（示例）" }, received.ETag)).Succeeded("extend");
        Assert.Equal(received["reply_due"].ToString(), asked["reply_due"].ToString());
        Assert.Equal("extension-asked", (await reviewer.PostAsync($"{Owning(id)}/extend", new { WorkingDays = 1, Reason = "再延（示例）" }, asked.ETag))["rule"].GetString());
        Assert.Equal(403, (await reviewer.PostAsync($"{Owning(id)}/answer-extension", new { Consent = true }, asked.ETag)).Status);
        Assert.Equal(404, (await exchange.Who("zhuzhou", "authority").PostAsync($"{Owning(id)}/answer-extension", new { Consent = true }, asked.ETag)).Status);

        var longer = (await authority.PostAsync($"{Owning(id)}/answer-extension", new { Consent = true }, asked.ETag)).Succeeded("consent");

        Assert.True(string.CompareOrdinal(longer["reply_due"].GetProperty("on").GetString(), received["reply_due"].GetProperty("on").GetString()) > 0);
        var told = await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(Asking(id)), a => a.Text.Contains("涉及多个部门", StringComparison.Ordinal), show: a => a.Text);
        Assert.Equal((6, longer["reply_due"].ToString()), (told["extension"].GetProperty("working_days").GetInt32(), told["reply_due"].ToString()));
        Assert.Equal("extension-too-long", (await reviewer.PostAsync($"{Owning(id)}/extend", new { WorkingDays = 5, Reason = "再延（示例）" }, longer.ETag))["rule"].GetString());
        var again = (await reviewer.PostAsync($"{Owning(id)}/extend", new { WorkingDays = 4, Reason = "再延（示例）" }, longer.ETag)).Succeeded("extend again");
        Assert.Equal(422, (await authority.PostAsync($"{Owning(id)}/answer-extension", new { Consent = false }, again.ETag)).Status);
        var denied = (await authority.PostAsync($"{Owning(id)}/answer-extension", new { Consent = false, Reason = "材料齐备，应按期答复（示例）" }, again.ETag)).Succeeded("deny");
        Assert.Equal(longer["reply_due"].ToString(), denied["reply_due"].ToString());
        await exchange.TimelineAsync(id, "extension.asked", "extension.consented", "extension.denied");
    }

    [Fact]
    public async Task A_head_gives_a_proposal_back_and_the_next_one_is_signed()
    {
        var id = await exchange.SubmitAsync(await DatasetAsync());
        var received = await exchange.ReceivedAsync(id);
        var (reviewer, head) = (exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "sharing_head"));
        var proposed = (await reviewer.PostAsync($"{Owning(id)}/decide", new { Decision = "refuse", Reason = "示例", Grounds = new[] { "not_necessary" } }, received.ETag)).Succeeded("propose");

        Assert.Equal(422, (await head.PostAsync($"{Owning(id)}/return", new { }, proposed.ETag)).Status);
        var returned = (await head.PostAsync($"{Owning(id)}/return", new { Reason = "请重新核对范围（示例）" }, proposed.ETag)).Succeeded("return");

        Assert.Equal("under_review", returned["state"].GetString());
        var told = (await reviewer.GetAsync($"{Owning(id)}/history")).Succeeded("history");
        Assert.Contains(told.Json.EnumerateArray(), s => s.GetProperty("event").GetString() == "return_reply" && s.GetProperty("note").GetString() == "请重新核对范围（示例）");
        Assert.Equal("not-proposed", (await head.PostAsync($"{Owning(id)}/sign-off", etag: returned.ETag))["rule"].GetString());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await exchange.TimelineAsync(id, "reply.returned", "reply.signed_off");
    }

    [Fact]
    public async Task A_draft_is_written_anew_and_nobody_who_wrote_at_it_signs_it()
    {
        var dataset = await DatasetAsync();
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        var id = draft["id"].GetString()!;
        var head = exchange.Who("zhuzhou", "sharing_head");
        var signed = (await head.PostAsync($"{Asking(id)}/sign-off", etag: draft.ETag)).Succeeded("sign off");

        var deputy = exchange.Who("zhuzhou-labour-deputy");
        var faulty = await deputy.PutAsync(Asking(id), new { LegalBasis = "", Scenario = "示例", Scope = "示例", Fields = new[] { "no such" } }, signed.ETag);
        Assert.Equal(422, faulty.Status);
        Assert.Equal(["fields[0]", "legal_basis", "use_until"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal));
        var revised = (await deputy.PutAsync(Asking(id), new { LegalBasis = "《示例条例》（示例）", Scenario = "示例", Scope = "示例", Fields = new[] { "person" }, UseUntil = DateOnly.FromDateTime(DateTime.UtcNow).AddMonths(6) }, signed.ETag)).Succeeded("revise");

        Assert.Equal(("draft", 1), (revised["state"].GetString(), revised["fields"].GetArrayLength()));
        Assert.Equal("not-signed-off", (await exchange.Who("zhuzhou", "officer").PostAsync($"{Asking(id)}/submit", etag: revised.ETag))["rule"].GetString());
        Assert.Equal("same-person-signs", (await deputy.PostAsync($"{Asking(id)}/sign-off", etag: revised.ETag))["rule"].GetString());
        var again = (await head.PostAsync($"{Asking(id)}/sign-off", etag: revised.ETag)).Succeeded("sign anew");
        (await exchange.Who("zhuzhou", "officer").PostAsync($"{Asking(id)}/submit", etag: again.ETag)).Succeeded("submit");
        var received = await exchange.ReceivedAsync(id);
        Assert.Equal("《示例条例》（示例）", received["legal_basis"].GetString());
        Assert.Equal("already-submitted", (await deputy.PutAsync(Asking(id), ExchangeFixture.RequestBody(dataset), $"\"{(await exchange.MirrorAsync(id, "under_review"))["version"]}\""))["rule"].GetString());
    }

    [Fact]
    public async Task Both_sides_list_by_the_last_day_by_several_states_and_by_whom_it_waits_for()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        var (late, gone, granted, decided, soon) = (await SubmitAsync(), await SubmitAsync(), await SubmitAsync(), await SubmitAsync(), await SubmitAsync());
        var draft = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft")["id"].GetString()!;
        var (officer, reviewer) = (exchange.Who("zhuzhou", "officer"), exchange.Who("changsha", "reviewer"));
        await exchange.OwnAsync(late, "reviewer", "extend", new { WorkingDays = 5, Reason = "情况复杂（示例）" });
        await exchange.OwnAsync(late, "authority", "answer-extension", new { Consent = true });
        await exchange.OwnAsync(decided, "reviewer", "decide", new { Decision = "approve" });
        // There are no rows yet: the clock of the delivery runs, for longer than any of a reply.
        await exchange.GrantAsync(granted);
        var held = await exchange.MirrorAsync(granted, "approved");
        (await officer.PostAsync($"{Asking(gone)}/withdraw", new { Reason = "重复（示例）" }, (await exchange.MirrorAsync(gone, "under_review")).ETag)).Succeeded("withdraw");
        await exchange.MirrorAsync(gone, "withdrawn");
        await Eventually.GetAsync(() => officer.GetAsync(Asking(late)), a => a.Json.TryGetProperty("extension", out _), show: a => a.Text);

        const string Approvals = "/api/cities/changsha/approvals", Requests = "/api/cities/zhuzhou/requests";
        Assert.Equal([decided, soon, late, granted, gone], await ListAsync(reviewer, Approvals, "sort=due"));
        Assert.Equal([decided, soon, late, granted, gone, draft], await ListAsync(officer, Requests, "sort=due"));
        Assert.Equal([decided, granted], await ListAsync(reviewer, Approvals, "state=decided,%20approved"));
        Assert.Equal([decided, granted], await ListAsync(reviewer, Approvals, "state=approved,decided&sort=due"));
        Assert.Equal([draft, gone], await ListAsync(officer, Requests, "state=draft,withdrawn"));
        Assert.Equal([soon, late], await ListAsync(reviewer, Approvals, "waits_for=reviewer"));
        Assert.Equal([decided], await ListAsync(reviewer, Approvals, "waits_for=sharing_head&sort=due"));
        // Who proposed what is not told to the other side before it is signed.
        Assert.Equal([soon, decided, late], await ListAsync(officer, Requests, "waits_for=reviewer"));
        Assert.Empty(await ListAsync(officer, Requests, "waits_for=sharing_head"));
        Assert.Empty(await ListAsync(exchange.Who("changsha", "officer", "police"), Approvals, "sort=due"));

        // A change under a grant waits for the same two persons.
        (await officer.PostAsync($"{Asking(granted)}/change", new { ThirdParty = "示例受托单位", Reason = "职责（示例）" }, held.ETag)).Succeeded("prepare");
        var head = exchange.Who("zhuzhou", "sharing_head");
        (await head.PostAsync($"{Asking(granted)}/change/sign-off", etag: (await head.GetAsync(Asking(granted))).ETag)).Succeeded("sign the change");
        await exchange.OwningAsync(granted, a => a.Json.TryGetProperty("change", out _));
        // It has the days of a reply, from when it was asked for.
        Assert.Equal([granted, soon, late], await ListAsync(reviewer, Approvals, "waits_for=reviewer&sort=due"));
        await exchange.OwnAsync(granted, "reviewer", "change/decide", new { Decision = "approve" });
        Assert.Equal([decided, granted], await ListAsync(reviewer, Approvals, "waits_for=sharing_head"));
        Assert.Equal([granted], await ListAsync(reviewer, Approvals, "waits_for=sharing_head&state=approved,active"));

        var page = (await reviewer.GetAsync($"{Approvals}?dataset={dataset}&limit=1")).Succeeded("a page")["next"].GetString();
        Assert.Equal(["cursor"], Faults(await reviewer.GetAsync($"{Approvals}?sort=due&cursor={page}")));
        Assert.Equal(["cursor"], Faults(await reviewer.GetAsync($"{Approvals}?sort=due&cursor=abc.999999999")));
        foreach (var (who, list) in new[] { (reviewer, Approvals), (officer, Requests) })
        {
            Assert.Equal(["cursor", "limit", "sort", "state", "waits_for"], Faults(await who.GetAsync($"{list}?sort=name&state=draft,lost&waits_for=officer&limit=0&cursor=!")));
        }

        Task<string> SubmitAsync() => exchange.SubmitAsync(dataset);

        // Two at a time, so that each page but the first begins at a cursor.
        async Task<List<string>> ListAsync(Participant who, string list, string query)
        {
            List<string> found = [];
            for (var cursor = ""; ;)
            {
                var part = (await who.GetAsync($"{list}?{query}&dataset={dataset}&limit=2{cursor}")).Succeeded("a page");
                found.AddRange(part["items"].EnumerateArray().Select(item => item.GetProperty("id").GetString()!));
                if (!part.Json.TryGetProperty("next", out var next))
                {
                    return found;
                }

                cursor = $"&cursor={next.GetString()}";
            }
        }

        static IEnumerable<string> Faults(Answer answer) => answer.Refuses(422, "invalid-input")["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal);
    }

    private static readonly object Missing = new { Missing = new[] { new { Item = "legal_basis", What = "请注明条款（示例）" } } };

    private static string Owning(string id) => $"/api/cities/changsha/approvals/{id}";

    private static string Asking(string id) => $"/api/cities/zhuzhou/requests/{id}";

    private async Task<Guid> DatasetAsync() => (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
}
