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

    /// <summary>Those that callers share: the log is asked by services.</summary>
    private static readonly string[] Shared = [Stack.Gateway, "changsha", "zhuzhou"];

    // The time that services take by themselves.
    private static readonly Dictionary<string, string> Draining = new(StringComparer.Ordinal) { ["Service__Drain"] = "00:00:05" };

    [Fact, Trait("length", "long")]
    public Task One_of_two_is_killed_or_told_to_stop_and_nothing_is_lost_doubled_or_cut() => BesideAsync(async schedule =>
    {
        await KillsAsync(schedule, [.. schedule.Shuffle(Doubled).Take(2)]);
        await AgreedAsync();
        await UnderLoadAsync(() => Task.WhenAll(Shared.Select(service => exchange.Stack.StopAsync(service + "-2"))));
    });

    [Fact]
    [Trait("length", "long")]
    public Task Whichever_of_the_two_is_killed_the_other_one_goes_on() => BesideAsync(async schedule =>
    {
        for (var round = 0; round < 3; round++)
        {
            await KillsAsync(schedule, schedule.Shuffle(Doubled));
            await AgreedAsync();
        }
    });

    [Fact]
    [Trait("length", "long")]
    public Task A_rolling_restart_of_everything_under_load_answers_no_5xx_and_cuts_nobody() => BesideAsync(schedule => UnderLoadAsync(async () =>
    {
        for (var round = 0; round < 3; round++)
        {
            foreach (var service in schedule.Shuffle(Shared))
            {
                foreach (var process in (string[])[service, service + "-2"])
                {
                    schedule.Note($"restart {process}");
                    await exchange.Stack.StopAsync(process);
                    await exchange.Stack.StartAsync(process, Draining);
                }
            }
        }
    }));

    /// <summary>Runs with two of each; afterwards everything holds, and the first ones run alone.</summary>
    private Task BesideAsync(Func<Schedule, Task> act) => Schedule.RunAsync(async schedule =>
    {
        await Task.WhenAll(Doubled.Select(service => exchange.Stack.StartAsync(service + "-2", Draining)));
        try
        {
            await act(schedule);
            await exchange.AtRestAsync();
        }
        finally
        {
            await Task.WhenAll(Doubled.Select(service => exchange.Stack.KillAsync(service + "-2")));
            await StartGoneAsync(Doubled);
        }
    });

    /// <summary>One of each two is killed while three departments ask; what they asked for is there, once.</summary>
    private async Task KillsAsync(Schedule schedule, IReadOnlyList<string> services)
    {
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
            foreach (var service in services)
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
        }
        finally
        {
            await enough.CancelAsync();
        }
    }

    /// <summary>Six clients, of which none sees an error or a cut connection, whatever is stopped meanwhile.</summary>
    private async Task UnderLoadAsync(Func<Task> act)
    {
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
            await act();
            await enough.CancelAsync();
            await Task.WhenAll(clients);
            Assert.True(asked > 100, $"only {asked} requests were made");
        }
        finally
        {
            await enough.CancelAsync();
        }
    }

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

    private Task StartGoneAsync() => StartGoneAsync(Doubled.SelectMany<string, string>(s => [s, s + "-2"]));

    private Task StartGoneAsync(IEnumerable<string> processes) => Task.WhenAll(processes.Where(p => !exchange.Stack.IsRunning(p)).Select(p => exchange.Stack.StartAsync(p, Draining)));
}
