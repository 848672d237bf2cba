using System.Globalization;
using System.Text;
using System.Text.Json;
using Exchange.Tests.Flow;
using Microsoft.Playwright;

namespace Exchange.Tests.Browser;

/// <summary>A department keeps its catalogue: an entry is written with its faults shown where they are, goes its way to publication, and gets its data; tables are imported; errors that others found are answered.</summary>
[Collection(BrowserExchange.Name), Trait("needs", "server")]
public sealed class EntriesJourneyTests(BrowserFixture exchange)
{
    private const string Officer = "changsha-labour-officer";

    [Theory]
    [InlineData(true)]
    [InlineData(false, Traits = ["length", "long"])]
    public async Task An_entry_is_written_assessed_approved_and_filled(bool script)
    {
        var name = $"编目核验{Guid.NewGuid():N}"[..14];
        await using var officer = await exchange.SignInAsync(Officer, script);
        await officer.GoAsync("/entries");
        await officer.CheckAsync();
        await officer.FollowAsync("编制新目录");
        await officer.CheckAsync();
        await officer.Page.FillAsync("#name", name);
        await officer.Page.FillAsync("#code", "30700");
        await officer.Page.FillAsync("#field-0-title", "姓名");
        await officer.Page.FillAsync("#field-0-name", "Person");
        if (script)
        {
            // Said while it is written, at the fields that the writer has been at, and nothing is kept.
            await officer.Page.Locator("#code-error").WaitForAsync();
            await officer.Page.Locator("#field-0-name-error").WaitForAsync();
            Assert.Equal(0, await officer.Page.Locator("#abstract-error").CountAsync());
            Assert.Matches("还有 [0-9]+ 处需要填写或更正", await officer.Page.InnerTextAsync("[data-checked]"));
            await officer.Page.FillAsync("#code", "");
            await officer.Page.Locator("#code-error").WaitForAsync(new() { State = WaitForSelectorState.Detached });
        }

        await officer.Page.FillAsync("#code", "307");
        await officer.PressAsync("保存草稿");
        Assert.StartsWith("错误：", await officer.Page.TitleAsync(), StringComparison.Ordinal);
        foreach (var field in (string[])["code", "abstract", "theme", "update_frequency", "sharing_type", "classification", "grade", "field-0-name", "field-0-type"])
        {
            Assert.True(await officer.Page.Locator($"#{field}-error").CountAsync() == 1, $"{field}: {await officer.Page.InnerTextAsync("#errors")}");
        }

        await officer.CheckAsync();
        Assert.Equal(name, await officer.Page.InputValueAsync("#name"));
        await officer.Page.FillAsync("#code", "");
        await officer.Page.FillAsync("#abstract", "参保人员核验（示例）");
        await officer.Page.SelectOptionAsync("#theme", "C0300");
        await officer.Page.SelectOptionAsync("#update_frequency", "monthly");
        await officer.Page.SelectOptionAsync("#sharing_type", "conditional");
        await officer.Page.FillAsync("#sharing_conditions", "共享范围：人社部门\n使用用途：转移接续");
        await officer.Page.SelectOptionAsync("#classification", "general");
        await officer.Page.SelectOptionAsync("#grade", "3");
        await officer.Page.FillAsync("#field-0-name", "person");
        await officer.Page.SelectOptionAsync("#field-0-type", "C");
        await officer.Page.FillAsync("#field-0-length", "五十");
        await officer.Page.CheckAsync("#field-0-personal");
        // Rows come and go, and what stands in the others stays.
        await officer.PressAsync("增加三项");
        Assert.Equal(6, await officer.Page.Locator("table.editor tbody tr").CountAsync());
        await officer.Page.FillAsync("#field-4-title", "缴费月数");
        await officer.Page.FillAsync("#field-4-name", "months");
        await officer.Page.SelectOptionAsync("#field-4-type", "I");
        await officer.PressAsync("删除第 2 项");
        Assert.Equal("months", await officer.Page.InputValueAsync("#field-3-name"));
        await officer.PressAsync("保存草稿");
        Assert.Equal("请填写整数。", await officer.Page.InnerTextAsync("#field-0-length-error"));
        await officer.Page.FillAsync("#field-0-length", "50");
        if (script)
        {
            // Even when all is right only the button keeps it.
            await officer.Page.GetByText("检查通过，可以保存").WaitForAsync();
            Assert.Equal(0, await FoundAsync("labour"));
        }

        await officer.PressAsync("保存草稿");
        await officer.Page.GetByText("草稿已保存。下一步：评估。").WaitForAsync();
        await officer.CheckAsync();
        var id = Guid.Parse(officer.Path.Split('?')[0].Split('/')[^1]);
        // Found by a part of its name, by its own people only.
        Assert.Equal((1, 0), (await FoundAsync("labour"), await FoundAsync("police")));

        await officer.Page.CheckAsync("#secrecy-not_secret");
        await officer.PressAsync("记录评估结果");
        await officer.Page.Locator("#personal .error").WaitForAsync();
        await officer.Page.CheckAsync("#personal-passed");
        await officer.PressAsync("记录评估结果");
        await officer.Page.GetByText("评估已记录。").WaitForAsync();
        Assert.Contains("审批由部门负责人办理", await officer.TextAsync(), StringComparison.Ordinal);
        await using (var head = await exchange.SignInAsync("changsha-labour-department-head", script))
        {
            await head.GoAsync($"/entries?q={Uri.EscapeDataString(name)}");
            await head.FollowAsync(name);
            await head.PressAsync("审批并报送审核");
            await head.Page.GetByText("已审批并报送数据主管部门审核。").WaitForAsync();
        }

        var authority = exchange.Who("changsha", "authority");
        (await authority.PostAsync($"/api/cities/changsha/datasets/{id}/publish", etag: (await authority.GetAsync($"/api/cities/changsha/datasets/{id}")).ETag)).Succeeded("publish");

        // Its data: what is wrong first, by row and column; then the rows.
        await officer.GoAsync($"/entries/{id}/data");
        await officer.Page.CheckAsync("#key-person");
        await UploadAsync("person,months\r\n示例甲,十二\r\n示例乙,3\r\n示例丙,四\r\n", "检查并装载", faulty: true);
        await officer.Page.Locator("#report tbody tr").First.WaitForAsync();
        await officer.CheckAsync();
        Assert.Equal(["2", "4"], await officer.Page.Locator("#report tbody td:first-child").AllInnerTextsAsync());
        Assert.Contains("B", await officer.Page.Locator("#report tbody tr").First.InnerTextAsync(), StringComparison.Ordinal);
        await UploadAsync("person,months\r\n示例甲,12\r\n示例乙,3\r\n", "检查并装载", faulty: false);
        await officer.Page.GetByText("数据已装载，新的读取即用新数据。").WaitForAsync();
        await officer.CheckAsync();
        var loaded = (await exchange.Who("changsha", "officer").GetAsync($"/api/cities/changsha/datasets/{id}"))["rows"];
        Assert.Equal((2, """["person"]"""), (loaded.GetProperty("count").GetInt32(), loaded.GetProperty("key").GetRawText()));
        Assert.Contains("示例乙", await officer.TextAsync(), StringComparison.Ordinal);

        async Task<int> FoundAsync(string department) =>
            (await exchange.Who("changsha", "officer", department).GetAsync($"/api/cities/changsha/datasets?q={Uri.EscapeDataString(name[2..])}")).Succeeded("list")["items"].GetArrayLength();

        async Task UploadAsync(string csv, string button, bool faulty)
        {
            await officer.Page.SetInputFilesAsync("#file", new FilePayload { Name = "数据.csv", MimeType = "text/csv", Buffer = Encoding.UTF8.GetBytes(csv) });
            if (script && faulty)
            {
                await officer.Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();
            }
            else
            {
                await officer.PressAsync(button);
            }
        }
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true, Traits = ["length", "long"])]
    public async Task A_table_is_imported_whole_or_reported_line_by_line(bool script, bool english)
    {
        var name = $"导入核验{Guid.NewGuid():N}"[..14];
        var header = "信息资源代码,信息资源名称,信息资源提供方,信息资源提供方代码,信息资源摘要,主题分类,信息资源格式,共享类型,共享条件,不予共享依据,共享方式,是否向社会开放,开放条件,更新周期,关联资源代码,数据分类,数据分级,信息项名称,信息项标识,数据类型,数据长度,信息项共享类型,是否个人信息";
        var good = $",{name},,{exchange.Who("changsha", "officer").Account.Department},摘要（示例）,社会保障,库表,无条件共享,,,数据库,否,,每月,,一般数据,1,姓名,person,字符型C,50,无条件共享,否";
        await using var officer = await exchange.SignInAsync(Officer, script, english);
        await officer.GoAsync("/entries/import");
        await officer.CheckAsync();
        await ImportAsync($"{header}\r\n{good.Replace("每月", "偶尔", StringComparison.Ordinal).Replace(",50,", ",长,", StringComparison.Ordinal)}\r\n");
        await officer.Page.Locator("#report tbody tr").First.WaitForAsync();
        await officer.CheckAsync();
        Assert.Contains("偶尔", await officer.Page.InnerTextAsync("#report"), StringComparison.Ordinal);
        Assert.All(await officer.Page.Locator("#report tbody td:first-child").AllInnerTextsAsync(), row => Assert.Equal("2", row));
        var download = await officer.Page.RunAndWaitForDownloadAsync(() => officer.Page.GetByRole(AriaRole.Link, new() { Name = "CSV" }).ClickAsync());
        Assert.Contains("偶尔", await File.ReadAllTextAsync(await download.PathAsync()), StringComparison.Ordinal);

        await officer.GoAsync("/entries/import");
        await ImportAsync($"{header}\r\n{good}\r\n");
        await officer.FollowAsync(name);
        Assert.Equal(name, await officer.Page.InnerTextAsync("h1"));
        await officer.CheckAsync();
        await officer.GoAsync("/entries/import");
        await officer.Page.Locator("table tbody tr:nth-child(2)").WaitForAsync();
        if (script)
        {
            // What happened between the page and its first look is told too.
            var live = await officer.Page.GetAttributeAsync("main", "data-live");
            Assert.Matches("&seen=[0-9a-f]{16}$", live);
            Assert.True(await officer.Page.EvaluateAsync<bool>("live => new Promise(told => { const events = new EventSource(live); events.addEventListener('changed', () => { events.close(); told(true); }); })", live![..^16] + new string('0', 16)));
        }

        async Task ImportAsync(string csv)
        {
            await officer.Page.SetInputFilesAsync("#file", new FilePayload { Name = "目录.csv", MimeType = "text/csv", Buffer = Encoding.UTF8.GetBytes(csv) });
            await officer.PressAsync(english ? "Import" : "上传并导入");
            await Eventually.GetAsync(
                async () =>
                {
                    // Followed by the page itself; without script one looks again.
                    if (!script && await officer.Page.Locator("main progress").CountAsync() > 0)
                    {
                        await officer.FollowAsync(english ? "Look again" : "查看最新进度");
                    }

                    return await officer.Page.Locator("a[href$='report.csv']").CountAsync();
                },
                links => links == 1);
        }
    }

