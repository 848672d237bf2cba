using System.Globalization;
using Dapper;
using Exchange.Hosting.Messaging;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Check;
using Exchange.Tests.Flow;

namespace Exchange.Tests.Faults;

/// <summary>
/// SIGKILL of each service at each step of a request and a delivery. The caller repeats its act under the same key until it is answered; at the end each act has one
/// effect and one record.
/// </summary>
[Collection(FaultyExchange.Name)]
[Trait("needs", "server")]
public sealed class KillTests(FaultFixture exchange)
{
    [Fact]
    public Task One_walk_through_a_request_and_a_delivery_survives_a_kill_at_each_step() => exchange.RunAsync(async schedule =>
    {
        await using var gates = await Gates.InstallAsync(exchange, "zhuzhou", "changsha", Stack.Audit);
        await WalkAsync(schedule, gates, Kill.OneOfEach(schedule));
        await exchange.AtRestAsync();
    });

    [Fact]
    [Trait("length", "long")]
    public Task Every_service_is_killed_at_every_moment_of_every_step() => exchange.RunAsync(async schedule =>
    {
        await using var gates = await Gates.InstallAsync(exchange, "zhuzhou", "changsha", Stack.Audit);
        var orders = Kill.All.GroupBy(k => k.During).ToDictionary(g => g.Key, g => schedule.Shuffle(g));
        for (var walk = 0; walk < orders.Values.Max(o => o.Count); walk++)
        {
            await WalkAsync(schedule, gates, orders.ToDictionary(o => o.Key, o => o.Value[walk % o.Value.Count]));
            await exchange.AtRestAsync();
        }
    });

