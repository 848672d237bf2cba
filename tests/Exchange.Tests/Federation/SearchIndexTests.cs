using Exchange.Gateway.Federation;
using FsCheck;
using FsCheck.Fluent;

namespace Exchange.Tests.Federation;

public sealed class SearchIndexTests
{
    private static readonly string[] Pieces =
    [
        "医", "保", "参保", "人员", "登记", "学籍", "湘潭", "长沙", "2024年", "A", "ab", "API", "ＡＰＩ", " ", "　", "\"", "“", "-", "示例", "𠮷", "桥", "\n", "e\u0301", "①",
    ];

    private static readonly Gen<string> Words =
        from length in Gen.Choose(0, 6)
        from pieces in Gen.Elements(Pieces).ArrayOf(length)
        select string.Concat(pieces);

    internal static readonly Gen<IndexedEntry> Entries =
        from number in Gen.Choose(1, 12)
        from name in Words
        from text in Words
        from department in Gen.Choose(0, 3)
        from code in Gen.Elements<string?>(null, "XX-01", "xx-02")
        from fields in Words.ArrayOf(2)
        from city in Gen.Elements("changsha", "zhuzhou")
        from theme in Gen.Elements("C0200", "C0300", "D0100")
        from open in Gen.Elements(true, false)
        from day in Gen.Choose(1, 4)
        from grade in Gen.Choose(1, 6)
        from corrected in Gen.Elements(true, false)
        select new IndexedEntry
        {
            Id = new Guid(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
            Version = 1,
            City = city,
            Name = name,
            Abstract = text,
            DepartmentCode = $"D{department}",
            DepartmentName = $"部门{department}",
            Code = code,
            FieldTitles = fields,
            Theme = theme,
            Sharing = open ? "unconditional" : "conditional",
            Format = "table",
            UpdateFrequency = "daily",
            Grade = grade,
            Open = open,
            OpenCorrection = corrected,
            ReleasedOn = new DateOnly(2026, 1, day),
        };

    internal static readonly Gen<SearchRequest> Requests =
        from query in Gen.OneOf(Words, Gen.Elements(Pieces), Gen.Constant(""), Words.Select(word => $"\"{word}\" 示例"))
        from city in Gen.Elements<string?>(null, null, "changsha", "elsewhere")
        from themes in Gen.Elements<string[]?>(null, ["C0200"], ["C0200", "D0100"])
        from grades in Gen.Elements<string[]?>(null, null, ["2"], ["1", "5"])
        from corrected in Gen.Elements<string[]?>(null, null, ["true"], ["false"])
        from openOnly in Gen.Elements(true, false)
        from sort in Gen.Elements(Enum.GetValues<SearchSort>())
        from limit in Gen.Choose(1, 5)
        select new SearchRequest
        {
            Terms = FoldedText.Terms(query),
            Filters = new (Facet Facet, string[]? Values)[] { (Facet.City, city is null ? null : [city]), (Facet.Theme, themes), (Facet.Grade, grades), (Facet.OpenCorrection, corrected) }
                .Where(filter => filter.Values is not null)
                .ToDictionary(filter => filter.Facet, filter => (IReadOnlyCollection<string>)filter.Values!),
            OpenOnly = openOnly,
            Sort = sort,
            Limit = limit,
        };

    [Fact]
    public void A_search_finds_what_a_scan_finds()
    {
        var histories =
            from changes in Gen.OneOf(Entries.Select(entry => (entry, true)), Entries.Select(entry => (entry, false))).ListOf(30)
            from requests in Requests.ListOf(10)
            select (changes, requests);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(400), Prop.ForAll(histories.ToArbitrary(), history =>
        {
            using var index = new SearchIndex();
            Dictionary<Guid, IndexedEntry> live = [];
            foreach (var (entry, stays) in history.changes)
            {
                if (stays)
                {
                    index.Set(entry);
                    live[entry.Id] = entry;
                }
                else
                {
                    index.Remove(entry.Id);
                    live.Remove(entry.Id);
                }
            }

            using var built = SearchIndex.Build(live.Values);
            return history.requests.All(request => SameAsScan(index, live.Values, request) && SameAsScan(built, live.Values, request));
        }));
    }

