using System.Globalization;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Audit.Recording;
using Exchange.Audit.Search;
using Exchange.Hosting;
using Exchange.Tests.Verifier;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using static Exchange.Tests.Audit.SearchedLog;

namespace Exchange.Tests.Audit;

[Trait("needs", "server")]
public sealed class SearchTests(SearchedLog log) : IClassFixture<SearchedLog>
{
    private static readonly Dictionary<string, (RecordFilters Filters, Func<Seen, bool> Fits)> Single = new(StringComparer.Ordinal)
    {
        ["city"] = (new() { City = "zhuzhou" }, seen => seen.Sources.Contains("zhuzhou")),
        ["department"] = (new() { Department = Police }, seen => seen.Requesting == Police || seen.Providing == Police),
        ["both sides"] = (new() { Department = Hospital }, seen => seen.Requesting == Hospital || seen.Providing == Hospital),
        ["requesting"] = (new() { Requesting = Hospital }, seen => seen.Requesting == Hospital),
        ["providing"] = (new() { Providing = Labour }, seen => seen.Providing == Labour),
        ["dataset"] = (new() { Dataset = Dataset.ToString() }, seen => seen.Service == Dataset.ToString()),
        ["purpose"] = (new() { Purpose = Basis }, seen => seen.Record.Purpose == Basis),
        ["part of a purpose"] = (new() { Purpose = "《示例条例》" }, _ => false),
        ["type"] = (new() { Type = "delivery.ended" }, seen => seen.Record.Type == "delivery.ended"),
        ["beginning of a type"] = (new() { Type = "delivery." }, seen => seen.Record.Type.StartsWith("delivery.", StringComparison.Ordinal)),
        ["result"] = (new() { Result = "aborted" }, seen => seen.Record.Result == "aborted"),
        ["complete"] = (new() { Result = "complete" }, seen => seen.Record.Result == "complete"),
        ["source"] = (new() { Source = "gateway" }, seen => seen.Record.Source == "gateway"),
        ["month"] = (new() { From = "2026-10-01", To = "2026-10-31" }, seen => seen.Record.At >= Utc("2026-09-30T16:00:00Z") && seen.Record.At < Utc("2026-10-31T16:00:00Z")),
        ["until a moment"] = (new() { To = "2026-10-15T08:00:00Z" }, seen => seen.Record.At < Utc("2026-10-15T08:00:00Z")),
        ["from an offset"] = (new() { From = "2026-10-15T15:00:00+08:00", Order = "oldest" }, seen => seen.Record.At >= Utc("2026-10-15T07:00:00Z")),
        ["oldest"] = (new() { Order = "oldest" }, _ => true),
    };

    private static readonly (Caller Caller, Func<Seen, bool> Sees)[] Readers =
    [
        (Auditor(), _ => true),
        (Someone("officer", "zhuzhou", Police, Roles.Officer), seen => seen.Requesting == Police || seen.Providing == Police),
        (Someone("authority", "xiangtan", "11430300EXAMPL0099", Roles.Authority), seen => seen.Sources.Contains("xiangtan")),
        (Someone("stranger", "changsha", "11430100EXAMPL0777", Roles.Officer), _ => false),
    ];

    [Fact]
    public async Task Any_two_filters_find_for_any_reader_what_a_look_at_every_record_finds()
    {
        var all = await SeenAsync();
        foreach (var (caller, sees) in Readers)
        {
            foreach (var (place, (first, one)) in Single.Index())
            {
                foreach (var (second, two) in Single.Skip(place))
                {
                    var filters = Together(one.Filters, two.Filters);
                    if (filters is null)
                    {
                        continue;
                    }
                    var expected = all.Where(seen => sees(seen) && one.Fits(seen) && two.Fits(seen)).OrderBy(seen => seen.Record.At).ThenBy(seen => seen.Index).Select(seen => seen.Record.EventId).ToList();
                    if (filters.Order is null)
                    {
                        expected.Reverse();
                    }
                    var page = await log.PageAsync(filters, caller, limit: 500);
                    Assert.True(expected.SequenceEqual(page.Items.Select(item => item.EventId)), $"{first} and {second}, asked by {caller.Subject}: {page.Items.Count} found, {expected.Count} expected.");
                    Assert.Null(page.Next);
                }
            }
        }
    }

