using Exchange.Tests.Flow;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>Data is asked for, granted, received and looked up in the log by people who have no mouse.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class KeyboardJourneyTests(BrowserFixture exchange)
{
    [Fact, Trait("length", "long")]
    public async Task Each_role_reaches_its_result_by_the_keyboard_alone()
    {
        var name = $"键盘核验（示例）{Guid.NewGuid():N}";
        var dataset = (await exchange.PublishAsync("changsha", "conditional", name)).GetProperty("dataset_id").GetGuid();
        await exchange.KnownAsync(dataset);

        await using var officer = await SignInAsync("zhuzhou-labour-officer");
        await officer.GoAsync("/search");
        await officer.TabToAsync("input[name=q]");
        await officer.Page.Keyboard.TypeAsync(name);
        await officer.MoveAsync(() => officer.Page.Keyboard.PressAsync("Enter"));
        await officer.EnterAsync($".results a[href='/datasets/{dataset}']");
        await officer.EnterAsync($"a[href='/requests/new?dataset={dataset}']");
        foreach (var (question, answer) in new[] { ("legal_basis", "社会保险关系转移接续（示例）"), ("scenario", ExchangeFixture.Scenario), ("scope", "经办人员（示例）") })
        {
            await officer.TabToAsync($"#{question}");
            await officer.Page.Keyboard.TypeAsync(answer);
            await officer.EnterAsync("form button.primary");
        }

        foreach (var field in (string[])["person", "months"])
        {
            await officer.TabToAsync($"input[value={field}]");
            await officer.Page.Keyboard.PressAsync("Space");
        }

        await officer.EnterAsync("form button.primary");
        await officer.TabToAsync("#use_until");
        // As the browser orders a date: month, day, year.
        await officer.Page.Keyboard.TypeAsync($"{DateTime.UtcNow.AddYears(1):MMddyyyy}");
        Assert.Equal($"{DateTime.UtcNow.AddYears(1):yyyy-MM-dd}", await officer.Page.InputValueAsync("#use_until"));
        await officer.EnterAsync("form button.primary");
        await officer.EnterAsync("form button.primary");
        var request = officer.Path.Split('?')[0];
        var id = request[(request.LastIndexOf('/') + 1)..];

        await using (var head = await SignInAsync("zhuzhou-labour-sharing-head"))
        {
            await head.GoAsync(request);
            await head.EnterAsync($"main a[href='{request}/sign-off']");
            await head.EnterAsync("form button.primary");
        }

        await officer.GoAsync(request);
        await officer.EnterAsync($"main a[href='{request}/submit']");
        await officer.EnterAsync("form button.primary");
        await exchange.ReceivedAsync(id);

        await using (var reviewer = await SignInAsync("changsha-labour-reviewer"))
        {
            await reviewer.GoAsync("/approvals");
            await reviewer.EnterAsync($"main a[href='/approvals/{id}']");
            await reviewer.TabToAsync("#treat-person");
            await reviewer.Page.Keyboard.PressAsync("Home");
            await reviewer.EnterAsync("form:has(input[name=act][value=approve]) button.primary");
        }

        await using (var head = await SignInAsync("changsha-labour-sharing-head"))
        {
            await head.GoAsync($"/approvals/{id}");
            await head.EnterAsync($"main a[href='/approvals/{id}/sign']");
            await head.EnterAsync("form button.primary");
        }

        await exchange.MirrorAsync(id, "active");
        await officer.GoAsync(request);
        await officer.EnterAsync($"main a[href='{request}/data']");
        await officer.TabToAsync("form button.primary");
        Assert.Contains("示例甲", System.Text.Encoding.UTF8.GetString((await officer.SavedAsync(() => officer.Page.Keyboard.PressAsync("Enter"))).Content), StringComparison.Ordinal);

        await exchange.TimelineAsync(id, "delivery.ended");
        await using var auditor = await SignInAsync("auditor");
        await auditor.GoAsync($"/audit/exchanges/{id}");
        await auditor.TabToAsync(".records summary");
        await auditor.Page.Keyboard.PressAsync("Enter");
        await auditor.TabToAsync(".records a[href^='/audit/proofs/']");
        Assert.EndsWith(".tlog-proof", (await auditor.SavedAsync(() => auditor.Page.Keyboard.PressAsync("Enter"))).Name, StringComparison.Ordinal);
    }

    [Fact, Trait("length", "long")]
    public async Task Authority_leader_and_operator_need_no_mouse_either()
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "conditional", rowsToo: false)).GetProperty("dataset_id").GetGuid());
        (await exchange.Who("changsha", "reviewer").PostAsync($"/api/cities/changsha/approvals/{id}/extend", new { WorkingDays = 3, Reason = "情况复杂（示例）" }, (await exchange.ReceivedAsync(id)).ETag)).Succeeded("ask");
        await using var authority = await SignInAsync("changsha-authority");
        await authority.GoAsync("/authority/consents");
        await authority.EnterAsync($"main a[href^='/authority/exchanges/{id}']");
        await authority.TabToAsync("#consent-yes");
        await authority.Page.Keyboard.PressAsync("Space");
        await authority.EnterAsync("#act-extension form button");
        Assert.Equal(3, (await exchange.ReceivedAsync(id))["extension"].GetProperty("working_days").GetInt32());

        await using var leader = await SignInAsync("changsha-labour-department-head");
        await leader.GoAsync("/");
        await leader.EnterAsync("header a[href='/figures']");
        await leader.EnterAsync("main a[href^='/figures/definitions']");
        Assert.StartsWith("/figures/definitions", leader.Path, StringComparison.Ordinal);

        await using var technician = await SignInAsync("exchange-operator");
        await technician.GoAsync("/");
        await technician.EnterAsync("header a[href='/status']");
        await technician.TabToAsync("main summary");
        await technician.Page.Keyboard.PressAsync("Enter");
        Assert.True(await technician.Page.EvaluateAsync<bool>("document.activeElement.parentElement.open"));
    }

    private async Task<Visitor> SignInAsync(string clientId)
    {
        var visitor = await exchange.VisitAsync();
        var account = exchange.Stack.Account(clientId);
        await visitor.GoAsync("/sign-in");
        await visitor.TabToAsync("#account");
        await visitor.Page.Keyboard.TypeAsync(account.ClientId);
        await visitor.TabToAsync("#secret");
        await visitor.Page.Keyboard.TypeAsync(account.Secret);
        await visitor.MoveAsync(() => visitor.Page.Keyboard.PressAsync("Enter"));
        Assert.Equal(1, await visitor.Page.Locator("header .name").CountAsync());
        return visitor;
    }
}
