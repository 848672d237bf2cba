using Dapper;
using Exchange.Local.Accounts;
using Exchange.Tests.Faults;

namespace Exchange.Tests.Flow;

/// <summary>
/// Every rule that takes two persons, tried by the first person alone, by the same one again, by a program, by people of another department and of another city:
/// refused each time, on record, and nothing is changed by trying. The right second person then goes on.
/// </summary>
[Collection(RunningExchange.Name)]
[Trait("needs", "server")]
public sealed class TwoPersonsTests(ExchangeFixture exchange)
{
    private const string Asking = "/api/cities/zhuzhou/requests";
    private const string Owning = "/api/cities/changsha/approvals";

    private Participant AskingDeputy => exchange.Who("zhuzhou-labour-deputy");

    private Participant OwningDeputy => exchange.Who("changsha-labour-deputy");

    [Fact]
    public async Task A_request_is_signed_off_by_another_person_than_its_author()
    {
        var draft = (await AskingDeputy.PostAsync(Asking, ExchangeFixture.RequestBody(await DatasetAsync()))).Succeeded("draft");
        await OnlyAnotherAsync("zhuzhou", $"{Asking}/{draft["id"].GetString()}", "sign-off", "same-person-signs", AskingDeputy, exchange.Who("zhuzhou", "sharing_head"));
    }

    [Fact]
    public async Task A_reply_is_signed_by_another_person_than_the_one_who_proposed_it()
    {
        var id = await ReceivedAsync();
        await ActAsync(OwningDeputy, $"{Owning}/{id}", "decide", new { Decision = "approve" });
        await OnlyAnotherAsync("changsha", $"{Owning}/{id}", "sign-off", "same-person-replies", OwningDeputy, exchange.Who("changsha", "sharing_head"));
    }

    [Fact]
    public async Task An_extension_is_consented_to_by_another_person_than_the_one_who_asked()
    {
        var id = await ReceivedAsync();
        await ActAsync(OwningDeputy, $"{Owning}/{id}", "extend", new { WorkingDays = 2, Reason = "涉及多个部门（示例）" });
        await OnlyAnotherAsync("changsha", $"{Owning}/{id}", "answer-extension", "same-person-consents", OwningDeputy, exchange.Who("changsha", "authority"), new { Consent = true });
    }

    [Fact]
    public async Task A_change_of_scope_is_signed_by_another_person_on_each_side()
    {
        var id = await ActiveAsync();
        await ActAsync(AskingDeputy, $"{Asking}/{id}", "change", new { Fields = new[] { "person", "months", "remark" }, Reason = "《示例条例》（示例）" });
        await OnlyAnotherAsync("zhuzhou", $"{Asking}/{id}", "change/sign-off", "same-person-signs", AskingDeputy, exchange.Who("zhuzhou", "sharing_head"));
        await Eventually.GetAsync(() => OwningDeputy.GetAsync($"{Owning}/{id}"), a => a.Json.TryGetProperty("change", out var change) && change.ValueKind == System.Text.Json.JsonValueKind.Object, show: a => a.Text);
        await ActAsync(OwningDeputy, $"{Owning}/{id}", "change/decide", new { Decision = "approve" });
        await OnlyAnotherAsync("changsha", $"{Owning}/{id}", "change/sign-off", "same-person-replies", OwningDeputy, exchange.Who("changsha", "sharing_head"));
    }

    [Fact]
    public async Task A_disposal_of_personal_data_is_confirmed_by_another_person()
    {
        var id = await ActiveAsync();
        await ActAsync(AskingDeputy, $"{Asking}/{id}", "withdraw", new { Reason = "目的已实现（示例）" });
        await exchange.MirrorAsync(id, "ended");
        await ActAsync(AskingDeputy, $"{Asking}/{id}", "dispose", new { Method = "delete", Note = "已删除（示例）" });
        await OnlyAnotherAsync("zhuzhou", $"{Asking}/{id}", "confirm-disposal", "same-person-confirms", AskingDeputy, exchange.Who("zhuzhou", "sharing_head"));
    }