    [Fact]
    public void Pages_follow_each_other_while_entries_change()
    {
        var stories =
            from before in Entries.ListOf(20)
            from during in Entries.Select(entry => entry with { Id = new Guid(100 + entry.Id.GetHashCode(), 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]) }).ListOf(8)
            from request in Requests
            select (before, during, request);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(stories.ToArbitrary(), story =>
        {
            using var index = new SearchIndex();
            foreach (var entry in story.before)
            {
                index.Set(entry);
            }

            var expected = AllPages(index, story.request, static _ => { });
            var page = 0;
            var seen = AllPages(index, story.request, index =>
            {
                foreach (var entry in story.during.Skip(page++ * 2).Take(2))
                {
                    index.Set(entry);
                }
            });
            var known = expected.ToHashSet();
            return seen.Where(known.Contains).SequenceEqual(expected);
        }));
    }

    [Theory]
    [InlineData("医保 登记", new[] { "医保", "登记" })]
    [InlineData("　ＡＰＩ　接口", new[] { "api", "接口" })]
    [InlineData("長沙市 醫療保險資料", new[] { "长沙市", "医疗保险资料" })]
    [InlineData("\"a b\" c", new[] { "a b", "c" })]
    [InlineData("“人口 数据", new[] { "人口 数据" })]
    [InlineData("\"\" \" \"", new string[0])]
    [InlineData("   ", new string[0])]
    public void A_query_is_words_and_phrases(string query, string[] terms) => Assert.Equal(terms, FoldedText.Terms(query));

    [Theory]
    [InlineData("長沙市醫療保險", "长沙市医疗保险")]
    [InlineData("长沙市医疗保险", "長沙市醫療保險")]
    [InlineData("干部後勤", "乾部后勤")]
    public void Either_script_finds_the_other(string written, string asked)
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, written, "") with { FieldTitles = [written] });
        Assert.Equal(written, Assert.Single(index.Search(new SearchRequest { Terms = FoldedText.Terms(asked) }).Items).Name);
    }

    [Theory]
    [InlineData("长沙市住房公积金", "csszfgjj")]
    [InlineData("长株潭都市圈", "cztdsq")]
    [InlineData("重庆市教育局", "cqsjyj")]
    [InlineData("银行会计调解学校（2026）", "yhkjtjxx2026")]
    [InlineData("浏阳芙蓉渌口醴陵攸县", "lyfrlkllyx")]
    [InlineData("人口入学软件三农日报任务桑蚕", "rkrxrjsnrbrwsc")]
    [InlineData("爸擦大鹅发噶哈及卡拉妈那哦怕期然撒他挖西压杂", "bcdefghjklmnopqrstwxyz")]
    [InlineData("不错夺二复过或均扩落沐糯呕瀑群弱锁唾握训运做", "bcdefghjklmnopqrstwxyz")]
    [InlineData("api接口", "apijk")]
    public void Initials_are_read_as_people_read_them(string text, string initials) => Assert.Equal(initials, PinyinInitials.Searched(text));

    [Theory]
    [InlineData("gjj")]
    [InlineData("CSZFGJJ")]
    [InlineData("ｇｊｊ缴存")]
    [InlineData("gjj 缴存")]
    [InlineData("公积金")]
    [InlineData("住 房")]
    [InlineData("長沙市人社局")]
    [InlineData("长沙人社局")]
    [InlineData("人力资源和社会保障局")]
    [InlineData("csrs")]
    [InlineData("市")]
    [InlineData("存")]
    public void Names_are_found_as_people_say_and_type_them(string query)
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "长沙市住房公积金缴存信息", "") with { DepartmentName = "长沙市人力资源和社会保障局" });
        index.Set(Entry(2, "桥梁", "隧道") with { DepartmentName = "交通运输部门" });
        var page = index.Search(new SearchRequest { Terms = query == "ｇｊｊ缴存" ? ["gjj", "缴存"] : FoldedText.Terms(query) });
        Assert.Equal("长沙市住房公积金缴存信息", Assert.Single(page.Items).Name);
        Assert.False(page.Similar);
    }

    [Theory]
    [InlineData("长沙公积金")]
    [InlineData("公积金缴存明戏")]
    [InlineData("公积金缴存信息查询")]
    [InlineData("住房公积金缴存信息缴存信息住房公积金住房公积金缴存信息缴存信息住房公积金住房公积金缴存信息缴存信息住房公积金住房公积金缴存信息缴存信息住房公积金")]
    public void What_no_entry_holds_whole_finds_what_holds_most_of_it(string query)
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "长沙市住房公积金缴存信息", ""));
        index.Set(Entry(2, "长沙市桥梁信息", "隧道"));
        var page = index.Search(new SearchRequest { Terms = FoldedText.Terms(query) });
        Assert.True(page.Similar);
        Assert.Equal("长沙市住房公积金缴存信息", page.Items[0].Name);
    }

    [Fact]
    public void A_search_that_finds_nothing_says_what_would()
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "长沙市住房公积金缴存信息", ""));
        index.Set(Entry(2, "株洲市桥梁信息", "隧道") with { City = "zhuzhou", Open = true });

        Assert.Equal([("spelling", "公积金", 1)], Suggested("公鸡金"));
        Assert.Equal([("words", "桥梁", 1)], Suggested("桥梁 火箭").Where(found => found.Item2 == "桥梁"));
        Assert.Equal([("filters", "桥梁", 1)], Suggested("桥梁", ("changsha", Facet.City)));
        Assert.Contains(("words", "公积金", 1), Suggested("公积金火箭发射"));
        Assert.Empty(Suggested("火箭"));
        // Nobody is pointed at what they may not see.
        Assert.Empty(SearchSuggestions.For(index, new SearchRequest { Terms = ["公鸡金"], OpenOnly = true }));

        IEnumerable<(string, string, int)> Suggested(string query, (string Value, Facet Facet)? filter = null) => SearchSuggestions.For(index, new SearchRequest
        {
            Terms = FoldedText.Terms(query),
            Filters = filter is { } chosen ? new Dictionary<Facet, IReadOnlyCollection<string>> { [chosen.Facet] = [chosen.Value] } : new Dictionary<Facet, IReadOnlyCollection<string>>(),
        }).Select(suggestion => (suggestion.Change, suggestion.Q, suggestion.Total));
    }

    [Fact]
    public void Of_two_titles_the_fresh_one_comes_first_whatever_was_released_later()
    {
        using var index = new SearchIndex();
        var today = new DateOnly(2026, 6, 1);
        index.Set(Entry(1, "医保参保", "") with { StaleFrom = today, ReleasedOn = new DateOnly(2026, 5, 1) });
        index.Set(Entry(2, "医保定点", "") with { StaleFrom = today.AddDays(1), ReleasedOn = new DateOnly(2025, 1, 1) });
        index.Set(Entry(3, "医保目录", "") with { ReleasedOn = new DateOnly(2024, 1, 1) });
        index.Set(Entry(4, "诊疗", "医保") with { ReleasedOn = new DateOnly(2026, 5, 1) });
        var page = index.Search(new SearchRequest { Terms = FoldedText.Terms("医保"), Today = today });
        Assert.Equal(["医保定点", "医保目录", "医保参保", "诊疗"], page.Items.Select(item => item.Name));
    }

    [Fact]
    public void A_title_comes_before_a_description()
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "养老机构名录", "机构与医保定点情况") with { ReleasedOn = new DateOnly(2026, 5, 1) });
        index.Set(Entry(2, "全市医保参保人员", "参保") with { ReleasedOn = new DateOnly(2025, 1, 1) });
        index.Set(Entry(3, "医保参保登记", "参保") with { ReleasedOn = new DateOnly(2024, 1, 1) });
        var page = index.Search(new SearchRequest { Terms = FoldedText.Terms("医保") });
        Assert.Equal(["医保参保登记", "全市医保参保人员", "养老机构名录"], page.Items.Select(item => item.Name));
    }

    [Fact]
    public void One_character_counts_in_a_title_wherever_it_stands()
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "隧道", "桥") with { ReleasedOn = new DateOnly(2026, 5, 1) });
        index.Set(Entry(2, "湘江大桥", "") with { ReleasedOn = new DateOnly(2024, 1, 1) });
        index.Set(Entry(3, "公路桥梁", "") with { ReleasedOn = new DateOnly(2025, 1, 1) });
        index.Set(Entry(4, "桥", "") with { ReleasedOn = new DateOnly(2023, 1, 1) });
        Assert.Equal(["桥", "公路桥梁", "湘江大桥", "隧道"], index.Search(new SearchRequest { Terms = ["桥"] }).Items.Select(item => item.Name));
    }

    [Fact]
    public void An_answer_is_kept_until_the_catalogue_changes()
    {
        using var index = new SearchIndex();
        using var answers = new SearchAnswers();
        var searched = 0;
        index.Set(Entry(1, "桥梁", ""));
        Assert.Equal((1, 1), (Answer("q"), Answer("q")));
        Assert.Equal(2, Answer("other"));
        index.Set(Entry(2, "隧道", ""));
        Assert.Equal((3, 3), (Answer("q"), Answer("q")));
        index.Remove(Entry(2, "", "").Id);
        Assert.Equal(4, Answer("q"));
        using var other = SearchIndex.Build([Entry(1, "桥梁", "")]);
        Assert.Equal(5, answers.Get(other, "q", Search).Span[0]);

        int Answer(string question) => answers.Get(index, question, Search).Span[0];

        ReadOnlyMemory<byte> Search() => new([(byte)++searched]);
    }

    [Fact]
    public void A_facet_keeps_showing_its_other_choices()
    {
        using var index = new SearchIndex();
        index.Set(Entry(1, "桥梁", "") with { City = "changsha", Theme = "A" });
        index.Set(Entry(2, "桥隧", "") with { City = "zhuzhou", Theme = "A" });
        index.Set(Entry(3, "桥面", "") with { City = "zhuzhou", Theme = "B" });
        var page = index.Search(new SearchRequest
        {
            Terms = FoldedText.Terms("桥"),
            Filters = new Dictionary<Facet, IReadOnlyCollection<string>> { [Facet.City] = ["zhuzhou"] },
        });
        Assert.Equal(2, page.Total);
        Assert.Equal([("zhuzhou", 2), ("changsha", 1)], page.Facets[Facet.City].Select(count => (count.Value, count.Count)));
        Assert.Equal([("A", 1), ("B", 1)], page.Facets[Facet.Theme].Select(count => (count.Value, count.Count)));
    }

    [Fact]
    public async Task Readers_and_the_writer_do_not_disturb_each_other()
    {
        using var index = new SearchIndex();
        for (var i = 0; i < 500; i++)
        {
            index.Set(Entry(i, $"登记{i}", "说明"));
        }

        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
        {
            var rounds = 0;
            while (!done.IsCancellationRequested || rounds == 0)
            {
                // Each entry always holds one of the two words, so a search in the middle of a change would show as a wrong total.
                Assert.Equal(500, index.Search(new SearchRequest { Terms = ["登记"] }).Total);
                Assert.Equal(500, index.Search(new SearchRequest()).Total);
                rounds++;
            }
        })).ToArray();
        for (var round = 0; round < 4000; round++)
        {
            index.Set(Entry(round % 500, $"第{round}版登记", "说明") with { Version = round });
        }

        await done.CancelAsync();
        await Task.WhenAll(readers);
    }

    internal static IndexedEntry Entry(int number, string name, string text) => new()
    {
        Id = new Guid(number, 0, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
        Version = 1,
        City = "changsha",
        Name = name,
        Abstract = text,
        DepartmentCode = "11430100006128036X",
        DepartmentName = "示例局",
        Theme = "C0200",
        Sharing = "unconditional",
        Format = "table",
        UpdateFrequency = "daily",
        Grade = 2,
        ReleasedOn = new DateOnly(2026, 1, 1),
    };

    private static List<Guid> AllPages(SearchIndex index, SearchRequest request, Action<SearchIndex> betweenPages)
    {
        List<Guid> seen = [];
        PagePlace? after = null;
        do
        {
            var page = index.Search(request with { After = after });
            seen.AddRange(page.Items.Select(item => item.Id));
            after = page.Next;
            betweenPages(index);
        }
        while (after is not null);
        return seen;
    }

    private static bool SameAsScan(SearchIndex index, IEnumerable<IndexedEntry> live, SearchRequest request)
    {
        var visible = live.Where(entry => !request.OpenOnly || entry.Open).Select(entry => (Entry: entry, Text: FoldedText.Of(entry, out _))).ToList();
        var held = visible.Where(entry => request.Terms.All(term => entry.Text.Contains(term, StringComparison.Ordinal))).Select(entry => entry.Entry).ToList();
        var similar = false;
        if (held.Count == 0)
        {
            var pairs = request.Terms.SelectMany(term => Enumerable.Range(0, term.Length - 1).Select(i => term.Substring(i, 2))).ToHashSet();
            held = [.. visible.Where(entry => pairs.Count(pair => entry.Text.Contains(pair, StringComparison.Ordinal)) >= SearchIndex.LeastSimilar(pairs.Count)).Select(entry => entry.Entry)];
            similar = held.Count > 0;
        }

        bool Passes(IndexedEntry entry, Facet? except = null) =>
            request.Filters.All(filter => filter.Key == except || filter.Value.Contains(entry.FacetValue(filter.Key)));

        var expected = held.Where(entry => Passes(entry)).Select(entry => entry.Id).ToHashSet();
        var page = index.Search(request);
        var pages = AllPages(index, request, static _ => { });
        Assert.Equal(similar, page.Similar);
        Assert.Equal(expected.Count, page.Total);
        Assert.Equal(similar ? 0 : expected.Count, index.CountOf(request));
        Assert.Equal(expected.Count, pages.Count);
        Assert.True(expected.SetEquals(pages));
        foreach (var skip in (int[])[1, expected.Count / 2, expected.Count])
        {
            Assert.Equal(pages.Skip(skip).Take(request.Limit), index.Search(request with { Skip = skip }).Items.Select(item => item.Id));
        }

        foreach (var facet in Enum.GetValues<Facet>())
        {
            var counts = held.Where(entry => Passes(entry, facet)).CountBy(entry => entry.FacetValue(facet)).ToDictionary();
            Assert.Equal(counts.OrderBy(count => count.Key), page.Facets[facet].ToDictionary(count => count.Value, count => count.Count).OrderBy(count => count.Key));
        }

        return true;
    }
}
