using System.Text.Json;
using Dapper;
using Exchange.Local;

namespace Exchange.Tests.Faults;

/// <summary>Two processes of each service side by side: they share the work, and one that goes takes nothing with it.</summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class TwoOfEachTests(FaultFixture exchange)
{
    private static readonly string[] Doubled = [Stack.Gateway, Stack.Audit, "changsha", "zhuzhou"];

    [Fact]
    public Task One_of_two_is_killed_and_nothing_is_lost_or_doubled() => Schedule.RunAsync(async schedule =>
    {
        await StartSecondsAsync();
        using var enough = new CancellationTokenSource();
        try
        {
            var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
            var work = Enumerable.Range(0, 3).Select(async _ =>
            {
                List<string> ids = [];
                do
                {
                    ids.Add(await exchange.SubmitPatientlyAsync(dataset));
                }
                while (!enough.IsCancellationRequested);
                return ids;
            }).ToList();
            foreach (var service in schedule.Shuffle(Doubled))
            {
                var gone = schedule.Pick<string>([service, service + "-2"]);
                schedule.Note($"kill {gone}");
                await exchange.Stack.KillAsync(gone);
                // Not before the survivor has been seen at work.
                await exchange.ReceivedAsync(await exchange.SubmitPatientlyAsync(dataset));
            }

            await enough.CancelAsync();
            var ids = (await Task.WhenAll(work)).SelectMany(each => each).ToList();
            var granted = schedule.Pick(ids);
            await exchange.GrantAsync(granted);
            await exchange.MirrorAsync(granted, "active");
            await StartGoneAsync();
            foreach (var id in ids)
            {
                await exchange.ReceivedAsync(id);
                var timeline = await exchange.TimelineAsync(id, "request.submitted", "request.received");
                Assert.All(timeline["events"].EnumerateArray().GroupBy(e => e.GetProperty("type").GetString()), g => Assert.Single(g));
            }

            await AgreedAsync();
            await exchange.AtRestAsync();
        }
        finally
        {
            await enough.CancelAsync();
            await StopSecondsAsync();
        }
    });

    [Fact]
    public Task Processes_told_to_stop_under_load_answer_no_5xx_and_cut_nobody() => RollAsync(rounds: 0);

    [Fact]
    [Trait("length", "long")]
    public Task A_rolling_restart_of_everything_under_load_answers_no_5xx_and_cuts_nobody() => RollAsync(rounds: 3);

    /// <summary>No round: the second processes stop one by one. Rounds: everything is stopped and started again, one process at a time.</summary>
    private Task RollAsync(int rounds) => Schedule.RunAsync(async schedule =>
    {
        await StartSecondsAsync(drain: "00:00:02");
        using var enough = new CancellationTokenSource();
        try
        {
            var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
            await exchange.DraftRequestAsync(dataset);
            var asked = 0;
            var clients = Enumerable.Range(0, 6).Select(async n =>
            {
                while (!enough.IsCancellationRequested)
                {
                    var answer = (n % 3) switch
                    {
                        0 => await exchange.Who("zhuzhou", "officer").GetAsync("/api/catalogue/datasets?q=参保"),
                        1 => await exchange.Who("zhuzhou", "officer").PostAsync("/api/cities/zhuzhou/requests", Flow.ExchangeFixture.RequestBody(dataset)),
                        _ => await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{dataset}"),
                    };
                    Assert.True(answer.Status < 400, answer.Text);
                    Interlocked.Increment(ref asked);
                }
            }).ToList();
            string[] shared = [Stack.Gateway, "changsha", "zhuzhou"];
            foreach (var process in schedule.Shuffle(shared.Select(s => s + "-2")))
            {
                schedule.Note($"stop {process}");
                await exchange.Stack.StopAsync(process);
            }

            for (var round = 0; round < rounds; round++)
            {
                foreach (var service in schedule.Shuffle(shared))
                {
                    foreach (var (stopped, kept) in new[] { (service, service + "-2"), (service + "-2", service) })
                    {
                        if (!exchange.Stack.IsRunning(kept))
                        {
                            await exchange.Stack.StartAsync(kept, Draining("00:00:02"));
                        }

                        schedule.Note($"restart {stopped}");
                        await exchange.Stack.StopAsync(stopped);
                        await exchange.Stack.StartAsync(stopped, Draining("00:00:02"));
                    }
                }
            }

            await enough.CancelAsync();
            await Task.WhenAll(clients);
            Assert.True(asked > 100, $"only {asked} requests were made");
            await exchange.AtRestAsync();
        }
        finally
        {
            await enough.CancelAsync();
            await StopSecondsAsync();
        }
    });

    /// <summary>Both gateways give the same answer, city by city and entry by entry.</summary>
    private async Task AgreedAsync()
    {
        var auditor = exchange.Who("changsha", "officer");
        await Eventually.GetAsync(
            async () =>
            {
                var one = await auditor.GetAsync(new Uri(exchange.Stack.Address(Stack.Gateway), "/api/catalogue/datasets?limit=100").AbsoluteUri);
                var two = await auditor.GetAsync(new Uri(exchange.Stack.Address(Stack.Gateway + "-2"), "/api/catalogue/datasets?limit=100").AbsoluteUri);
                return (One: Entries(one.Json), Two: Entries(two.Json));
            },
            both => both.One == both.Two && both.One.Length > 2,
            show: both => $"{both.One}\n{both.Two}");

        static string Entries(JsonElement answer) => $"{answer.GetProperty("total")} {answer.GetProperty("items")} {answer.GetProperty("facets")}";
    }

    private Task StartSecondsAsync(string drain = "00:00:00") => Task.WhenAll(Doubled.Select(service => exchange.Stack.StartAsync(service + "-2", Draining(drain))));

    private Task StartGoneAsync() => Task.WhenAll(Doubled.SelectMany<string, string>(s => [s, s + "-2"]).Where(p => !exchange.Stack.IsRunning(p)).Select(p => exchange.Stack.StartAsync(p)));

    private async Task StopSecondsAsync()
    {
        await Task.WhenAll(Doubled.Select(service => exchange.Stack.KillAsync(service + "-2")));
        await Task.WhenAll(Doubled.Where(s => !exchange.Stack.IsRunning(s)).Select(s => exchange.Stack.StartAsync(s)));
    }

    private static Dictionary<string, string> Draining(string drain) => new(StringComparer.Ordinal) { ["Service__Drain"] = drain };
}
