using System.Text.RegularExpressions;
using Dapper;
using Exchange.Gateway.Portal;
using Exchange.Hosting;
using Exchange.Tests.Faults;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Pages = Exchange.Gateway.Portal.Pages;

namespace Exchange.Tests.Browser;

/// <summary>
/// Everybody follows every link that their pages show and opens a page of each kind once: nothing serious for axe, nothing on the console, no request to elsewhere, nothing wider than 320 px.
/// No page that the portal has is left out.
/// </summary>
[Collection(BrowserExchange.Name), Trait("needs", "server"), Trait("length", "long")]
public sealed partial class EveryPageTests(BrowserFixture exchange)
{
    /// <summary>Who goes through the pages; null has not signed in.</summary>
    private static readonly string?[] People =
    [
        null, "zhuzhou-labour-officer", "zhuzhou-labour-sharing-head", "changsha-labour-officer", "changsha-labour-reviewer", "changsha-labour-sharing-head", "changsha-labour-department-head",
        "changsha-authority", "zhuzhou-authority", "auditor", "case-auditor", "changsha-operator", "exchange-operator",
    ];

    /// <summary>What is no page: a stream, two downloads, and what only those come to who sign in through an outside provider.</summary>
    private static readonly string[] NoPages = ["/live", "/entries/import/{id:guid}/report.csv", "/audit/proofs/{year:int}/{id:guid}", "/sign-in/outside", "/sign-out/outside", "/signed-out"];

    private const int MostBytes = 68_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_page_of_each_kind_can_be_used_by_everyone_it_is_for(bool english)
    {
        var starts = await SomethingOfEverythingAsync();
        var kinds = PortalRoutes.All().Where(route => route.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true && route.Metadata.GetMetadata<AuthorizationPolicy>()?.AuthenticationSchemes.Contains(Pages.Scheme) == true)
            .Select(route => new Kind(route.RoutePattern)).OrderByDescending(kind => kind.Literals).ToList();
        HashSet<string> seen = new(StringComparer.Ordinal);
        List<string> faults = [];
        foreach (var account in People)
        {
            await using var visitor = await exchange.VisitAsync(english: english);
            if (account is not null)
            {
                await visitor.SignInAsync(account);
            }

            await FollowEverythingAsync(visitor, account, [.. starts.Where(start => start.For == account).Select(start => start.Path)], kinds, seen, faults);
        }

        Assert.True(faults.Count == 0, string.Join("\n\n", faults));
        var missed = kinds.Select(kind => kind.Name).Except(NoPages, StringComparer.Ordinal).Except(seen, StringComparer.Ordinal).ToList();
        Assert.True(missed.Count == 0, $"Nobody came to {string.Join(", ", missed)}");
    }

    private static async Task FollowEverythingAsync(Visitor visitor, string? account, IReadOnlyList<string> starts, IReadOnlyList<Kind> kinds, HashSet<string> seen, List<string> faults)
    {
        Queue<(string Path, bool Always)> open = new([("/", true), .. starts.Select(start => (start, true))]);
        HashSet<string> known = new(StringComparer.Ordinal);
        while (open.TryDequeue(out var next))
        {
            var (path, always) = next;
            var bare = path.Split('?', '#')[0];
            if (kinds.FirstOrDefault(kind => kind.Matches(bare)) is not { } found)
            {
                continue;
            }

            // One page of a kind, and one more for each set of parameters that a link gives it.
            var parameters = path.Split('#')[0].Split('?') is [_, var query] ? string.Join('&', query.Split('&').Select(one => one.Split('=')[0]).Order(StringComparer.Ordinal)) : "";
            if (NoPages.Contains(found.Name, StringComparer.Ordinal) || (!known.Add($"{found.Name}?{parameters}") && !always))
            {
                continue;
            }

            var answer = (await visitor.Page.GotoAsync(visitor.Url(path)))!;
            if (answer.Status != 200)
            {
                faults.Add($"{account ?? "nobody"} followed a link to {path}: {answer.Status}\n{await visitor.TextAsync()}");
                continue;
            }

            // With style, script and picture, which come once, no page is more than 100 KB.
            if ((await answer.BodyAsync()).Length > MostBytes)
            {
                faults.Add($"{path} is of {(await answer.BodyAsync()).Length} bytes");
            }

            try
            {
                await visitor.CheckAsync();
            }
            catch (Xunit.Sdk.XunitException fault)
            {
                faults.Add(fault.Message);
            }

            seen.Add(found.Name);
            foreach (var link in await visitor.Page.EvaluateAsync<string[]>("() => [...document.querySelectorAll('a[href]:not([download])')].map(a => new URL(a.href)).filter(u => u.origin === location.origin).map(u => u.pathname + u.search)"))
            {
                open.Enqueue((Visitor.WithoutLanguage(link), false));
            }
        }
    }

