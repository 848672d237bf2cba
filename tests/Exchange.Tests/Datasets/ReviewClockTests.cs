using System.Net;
using Dapper;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

/// <summary>The authority reviews and publishes within two working days (art. 17).</summary>
public sealed class ReviewClockTests(PublishingCity city)
{
    [Fact]
    public async Task It_runs_while_a_text_is_in_review_and_for_each_text_anew()
    {
        var (path, revision) = await city.DraftAsync();
        revision = await ApproveAsync(path, revision);
        Assert.Equal([(2, true)], await ClocksAsync(path));

        // A text written anew is no longer in review.
        revision = (await city.SendAsync(HttpMethod.Put, path, Officer, Fresh() with { Abstract = "另一份示例。" }, revision)).Expect(HttpStatusCode.OK).Revision;
        Assert.Equal([(2, false)], await ClocksAsync(path));
        revision = await ApproveAsync(path, revision);
        Assert.Equal([(2, false), (2, true)], await ClocksAsync(path));

        (await city.SendAsync(HttpMethod.Post, path + "/publish", Authority, null, revision)).Expect(HttpStatusCode.OK);
        Assert.Equal([(2, false), (2, false)], await ClocksAsync(path));
    }

    [Fact]
    public async Task The_authority_is_told_when_it_begins_runs_out_and_stays_late()
    {
        var (path, revision) = await city.DraftAsync();
        await ApproveAsync(path, revision);
        await using (var connection = await city.OpenAsync("owner"))
        {
            await connection.ExecuteAsync("update service.clocks set due_on = due_on - 60, next_on = next_on - 60 where subject = @id", new { id = Id(path) });
        }

        var told = await Eventually.GetAsync(
            async () =>
            {
                var page = (await city.SendAsync(HttpMethod.Get, "/notices?limit=500", Authority)).Expect(HttpStatusCode.OK).Body;
                return page.GetProperty("items").EnumerateArray().Where(n => n.TryGetProperty("dataset_id", out var about) && about.GetGuid() == Id(path)).Select(n => n.GetProperty("type").GetString()!).ToList();
            },
            types => types.Count == 5,
            show: types => string.Join(' ', types));
        Assert.Equal(["catalogue.review", "catalogue.review_reminder", "catalogue.review_breached", "catalogue.review_escalated", "catalogue.review_escalated"], Enumerable.Reverse(told));
        // Departments are not told of the authority's lateness.
        var others = (await city.SendAsync(HttpMethod.Get, "/notices?limit=500", Officer)).Expect(HttpStatusCode.OK).Body;
        Assert.DoesNotContain(others.GetProperty("items").EnumerateArray(), n => n.GetProperty("type").GetString()!.StartsWith("catalogue.review", StringComparison.Ordinal));
    }

    private async Task<int> ApproveAsync(string path, int revision)
    {
        revision = (await city.SendAsync(HttpMethod.Post, path + "/assess", Reviewer, Assessed(), revision)).Expect(HttpStatusCode.OK).Revision;
        return (await city.SendAsync(HttpMethod.Post, path + "/approve", Head, null, revision)).Expect(HttpStatusCode.OK).Revision;
    }

    private async Task<IEnumerable<(int Days, bool Runs)>> ClocksAsync(string path)
    {
        await using var connection = await city.OpenAsync("owner");
        return await connection.QueryAsync<(int, bool)>("select days, stopped_at is null from service.clocks where subject = @id and clock = 'catalogue_review' order by for_version", new { id = Id(path) });
    }

    private static Guid Id(string path) => Guid.Parse(path[10..]);
}
