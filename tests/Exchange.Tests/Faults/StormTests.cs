using System.Net;
using Exchange.Local;

namespace Exchange.Tests.Faults;

/// <summary>Everything dies again and again, and what the services need comes back last.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
[Trait("length", "long")]
public sealed class StormTests(FaultFixture exchange)
{
    [Fact]
    public Task All_services_start_before_their_servers_and_converge() => StormAsync(kills: 1);

    [Fact]
    public Task A_hundred_restarts_converge() => StormAsync(kills: 100);

    private Task StormAsync(int kills) => Schedule.RunAsync(async schedule =>
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var before = await exchange.SubmitAsync(dataset);
        await Task.WhenAll(exchange.Stack.ServiceNames.Select(exchange.Stack.KillAsync));
        await Task.WhenAll(exchange.Stack.KillPostgresAsync(), exchange.Stack.KillBrokerAsync());

        foreach (var service in schedule.Shuffle(exchange.Stack.ServiceNames))
        {
            exchange.Stack.Launch(service);
        }

        // Alive without anything, and plain about why they do no work: a watchdog has no reason to start them again.
        foreach (var service in exchange.Stack.ServiceNames)
        {
            Assert.Equal(HttpStatusCode.OK, (await StatusAsync(service, "/health/live", HttpStatusCode.OK)).StatusCode);
            var ready = await StatusAsync(service, "/health/ready", HttpStatusCode.ServiceUnavailable);
            Assert.NotNull(ready.Headers.RetryAfter);
        }

        for (var i = 0; i < kills; i++)
        {
            var again = schedule.Pick(exchange.Stack.ServiceNames);
            schedule.Note($"kill {again}");
            await exchange.Stack.KillAsync(again);
            exchange.Stack.Launch(again);
            if (i == kills / 3)
            {
                schedule.Note("database back");
                await exchange.Stack.StartPostgresAsync();
            }

            if (i == kills * 2 / 3)
            {
                schedule.Note("broker back");
                await exchange.Stack.StartBrokerAsync();
            }
        }

        await Task.WhenAll(exchange.Stack.ServiceNames.Select(s => exchange.Stack.ReadyAsync(s)));
        await exchange.GrantAsync(before);
        await exchange.MirrorAsync(before, "active");
        await exchange.ReceivedAsync(await exchange.SubmitAsync(dataset));
        await exchange.AtRestAsync();
    });

    private async Task<HttpResponseMessage> StatusAsync(string service, string path, HttpStatusCode expected) => await Eventually.GetAsync(
        async () =>
        {
            try
            {
                using var http = new HttpClient();
                return await http.GetAsync(new Uri(exchange.Stack.Address(service), path));
            }
            catch (HttpRequestException)
            {
                return new HttpResponseMessage(HttpStatusCode.BadGateway);
            }
        },
        answer => answer.StatusCode == expected,
        TimeSpan.FromSeconds(60),
        answer => $"{service}{path}: {answer.StatusCode}");
}