    [Fact]
    public Task A_gateway_killed_in_the_middle_of_a_download_stops_the_source_and_the_log_says_how_far_it_came() => exchange.RunAsync(async schedule =>
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var id = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(id);
        await exchange.MirrorAsync(id, "active");
        await FillAsync(dataset);

        var (delivery, cut) = await BeginDownloadAsync(id);
        schedule.Note("gateway killed in the stream");
        await exchange.KillNoticedAsync(Stack.Gateway);
        await cut();
        await exchange.ReviveAsync(Stack.Gateway);

        var program = exchange.Who("zhuzhou", "integrator");
        var receipt = await Eventually.GetAsync(
            () => program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}"), a => a.Status == 200 && a.Json.TryGetProperty("outcome", out _), show: a => a.Text);
        Assert.Equal("aborted", receipt["outcome"].GetString());
        Assert.InRange(receipt["bytes"].GetInt64(), 1, BytesOfAll - 1);
        Assert.InRange(receipt["rows"].GetInt64(), 1, ManyRows - 1);

        var timeline = await exchange.TimelineAsync(id, "delivery.opened", "delivery.ended");
        var ended = Assert.Single(timeline["events"].EnumerateArray(), e => e.GetProperty("type").GetString() == "delivery.ended");
        Assert.Contains("aborted", ended.GetRawText(), StringComparison.Ordinal);
        Assert.Contains(receipt["bytes"].GetInt64().ToString(CultureInfo.InvariantCulture), ended.GetRawText(), StringComparison.Ordinal);
        await exchange.AtRestAsync();
    });

    private const int ManyRows = 300_000;

    // Fifty characters of three bytes, a comma, a number of one digit, CRLF; and the line with the names.
    private const long BytesOfAll = (ManyRows * (150L + 4)) + 15;

    /// <summary>More rows than all buffers between source and receiver can hold.</summary>
    private async Task FillAsync(Guid dataset)
    {
        await using var admin = new Npgsql.NpgsqlConnection(exchange.Stack.Databases.AdminConnectionString("changsha"));
        await admin.OpenAsync();
        var table = await admin.ExecuteScalarAsync<string>("select table_name from service.dataset_rows where dataset_id = @dataset", new { dataset });
        await admin.ExecuteAsync($"truncate data.{table}; insert into data.{table} (c1, c2) select repeat('示', 50), 7 from generate_series(1, @ManyRows)", new { ManyRows });
    }

    /// <summary>A receiver that has read the beginning and then stalls. What comes back ends it: it reads on until the transfer breaks.</summary>
    private async Task<(string Delivery, Func<Task> Cut)> BeginDownloadAsync(string id)
    {
        var program = exchange.Who("zhuzhou", "integrator");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/api/cities/changsha/grants/{id}/data?format=csv");
        request.Headers.Authorization = new("Bearer", await program.TokenAsync());
        request.Headers.Add("Purpose", program.Purpose);
        var response = await exchange.Gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(200, (int)response.StatusCode);
        var body = await response.Content.ReadAsStreamAsync();
        Assert.True(await body.ReadAsync(new byte[1024]) > 0);
        return (response.Headers.GetValues("Exchange-Delivery-Id").Single(), async () =>
        {
            await Assert.ThrowsAnyAsync<Exception>(() => body.CopyToAsync(Stream.Null));
            response.Dispose();
        });
    }

    /// <summary>A request from its draft to a whole delivery, with one kill in each of its parts.</summary>
    private async Task WalkAsync(Schedule schedule, Gates gates, IReadOnlyDictionary<Part, Kill> kills)
    {
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        // Known to the asking city from here on, so that a refused draft is not for want of news.
        var beforehand = (await exchange.DraftRequestAsync(dataset)).Succeeded("a draft beforehand")["id"].GetGuid();
        await using var owning = await exchange.AdminAsync("changsha");

        var draft = await ActAsync(Part.Draft, "zhuzhou", "officer", "requests", ExchangeFixture.RequestBody(dataset), etag: null);
        var id = draft["id"].GetString()!;
        var signed = await ActAsync(Part.SignOff, "zhuzhou", "sharing_head", $"requests/{id}/sign-off", body: null, draft.ETag);
        await ActAsync(Part.Submit, "zhuzhou", "officer", $"requests/{id}/submit", body: null, signed.ETag);
        await exchange.MirrorAsync(id, "under_review");
        var decided = await ActAsync(Part.Decide, "changsha", "reviewer", $"approvals/{id}/decide", new { Decision = "approve" }, (await exchange.ReceivedAsync(id)).ETag);

        // The source is silent when the reply is signed: the sweep activates the grant once it answers.
        await owning.ExecuteAsync("""update service.dataset_rows set fields = jsonb_set(fields, '{0,name}', '"away"') where dataset_id = @dataset""", new { dataset });
        await ActAsync(Part.Sign, "changsha", "sharing_head", $"approvals/{id}/sign-off", body: null, decided.ETag);
        await exchange.MirrorAsync(id, "approved");
        await DuringAsync(Part.Activate, () => owning.ExecuteAsync("""
            update service.grants set changed_at = clock_timestamp() - interval '1 minute' where exchange_id = @exchangeId;
            update service.dataset_rows set fields = jsonb_set(fields, '{0,name}', '"person"') where dataset_id = @dataset;
            """, new { exchangeId = Guid.Parse(id), dataset }));
        await exchange.MirrorAsync(id, "active");

        var expected = 0L;
        if (kills[Part.Deliver] is { Moment: Moment.MidStream } inTheStream)
        {
            await FillAsync(dataset);
            var (_, cut) = await BeginDownloadAsync(id);
            schedule.Note(inTheStream.ToString());
            await exchange.KillNoticedAsync(inTheStream.Victim);
            await cut();
            await exchange.ReviveAsync(inTheStream.Victim);
            expected = (await DownloadAsync(id)).Bytes.Length;
            Assert.Equal(BytesOfAll, expected);
        }
        else
        {
            await DuringAsync(Part.Deliver, async () => expected = (await DownloadAsync(id)).Succeeded("download").Bytes.Length);
        }

        await LookBackAsync(Guid.Parse(id), beforehand, dataset, expected);

        // An act under one key, repeated until there is an answer.
        async Task<Answer> ActAsync(Part part, string city, string role, string path, object? body, string? etag)
        {
            var (who, key) = (exchange.Who(city, role), Guid.NewGuid().ToString());
            Answer? answer = null;
            await DuringAsync(part, async () => answer = (await Deaths.InsistAsync(() => who.PostAsync($"/api/cities/{city}/{path}", body, etag, key))).Succeeded(part.ToString()));
            return answer!;
        }

        // Kills on the way; ends when the service is back and the act done.
        async Task DuringAsync(Part part, Func<Task> act)
        {
            schedule.Note(kills[part].ToString());
            await (kills[part].Moment == Moment.BeforeAck ? KillBeforeAckAsync(kills[part], gates, act) : KillAtGateAsync(kills[part], gates, act));
        }
    }

    private async Task KillAtGateAsync(Kill kill, Gates gates, Func<Task> act)
    {
        var acting = Task.CompletedTask;
        var gate = kill.Follows is null ? await gates.CloseAsync(kill.Held, kill.HoldPoint) : null;
        try
        {
            if (kill.Follows is { } other)
            {
                // The act itself passes this gate too: close it when the act is done and its message has arrived.
                await using var first = await gates.CloseAsync(other, HoldPoint.Step);
                acting = act();
                await first.HeldAsync();
                await acting;
                gate = await gates.CloseAsync(kill.Held, kill.HoldPoint);
            }
            else
            {
                acting = act();
            }

            await gate!.HeldAsync();
            await exchange.Stack.KillAsync(kill.Victim);
            if (kill.Moment != Moment.CommitUnheard)
            {
                await exchange.NoSessionsAsync(kill.Victim);
            }
        }
        finally
        {
            await (gate?.DisposeAsync() ?? ValueTask.CompletedTask);
        }

        await exchange.ReviveAsync(kill.Victim);
        await acting;
    }

    /// <summary>The consumer has committed and its ack does not arrive: its line holds what it sends, and loses it when it dies.</summary>
    private async Task KillBeforeAckAsync(Kill kill, Gates gates, Func<Task> act)
    {
        var line = exchange.Line(kill.Victim, FaultFixture.Rabbitmq);
        // A service is ready without the broker; what it says from now on to the broker is held.
        await Eventually.TrueAsync(async () => (await Surroundings.Of(exchange.Stack).QueuesAsync(default)).Where(q => Topology.Queues(kill.Victim).Contains(q.Name)).All(q => q.Consumers > 0));
        await using var consumer = await exchange.AdminAsync(kill.Victim);
        var count = kill.Victim == Stack.Audit ? "select count(*) from service.leaves" : "select count(*) from service.inbox where consumer like '%.addressed'";
        long before;
        try
        {
            if (kill.Follows is { } other)
            {
                await using var first = await gates.CloseAsync(other, HoldPoint.Step);
                await act();
                await first.HeldAsync();
                before = await consumer.ExecuteScalarAsync<long>(count);
                line.HoldSent();
            }
            else
            {
                before = await consumer.ExecuteScalarAsync<long>(count);
                line.HoldSent();
                await act();
            }

            await Eventually.GetAsync(() => consumer.ExecuteScalarAsync<long>(count), now => now > before, TimeSpan.FromSeconds(40), now => $"{kill.Victim} consumed nothing ({now})");
            await exchange.KillNoticedAsync(kill.Victim);
        }
        finally
        {
            line.CutConnections();
            line.Mend();
        }

        await exchange.ReviveAsync(kill.Victim);
    }

    private Task<Answer> DownloadAsync(string id) => Deaths.InsistAsync(() => exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv"));

    /// <summary>Each act had one effect, on both sides, and one record in the log.</summary>
    private async Task LookBackAsync(Guid id, Guid beforehand, Guid dataset, long bytes)
    {
        await exchange.TimelineAsync(id.ToString(), "request.signed_off", "request.submitted", "request.received", "reply.proposed", "reply.signed_off", "decision.received", "grant.activated", "delivery.ended", "gateway.delivered");
        await using var asking = await exchange.AdminAsync("zhuzhou");
        await using var owning = await exchange.AdminAsync("changsha");
        await using var log = await exchange.AdminAsync(Stack.Audit);
        var asked = await asking.QueryAsync<Guid>("select exchange_id from service.sharing_requests where dataset_id = @dataset and side = 'asking' order by exchange_id", new { dataset });
        Assert.Equal([beforehand, id], asked);
        Assert.Equal(["draft", "sign_off", "submit", "receive", "sign_off_reply", "source_answered"], await EventsAsync(asking, "asking"));
        Assert.Equal(["receive", "propose", "sign_off_reply", "source_answered"], await EventsAsync(owning, "owning"));
        Assert.Equal("active", await owning.QuerySingleAsync<string>("select state from service.grants where exchange_id = @id", new { id }));

        await Eventually.GetAsync(
            () => owning.ExecuteScalarAsync<long>("select count(*) from service.deliveries where exchange_id = @id and ended_at is null", new { id }), open => open == 0, TimeSpan.FromSeconds(40), open => $"{open} deliveries of {id} are open");
        var receipts = (await owning.QueryAsync<(Guid Id, string Outcome, long? Bytes)>("select delivery_id, outcome, bytes from service.deliveries where exchange_id = @id order by opened_at", new { id })).AsList();
        Assert.Equal(("complete", bytes), (receipts[^1].Outcome, receipts[^1].Bytes));
        // One whole transfer is what the caller asked for; the ones that broke off before it did so after their records, or not at all.
        await exchange.DrainedAsync("changsha");
        var told = await Eventually.GetAsync(
            async () => (await log.QueryAsync<(string Type, Guid? Delivery, long Count)>("select type, delivery_id, count(*) from service.records where exchange_id = @id group by type, delivery_id", new { id })).AsList(),
            leaves => leaves.Count(l => l.Type == "delivery.ended") == receipts.Count, show: leaves => string.Join(", ", leaves));
        Assert.All(told, l => Assert.Equal(1, l.Count));
        Assert.Equal(receipts.Select(r => r.Id).Order(), told.Where(l => l.Type == "delivery.opened").Select(l => l.Delivery!.Value).Order());

        async Task<IEnumerable<string>> EventsAsync(Npgsql.NpgsqlConnection city, string side) =>
            await city.QueryAsync<string>("select event from service.sharing_history where exchange_id = @id and side = @side order by position", new { id, side });
    }

    private enum Part
    {
        Draft,
        SignOff,
        Submit,
        Decide,
        Sign,
        Activate,
        Deliver,
    }

    private enum Moment
    {
        /// <summary>In the middle of the transaction: rolled back.</summary>
        MidTransaction,

        /// <summary>Inside COMMIT, and the server rolls it back.</summary>
        InCommit,

        /// <summary>Inside COMMIT, and the server goes through with it: nobody hears of that.</summary>
        CommitUnheard,

        BeforePublish,
        BeforeMark,

        /// <summary>A consumer between its commit and its ack.</summary>
        BeforeAck,

        /// <summary>The gateway, while the city is at work.</summary>
        AnswerLost,

        MidStream,
    }

    /// <param name="During">The part of the walk it falls into.</param>
    /// <param name="Held">The service whose gate is closed; the victim itself, but for the gateway.</param>
    /// <param name="Follows">The city that must have the message first, where the act and what is to be killed pass the same gate.</param>
    private sealed record Kill(Part During, Moment Moment, string Victim, HoldPoint HoldPoint, string Held, string? Follows = null)
    {
        private const string Zhuzhou = "zhuzhou";
        private const string Changsha = "changsha";

        public static IReadOnlyList<Kill> All { get; } = [.. Enum.GetValues<Part>().SelectMany(Of)];

        /// <summary>One kill for each part, so that each service and each moment is hit at least once; the middle of the stream has a test of its own.</summary>
        public static Dictionary<Part, Kill> OneOfEach(Schedule schedule)
        {
            while (true)
            {
                var drawn = Enum.GetValues<Part>().ToDictionary(part => part, part => schedule.Pick([.. All.Where(k => k.During == part && k.Moment != Moment.MidStream)]));
                if (drawn.Values.DistinctBy(k => k.Moment).Count() == drawn.Count && drawn.Values.DistinctBy(k => k.Victim).Count() == 4)
                {
                    return drawn;
                }
            }
        }

        public override string ToString() => $"{During}: {Victim} {Moment} ({HoldPoint}{(Follows is null ? "" : $", after {Follows}")})";

        private static IEnumerable<Kill> Of(Part part)
        {
            var city = part is Part.Draft or Part.SignOff or Part.Submit ? Zhuzhou : Changsha;
            HoldPoint[] places = part == Part.Deliver ? [HoldPoint.Open, HoldPoint.End] : [HoldPoint.Step];
            foreach (var place in places)
            {
                foreach (var kill in InTransaction(part, city, place))
                {
                    yield return kill;
                }

                if (part != Part.Activate)
                {
                    yield return new Kill(part, Moment.AnswerLost, Stack.Gateway, place, city);
                }
            }

            if (part == Part.Draft)
            {
                // A draft tells nobody.
                yield break;
            }

            yield return new Kill(part, Moment.BeforePublish, city, HoldPoint.Seal, city);
            yield return new Kill(part, Moment.BeforeMark, city, HoldPoint.Mark, city);
            foreach (var kill in InTransaction(part, Stack.Audit, HoldPoint.Step).Append(new Kill(part, Moment.BeforeAck, Stack.Audit, HoldPoint.Step, Stack.Audit)))
            {
                yield return kill;
            }

            if (part == Part.Submit)
            {
                foreach (var kill in InTransaction(part, Changsha, HoldPoint.Step).Append(new Kill(part, Moment.BeforeAck, Changsha, HoldPoint.Step, Changsha)))
                {
                    yield return kill;
                }
            }

            if (part is Part.Submit or Part.Sign or Part.Activate)
            {
                // The mirror. What submits and what follows is one city: it is held once the other one has the message.
                var follows = part == Part.Submit ? Changsha : null;
                foreach (var kill in InTransaction(part, Zhuzhou, HoldPoint.Step).Append(new Kill(part, Moment.BeforeAck, Zhuzhou, HoldPoint.Step, Zhuzhou)))
                {
                    yield return kill with { Follows = follows };
                }
            }

            if (part == Part.Deliver)
            {
                yield return new Kill(part, Moment.MidStream, Changsha, HoldPoint.Open, Changsha);
                yield return new Kill(part, Moment.MidStream, Stack.Gateway, HoldPoint.Open, Changsha);
            }
        }

        private static IEnumerable<Kill> InTransaction(Part part, string victim, HoldPoint place) =>
        [
            new(part, Moment.MidTransaction, victim, place, victim),
            new(part, Moment.InCommit, victim, place + 1, victim),
            new(part, Moment.CommitUnheard, victim, place + 1, victim),
        ];
    }
}
