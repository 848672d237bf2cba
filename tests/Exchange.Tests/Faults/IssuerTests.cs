using System.Net;
using System.Net.Http.Headers;
using Exchange.Local;

namespace Exchange.Tests.Faults;

/// <summary>The issuer of tokens is away.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class IssuerTests(FaultFixture exchange)
{
    [Fact, Trait("length", "long")]
    public async Task A_service_that_has_no_keys_yet_says_so_and_finds_no_fault_with_the_token()
    {
        var token = await exchange.Who("changsha", "officer").TokenAsync();
        await exchange.Stack.StopAsync("changsha");
        await exchange.Stack.KillAsync(Stack.Gateway);
        try
        {
            await exchange.Stack.StartAsync("changsha");

            using var away = await AskAsync(token);
            var text = await away.Content.ReadAsStringAsync();
            Assert.True(away.StatusCode == HttpStatusCode.ServiceUnavailable, text);
            Assert.Contains("issuer-keys-unavailable", text, StringComparison.Ordinal);
            Assert.NotNull(away.Headers.RetryAfter);
        }
        finally
        {
            await exchange.Stack.StartAsync(Stack.Gateway);
        }

        await Eventually.TrueAsync(async () =>
        {
            using var back = await AskAsync(token);
            return back.StatusCode == HttpStatusCode.OK;
        }, TimeSpan.FromSeconds(60));
        await exchange.AtRestAsync();
    }

    private async Task<HttpResponseMessage> AskAsync(string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(exchange.Stack.Address("changsha"), "/requests"));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await exchange.Gateway.SendAsync(request);
    }
}