    [Fact]
    public async Task A_record_is_told_whole_with_what_its_exchange_knows_and_says_how_it_can_be_proven()
    {
        var page = await log.PageAsync(new() { Type = "gateway.delivered", Requesting = Hospital, Result = "complete", From = "2026-09-01", To = "2026-09-30" }, Auditor());

        var report = Assert.Single(page.Items);
        Assert.Equal((Hospital, Labour, Dataset.ToString()), (report.Requesting, report.Providing, report.Service));
        Assert.Equal((90L, 9000L, new string('a', 64)), (report.Records, report.Bytes, report.Sha256));
        Assert.Equal(report.DeliveryId.ToString(), report.Details!["delivery_id"]);
        Assert.True(report is { Signed: true, Witnessed: true });
        Assert.Equal($"/api/audit/log/2026/proof/{report.EventId}", report.Proof);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("oldest")]
    public async Task Pages_name_every_record_once_while_others_are_added(string? order)
    {
        var before = await log.PageAsync(new() { Department = Labour, Order = order }, Auditor(), limit: 500);
        List<Guid> seen = [];
        string? cursor = null;
        do
        {
            var page = await log.PageAsync(new() { Department = Labour, Order = order }, Auditor(), cursor, limit: 4);
            seen.AddRange(page.Items.Select(item => item.EventId));
            cursor = page.Next;
            await log.Audit.AppendAsync(log.Late(seen.Count % 2 == 0 ? 9 : 11));
        }
        while (cursor is not null);

        Assert.Equal(before.Items.Select(item => item.EventId), seen.Where(before.Items.Select(item => item.EventId).ToHashSet().Contains));
        Assert.Equal(seen.Count, seen.Distinct().Count());
    }

