using Dapper;
using Exchange.Tests.Faults;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Browser;

/// <summary>Operators see how the exchange runs, and act on the service they keep.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class StatusJourneyTests(BrowserFixture exchange)
{
    [Theory]
    [InlineData(true, Traits = ["length", "long"])]
    [InlineData(false)]
    public async Task An_operator_finds_a_quarantined_message_and_sends_it_again(bool script)
    {
        await using var city = await exchange.AdminAsync("zhuzhou");
        var id = await QuarantinedAsync(city);
        try
        {
            await using var visitor = await exchange.SignInAsync("zhuzhou-operator", script);
            await visitor.GoAsync("/status");
            await visitor.CheckAsync();
            var row = visitor.Page.Locator($"[data-service=zhuzhou] tr[data-row='{id}']");
            Assert.Contains("Exchange.Contracts.Nothing", await row.InnerTextAsync(), StringComparison.Ordinal);
            Assert.Contains("由长沙", await visitor.Page.InnerTextAsync("[data-service=changsha]"), StringComparison.Ordinal);

            // Whoever keeps another service is told whose business it is, and what is sent all the same is refused.
            await using (var other = await exchange.SignInAsync("changsha-operator"))
            {
                await other.GoAsync("/status");
                Assert.Equal(0, await other.Page.Locator("[data-service=zhuzhou] form").CountAsync());
                var refused = await other.Page.EvaluateAsync<int>("""
                    async id => (await fetch('/status', { method: 'POST', body: new URLSearchParams({ _token: document.querySelector('[name=_token]').value, act: 'requeue', service: 'zhuzhou', thing: id }), headers: { Accept: 'text/html' } })).status
                    """, id.ToString());
                Assert.Equal(403, refused);
                Assert.True(await city.ExecuteScalarAsync<bool>("select quarantined_at is not null from service.outbox where id = @id", new { id }));
            }

            // The cause is mended: now it is a message that can be sent.
            await city.ExecuteAsync("update service.outbox set type = 'Exchange.Contracts.RequestWithdrawn', content = @content where id = @id", new
            {
                id,
                content = $$"""{"exchangeId":"{{id}}","askingCity":"zhuzhou","owningCity":"changsha","reason":"x","withdrawnAt":"2026-01-01T00:00:00Z"}""",
            });
            await visitor.MoveAsync(() => row.Locator("button").ClickAsync());
            Assert.Contains("重新发送", await visitor.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
            await Eventually.TrueAsync(async () => await city.ExecuteScalarAsync<bool>("select sent_at is not null from service.outbox where id = @id", new { id }));
            await visitor.GoAsync("/status");
            Assert.Equal(0, await visitor.Page.Locator($"tr[data-row='{id}']").CountAsync());

            // It withdraws a request that never was, and would wait for it for good.
            await using var owning = await exchange.AdminAsync("changsha");
            await Eventually.TrueAsync(async () => await owning.ExecuteAsync("delete from service.early_withdrawals where exchange_id = @id", new { id }) == 1);
        }
        finally
        {
            await city.ExecuteAsync("delete from service.outbox where id = @id and quarantined_at is not null", new { id });
        }
    }

    [Fact]
    public async Task The_page_of_an_operator_changes_by_itself_when_a_message_is_set_apart()
    {
        await using var city = await exchange.AdminAsync("zhuzhou");
        await using var visitor = await exchange.SignInAsync("zhuzhou-operator");
        await visitor.GoAsync("/status");
        var id = await QuarantinedAsync(city);
        try
        {
            await visitor.Page.Locator($"tr[data-row='{id}']").WaitForAsync();
        }
        finally
        {
            await city.ExecuteAsync("delete from service.outbox where id = @id", new { id });
        }
    }

    [Fact]
    public async Task The_operators_of_gateway_and_log_see_witnesses_keys_and_sources()
    {
        await exchange.PublishAsync("changsha", "unconditional", rowsToo: false);
        await using var visitor = await exchange.SignInAsync("exchange-operator", english: true);
        await visitor.GoAsync("/status");
        await visitor.CheckAsync();
        Assert.Equal(5, await visitor.Page.Locator("[data-service]").CountAsync());
        Assert.Equal(2, await visitor.Page.Locator("[data-service]", new() { HasText = "Outbox and queues" }).CountAsync());
        Assert.Contains("No foreign catalogue is connected", await visitor.TextAsync(), StringComparison.Ordinal);
        await Eventually.GetAsync(
            async () =>
            {
                await visitor.GoAsync("/status");
                return await visitor.TextAsync();
            },
            text => text.Contains("Verified by all witnesses", StringComparison.Ordinal) && !text.Contains("never", StringComparison.Ordinal),
            show: text => text);
        await using var person = await exchange.SignInAsync("auditor", script: false);
        await person.GoAsync("/status", 403);
    }

    private static async Task<Guid> QuarantinedAsync(Npgsql.NpgsqlConnection city)
    {
        var id = Guid.CreateVersion7();
        await city.ExecuteAsync("""
            insert into service.outbox (id, kind, exchange, routing_key, type, content)
            values (@id, 'message', 'exchange.addressed', 'zhuzhou.changsha', 'Exchange.Contracts.Nothing', '{}')
            """, new { id });
        await Eventually.TrueAsync(async () => await city.ExecuteScalarAsync<bool>("select quarantined_at is not null from service.outbox where id = @id", new { id }));
        return id;
    }
}
