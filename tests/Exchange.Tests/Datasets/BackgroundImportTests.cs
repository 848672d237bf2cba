using System.Diagnostics;
using System.Net;
using System.Text;
using Dapper;
using Exchange.Catalogue.Departments;
using Npgsql;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

/// <summary>Imports in the background (RFC 7240). Each test has a department of its own: a department's imports wait for each other.</summary>
public sealed class BackgroundImportTests(PublishingCity city)
{
    private const string Header = "信息资源代码,信息资源名称,信息资源提供方代码,信息资源摘要,主题分类,信息资源格式,共享类型,共享条件,共享方式,是否向社会开放,更新周期,数据分类,数据分级,信息项名称,信息项标识,数据类型,数据长度\n";

    private static int tables;

    [Fact]
    public async Task Fifty_thousand_rows_are_imported_with_progress_and_twice_changes_nothing()
    {
        var who = await OfficerAsync(0);
        var text = Table(who, entries: 10_000, items: 5);
        var clock = Stopwatch.StartNew();
        var (path, accepted) = await SendAsync(who, text);
        Assert.Equal("waiting", accepted.Body.GetProperty("state").GetString());
        List<(string State, int Percent, int Read, int Written)> seen = [];
        var done = await Eventually.GetAsync(async () =>
        {
            var now = (await city.SendAsync(HttpMethod.Get, path, who)).Expect(HttpStatusCode.OK);
            seen.Add((State(now), now.Body.GetProperty("percent").GetInt32(), now.Body.GetProperty("rows_read").GetInt32(), now.Body.GetProperty("entries_written").GetInt32()));
            return now;
        }, Ended, TimeSpan.FromSeconds(120), a => $"{seen[^1]}");
        Assert.Equal("done", State(done));
        TestContext.Current.TestOutputHelper?.WriteLine($"{clock.Elapsed.TotalSeconds:0.0} s; {string.Join(' ', seen.Select(s => s.Percent).Distinct())}");
        Assert.Equal((50_001, 50_001, 10_000, 10_000, 100), (Int(done, "rows_total"), Int(done, "rows_read"), Int(done, "entries_total"), Int(done, "entries_written"), Int(done, "percent")));
        Assert.Equal(seen.Select(s => s.Percent).Order(), seen.Select(s => s.Percent));
        Assert.True(seen.Select(s => s.Percent).Distinct().Count() > 3);
        Assert.Equal(10_000, done.Body.GetProperty("result").GetProperty("created").GetInt32());
        await using var connection = await city.OpenAsync();
        Assert.Equal((10_000L, 10_000L), await connection.QuerySingleAsync<(long, long)>("""
            select count(*), count(*) filter (where v.state = 'draft' and jsonb_array_length(v.entry -> 'fields') = 5)
            from datasets d join dataset_versions v using (dataset_id) where d.department_code = @Department
            """, new { who.Department }));
        Assert.Null(await connection.ExecuteScalarAsync<byte[]?>("select content from imports where import_id = @id", new { id = Guid.Parse(path[^36..]) }));

        var second = await EndAsync(who, (await SendAsync(who, text)).Path);
        Assert.Equal((0, 0, 10_000), (second.Body.GetProperty("result").GetProperty("created").GetInt32(), second.Body.GetProperty("result").GetProperty("revised").GetInt32(), second.Body.GetProperty("result").GetProperty("unchanged").GetInt32()));
        Assert.Equal(10_000, await connection.ExecuteScalarAsync<long>("select count(*) from dataset_history h join datasets d using (dataset_id) where d.department_code = @Department", new { who.Department }));
    }

