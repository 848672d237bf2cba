using System.Diagnostics;
using Exchange.Gateway.Federation;
using Exchange.Tests.Federation;
namespace Exchange.Tests;
public sealed class TryIndex
{
    [Fact]
    public void Speed()
    {
        var words = "登记 医保 参保 人员 学籍 长沙 湘潭 株洲 公交 站点 信息 名录 企业 注册 法人 不动产 养老 机构 救助 许可 处罚 环境 监测 水质 气象 道路 桥梁 施工 社保 缴费".Split(' ');
        var r = new Random(1);
        IndexedEntry Make(int i) => SearchIndexTests.Entry(i, string.Concat(Enumerable.Range(0, 6).Select(_ => words[r.Next(words.Length)])) + i, string.Concat(Enumerable.Range(0, 44).Select(_ => words[r.Next(words.Length)] + (char)(0x4e00 + r.Next(3000))))) with
        { City = new[]{"changsha","zhuzhou","xiangtan"}[i%3], DepartmentCode = "D"+i%300, Theme = "T"+i%30, Open = i%4==0, ReleasedOn = new DateOnly(2020,1,1).AddDays(r.Next(2000)), Json = new byte[10] };
        var all = Enumerable.Range(0, 200_000).Select(Make).ToList();
        var sw = Stopwatch.StartNew();
        using var index = SearchIndex.Build(all);
        var o = TestContext.Current.TestOutputHelper!;
        o.WriteLine($"build {sw.ElapsedMilliseconds} ms, heap {GC.GetTotalMemory(true)>>20} MiB");
        void Time(string name, SearchRequest q, int n = 200)
        {
            index.Search(q); List<double> t = [];
            SearchPage p = null!;
            for (var i = 0; i < n; i++) { var s = Stopwatch.GetTimestamp(); p = index.Search(q); t.Add(Stopwatch.GetElapsedTime(s).TotalMicroseconds); }
            t.Sort(); o.WriteLine($"{name}: total {p.Total} p50 {t[n/2]:0} us p95 {t[n*95/100]:0} us");
        }
        SearchRequest Q(string q) => new() { Terms = FoldedText.Terms(q) };
        Time("unfiltered", new()); Time("open", new() { OpenOnly = true }); Time("by name", new() { Sort = SearchSort.Name });
        Time("2 char", Q("登记")); Time("4 char", Q("医保登记")); Time("two words", Q("医保登记 公交站点")); Time("rare", Q("登记12345")); Time("one char", Q("桥")); Time("name sort 2 char", Q("登记") with { Sort = SearchSort.Name });
        Time("filter", new() { Filters = new Dictionary<Facet, IReadOnlyCollection<string>> { [Facet.Theme] = ["T3"] } });
        List<double> u = [];
        for (var i = 0; i < 2000; i++) { var e = Make(r.Next(200_000)) with { Version = 2 }; var s = Stopwatch.GetTimestamp(); index.Set(e); u.Add(Stopwatch.GetElapsedTime(s).TotalMicroseconds); }
        u.Sort(); o.WriteLine($"update p50 {u[1000]:0} us p99 {u[1980]:0} us");
    }
}
[Collection(GatewayStack.CollectionName)]
public sealed class TryFlow(GatewayStack gateway)
{
    [Fact]
    public async Task Thousand()
    {
        var o = TestContext.Current.TestOutputHelper!;
        var token = await gateway.TokenAsync("zhuzhou-police-officer");
        var sw = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++) { var e = GatewayStack.Entry("changsha", $"千条样例{i}"); await gateway.SendAsync("changsha", gateway.Changsha.Publish(e)); }
        o.WriteLine($"sent {sw.ElapsedMilliseconds}");
        try { await Eventually.GetAsync(() => gateway.ReadAsync("/api/catalogue/datasets?q=千条样例&limit=1", token), p => p["total"]!.GetValue<int>() == 1000); } finally { File.Copy(gateway.Stack.LogOf("gateway"), "/tmp/gwtry.log", true);
        await using var c = new Npgsql.NpgsqlConnection(gateway.Stack.Databases.AdminConnectionString("gateway")); await c.OpenAsync();
        await using var cmd = new Npgsql.NpgsqlCommand("select string_agg(pid||' '||coalesce(state,'')||' '||coalesce(wait_event_type,'')||'/'||coalesce(wait_event,'')||' '||array_to_string(pg_blocking_pids(pid),',')||' '||(clock_timestamp()-coalesce(state_change,now()))::text||' '||left(query,90), E'\n') from pg_stat_activity where datname='gateway'", c);
        o.WriteLine((string?)await cmd.ExecuteScalarAsync());
        o.WriteLine("tables " + await gateway.ScalarAsync<long>("select count(*) from datasets") + " feeds " + await gateway.ScalarAsync<string>("select string_agg(city||':'||change||':'||digest_change||':'||rebuilding, ' ') from city_feeds")); }
        o.WriteLine($"found {sw.ElapsedMilliseconds}");
    }
}