    [Fact, Trait("length", "long")]
    public async Task Files_are_handed_in_and_taken_back()
    {
        var (id, _) = await exchange.PublishFileEntryAsync("changsha");
        await using var officer = await exchange.SignInAsync(Officer);
        await officer.GoAsync($"/entries/{id}/data");
        await officer.Page.SetInputFilesAsync("#file", new FilePayload { Name = "月报.pdf", MimeType = "application/pdf", Buffer = Encoding.UTF8.GetBytes("no pdf at all") });
        await officer.Page.GetByRole(AriaRole.Button, new() { Name = "上传", Exact = true }).ClickAsync();
        await officer.Page.Locator("#file-error").WaitForAsync();
        await officer.CheckAsync();
        await officer.Page.SetInputFilesAsync("#file", new FilePayload { Name = "月报.pdf", MimeType = "application/pdf", Buffer = Encoding.UTF8.GetBytes("%PDF-1.7\n%%EOF\n") });
        await officer.PressAsync("上传");
        await officer.Page.GetByText("文件已上传。").WaitForAsync();
        await officer.CheckAsync();
        Assert.Contains("月报.pdf", await officer.Page.Locator("table").InnerTextAsync(), StringComparison.Ordinal);
        await officer.PressAsync("移除 月报.pdf");
        await officer.Page.GetByText("还没有上传文件。").WaitForAsync();

        // Nobody of another department learns of it.
        await using var other = await exchange.SignInAsync("changsha-police-officer");
        await other.GoAsync($"/entries/{id}/data", 404);
    }

