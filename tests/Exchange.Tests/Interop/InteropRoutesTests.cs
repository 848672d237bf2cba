using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Exchange.Catalogue.Datasets;
using Exchange.Contracts;
using Exchange.Tests.Audit;
using Exchange.Tests.Datasets;
using Exchange.Tests.Federation;

namespace Exchange.Tests.Interop;

/// <summary>The surfaces for other ecosystems over HTTP. The third city's part of the catalogue is theirs alone, so that nothing changes under them.</summary>
[Collection(GatewayStack.CollectionName)]
[Trait("needs", "server")]
public sealed partial class InteropRoutesTests(GatewayStack gateway)
{
    private const string City = "xiangtan";
    private static readonly Guid Epoch = Guid.NewGuid();
    private static IReadOnlyList<DatasetEntry>? published;

    [Fact]
    public async Task Published_CKAN_clients_work_as_they_are()
    {
        var entries = await PublishedAsync();
        var said = await NodeTools.RunAsync(
            "clients.mjs", gateway.Client.BaseAddress!.GetLeftPart(UriPartial.Authority), await TokenAsync(), City,
            entries[0].DatasetId.ToString(), entries[3].DatasetId.ToString(), Variants.Department.ToLowerInvariant());
        Assert.Contains("three clients", said);
    }