    [Fact]
    public async Task An_entry_is_approved_and_published_and_a_longer_update_consented_to_by_other_persons()
    {
        var all = exchange.Who("changsha-labour-all");
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var path = $"/api/cities/changsha/datasets/{dataset}";
        var (head, authority) = (exchange.Who("changsha", "department_head"), exchange.Who("changsha", "authority"));

        var text = ExchangeFixture.Draft($"参保核验（示例）{Guid.NewGuid():N}", "conditional", all.Account.Department!, null);
        var revised = (await all.PutAsync(path, text, (await all.GetAsync(path)).ETag)).Succeeded("revise");
        var assessed = (await all.PostAsync($"{path}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = "passed" } }, revised.ETag)).Succeeded("assess");
        await RefusedAsync("changsha", [(all, "same-person"), (all, "same-person"), (exchange.Who("changsha", "integrator"), "person-required"), (exchange.Who("changsha", "department_head", "police"), "foreign-department"), (exchange.Who("zhuzhou", "department_head"), "foreign-department")],
            who => who.PostAsync($"{path}/approve", etag: assessed.ETag));
        var approved = (await head.PostAsync($"{path}/approve", etag: assessed.ETag)).Succeeded("approve");
        await RefusedAsync("changsha", [(all, "same-person"), (all, "same-person"), (exchange.Who("changsha", "integrator"), "person-required"), (exchange.Who("changsha", "department_head", "police"), "role-missing"), (exchange.Who("zhuzhou", "authority"), "foreign-city")],
            who => who.PostAsync($"{path}/publish", etag: approved.ETag));
        (await authority.PostAsync($"{path}/publish", etag: approved.ETag)).Succeeded("publish");

        var today = Exchange.Catalogue.Deadlines.LegalDay.Of(DateTimeOffset.UtcNow);
        var stated = (await all.PostAsync($"{path}/duty-changes", new { What = "law", ChangedOn = today, Reference = "《示例法》（示例）" })).Succeeded("state");
        var change = $"{path}/duty-changes/{stated["id"].GetString()}";
        (await all.PostAsync($"{change}/extend", new { WorkingDays = 3, Reason = "须征求意见（示例）" })).Succeeded("ask");
        await RefusedAsync("changsha", [(all, "same-person-extends"), (all, "same-person-extends"), (exchange.Who("changsha", "integrator"), "person-required"), (exchange.Who("changsha", "officer", "police"), "role-missing"), (exchange.Who("zhuzhou", "authority"), "foreign-department")],
            who => who.PostAsync($"{change}/answer-extension", new { Consent = true }));
        (await authority.PostAsync($"{change}/answer-extension", new { Consent = true })).Succeeded("consent");
    }

    private async Task OnlyAnotherAsync(string city, string path, string act, string rule, Participant first, Participant second, object? body = null)
    {
        var before = (await first.GetAsync(path)).Succeeded("read");
        var elsewhere = city == "zhuzhou" ? "changsha" : "zhuzhou";
        (Participant Who, string Rule)[] tries =
        [
            (first, rule),
            (first, rule),
            (exchange.Who(city, "integrator"), "person-required"),
            (exchange.Who(city, act == "answer-extension" ? "reviewer" : "sharing_head", "police"), act == "answer-extension" ? "role-missing" : "not-found"),
            (exchange.Who(elsewhere, act == "answer-extension" ? "authority" : "sharing_head"), "not-found"),
        ];
        await RefusedAsync(city, tries, who => who.PostAsync($"{path}/{act}", body, before.ETag));
        Assert.Equal(before.ETag, (await first.GetAsync(path)).ETag);
        (await second.PostAsync($"{path}/{act}", body, before.ETag)).Succeeded($"{act} by another person");
    }

    /// <summary>Each is refused by its rule with a way out, and is on record.</summary>
    private async Task RefusedAsync(string city, (Participant Who, string Rule)[] tries, Func<Participant, Task<Answer>> act)
    {
        foreach (var (who, expected) in tries)
        {
            var refused = await act(who);
            Assert.Equal((who.Account.ClientId, expected), (who.Account.ClientId, refused["rule"].GetString()));
            Assert.InRange(refused.Status, 400, 499);
            Assert.False(string.IsNullOrEmpty(refused["way_out"].GetString()));
        }

        await using var connection = await exchange.AdminAsync(city);
        foreach (var (who, expected) in tries)
        {
            // A minute's refusals are one leaf; until then they stand in the table, and afterwards in the outbox as a record.
            // Who may not see it is told that it is not there, which is not what is on record.
            var (subject, recorded) = (who.Account.ClientId, expected == "not-found" ? "wrong-department" : expected);
            await Eventually.TrueAsync(() => connection.ExecuteScalarAsync<bool>("""
                select exists (select from service.counted_acts where act::jsonb ->> 'Subject' = @subject and act::jsonb -> 'Details' ->> 'rule' = @recorded)
                    or exists (select from service.outbox where type = 'refusal' and content::jsonb -> 'details' ->> 'rule' = @recorded)
                """, new { subject, recorded }));
        }
    }

    private static async Task<Answer> ActAsync(Participant who, string path, string act, object body) =>
        (await who.PostAsync($"{path}/{act}", body, (await who.GetAsync(path)).ETag)).Succeeded(act);

    private async Task<Guid> DatasetAsync()
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        await exchange.DraftRequestAsync(dataset);
        return dataset;
    }

    private async Task<string> ReceivedAsync()
    {
        var id = await exchange.SubmitAsync(await DatasetAsync());
        await exchange.ReceivedAsync(id);
        return id;
    }

    private async Task<string> ActiveAsync()
    {
        var id = await ReceivedAsync();
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        return id;
    }
}
