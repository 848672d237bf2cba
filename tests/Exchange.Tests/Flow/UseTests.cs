using Exchange.Catalogue.Grants;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Flow;

/// <summary>What may happen while a grant runs and when it ends (arts. 25 to 29), over the public address and two cities.</summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class UseTests(ExchangeFixture exchange)
{
    [Fact]
    public async Task Misuse_stops_access_at_once_and_what_is_put_right_opens_it_again()
    {
        var id = await ActiveAsync();
        Assert.Equal(200, (await DataAsync(id)).Status);
        await RefusedAsync("not-suspended", () => AskAsync(id, "officer", "report-repair", new { Note = "无（示例）" }));

        var faulty = await OwnAsync(id, "authority", "suspend", new { });
        Assert.Equal(["reason", "repair_by"], faulty["errors"].EnumerateArray().Select(e => e.GetProperty("field").GetString()));
        await RefusedAsync("repair-date-past", () => OwnAsync(id, "authority", "suspend", new { Reason = "超出用途（示例）", RepairBy = Today.AddDays(-1) }));
        await RefusedAsync("suspend-first", () => OwnAsync(id, "sharing_head", "terminate", new { Reason = "未整改（示例）" }));
        // The reviewer may not, and neither may the authority of another city.
        await RefusedAsync("role-missing", () => OwnAsync(id, "reviewer", "suspend", new { Reason = "超出用途（示例）", RepairBy = Today.AddDays(7) }));
        var suspended = (await OwnAsync(id, "authority", "suspend", new { Reason = "超出用途（示例）", RepairBy = Today.AddDays(7) })).Succeeded("suspend");
        Assert.Equal(("suspended", "authority"), (suspended["state"].GetString(), suspended["suspension"].GetProperty("by").GetString()));
        Assert.Equal("grant-not-active", (await DataAsync(id))["rule"].GetString());

        var told = await exchange.MirrorAsync(id, "suspended");
        Assert.Equal("超出用途（示例）", told["suspension"].GetProperty("reason").GetString());
        await RefusedAsync("grant-suspended", () => AskAsync(id, "officer", "change", new { Scenario = "另一用途（示例）", Reason = "职责（示例）" }));
        await RefusedAsync("repair-date-not-reached", () => OwnAsync(id, "sharing_head", "terminate", new { Reason = "未整改（示例）" }));
        (await AskAsync(id, "officer", "report-repair", new { Note = "已收回越权账号（示例）" })).Succeeded("report");
        await OwningAsync(id, a => a["suspension"].TryGetProperty("repair", out var repair) && repair.GetString() == "已收回越权账号（示例）");
        (await OwnAsync(id, "sharing_head", "resume")).Succeeded("resume");
        await exchange.MirrorAsync(id, "active");
        Assert.Equal(200, (await DataAsync(id)).Status);

        (await OwnAsync(id, "sharing_head", "suspend", new { Reason = "再次超出用途（示例）", RepairBy = Today })).Succeeded("suspend again");
        await exchange.MirrorAsync(id, "suspended");
        (await AskAsync(id, "sharing_head", "report-repair", new { Note = "不予整改（示例）" })).Succeeded("report");
        await OwningAsync(id, a => a["suspension"].TryGetProperty("repair", out var repair) && repair.GetString() == "不予整改（示例）");
        var terminated = (await OwnAsync(id, "sharing_head", "terminate", new { Reason = "拒不整改（示例）" })).Succeeded("terminate");
        Assert.Equal(("terminated", "misuse"), (terminated["state"].GetString(), terminated["end_reason"].GetString()));
        await exchange.MirrorAsync(id, "terminated");
        await exchange.TimelineAsync(id, "grant.suspended", "repair.reported", "grant.resumed", "grant.terminated");
        var notices = await NoticesAsync("zhuzhou", "officer", id);
        Assert.Subset(notices.ToHashSet(), new HashSet<string> { "request.suspend", "request.resume", "request.terminate", "request.source_answered" });
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_wider_scope_takes_two_persons_on_each_side_and_what_was_not_agreed_to_is_not_delivered()
    {
        var id = await ActiveAsync();
        Assert.Equal(422, (await AskAsync(id, "officer", "change", new { Reason = "职责（示例）" })).Status);
        Assert.Equal(422, (await AskAsync(id, "officer", "change", new { Fields = new[] { "colour" }, Reason = "职责（示例）" })).Status);
        await RefusedAsync("nothing-prepared", () => AskAsync(id, "sharing_head", "change/sign-off"));
        var wider = new { Fields = new[] { "person", "months", "remark" }, Scenario = "核验与统计（示例）", ThirdParty = "示例受托单位", Reason = "《示例条例》第四条（示例）" };
        var prepared = (await AskAsync(id, "officer", "change", wider)).Succeeded("prepare");
        Assert.Equal(3, prepared["prepared_change"].GetProperty("fields").GetArrayLength());
        (await AskAsync(id, "officer", "take-back")).Succeeded("take back");

        // One person with both roles prepares; another one signs.
        var both = exchange.Who("zhuzhou-labour-deputy");
        (await ActAsync(both, Asking(id), "change", wider)).Succeeded("prepare");
        await RefusedAsync("same-person-signs", () => ActAsync(both, Asking(id), "change/sign-off"));
        await RefusedAsync("not-found", () => ActAsync(exchange.Who("xiangtan", "sharing_head"), Asking(id), "change/sign-off", etag: "\"1\""));
        (await AskAsync(id, "sharing_head", "change/sign-off")).Succeeded("sign");

        var asked = await OwningAsync(id, a => a.Json.TryGetProperty("change", out var change) && change.ValueKind == System.Text.Json.JsonValueKind.Object);
        Assert.Equal("zhuzhou-labour-sharing-head", asked["change"].GetProperty("signed_by").GetString());
        Assert.True(asked.Json.TryGetProperty("reply_due", out _));
        Assert.DoesNotContain("remark", (await DataAsync(id)).Text, StringComparison.Ordinal);
        await RefusedAsync("wider-than-asked", () => OwnAsync(id, "reviewer", "change/decide", new { Decision = "approve", Fields = new[] { "person", "colour" } }));
        (await ActAsync(exchange.Who("changsha-labour-deputy"), Owning(id), "change/decide", new { Decision = "approve" })).Succeeded("decide");
        await RefusedAsync("same-person-replies", () => ActAsync(exchange.Who("changsha-labour-deputy"), Owning(id), "change/sign-off"));
        var decided = (await OwnAsync(id, "sharing_head", "change/sign-off")).Succeeded("sign the change");
        Assert.Equal(("approved", 3), (decided["change"].GetProperty("outcome").GetString(), decided["grant"].GetProperty("fields").GetArrayLength()));
        Assert.Equal(("核验与统计（示例）", "示例受托单位"), (decided["grant"].GetProperty("purpose").GetString(), decided["grant"].GetProperty("third_parties")[0].GetString()));

        // The purpose is another one now: a program that was set up for the old one gets nothing until it states the new one.
        await RefusedAsync("purpose-not-granted", () => DataAsync(id));
        Assert.Equal(PurposeCode.Of("核验与统计（示例）"), decided["purpose_code"].GetString());
        using var program = new Participant(exchange.Gateway, exchange.Stack.Account("zhuzhou-labour-client")) { Purpose = decided["purpose_code"].GetString() };
        Assert.Contains("remark", (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv")).Succeeded("data").Text, StringComparison.Ordinal);

        await exchange.MirrorAsync(id, "active");
        await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(Asking(id)), a => a.Json.TryGetProperty("change", out var change) && change.TryGetProperty("outcome", out var outcome) && outcome.GetString() == "approved", show: a => a.Text);
        (await AskAsync(id, "officer", "change", new { UseUntil = Today.AddYears(2), Reason = "职责（示例）" })).Succeeded("prepare another");
        (await AskAsync(id, "sharing_head", "change/sign-off")).Succeeded("sign");
        await OwningAsync(id, a => !a["change"].TryGetProperty("outcome", out _));
        (await OwnAsync(id, "reviewer", "change/decide", new { Decision = "refuse", Reason = "期限过长（示例）", Grounds = new[] { "not_necessary" } })).Succeeded("decide");
        var refused = (await OwnAsync(id, "sharing_head", "change/sign-off")).Succeeded("sign the refusal");
        Assert.Equal(("refused", "active"), (refused["change"].GetProperty("outcome").GetString(), refused["state"].GetString()));
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_service_ends_after_consultation_and_filing_and_personal_data_is_disposed_of_by_two_persons()
    {
        var id = await ActiveAsync();
        await RefusedAsync("consult-and-file", () => OwnAsync(id, "sharing_head", "end-service"));
        await RefusedAsync("not-consulted", () => OwnAsync(id, "sharing_head", "file"));
        await RefusedAsync("consult-before", () => OwnAsync(id, "sharing_head", "consult", new { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = Today }));
        (await OwnAsync(id, "sharing_head", "consult", new { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = Today.AddDays(1) })).Succeeded("consult");
        await RefusedAsync("consultation-runs", () => OwnAsync(id, "sharing_head", "file"));
        await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(Asking(id)), a => a.Json.TryGetProperty("consultation", out var c) && c.ValueKind == System.Text.Json.JsonValueKind.Object, show: a => a.Text);
        (await AskAsync(id, "sharing_head", "answer-consultation", new { Agree = true, Answer = "同意，已另有来源（示例）" })).Succeeded("answer");
        await OwningAsync(id, a => a["consultation"].TryGetProperty("agreed", out var agreed) && agreed.ValueKind == System.Text.Json.JsonValueKind.True);
        (await OwnAsync(id, "sharing_head", "file")).Succeeded("file");
        // Not before its day.
        await RefusedAsync("consult-and-file", () => OwnAsync(id, "sharing_head", "end-service"));

        // The asking side, which knows of the filing by now, says that it needs the data no longer.
        await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(Asking(id)), a => a["consultation"].TryGetProperty("filed_at", out _), show: a => a.Text);
        (await AskAsync(id, "officer", "withdraw", new { Reason = "目的已实现（示例）" })).Succeeded("withdraw");
        var ended = await exchange.MirrorAsync(id, "ended");
        Assert.True(ended.Json.TryGetProperty("disposal_due", out _));

        Assert.Equal(422, (await AskAsync(id, "officer", "dispose", new { })).Status);
        await RefusedAsync("other-disposal", () => AskAsync(id, "officer", "dispose", new { Method = "seal", Note = "封存（示例）" }));
        (await ActAsync(exchange.Who("zhuzhou-labour-deputy"), Asking(id), "dispose", new { Method = "delete", Note = "业务库与备份均已删除（示例）" })).Succeeded("dispose");
        await RefusedAsync("same-person-confirms", () => ActAsync(exchange.Who("zhuzhou-labour-deputy"), Asking(id), "confirm-disposal"));
        Assert.Equal("ended", (await exchange.Who("changsha", "reviewer").GetAsync(Owning(id)))["state"].GetString());
        (await AskAsync(id, "sharing_head", "confirm-disposal")).Succeeded("confirm");
        var disposed = await OwningAsync(id, a => a["state"].GetString() == "disposed");
        Assert.Equal(("delete", "zhuzhou-labour-sharing-head"), (disposed["disposal"].GetProperty("method").GetString(), disposed["disposal"].GetProperty("second_person").GetString()));
        await exchange.MirrorAsync(id, "disposed");
        await exchange.TimelineAsync(id, "service_change.consulted", "service_change.answered", "service_change.filed", "grant.ended", "disposal.recorded");
        await exchange.PairedAsync(id);
    }

    [Fact]
    public async Task A_dispute_goes_up_step_by_step()
    {
        var dataset = await DatasetAsync();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.ReceivedAsync(id);
        (await OwnAsync(id, "reviewer", "decide", new { Decision = "refuse", Reason = "超出职责（示例）", Grounds = new[] { "outside_duty" } })).Succeeded("decide");
        (await OwnAsync(id, "sharing_head", "sign-off")).Succeeded("sign");
        await exchange.MirrorAsync(id, "refused");

        (await AskAsync(id, "sharing_head", "dispute", new { Position = "属于法定职责（示例）" })).Succeeded("raise");
        await OwningAsync(id, a => a.Json.TryGetProperty("dispute", out var dispute) && dispute.ValueKind == System.Text.Json.JsonValueKind.Object);
        await RefusedAsync("dispute-order", () => StepAsync(id, "authority", "superior_decision", "协调意见（示例）"));
        Assert.Equal(422, (await StepAsync(id, "authority", "war", "")).Status);
        (await StepAsync(id, "sharing_head", "position", "维持答复（示例）")).Succeeded("position");
        var raised = (await StepAsync(id, "sharing_head", "to_superior", "协商未果，提请协调（示例）")).Succeeded("to the superior");
        Assert.Equal(("superior", "湖南省数据局"), (raised["dispute"].GetProperty("stage").GetString(), raised["dispute"].GetProperty("steps")[2].GetProperty("to").GetString()));
        await RefusedAsync("authority-records", () => StepAsync(id, "sharing_head", "superior_decision", "协调意见（示例）"));
        await RefusedAsync("dispute-order", () => StepAsync(id, "authority", "to_government", "提请决定（示例）"));
        (await StepAsync(id, "authority", "superior_decision", "示例函〔2026〕1号：建议共享（示例）")).Succeeded("superior");
        (await StepAsync(id, "authority", "to_government", "仍未一致（示例）")).Succeeded("to the government");
        var settled = (await StepAsync(id, "authority", "government_decision", "示例政函〔2026〕2号：予以共享（示例）")).Succeeded("government");
        Assert.Equal(("settled", 6), (settled["dispute"].GetProperty("stage").GetString(), settled["dispute"].GetProperty("steps").GetArrayLength()));
        var mirror = await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync(Asking(id)), a => a["dispute"].GetProperty("stage").GetString() == "settled", show: a => a.Text);
        Assert.Equal(["asking", "owning", "owning", "authority", "authority", "authority"], mirror["dispute"].GetProperty("steps").EnumerateArray().Select(s => s.GetProperty("by").GetString()));
        await exchange.PairedAsync(id);
    }

    private static DateOnly Today => Exchange.Catalogue.Deadlines.LegalDay.Of(DateTimeOffset.UtcNow);

    private static string Owning(string id) => $"/api/cities/changsha/approvals/{id}";

    private static string Asking(string id) => $"/api/cities/zhuzhou/requests/{id}";

    private Task<Answer> OwnAsync(string id, string role, string act, object? body = null) => ActAsync(exchange.Who("changsha", role), Owning(id), act, body);

    private Task<Answer> AskAsync(string id, string role, string act, object? body = null) => ActAsync(exchange.Who("zhuzhou", role), Asking(id), act, body);

    private async Task<Answer> StepAsync(string id, string role, string kind, string text)
    {
        var who = exchange.Who("changsha", role);
        return await who.PostAsync($"/api/cities/changsha/disputes/{id}/step", new { Kind = kind, Text = text }, (await who.GetAsync(Owning(id))).ETag);
    }

    private static async Task<Answer> ActAsync(Participant who, string path, string act, object? body = null, string? etag = null) =>
        await who.PostAsync($"{path}/{act}", body, etag ?? (await who.GetAsync(path)).ETag);

    private static async Task RefusedAsync(string rule, Func<Task<Answer>> act)
    {
        var answer = await act();
        Assert.True(answer.Status is >= 400 and < 500, answer.Text);
        Assert.Equal(rule, answer["rule"].GetString());
    }

    private Task<Answer> OwningAsync(string id, Func<Answer, bool> good) => Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync(Owning(id)), good, show: a => a.Text);

    private async Task<Guid> DatasetAsync() => (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();

    private async Task<string> ActiveAsync()
    {
        var id = await exchange.SubmitAsync(await DatasetAsync());
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        return id;
    }

    private Task<Answer> DataAsync(string id) => exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv");

    private async Task<string[]> NoticesAsync(string city, string role, string id) =>
        [.. (await exchange.Who(city, role).GetAsync($"/api/cities/{city}/notices?exchange={id}")).Succeeded("notices")["items"].EnumerateArray().Select(n => n.GetProperty("type").GetString()!)];
}