    [Fact]
    public async Task A_refused_table_has_a_report_in_both_languages_and_as_a_spreadsheet()
    {
        var who = await OfficerAsync(1);
        var text = Table(who, 3, 2).Replace("每月", "=每月", StringComparison.Ordinal);
        var ended = await EndAsync(who, (await SendAsync(who, text)).Path);
        Assert.Equal("refused", State(ended));
        Assert.Equal((3, "invalid-input"), (ended.Body.GetProperty("problem").GetProperty("errors").GetArrayLength(), ended.Body.GetProperty("problem").GetProperty("rule").GetString()));
        var report = Path(new Uri(ended.Body.GetProperty("links").GetProperty("report").GetString()!));
        var english = (await city.SendAsync(HttpMethod.Get, report, who, language: "en")).Expect(HttpStatusCode.OK);
        Assert.Equal(3, english.Body.GetProperty("faults_total").GetInt32());
        Assert.StartsWith("Row 2, column K (更新周期): ", english.Body.GetProperty("errors")[0].GetProperty("message").GetString(), StringComparison.Ordinal);

        var csv = await city.SendAsync(HttpMethod.Get, report + "?format=csv", who);
        Assert.Equal("text/csv; charset=utf-8", csv.Headers["Content-Type"]);
        Assert.Contains("attachment", csv.Headers["Content-Disposition"], StringComparison.Ordinal);
        var lines = csv.Text.TrimStart('\uFEFF').Split("\r\n");
        Assert.Equal(("行,列,列名,原内容,问题,改法,依据,规则", 5), (lines[0], lines.Length));
        Assert.StartsWith("2,K,更新周期,'=每月,", lines[1], StringComparison.Ordinal);
        Assert.Equal(csv.Text, (await city.SendAsync(HttpMethod.Get, report, who, headers: ("Accept", "text/csv"))).Text);
        Assert.StartsWith("row,column,header,value,problem,advice,article,rule", (await city.SendAsync(HttpMethod.Get, report + "?format=csv", who, language: "en")).Text.TrimStart('\uFEFF'), StringComparison.Ordinal);
        Assert.Equal(0, await CountAsync(who));
    }