    [Fact, Trait("length", "long")]
    public async Task A_published_entry_is_revised_and_what_differs_is_shown_to_its_people()
    {
        var id = (await exchange.PublishAsync("changsha", "unconditional", rowsToo: false)).GetProperty("dataset_id").GetGuid();
        await using var officer = await exchange.SignInAsync(Officer, english: true);
        await officer.GoAsync($"/entries/{id}/edit");
        await officer.Page.FillAsync("#abstract", "<script>alert(1)</script>改后的摘要");
        // Another tab was quicker: the newest state is there, and what was written stays.
        var first = await officer.OpenTabAsync();
        await officer.GoAsync($"/entries/{id}/edit");
        await officer.Page.FillAsync("#abstract", "另一处的摘要");
        await officer.PressAsync("Keep the draft");
        await first.GetByRole(AriaRole.Button, new() { Name = "Keep the draft" }).Last.ClickAsync();
        await first.Locator("#errors").WaitForAsync();
        Assert.Equal("<script>alert(1)</script>改后的摘要", await first.InputValueAsync("#abstract"));
        await first.GetByRole(AriaRole.Button, new() { Name = "Keep the draft" }).Last.ClickAsync();
        await first.Locator(".notice.good").WaitForAsync();
        await officer.GoAsync($"/entries/{id}");
        await officer.CheckAsync();
        var text = await officer.TextAsync();
        Assert.Contains("<script>alert(1)</script>改后的摘要", text, StringComparison.Ordinal);
        Assert.Contains("另一处的摘要", await officer.Page.Locator("del").First.InnerTextAsync(), StringComparison.Ordinal);

        await using var head = await exchange.SignInAsync("changsha-labour-sharing-head", english: true);
        await head.GoAsync($"/entries/{id}");
        await head.Page.GetByText("Standing sign-off", new() { Exact = true }).First.ClickAsync();
        await head.PressAsync("Sign");
        await head.Page.GetByText("The standing sign-off holds").WaitForAsync();
        var standing = (await exchange.Who("changsha", "sharing_head").GetAsync($"/api/cities/changsha/datasets/{id}"))["standing_sign_off"];
        Assert.Equal("masked:name", standing.GetProperty("treatments").GetProperty("person").GetString());
        await head.Page.GetByText("A law or duty changed (art. 17)").ClickAsync();
        await head.Page.SelectOptionAsync("#duty-what", "law");
        await head.Page.FillAsync("#duty-changed_on", DateTime.UtcNow.AddDays(-1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
        await head.Page.FillAsync("#duty-reference", "《示例办法》第一条");
        await head.PressAsync("Write down");
        await head.Page.GetByText("Update due:").WaitForAsync();
        await using var departmentHead = await exchange.SignInAsync("changsha-labour-department-head", english: true);
        await departmentHead.GoAsync($"/entries/{id}");
        await departmentHead.Page.GetByText("Withdraw the entry", new() { Exact = true }).ClickAsync();
        await departmentHead.PressAsync("Withdraw");
        await departmentHead.Page.Locator("#withdraw-reason-error").WaitForAsync();
        await departmentHead.Page.FillAsync("#withdraw-reason", "不再采集（示例）");
        await departmentHead.PressAsync("Withdraw");
        await departmentHead.Page.GetByText("The entry is withdrawn.").WaitForAsync();
        await departmentHead.CheckAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true, Traits = ["length", "long"])]
    public async Task An_error_that_others_found_is_answered_and_everyone_told(bool english)
    {
        var id = await exchange.SubmitAsync((await exchange.PublishAsync("changsha", "unconditional", standing: true)).GetProperty("dataset_id").GetGuid());
        await exchange.MirrorAsync(id, "active");
        (await exchange.Who("zhuzhou", "integrator").GetAsync($"/api/cities/changsha/grants/{id}/data")).Succeeded("data");
        var key = $"示例{Guid.NewGuid():N}"[..12];
        var filed = (await Eventually.GetAsync(
            () => exchange.Who("zhuzhou", "officer").PostAsync($"/api/cities/zhuzhou/requests/{id}/correct", new { Field = "months", Record = key, Wrong = "12", Right = "13", Evidence = "缴费凭证（示例）" }),
            a => a.Status != 409, show: a => a.Text)).Succeeded("file");
        var correction = filed["id"].GetString();
        await Eventually.GetAsync(() => exchange.Who("changsha", "reviewer").GetAsync($"/api/cities/changsha/corrections/{correction}"), a => a.Status == 200, show: a => a.Text);
        await using var reviewer = await exchange.SignInAsync("changsha-labour-reviewer", english: english);
        await reviewer.GoAsync("/corrections");
        await reviewer.CheckAsync();
        await reviewer.FollowAsync(key);
        await reviewer.CheckAsync();
        var send = english ? "Send the answer" : "发送答复";
        await reviewer.Page.CheckAsync("#result-corrected");
        await reviewer.PressAsync(send);
        foreach (var field in (string[])["explanation", "error_from", "error_to"])
        {
            await reviewer.Page.Locator($"#{field}-error").WaitForAsync();
        }

        await reviewer.CheckAsync();
        var today = DateTime.UtcNow.AddHours(8).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        await reviewer.Page.FillAsync("#explanation", "已更正（示例）");
        await reviewer.Page.FillAsync("#error_from", today);
        await reviewer.Page.FillAsync("#error_to", today);
        await reviewer.PressAsync(send);
        await reviewer.Page.Locator(".notice.good").WaitForAsync();
        Assert.Contains(english ? "1 exchanges" : "1 项共享", await reviewer.Page.InnerTextAsync(".notice.good"), StringComparison.Ordinal);
        await using var asking = await exchange.SignInAsync("zhuzhou-labour-officer", english: english);
        await Eventually.GetAsync(() => exchange.Who("zhuzhou", "officer").GetAsync($"/api/cities/zhuzhou/corrections/{correction}"), a => a["state"].GetString() == "answered", show: a => a.Text);
        await asking.GoAsync($"/corrections/{correction}");
        await asking.CheckAsync();
        Assert.Contains("已更正（示例）", await asking.TextAsync(), StringComparison.Ordinal);
        Assert.Equal(0, await asking.Page.GetByRole(AriaRole.Button, new() { Name = send }).CountAsync());
    }
}
