using System.Net;
using Dapper;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

/// <summary>What the city tells the gateway besides its entries.</summary>
public sealed class FiguresTests(PublishingCity city)
{
    [Fact]
    public async Task Each_delivery_is_counted_once_whatever_is_swept_or_lost_meanwhile()
    {
        var (exchange, dataset) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await using var connection = await city.OpenAsync();
        await connection.ExecuteAsync("""
            insert into service.grants (exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, state, valid_from, valid_until, issued_at, changed_at)
            values (@exchange, 'zhuzhou', '11430200EXAMPL0126', @Funds, @dataset, 1, '{a}', 'active', current_date, current_date + 300, now(), now())
            """, new { exchange, dataset, Funds });
        // The row is lost while deliveries go on: it is counted anew with their marks still to be swept, and none is counted twice.
        var lost = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var losing = Task.Run(async () =>
        {
            await Eventually.TrueAsync(async () => await connection.ExecuteAsync("delete from service.dataset_figures where dataset_id = @dataset", new { dataset }) == 1);
            lost.SetResult();
        });
        var written = await Task.WhenAll(Enumerable.Range(0, 3).Select(async _ =>
        {
            await using var own = await city.OpenAsync();
            var (rows, after) = (0L, 0);
            while (after < 20)
            {
                rows += await own.ExecuteAsync("""
                    insert into service.deliveries (delivery_id, exchange_id, subject, form, opened_at, ended_at, outcome)
                    select gen_random_uuid(), @exchange, 'x', 'rows', now(), now(), 'complete' from generate_series(1, 3)
                    """, new { exchange });
                after += lost.Task.IsCompleted || losing.IsFaulted ? 1 : 0;
            }

            return rows;
        }));
        await losing;
        var total = written.Sum();
        const string read = "select open_corrections, running_grants, grants, deliveries from service.dataset_figures where dataset_id = @dataset";
        await Eventually.GetAsync(() => connection.QuerySingleOrDefaultAsync<(int, int, int, long)>(read, new { dataset }), row => row == (0, 1, 1, total));
        Assert.False(await connection.ExecuteScalarAsync<bool>("select exists (select from service.figure_marks where dataset_id = @dataset)", new { dataset }));

        var before = await connection.ExecuteScalarAsync<long>("select change from service.dataset_figures where dataset_id = @dataset", new { dataset });
        await connection.ExecuteAsync("update service.grants set state = 'ended' where exchange_id = @exchange", new { exchange });
        await Eventually.GetAsync(() => connection.QuerySingleAsync<(int, int, int, long)>(read, new { dataset }), row => row == (0, 0, 1, total));
        var page = (await city.SendAsync(HttpMethod.Get, $"/datasets/figures?after={before}", Repair)).Expect(HttpStatusCode.OK).Body.GetProperty("items");
        Assert.Contains(page.EnumerateArray(), item => item.GetProperty("dataset_id").GetGuid() == dataset && item.GetProperty("change").GetInt64() > before);
    }

    [Fact]
    public async Task Versions_and_figures_are_told_to_the_gateway_alone()
    {
        var draft = Fresh() with { Fields = [new() { Name = "a", Title = "甲", Type = "I" }] };
        var (path, revision) = await city.PublishAsync(draft);
        revision = (await city.SendAsync(HttpMethod.Put, path, Officer, draft with { OpenToSociety = true, OpenConditions = "无" }, revision)).Expect(HttpStatusCode.OK).Revision;
        await city.FinishAsync(path, revision, personal: false);

        Assert.Equal((int[])[2, 1], await VersionsAsync(""));
        Assert.Equal((int[])[2], await VersionsAsync("?open=true"));
        Assert.Equal((int[])[1], await VersionsAsync("?before=2"));
        Assert.Equal((int[])[2], await VersionsAsync("?limit=1"));
        (await city.SendAsync(HttpMethod.Get, path + "/versions?limit=51", Repair)).Expect(HttpStatusCode.UnprocessableEntity);
        var (unpublished, _) = await city.DraftAsync();
        (await city.SendAsync(HttpMethod.Get, unpublished + "/versions", Repair)).Expect(HttpStatusCode.NotFound);
        (await city.SendAsync(HttpMethod.Get, path + "/versions", Officer)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await city.SendAsync(HttpMethod.Get, "/datasets/figures", Officer)).Refuses(HttpStatusCode.Forbidden, "role-missing");
        (await city.SendAsync(HttpMethod.Get, "/datasets/figures?after=-1", Repair)).Expect(HttpStatusCode.UnprocessableEntity);
        Assert.True((await city.SendAsync(HttpMethod.Get, "/datasets/digest?figures=true", Repair)).Body.GetProperty("figures").TryGetProperty("sum", out _));
        // A gateway of before refuses members that it does not know.
        Assert.False((await city.SendAsync(HttpMethod.Get, "/datasets/digest", Repair)).Body.TryGetProperty("figures", out _));

        async Task<int[]> VersionsAsync(string query) =>
            [.. (await city.SendAsync(HttpMethod.Get, path + "/versions" + query, Repair)).Expect(HttpStatusCode.OK).Body.GetProperty("items").EnumerateArray().Select(v => v.GetProperty("entry").GetProperty("version").GetInt32())];
    }
}