    /// <summary>An exchange in each of the states that change what pages show, and where those begin that no list leads to.</summary>
    private async Task<List<(string? For, string Path)>> SomethingOfEverythingAsync()
    {
        var (officer, reviewer, authority) = (exchange.Who("changsha", "officer"), exchange.Who("changsha", "reviewer"), exchange.Who("changsha", "authority"));
        var (asking, askingHead) = (exchange.Who("zhuzhou", "officer"), exchange.Who("zhuzhou", "sharing_head"));
        var dataset = (await exchange.PublishAsync("changsha", "conditional")).GetProperty("dataset_id").GetGuid();
        var drafted = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft")["id"].GetGuid();
        var signed = (await exchange.DraftRequestAsync(dataset)).Succeeded("draft");
        (await askingHead.PostAsync($"/api/cities/zhuzhou/requests/{signed["id"].GetGuid()}/sign-off", etag: signed.ETag)).Succeeded("sign");

        var active = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(active, new { Decision = "approve", Treatments = new Dictionary<string, string>(StringComparer.Ordinal) { ["person"] = "masked:name" } });
        await exchange.MirrorAsync(active, "active");
        (await asking.GetAsync($"/api/cities/changsha/grants/{active}/data")).Succeeded("data");
        var correction = (await Eventually.GetAsync(
            () => asking.PostAsync($"/api/cities/zhuzhou/requests/{active}/correct", new { Field = "months", Record = "示例甲", Wrong = "12", Right = "13", Evidence = "缴费凭证（示例）" }), answer => answer.Status < 300)).Json.GetProperty("id").GetGuid();
        var mirror = $"/api/cities/zhuzhou/requests/{active}";
        (await asking.PostAsync($"{mirror}/change", new { Fields = new[] { "person", "months", "remark" }, Reason = "须核对备注（示例）" }, (await asking.GetAsync(mirror)).ETag)).Succeeded("change");

        var ended = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(ended);
        (await asking.PostAsync($"/api/cities/zhuzhou/requests/{ended}/withdraw", new { Reason = "不再需要（示例）" }, (await exchange.MirrorAsync(ended, "active")).ETag)).Succeeded("withdraw");
        await exchange.MirrorAsync(ended, "ended");
        var disposed = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(disposed);
        (await asking.PostAsync($"/api/cities/zhuzhou/requests/{disposed}/withdraw", new { Reason = "不再需要（示例）" }, (await exchange.MirrorAsync(disposed, "active")).ETag)).Succeeded("withdraw");
        (await asking.PostAsync($"/api/cities/zhuzhou/requests/{disposed}/dispose", new { Method = "delete", Note = "业务库与备份均已删除（示例）" }, (await exchange.MirrorAsync(disposed, "ended")).ETag)).Succeeded("dispose");
        var consulted = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(consulted);
        await exchange.MirrorAsync(consulted, "active");
        (await exchange.Who("changsha", "sharing_head").PostAsync($"/api/cities/changsha/approvals/{consulted}/consult", new { Kind = "end", Reason = "系统停用（示例）", EffectiveOn = DateOnly.FromDateTime(DateTime.UtcNow).AddMonths(3) }, (await exchange.ReceivedAsync(consulted)).ETag)).Succeeded("consult");
        await Eventually.GetAsync(() => asking.GetAsync($"/api/cities/zhuzhou/requests/{consulted}"), answer => answer.Json.TryGetProperty("consultation", out var about) && about.ValueKind == System.Text.Json.JsonValueKind.Object);

        var suspended = await exchange.SubmitAsync(dataset);
        await exchange.GrantAsync(suspended);
        await exchange.MirrorAsync(suspended, "active");
        (await authority.PostAsync($"/api/cities/changsha/approvals/{suspended}/suspend", new { Reason = "超范围使用（示例）", RepairBy = DateOnly.FromDateTime(DateTime.UtcNow).AddDays(20) }, (await exchange.ReceivedAsync(suspended)).ETag)).Succeeded("suspend");
        await exchange.MirrorAsync(suspended, "suspended");
        (await authority.PostAsync($"/api/cities/changsha/disputes/{suspended}/step", new { Kind = "position", Text = "应当先整改（示例）" }, (await exchange.ReceivedAsync(suspended)).ETag)).Succeeded("dispute");

        var extended = await exchange.SubmitAsync(dataset);
        (await reviewer.PostAsync($"/api/cities/changsha/approvals/{extended}/extend", new { WorkingDays = 3, Reason = "情况复杂（示例）" }, (await exchange.ReceivedAsync(extended)).ETag)).Succeeded("extend");
        var supplemented = await exchange.SubmitAsync(dataset);
        (await reviewer.PostAsync($"/api/cities/changsha/approvals/{supplemented}/ask-supplement", new { Missing = new[] { new { Item = "legal_basis", What = "请写明条款（示例）" } } }, (await exchange.ReceivedAsync(supplemented)).ETag)).Succeeded("supplement");
        var proposed = await exchange.SubmitAsync(dataset);
        (await reviewer.PostAsync($"/api/cities/changsha/approvals/{proposed}/decide", new { Decision = "approve" }, (await exchange.ReceivedAsync(proposed)).ETag)).Succeeded("propose");

        var draft = (await officer.PostAsync("/api/cities/changsha/datasets", Flow.ExchangeFixture.Draft($"待审核目录（示例）{Guid.NewGuid():N}", "conditional", officer.Account.Department!, null))).Succeeded("draft");
        var entry = draft["dataset_id"].GetGuid();
        var assessed = (await officer.PostAsync($"/api/cities/changsha/datasets/{entry}/assess", new { Secrecy = new { Result = "not_secret" }, PersonalInformation = new { Result = "passed" } }, draft.ETag)).Succeeded("assess");
        (await exchange.Who("changsha", "department_head").PostAsync($"/api/cities/changsha/datasets/{entry}/approve", etag: assessed.ETag)).Succeeded("approve");
        var duties = $"/api/cities/changsha/datasets/{dataset}/duty-changes";
        var duty = (await officer.PostAsync(duties, new { What = "law", ChangedOn = DateOnly.FromDateTime(DateTime.UtcNow), Reference = "《示例法》（示例）" })).Succeeded("duty")["id"].GetGuid();
        (await officer.PostAsync($"{duties}/{duty}/extend", new { WorkingDays = 5, Reason = "涉及多个系统（示例）" })).Succeeded("extend");

        using var table = new StringContent("名称,摘要\r\n一张缺列的表（示例）,无\r\n", System.Text.Encoding.UTF8, "text/csv");
        var import = (await officer.SendAsync(HttpMethod.Post, "/api/cities/changsha/datasets/import", table, request => request.Headers.Add("Prefer", "respond-async"), TestContext.Current.CancellationToken)).Succeeded("import")["id"].GetGuid();
        await using var database = await exchange.AdminAsync("changsha");
        var record = await database.QueryFirstAsync<Guid>("select event_id from service.audit_openings where name = 'officer' order by event_id desc limit 1");
        var opening = (await exchange.Who("case-auditor").PostAsync("/api/cities/changsha/openings", new { CaseNumber = "（2026）湘01刑初12号", Reason = "核查（示例）", EventIds = new[] { record } })).Succeeded("opening")["id"].GetGuid();
        await exchange.TimelineAsync(active, "grant.activated", "delivery.ended");
        var delivery = (await asking.GetAsync($"/api/cities/changsha/grants/{active}/deliveries")).Succeeded("deliveries").Json.EnumerateArray().First().GetProperty("delivery_id").GetGuid();
        return
        [
            ("zhuzhou-labour-officer", $"/requests/{drafted}"), ("zhuzhou-labour-sharing-head", $"/requests/{drafted}"), ("zhuzhou-labour-officer", $"/requests/{signed["id"].GetGuid()}"), ("zhuzhou-labour-officer", $"/requests/{ended}"),
            ("zhuzhou-labour-sharing-head", $"/requests/{disposed}"), ("zhuzhou-labour-sharing-head", $"/requests/{consulted}"), ("zhuzhou-labour-officer", $"/requests/new?dataset={dataset}"), ("zhuzhou-labour-officer", $"/requests/new/{dataset}/check"),
            ("zhuzhou-labour-officer", $"/requests/{active}"), ("zhuzhou-labour-officer", $"/requests/{suspended}"), ("zhuzhou-labour-officer", $"/requests/{supplemented}"), ("zhuzhou-labour-officer", $"/requests/{extended}/submitted"),
            ("zhuzhou-labour-officer", $"/requests/{active}/deliveries/{delivery}"), ("zhuzhou-labour-officer", $"/requests/{active}/data/preview"), ("zhuzhou-labour-officer", $"/requests/new/{dataset}/items"),
            ("zhuzhou-labour-sharing-head", $"/requests/{active}"), ("changsha-labour-reviewer", $"/approvals/{extended}"), ("changsha-labour-reviewer", $"/corrections/{correction}"), ("changsha-labour-sharing-head", $"/approvals/{proposed}/sign"),
            ("changsha-labour-officer", $"/entries/{entry}"), ("changsha-labour-officer", $"/datasets/{dataset}/preview"), ("changsha-authority", $"/authority/updates/{dataset}/{duty}"), ("changsha-authority", $"/authority/reviews/{entry}"),
            ("changsha-authority", $"/authority/exchanges/{suspended}"), ("auditor", $"/audit/exchanges/{active}"),
            ("zhuzhou-labour-officer", $"/requests/{consulted}"), ("changsha-labour-reviewer", $"/approvals/{active}"), ("changsha-labour-officer", $"/entries/import/{import}"), ("case-auditor", $"/audit/openings/changsha/{opening}"),
        ];
    }

    /// <summary>A route of the portal, and the addresses that are of it.</summary>
    private sealed class Kind(RoutePattern pattern)
    {
        private readonly Regex address = new("^/" + string.Join('/', pattern.PathSegments.Select(segment => string.Concat(segment.Parts.Select(part => part switch
        {
            RoutePatternLiteralPart literal => Regex.Escape(literal.Content),
            RoutePatternSeparatorPart separator => Regex.Escape(separator.Content),
            RoutePatternParameterPart parameter when parameter.ParameterPolicies.Any(policy => policy.Content == "guid") => "[0-9a-f-]{36}",
            RoutePatternParameterPart parameter when parameter.ParameterPolicies.Any(policy => policy.Content == "int") => "[0-9]+",
            _ => "[^/]+",
        })))) + "$", RegexOptions.ExplicitCapture, TimeSpan.FromSeconds(1));

        public string Name { get; } = pattern.RawText!;

        public int Literals { get; } = pattern.PathSegments.Count(segment => segment.Parts.All(part => part.IsLiteral));

        public bool Matches(string path) => address.IsMatch(path);
    }
}