    [Fact]
    public async Task All_faults_of_a_question_are_told_at_once()
    {
        var filters = new RecordFilters { City = "Chang sha", Department = "1", Dataset = "x", Type = "..", From = "yesterday", To = "2026-13-01", Order = "up", Exchange = "y", Purpose = new string('长', 501) };
        var refused = Assert.IsType<Refused>((await SearchRecords.HandleAsync(filters, "nonsense", 0, Auditor(), log.Audit.Database, log.Witnesses, log.Origins, Http("?departmant=x"), Cancel)).Result);

        Assert.Equal(
            ["city", "cursor", "dataset", "departmant", "department", "exchange", "from", "limit", "order", "purpose", "to", "type"],
            refused.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));
        var backwards = Assert.IsType<Refused>((await SearchRecords.HandleAsync(new() { From = "2026-10-02", To = "2026-10-01" }, Pages.Cursor(Guid.NewGuid()), null, Auditor(), log.Audit.Database, log.Witnesses, log.Origins, Http(), Cancel)).Result);
        Assert.Equal(["cursor", "to"], backwards.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_timeline_says_of_each_line_what_it_is_and_whether_witnesses_vouch_for_it()
    {
        var fresh = Guid.CreateVersion7();
        var old = log.Records[0].ExchangeId!.Value;
        await log.Audit.AppendAsync(new TestSource("xiangtan").Parsed(new TestSource("xiangtan").Next("request.submitted", fresh)));

        var lines = (await TimelineAsync(old, "zh")).Events;
        Assert.All(lines, line => Assert.True(line is { Signed: true, Witnessed: true }));
        Assert.Equal("提交数据共享申请", lines.Single(line => line.Type == "request.submitted").Says);
        var waiting = Assert.Single((await TimelineAsync(fresh, "en")).Events);
        Assert.Equal(("sharing request submitted", false, false), (waiting.Says, waiting.Signed, waiting.Witnessed));
    }

    [Fact]
    public async Task A_table_for_spreadsheets_holds_no_formula_and_goes_on_where_it_ended()
    {
        var found = (await log.PageAsync(new() { Dataset = Dataset.ToString() }, Auditor(), limit: 500)).Items;
        List<string> rows = [];
        string? cursor = null;
        do
        {
            var http = Http("?format=csv");
            await (await log.Export.HandleAsync(new() { Dataset = Dataset.ToString() }, "csv", cursor, 7, Auditor(), http, Cancel)).ExecuteAsync(http);
            var bytes = ((MemoryStream)http.Response.Body).ToArray();
            Assert.Equal(Encoding.UTF8.Preamble.ToArray(), bytes[..3]);
            var lines = Encoding.UTF8.GetString(bytes[3..]).Split("\r\n");
            Assert.StartsWith("year,index,event_id,type,at,", lines[0], StringComparison.Ordinal);
            Assert.Equal("", lines[^1]);
            rows.AddRange(lines[1..^1]);
            cursor = http.Response.Headers[ExportRecords.NextHeader];
        }
        while (cursor is not null);

        Assert.Equal(found.Select(item => item.EventId.ToString()), rows.Select(row => row.Split(',')[2]));
        Assert.Contains(rows, row => row.Contains(",\"'=HYPERLINK(\"\"http://example\"\")\",", StringComparison.Ordinal));
        Assert.DoesNotContain(rows, row => row.Contains(",=", StringComparison.Ordinal) || row.Contains(",\"=", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_signed_report_holds_before_the_verifier_and_leaves_out_what_no_witnessed_checkpoint_covers()
    {
        await log.Audit.AppendAsync(log.Late(11));
        var officer = Someone("officer", "zhuzhou", Police, Roles.Officer);
        var (code, output, errors, payload) = await ReportAsync(new() { Type = "delivery.", From = "2026-10-01", To = "2026-11-30" }, officer);

        Assert.True(code == 0, errors);
        Assert.Contains("each of its 8 records is in the log", output, StringComparison.Ordinal);
        Assert.Contains("cosigned by changsha.example/witness", output, StringComparison.Ordinal);
        Assert.Contains($"records that {Police} is a party of", output, StringComparison.Ordinal);
        Assert.Equal("delivery.", payload.GetProperty("query").GetProperty("parameters").GetProperty("type").GetString());

        var (_, rest, _, cut) = await ReportAsync(new(), officer, limit: 3);
        Assert.Contains("more records follow", rest, StringComparison.Ordinal);
        Assert.Equal(3, cut.GetProperty("records").GetArrayLength());
        Assert.DoesNotContain("use.recorded", string.Concat(cut.GetProperty("records").EnumerateArray().Select(record => Encoding.UTF8.GetString(record.GetProperty("leaf").GetBytesFromBase64()))), StringComparison.Ordinal);

        var none = await ReportAsync(new(), Someone("stranger", "changsha", "11430100EXAMPL0777", Roles.Officer));
        Assert.Equal((0, 0), (none.Code, none.Payload.GetProperty("records").GetArrayLength()));
        var refused = Assert.IsType<Refused>(await log.Export.HandleAsync(new() { City = "?" }, "xml", null, 0, Auditor(), Http(), Cancel));
        Assert.Equal(["city", "format", "limit"], refused.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_saved_query_is_its_persons_own_and_its_filters_are_checked()
    {
        var (one, two) = (Auditor("one"), Auditor("two"));
        var made = Assert.IsType<Created<SavedQuery>>(await WriteAsync(t => KeepQueries.PostAsync(Body("十月中断", new() { Result = "aborted", From = "2026-10-01", To = "2026-10-31" }), one, t, log.Audit.Clock, Http(), Cancel))).Value!;
        Assert.Equal("name-taken", Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PostAsync(Body("十月中断", new()), one, t, log.Audit.Clock, Http(), Cancel))).Rule.Type);
        var other = Assert.IsType<Created<SavedQuery>>(await WriteAsync(t => KeepQueries.PostAsync(Body("十月中断", new()), two, t, log.Audit.Clock, Http(), Cancel))).Value!;
        Assert.Equal(["filters.city", "name"], Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PostAsync(Body("", new() { City = "?" }), one, t, log.Audit.Clock, Http(), Cancel))).Faults.Select(f => f.Field).Order(StringComparer.Ordinal));

        Assert.Equal(6, (await RunAsync(made.Id, one)).Items.Count);
        Assert.Empty((await RunAsync(made.Id, one, from: "2026-10-20")).Items);
        Assert.Equal([made.Id], (await KeepQueries.ListAsync(one, log.Audit.Database, Cancel)).Value!.Items.Select(query => query.Id));
        Assert.IsType<Refused>((await KeepQueries.RunAsync(made.Id, null, null, null, null, two, log.Audit.Database, log.Witnesses, log.Origins, Http(), Cancel)).Result);
        Assert.Equal(404, Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PutAsync(other.Id, Body("其他", new()), one, t, log.Audit.Clock, Http(), Cancel))).StatusCode);
        Assert.Equal(404, Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.DeleteAsync(other.Id, one, t, Cancel))).StatusCode);

        var second = Assert.IsType<Created<SavedQuery>>(await WriteAsync(t => KeepQueries.PostAsync(Body("其他", new()), one, t, log.Audit.Clock, Http(), Cancel))).Value!;
        var version = Http();
        version.Request.Headers.IfMatch = "\"1\"";
        Assert.Equal("name-taken", Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PutAsync(second.Id, Body("十月中断", new()), one, t, log.Audit.Clock, version, Cancel))).Rule.Type);
        Assert.Equal("if-match-required", Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PutAsync(made.Id, Body("全年中断", new() { Result = "aborted" }), one, t, log.Audit.Clock, Http(), Cancel))).Rule.Type);
        Assert.Equal("全年中断", Assert.IsType<Ok<SavedQuery>>(await WriteAsync(t => KeepQueries.PutAsync(made.Id, Body("全年中断", new() { Result = "aborted" }), one, t, log.Audit.Clock, version, Cancel))).Value!.Name);
        Assert.Equal(412, Assert.IsType<Refused>(await WriteAsync(t => KeepQueries.PutAsync(made.Id, Body("全年", new()), one, t, log.Audit.Clock, version, Cancel))).StatusCode);
        Assert.IsType<NoContent>(await WriteAsync(t => KeepQueries.DeleteAsync(made.Id, one, t, Cancel)));
        Assert.IsType<Refused>((await KeepQueries.GetAsync(made.Id, one, log.Audit.Database, Http(), Cancel)).Result);
    }

    [Fact]
    public async Task A_provider_sees_every_use_of_its_datasets_and_a_receiver_its_own_receipts()
    {
        var provider = await UsesAsync(ListUses.Side.Providing, Someone("head", "changsha", Labour, Roles.SharingHead), new() { From = "2026-09-01", To = "2026-11-30" });

        Assert.Equal(6, provider.Items.Count);
        var use = provider.Items[^1];
        Assert.Equal((Labour, Dataset.ToString(), "complete", 90L, 9000L, "长沙-2026-000009"), (use.Providing, use.Dataset, use.Outcome, use.Records, use.Bytes, use.Reference));
        Assert.Equal(new Forwarded("complete", 9000, new string('a', 64)), use.Gateway);
        Assert.Equal(["ended", "gateway", "opened"], use.Proofs.Keys.Order(StringComparer.Ordinal));
        Assert.All(use.Proofs.Values, proof => Assert.True(proof is { Signed: true, Witnessed: true }));
        Assert.Equal(3, use.Proofs.Values.Select(proof => proof.Proof).Distinct().Count());
        var ofPolice = provider.Totals!.Single(total => total.Requesting == Police);
        Assert.Equal((Dataset.ToString(), Labour, 3L, 1L, 300L, 30000L), (ofPolice.Dataset, ofPolice.Providing, ofPolice.Deliveries, ofPolice.BrokenOff, ofPolice.Records, ofPolice.Bytes));
        Assert.Equal(2, provider.Totals!.Count);

        var officer = Someone("officer", "zhuzhou", Police, Roles.Officer);
        var receipts = await UsesAsync(ListUses.Side.Requesting, officer, new() { From = "2026-09-01", To = "2026-11-30" });
        Assert.Equal(6, receipts.Items.Count);
        Assert.All(receipts.Items, item => Assert.Equal(Police, item.Requesting));
        Assert.Empty((await UsesAsync(ListUses.Side.Providing, officer, new() { From = "2026-09-01", To = "2026-11-30" })).Items);
        Assert.Equal(9, (await UsesAsync(ListUses.Side.Providing, Auditor(), new() { From = "2026-09-01", To = "2026-11-30" })).Items.Count);
        Assert.Equal(3, (await UsesAsync(ListUses.Side.Requesting, officer, new() { From = "2026-09-01", To = "2026-11-30", Dataset = OtherDataset.ToString() })).Items.Count);
        var refused = Assert.IsType<Refused>(await AskAsync(ListUses.Side.Requesting, officer, new() { Requesting = Hospital, From = "2024-01-01" }));
        Assert.Equal(["from", "requesting"], refused.Faults.Select(fault => fault.Field).Order(StringComparer.Ordinal));

        var first = await UsesAsync(ListUses.Side.Requesting, officer, new() { From = "2026-09-01", To = "2026-11-30" }, limit: 4);
        var second = await UsesAsync(ListUses.Side.Requesting, officer, new() { From = "2026-09-01", To = "2026-11-30" }, first.Next, 4);
        Assert.Equal(receipts.Items.Select(item => item.DeliveryId), first.Items.Concat(second.Items).Select(item => item.DeliveryId));
        Assert.Null(second.Totals);
    }

    [Fact]
    public async Task Uses_and_receipts_can_be_taken_away_with_their_proofs()
    {
        var http = Http();
        await (await AskAsync(ListUses.Side.Requesting, Someone("officer", "zhuzhou", Police, Roles.Officer), new() { From = "2026-09-01", To = "2026-11-30", Dataset = Dataset.ToString() }, format: "json", http: http)).ExecuteAsync(http);
        var (code, output, errors, payload) = Verified(http);

        Assert.True(code == 0, errors);
        Assert.Equal(9, payload.GetProperty("records").GetArrayLength());
        Assert.Contains("gateway's report of a delivery (gateway.delivered): 3", output, StringComparison.Ordinal);
        var table = Http();
        await (await AskAsync(ListUses.Side.Providing, Someone("stranger", "changsha", "11430100EXAMPL0777", Roles.Officer), new() { From = "2026-09-01", To = "2026-11-30" }, format: "csv", http: table)).ExecuteAsync(table);
        Assert.Single(Encoding.UTF8.GetString(((MemoryStream)table.Response.Body).ToArray()).Split("\r\n", StringSplitOptions.RemoveEmptyEntries));
    }

    [Fact]
    public async Task A_department_and_month_is_read_from_its_indexes_in_order_and_nothing_is_sorted_or_scanned()
    {
        await using var audit = await AuditDatabase.CreateAsync();
        await audit.TamperAsync(GeneratedLog.Sql(2025, 20_000));
        await using var connection = await audit.Database.OpenAsync(Cancel);
        foreach (var last in new[] { false, true })
        {
            var faults = new Exchange.Hosting.Faults();
            var filter = RecordFilter.Parse(new() { Department = GeneratedLog.Department(7), From = "2025-06-01", To = "2025-06-30" }, faults);
            var after = last ? await connection.QuerySingleAsync<RecordQuery.Place>("select at, year, idx from records where requesting = @code and at < '2025-06-20' order by at desc, idx desc limit 1", new { code = GeneratedLog.Department(7) }) : null;
            var (sql, values) = RecordQuery.Select(filter, Visibility.ScopeOf(Auditor()), after, 21);
            Assert.Equal(21, (await connection.QueryAsync<RecordRow>(sql, values)).Count());

            var plan = JsonDocument.Parse(await connection.QuerySingleAsync<string>("explain (analyze, format json) " + sql, values)).RootElement[0].GetProperty("Plan");
            var scans = Nodes(plan).Where(node => node.TryGetProperty("Relation Name", out var relation) && relation.GetString() == "records").ToList();
            Assert.All(scans, scan => Assert.Equal("Index Scan", scan.GetProperty("Node Type").GetString()));
            Assert.Equal(
                ["records_lacking_parties", "records_of_providing", "records_of_requesting"],
                scans.Select(scan => scan.GetProperty("Index Name").GetString()).Order(StringComparer.Ordinal));
            // Of 20,000 records, 1,600 of that month; a sort may only put the scans' first pages together.
            var read = scans.Sum(scan => (scan.GetProperty("Actual Rows").GetDouble() + Removed(scan)) * scan.GetProperty("Actual Loops").GetDouble());
            Assert.True(read < 120, $"{read} rows of records were read for a page of 20:\n{plan}");
            Assert.All(Nodes(plan).Where(node => node.GetProperty("Node Type").GetString() == "Sort"), sort => Assert.True(sort.GetProperty("Plans")[0].GetProperty("Actual Rows").GetDouble() <= 63, plan.ToString()));
        }
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static DateTimeOffset Utc(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);

    private static IEnumerable<JsonElement> Nodes(JsonElement node) => node.TryGetProperty("Plans", out var plans) ? plans.EnumerateArray().SelectMany(Nodes).Prepend(node) : [node];

    private static double Removed(JsonElement scan) => scan.TryGetProperty("Rows Removed by Filter", out var removed) ? removed.GetDouble() : 0;

    private static KeepQueries.Body Body(string name, RecordFilters filters) => new() { Name = name, Filters = filters };

    private async Task<RecordPage> RunAsync(Guid id, Caller caller, string? from = null) =>
        Assert.IsType<Ok<RecordPage>>((await KeepQueries.RunAsync(id, from, null, null, null, caller, log.Audit.Database, log.Witnesses, log.Origins, Http(), Cancel)).Result).Value!;

    private async Task<IResult> WriteAsync<T>(Func<Transaction, Task<T>> act)
        where T : IResult
    {
        await using var transaction = log.NewTransaction();
        await transaction.BeginAsync(Cancel);
        IResult result = await act(transaction);
        result = result is INestedHttpResult nested ? nested.Result : result;
        await (result is Refused ? transaction.RollbackAsync() : transaction.CommitAsync(Cancel));
        return result;
    }

    private async Task<ExchangeTimeline> TimelineAsync(Guid id, string language) =>
        Assert.IsType<Ok<ExchangeTimeline>>((await ShowExchange.HandleAsync(id, Auditor(), log.Audit.Database, log.Witnesses, log.Origins, Http(language: language), null, null, Cancel)).Result).Value!;

    private async Task<UsePage> UsesAsync(ListUses.Side side, Caller caller, ListUses.Period period, string? cursor = null, int? limit = null) =>
        Assert.IsType<Ok<UsePage>>(await AskAsync(side, caller, period, cursor: cursor, limit: limit)).Value!;

    private Task<IResult> AskAsync(ListUses.Side side, Caller caller, ListUses.Period period, string? format = null, string? cursor = null, int? limit = null, HttpContext? http = null) =>
        ListUses.HandleAsync(side, period, format, cursor, limit, caller, log.Audit.Database, log.Export, log.Witnesses, log.Origins, log.Audit.Clock, http ?? Http(), Cancel);

    private async Task<(int Code, string Output, string Errors, JsonElement Payload)> ReportAsync(RecordFilters filters, Caller caller, int? limit = null)
    {
        var http = Http("?format=json");
        await (await log.Export.HandleAsync(filters, "json", null, limit, caller, http, Cancel)).ExecuteAsync(http);
        return Verified(http);
    }

    private (int Code, string Output, string Errors, JsonElement Payload) Verified(HttpContext http)
    {
        var bytes = ((MemoryStream)http.Response.Body).ToArray();
        var file = Path.Combine(log.Audit.KeyFolder, $"{Guid.NewGuid():n}.json");
        File.WriteAllBytes(file, bytes);
        var (code, output, errors) = SignedLog.Run("report", file, "--trust", log.TrustFile);
        var payload = JsonDocument.Parse(bytes).RootElement.GetProperty("payload").GetString()!;
        return (code, output, errors, JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(payload)).RootElement);
    }

    /// <summary>The fixture's own records, with what their exchanges know of them; those that a test added meanwhile are in other hands.</summary>
    private async Task<List<Seen>> SeenAsync()
    {
        await using var connection = await log.Audit.Database.OpenAsync(Cancel);
        var rows = await connection.QueryAsync<RecordRow>("select year, idx, event_id, exchange_id, type, source, seq, at, received_at, requesting, providing, service, purpose, result from records");
        var exchanges = rows.Where(row => row.ExchangeId is not null).ToLookup(row => row.ExchangeId!.Value);
        return [.. rows.Select(row =>
        {
            List<RecordRow> same = row.ExchangeId is { } exchange ? [.. exchanges[exchange]] : [row];
            return new Seen(row, row.Idx, [.. same.Select(other => other.Source), row.Source], First(other => other.Requesting), First(other => other.Providing), First(other => other.Service));

            string? First(Func<RecordRow, string?> of) => of(row) ?? same.Select(of).FirstOrDefault(value => value is not null);
        })];
    }

    private static RecordFilters? Together(RecordFilters one, RecordFilters two)
    {
        var (first, second) = (one.Given, two.Given);
        return first.Keys.Any(key => second.TryGetValue(key, out var other) && other != first[key]) || first.Keys.Intersect(second.Keys).Any(key => key is "from" or "to" && first[key] != second[key])
            ? null
            : new RecordFilters
            {
                City = one.City ?? two.City, Department = one.Department ?? two.Department, Requesting = one.Requesting ?? two.Requesting, Providing = one.Providing ?? two.Providing,
                Dataset = one.Dataset ?? two.Dataset, Purpose = one.Purpose ?? two.Purpose, Type = one.Type ?? two.Type, Result = one.Result ?? two.Result, Source = one.Source ?? two.Source,
                From = one.From ?? two.From, To = one.To ?? two.To, Order = one.Order ?? two.Order,
            };
    }

    private sealed record Seen(RecordRow Record, long Index, IReadOnlyList<string> Sources, string? Requesting, string? Providing, string? Service);
}