    [Fact]
    public async Task More_faults_than_are_listed_are_counted()
    {
        var who = await OfficerAsync(2);
        var ended = await EndAsync(who, (await SendAsync(who, Table(who, 700, 1).Replace("每月", "偶尔", StringComparison.Ordinal))).Path);
        var errors = ended.Body.GetProperty("problem").GetProperty("errors");
        Assert.Equal((501, "more-faults"), (errors.GetArrayLength(), errors[500].GetProperty("rule").GetString()));
        Assert.Contains("700", ended.Body.GetProperty("problem").GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Contains("700", errors[500].GetProperty("message").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_departments_and_cities_do_not_see_it_and_other_roles_may_not()
    {
        var who = await OfficerAsync(3);
        var (path, _) = await SendAsync(who, Table(who, 1, 1));
        await EndAsync(who, path);
        foreach (var at in (string[])[path, path + "/report"])
        {
            (await city.SendAsync(HttpMethod.Get, at, OtherOfficer)).Refuses(HttpStatusCode.NotFound, "not-found");
            (await city.SendAsync(HttpMethod.Get, at, OtherCity)).Refuses(HttpStatusCode.NotFound, "not-found");
            (await city.SendAsync(HttpMethod.Get, at, who with { Roles = ["reviewer"] })).Refuses(HttpStatusCode.Forbidden, "role-missing");
            (await city.SendAsync(HttpMethod.Get, at, null)).Expect(HttpStatusCode.Unauthorized);
        }

        (await city.SendAsync(HttpMethod.Post, "/datasets/import", OtherCity, Csv(Header), headers: ("Prefer", "respond-async"))).Refuses(HttpStatusCode.Forbidden, "foreign-department");
        var own = (await city.SendAsync(HttpMethod.Get, "/datasets/imports", who)).Expect(HttpStatusCode.OK).Body.GetProperty("items");
        Assert.EndsWith(path, Assert.Single(own.EnumerateArray()).GetProperty("links").GetProperty("self").GetString(), StringComparison.Ordinal);
        var foreign = (await city.SendAsync(HttpMethod.Post, "/datasets/import", OtherOfficer, Csv(Table(who, 1, 1)))).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal("foreign-department", foreign.Body.GetProperty("errors")[0].GetProperty("rule").GetString());
    }

    [Fact]
    public async Task What_a_killed_worker_left_is_taken_up_and_has_one_effect()
    {
        var who = await OfficerAsync(4);
        await using var connection = await city.OpenAsync();
        var id = Guid.CreateVersion7();
        await connection.ExecuteAsync("""
            insert into imports (import_id, department_code, state, content, bytes, sha256, submitted_by, submitted_by_name, submitted_at, started_at, attempt, lease_until, rows_read)
            values (@id, @Department, 'writing', @content, 1, '', @Subject, @Subject, now(), now(), 1, clock_timestamp() + interval '1 second', 7)
            """, new { id, who.Department, who.Subject, content = Encoding.UTF8.GetBytes(Table(who, 40, 2)) });
        var done = await EndAsync(who, $"/datasets/imports/{id}");
        Assert.Equal(("done", 2, 40), (State(done), Int(done, "attempt"), done.Body.GetProperty("result").GetProperty("created").GetInt32()));
        Assert.Equal(40, await CountAsync(who));
    }

    [Fact]
    [Trait("length", "long")]
    public async Task A_process_killed_while_it_writes_leaves_nothing_and_the_next_one_has_the_one_effect()
    {
        await using var own = new PublishingCity();
        var tests = new BackgroundImportTests(own);
        var who = await tests.OfficerAsync(8);
        var table = Table(who, 2_000, 1);
        var last = table.TrimEnd('\n').Split('\n')[^1];
        (await own.SendAsync(HttpMethod.Post, "/datasets/import", who, Csv(Header + last))).Expect(HttpStatusCode.OK);
        await using var blocker = await own.OpenAsync();
        await using var locked = await blocker.BeginTransactionAsync();
        await blocker.ExecuteAsync("select 1 from datasets where code = @code for update", new { code = last.Split(',')[0] });
        var (path, _) = await tests.SendAsync(who, table);
        await Eventually.GetAsync(() => own.SendAsync(HttpMethod.Get, path, who), a => Int(a, "entries_written") == 1_500, TimeSpan.FromSeconds(60), a => a.Text);
        await own.KillAsync();
        Assert.Equal(1, await tests.CountAsync(who));
        await locked.CommitAsync();
        await own.StartAgainAsync();
        var done = await tests.EndAsync(who, path);
        Assert.Equal(("done", 2, 1_999), (State(done), Int(done, "attempt"), done.Body.GetProperty("result").GetProperty("created").GetInt32()));
        Assert.Equal(2_000, await tests.CountAsync(who));
    }

    [Fact]
    public async Task A_worker_whose_connection_is_cut_in_the_middle_of_writing_begins_again_and_has_one_effect()
    {
        var who = await OfficerAsync(5);
        await using var blocker = await city.OpenAsync();
        var path = await BlockedAsync(blocker, who, async path =>
        {
            await using var admin = await city.OpenAsync();
            await Eventually.TrueAsync(async () => await admin.ExecuteScalarAsync<bool>("""
                select coalesce(bool_or(pg_terminate_backend(pid)), false) from pg_stat_activity where @blocker = any(pg_blocking_pids(pid))
                """, new { blocker = blocker.ProcessID }));
        });
        var done = await EndAsync(who, path);
        Assert.Equal("done", State(done));
        Assert.True(Int(done, "attempt") > 1);
        Assert.Equal(40, await CountAsync(who));
    }

    [Fact]
    public async Task A_worker_that_was_overtaken_lets_go_and_there_is_one_effect()
    {
        var who = await OfficerAsync(6);
        await using var blocker = await city.OpenAsync();
        var path = await BlockedAsync(blocker, who, async path =>
        {
            await using var other = await city.OpenAsync();
            await other.ExecuteAsync("update imports set attempt = attempt + 1, state = 'waiting', lease_until = null where import_id = @id", new { id = Guid.Parse(path[^36..]) });
        });
        var done = await EndAsync(who, path);
        Assert.Equal(("done", 40), (State(done), done.Body.GetProperty("result").GetProperty("created").GetInt32()));
        Assert.Equal(40, await CountAsync(who));
    }

    [Fact]
    public async Task What_is_sent_while_another_is_written_waits_its_turn_and_sent_twice_is_one_import()
    {
        var who = await OfficerAsync(7);
        var changed = Table(who, 40, 2);
        List<string> later = [];
        await using var blocker = await city.OpenAsync();
        var first = await BlockedAsync(blocker, who, async path =>
        {
            (await city.SendAsync(HttpMethod.Get, path + "/report", who)).Refuses(HttpStatusCode.Conflict, "import-running");
            later.AddRange((await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => SendAsync(who, changed)))).Select(a => a.Path));
            for (var more = 0; more < 3; more++)
            {
                later.Add((await SendAsync(who, Table(who, 1, 1))).Path);
            }

            (await city.SendAsync(HttpMethod.Post, "/datasets/import", who, Csv(Table(who, 1, 1)), headers: ("Prefer", "respond-async"))).Refuses(HttpStatusCode.Conflict, "imports-waiting");
            Assert.Equal("waiting", State(await city.SendAsync(HttpMethod.Get, later[0], who)));
        });
        Assert.Single(later.Take(3).Distinct());
        var done = await EndAsync(who, later[^1]);
        Assert.All([first, later[0]], path => Assert.True(string.CompareOrdinal(path, later[^1]) < 0));
        Assert.Equal(("done", "done"), (State(done), State(await city.SendAsync(HttpMethod.Get, first, who))));
        Assert.Equal(83, await CountAsync(who));
    }

    /// <summary>Sends a table of 40 entries whose writing cannot begin until <paramref name="meanwhile"/> has happened.</summary>
    private async Task<string> BlockedAsync(NpgsqlConnection blocker, Who who, Func<string, Task> meanwhile)
    {
        await using var locked = await blocker.BeginTransactionAsync();
        await blocker.ExecuteAsync("select 1 from departments where code = @Department for no key update", new { who.Department });
        var (path, _) = await SendAsync(who, Table(who, 40, 2));
        await Eventually.GetAsync(() => city.SendAsync(HttpMethod.Get, path, who), a => State(a) == "writing", show: a => a.Text);
        await meanwhile(path);
        await locked.CommitAsync();
        return path;
    }

    private async Task<(string Path, Answer Answer)> SendAsync(Who who, string text)
    {
        var answer = (await city.SendAsync(HttpMethod.Post, "/datasets/import", who, Csv(text), headers: ("Prefer", "respond-async, wait=5"))).Expect(HttpStatusCode.Accepted);
        Assert.Equal("respond-async", answer.Headers["Preference-Applied"]);
        return (Path(answer.Location!), answer);
    }

    private Task<Answer> EndAsync(Who who, string path) =>
        Eventually.GetAsync(() => city.SendAsync(HttpMethod.Get, path, who), Ended, TimeSpan.FromSeconds(60), a => a.Text);

    private async Task<long> CountAsync(Who who)
    {
        await using var connection = await city.OpenAsync();
        return await connection.ExecuteScalarAsync<long>("select count(*) from datasets where department_code = @Department", new { who.Department });
    }

    /// <summary>Locations are the gateway's; here the city is asked directly.</summary>
    private static string Path(Uri location)
    {
        const string prefix = "/api/cities/changsha";
        Assert.StartsWith(prefix + "/datasets/imports/", location.AbsolutePath, StringComparison.Ordinal);
        return location.AbsolutePath[prefix.Length..];
    }

    private static bool Ended(Answer answer) => State(answer) is "done" or "refused" or "failed";

    private static string State(Answer answer) => answer.Expect(HttpStatusCode.OK).Body.GetProperty("state").GetString()!;

    private static int Int(Answer answer, string name) => answer.Body.GetProperty(name).GetInt32();

    /// <summary>An officer of a department that only this test knows.</summary>
    private async Task<Who> OfficerAsync(int number)
    {
        var body = $"11430100MPRT{number}000{number}";
        var code = body + CreditCode.CheckCharacter(body);
        await using var connection = await city.OpenAsync();
        await connection.ExecuteAsync("""
            insert into departments (code, name, office_name, office_contact, changed_at) values (@code, @name, '示例', '示例', now()) on conflict do nothing
            """, new { code, name = $"导入示例局{number}" });
        return new Who($"import-officer-{number}", "changsha", code, ["officer"]);
    }

    private static string Table(Who who, int entries, int items)
    {
        var table = Interlocked.Increment(ref tables);
        var text = new StringBuilder(Header);
        for (var i = 0; i < entries; i++)
        {
            text.Append($"30788{table}/{i},后台导入 {i}（示例）,{who.Department},摘要,住房,库表,无条件共享,,数据库,否,每月,一般数据,1,信息项1,item_1,字符型C,30\n");
            for (var item = 2; item <= items; item++)
            {
                text.Append($",,,,,,,,,,,,,信息项{item},item_{item},字符型C,30\n");
            }
        }

        return text.ToString();
    }
}