    [Fact]
    public async Task What_is_harvested_over_HTTP_breaks_no_shape_of_DCAT_AP()
    {
        var shapes = Judges.Path("dcat-ap-3.0.1");
        await PublishedAsync();
        var folder = Directory.CreateTempSubdirectory("dcat-").FullName;
        try
        {
            List<string> files = [];
            foreach (var extension in (string[])["ttl", "jsonld"])
            {
                using var answer = await gateway.GetAsync($"/catalog.{extension}?city={City}&limit=1000", await TokenAsync());
                Assert.Equal(extension == "ttl" ? "text/turtle" : "application/ld+json", answer.Content.Headers.ContentType!.MediaType);
                files.Add(Path.Combine(folder, "catalog." + extension));
                await File.WriteAllBytesAsync(files[^1], await answer.Content.ReadAsByteArrayAsync());
            }

            await NodeTools.RunAsync("shapes.mjs", [shapes, .. files]);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("ttl")]
    [InlineData("jsonld")]
    public async Task Pages_lead_from_one_to_the_next_and_are_sent_once(string extension)
    {
        var entries = await PublishedAsync();
        var token = await TokenAsync();
        List<string> seen = [];
        var tags = new HashSet<string>();
        for (var path = $"/catalog.{extension}?city={City}&limit=2"; path is not null;)
        {
            using var page = await gateway.GetAsync(path, token);
            var text = await page.Content.ReadAsStringAsync();
            Assert.True(page.StatusCode == HttpStatusCode.OK, text);
            Assert.True(tags.Add(page.Headers.ETag!.Tag));
            seen.AddRange(RecordIri().Matches(text).Select(match => match.Groups["id"].Value).Distinct());
            using var again = await gateway.GetAsync(path, token, ("If-None-Match", page.Headers.ETag.Tag));
            Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
            path = page.Headers.TryGetValues("Link", out var links) ? new Uri(links.Single().Split('<', '>')[1]).PathAndQuery : null;
            Assert.Equal(path is not null, text.Contains("hydra:next", StringComparison.Ordinal));
        }

        Assert.Equal(entries.Select(entry => entry.DatasetId.ToString()).Order(), seen.Order());
        using var negotiated = await gateway.GetAsync($"/catalog?city={City}&limit=2", token, ("Accept", extension == "ttl" ? "text/turtle" : "application/ld+json"));
        Assert.Equal($"/catalog.{extension}?city={City}&limit=2", negotiated.Content.Headers.ContentLocation!.OriginalString);
        Assert.Contains("Accept", negotiated.Headers.Vary);
        using var stranger = await gateway.GetAsync($"/catalog.{extension}?city={City}");
        var open = await stranger.Content.ReadAsStringAsync();
        Assert.Equal(entries.Where(entry => entry.OpenToSociety).Select(entry => entry.DatasetId.ToString()).Order(), RecordIri().Matches(open).Select(match => match.Groups["id"].Value).Distinct().Order());
        Assert.DoesNotContain(entries[3].DatasetId.ToString(), open);
    }

    [Theory]
    [InlineData(null, "application/ld+json", "@graph")]
    [InlineData("text/html;q=0.5,application/xhtml+xml,*/*;q=0.8", "application/ld+json", "@graph")]
    [InlineData("text/turtle", "text/turtle", "a dcat:Dataset")]
    [InlineData("application/ld+json;q=0.5, text/turtle;q=0.9", "text/turtle", "a dcat:Dataset")]
    [InlineData("application/ld+json, text/turtle", "application/ld+json", "@graph")]
    [InlineData("application/ld+json;profile=\"https://schema.org/\"", "application/ld+json", "\"@type\":\"Dataset\"")]
    public async Task An_entry_comes_in_the_form_that_is_asked_for(string? accept, string type, string holds)
    {
        var entry = (await PublishedAsync())[0];
        using var answer = accept is null ? await gateway.GetAsync($"/datasets/{entry.DatasetId}") : await gateway.GetAsync($"/datasets/{entry.DatasetId}", null, ("Accept", accept));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(type, answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains("Accept", answer.Headers.Vary);
        Assert.Contains(holds, await answer.Content.ReadAsStringAsync());
        using var named = await gateway.GetAsync(answer.Content.Headers.ContentLocation!.OriginalString);
        Assert.Equal(await answer.Content.ReadAsStringAsync(), await named.Content.ReadAsStringAsync());
        using var known = await gateway.GetAsync(answer.Content.Headers.ContentLocation.OriginalString, null, ("If-None-Match", "W/" + named.Headers.ETag!.Tag));
        Assert.Equal(HttpStatusCode.NotModified, known.StatusCode);
    }

    [Fact]
    public async Task What_is_not_open_is_not_there_for_strangers_on_any_surface()
    {
        var entries = await PublishedAsync();
        var closed = entries[3].DatasetId;
        foreach (var path in (string[])[$"/datasets/{closed}", $"/datasets/{closed}.ttl", $"/datasets/{closed}.jsonld", $"/datasets/{closed}?profile=schema.org", $"/api/3/action/package_show?id={closed}", $"/api/3/action/resource_show?id={entries[2].DatasetId}-csv"])
        {
            using var stranger = await gateway.GetAsync(path);
            Assert.Equal(HttpStatusCode.NotFound, stranger.StatusCode);
            using var caller = await gateway.GetAsync(path, await TokenAsync());
            Assert.Equal(HttpStatusCode.OK, caller.StatusCode);
            using var mistaken = await gateway.GetAsync(path, "not.a.token");
            Assert.Equal(path.StartsWith("/api/3", StringComparison.Ordinal) ? HttpStatusCode.Forbidden : HttpStatusCode.Unauthorized, mistaken.StatusCode);
        }

        using var table = await gateway.GetAsync($"/api/catalogue/export?city={City}");
        Assert.DoesNotContain("不予共享（示例）", await table.Content.ReadAsStringAsync());
        Assert.DoesNotContain("\"a0400\"", (await gateway.ReadAsync("/api/3/action/group_list"))["result"]!.ToJsonString().ToLowerInvariant());
    }

    [Fact]
    public async Task An_exported_city_is_imported_as_it_was()
    {
        var entries = await PublishedAsync();
        using var answer = await gateway.GetAsync($"/api/catalogue/export?city={City}&cells=exact", await TokenAsync());
        Assert.Equal($"attachment; filename=\"catalogue-{City}.csv\"", answer.Content.Headers.ContentDisposition!.ToString());
        var (imported, faults) = await Samples.CatalogueAsync(await answer.Content.ReadAsByteArrayAsync());
        Assert.Empty(faults.Listed.All.Select(fault => $"{fault.Field} {fault.Message.Zh}"));
        Assert.Equal(entries.Select(entry => entry.Name).Order(StringComparer.Ordinal), imported.Select(entry => entry.Draft.Name!).Order(StringComparer.Ordinal));
        using var wrong = await gateway.GetAsync("/api/catalogue/export?city=nowhere&cells=odd");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, wrong.StatusCode);
        Assert.Equal(["city", "cells"], JsonNode.Parse(await wrong.Content.ReadAsStringAsync())!["errors"]!.AsArray().Select(error => error!["field"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("package_show", "{}", 409, "Validation Error", "id")]
    [InlineData("package_show", "{\"id\":\"no-such\"}", 404, "Not Found Error", "message")]
    [InlineData("organization_show", "{\"id\":\"no-such\"}", 404, "Not Found Error", "message")]
    [InlineData("package_search", "{\"rows\":-1}", 409, "Validation Error", "rows")]
    [InlineData("package_search", "{\"fq\":\"groups:(\"}", 409, "Validation Error", "fq")]
    [InlineData("package_search", "{\"facet.field\":[\"odd\"]}", 409, "Validation Error", "facet.field")]
    public async Task Errors_are_CKANs_own(string action, string body, int status, string kind, string member)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await gateway.Client.PostAsync(new Uri($"/api/3/action/{action}", UriKind.Relative), content);
        Assert.Equal(status, (int)answer.StatusCode);
        var envelope = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.False(envelope["success"]!.GetValue<bool>());
        Assert.EndsWith($"/api/3/action/help_show?name={action}", envelope["help"]!.GetValue<string>());
        Assert.Equal(kind, envelope["error"]!["__type"]!.GetValue<string>());
        Assert.NotNull(envelope["error"]![member]);
    }

    [Theory]
    [InlineData("/api/3/action/site_read", null, 200)]
    [InlineData("/api/action/site_read", "", 200)]
    [InlineData("/api/3/action/package_search", "{\"q\":", 400)]
    [InlineData("/api/3/action/package_search", "[1]", 400)]
    [InlineData("/api/3/action/package_delete", "{\"id\":\"x\"}", 400)]
    [InlineData("/api/3/action/package_search", "large", 413)]
    public async Task Bodies_may_be_missing_and_broken_ones_are_told(string path, string? body, int status)
    {
        using var content = body is null ? null : new ByteArrayContent(body == "large" ? new byte[600 << 10] : Encoding.UTF8.GetBytes(body));
        using var answer = await gateway.Client.PostAsync(new Uri(path, UriKind.Relative), content);
        Assert.Equal(status, (int)answer.StatusCode);
        var told = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        Assert.True(status == 200 ? told["result"]!.GetValue<bool>() : told.GetValue<string>().StartsWith("Bad request", StringComparison.Ordinal), told.ToJsonString());
    }

    [Theory]
    [InlineData("Authorization", "", true)]
    [InlineData("Authorization", "Bearer ", true)]
    [InlineData("X-CKAN-API-Key", "", true)]
    [InlineData("Authorization", "", false)]
    [InlineData("X-CKAN-API-Key", "", false)]
    public async Task A_bare_token_counts_on_CKANs_paths_only(string header, string scheme, bool ckan)
    {
        var closed = (await PublishedAsync())[3].DatasetId;
        using var answer = await gateway.GetAsync(ckan ? $"/api/3/action/package_show?id={closed}" : $"/api/catalogue/datasets/{closed}", null, (header, scheme + await TokenAsync()));
        Assert.Equal(ckan, answer.IsSuccessStatusCode);
    }

    private Task<string> TokenAsync() => gateway.TokenAsync("zhuzhou-police-officer");

    private async Task<IReadOnlyList<DatasetEntry>> PublishedAsync()
    {
        if (published is not null)
        {
            return published;
        }

        var entries = Variants.All(City);
        foreach (var (entry, number) in entries.Select((entry, number) => (entry, number)))
        {
            await gateway.SendAsync(City, new DatasetPublished { City = City, Epoch = Epoch, Change = number + 1, Entry = entry });
        }

        var token = await TokenAsync();
        await Eventually.GetAsync(() => gateway.ReadAsync($"/api/catalogue/datasets?city={City}", token), page => page["total"]!.GetValue<int>() == entries.Count);
        return published = entries;
    }

    [GeneratedRegex("/datasets/(?<id>[0-9a-f-]{36})#record")]
    private static partial Regex RecordIri();
}
