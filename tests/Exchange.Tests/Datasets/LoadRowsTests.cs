using System.Net;
using System.Security.Cryptography;
using System.Text;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;

namespace Exchange.Tests.Datasets;

public sealed class LoadRowsTests(PublishingCity city)
{
    [Fact]
    public async Task Rows_are_replaced_as_a_whole_and_the_reader_sees_them_in_order()
    {
        var (path, revision) = await city.PublishAsync(Every());
        const string first = "name,count,price,on_day,at_time,ok,ratio\n乙,1,2.50,2026-03-05,2026-03-05 08:30:00,是,0.5\n甲,,,,,,\n";
        var answer = (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(first), revision)).Expect(HttpStatusCode.OK);
        var rows = answer.Body.GetProperty("rows");
        Assert.Equal((2L, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(first))), (long)Encoding.UTF8.GetByteCount(first)), (rows.GetProperty("count").GetInt64(), rows.GetProperty("sha256").GetString(), rows.GetProperty("bytes").GetInt64()));

        var table = await TableAsync(path);
        await using (var reader = await city.OpenAsync("reader"))
        {
            var delivered = (await reader.QueryAsync<string>($"select concat_ws('|', {string.Join(", ", table.Columns.Select(c => c.Delivered))}) from {table.Table}")).ToList();
            Assert.Equal(["乙|1|2.50|2026-03-05|2026-03-05T08:30:00+08:00|t|0.5", "甲"], delivered);
            await Assert.ThrowsAsync<PostgresException>(() => reader.ExecuteAsync($"delete from {table.Table}"));
            await Assert.ThrowsAsync<PostgresException>(() => reader.QueryAsync("select * from service.datasets"));
        }

        answer = (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name,count,price,on_day,at_time,ok,ratio\n"), answer.Revision)).Expect(HttpStatusCode.OK);
        Assert.Equal(0, answer.Body.GetProperty("rows").GetProperty("count").GetInt64());
        Assert.NotEqual(table.Table, (await TableAsync(path)).Table);
    }

    [Fact]
    public async Task A_file_with_faults_changes_nothing_and_tells_them_all()
    {
        var (path, revision) = await city.PublishAsync(Every());
        await using var connection = await city.OpenAsync();
        var before = (await connection.QueryAsync<string>("select tablename::text from pg_tables where schemaname = 'data'")).ToArray();
        var answer = (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name,count,price,on_day,at_time,ok,ratio\n甲,1,1,,,,\n乙,x,1.23456,2026-13-01,,,\n"), revision))
            .Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal(["3:数量", "3:单价", "3:日期"], answer.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()));
        Assert.False((await city.SendAsync(HttpMethod.Get, path, Officer)).Body.TryGetProperty("rows", out _));
        // Others load meanwhile: theirs are pointed to in the end, what a refused load had left would not be.
        await Eventually.GetAsync(
            () => connection.ExecuteScalarAsync<long>("""
                select count(*) from pg_tables
                where schemaname = 'data' and tablename like 'rows\_%' and tablename <> all(@before) and tablename not in (select table_name from dataset_rows union all select table_name from retired_row_tables)
                """, new { before }), orphans => orphans == 0, show: orphans => $"{orphans} tables that nothing points to");
    }

    [Fact]
    public async Task A_load_that_was_overtaken_is_refused()
    {
        var (path, revision) = await city.PublishAsync(Every());
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name\n"))).Refuses(HttpStatusCode.PreconditionRequired, "if-match-required");
        var both = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name,count,price,on_day,at_time,ok,ratio\n甲,1,1,,,,\n"), revision)));
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.PreconditionFailed], both.Select(a => a.Status).Order());
    }

    [Fact]
    public async Task Only_tables_hold_rows_and_only_csv_is_taken()
    {
        var (path, revision) = await city.PublishAsync(Every() with { Format = "spreadsheet/xlsx", SharingMethod = "file" });
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name\n"), revision)).Refuses(HttpStatusCode.Conflict, "no-table");
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, new { }, revision)).Refuses(HttpStatusCode.UnsupportedMediaType, "media-type");
    }

    [Fact]
    public async Task What_would_be_a_formula_or_sql_elsewhere_is_kept_as_it_is()
    {
        var (path, revision) = await city.PublishAsync(Every() with { Fields = [new() { Name = "select", Title = "文本", Type = "C", Length = 60 }] });
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("select\n=1+1\n\"'); drop table x; --\"\n"), revision)).Expect(HttpStatusCode.OK);
        var table = await TableAsync(path);
        await using var reader = await city.OpenAsync("reader");
        Assert.Equal(["=1+1", "'); drop table x; --"], await reader.QueryAsync<string>($"select {table.Columns[0].Column} from {table.Table}"));
    }

    [Fact]
    public async Task Replaced_and_abandoned_tables_are_dropped_once_nobody_reads_them()
    {
        var (path, revision) = await city.PublishAsync(Every());
        const string rows = "name,count,price,on_day,at_time,ok,ratio\n甲,1,1,,,,\n";
        revision = (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(rows), revision)).Expect(HttpStatusCode.OK).Revision;
        var replaced = (await TableAsync(path)).Table;
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(rows), revision)).Expect(HttpStatusCode.OK);
        var current = (await TableAsync(path)).Table;
        var abandoned = "data." + RowTables.NewName(DateTimeOffset.UtcNow.AddDays(-1));
        var loading = "data." + RowTables.NewName(DateTimeOffset.UtcNow);
        await using var loader = await city.OpenAsync("loader");
        await loader.ExecuteAsync($"create table {abandoned} (c1 text); create table {loading} (c1 text)");

        await using var parts = await city.PartsAsync();
        await using var tables = parts.Tables();
        var sweep = new DropRowTables(parts.Database, tables, new(), TimeProvider.System, NullLogger<DropRowTables>.Instance);
        await using (var reader = await city.OpenAsync("reader"))
        await using (var reading = await reader.BeginTransactionAsync())
        {
            await reader.ExecuteAsync($"select 1 from {replaced}");
            await sweep.SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
            Assert.Equal([true, true, false, true], await ThereAsync(replaced, current, abandoned, loading));
        }

        await sweep.SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
        Assert.Equal([false, true, false, true], await ThereAsync(replaced, current, abandoned, loading));

        async Task<IEnumerable<bool>> ThereAsync(params string[] names) =>
            await loader.QueryAsync<bool>("select to_regclass(name) is not null from unnest(@names) with ordinality as n (name, place) order by place", new { names });
    }

    [Fact]
    public async Task Only_the_asked_columns_are_opened_and_none_when_one_is_missing()
    {
        var (path, revision) = await city.PublishAsync(Every());
        var id = Guid.Parse(path[10..]);
        await using var parts = await city.PartsAsync();
        await using var tables = parts.Tables();
        Assert.False(await tables.AnswersAsync(id, new(["name"]), CancellationToken.None));
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv("name,count,price,on_day,at_time,ok,ratio\n甲,1,1,,2026-03-05 08:30:00,,\n"), revision)).Expect(HttpStatusCode.OK);
        Assert.True(await tables.AnswersAsync(id, new(["name"]), CancellationToken.None));
        Assert.False(await tables.AnswersAsync(id, new(["name", "secret"]), CancellationToken.None));
        var scope = new GrantedScope(["at_time", "name"]);
        await using var rows = await tables.OpenAsync(RowSelect.Of((await tables.FindAsync(id, CancellationToken.None))!, scope, RowQuery.All)!, scope, null, [], CancellationToken.None);
        Assert.True(await rows.NextAsync(CancellationToken.None));
        Assert.Equal(("2026-03-05T08:30:00+08:00", "甲"), (rows.Text(0), rows.Text(1)));
        Assert.False(await rows.NextAsync(CancellationToken.None));

        revision = (await city.SendAsync(HttpMethod.Get, path, Officer)).Revision;
        (await city.SendAsync(HttpMethod.Post, path + "/withdraw", Head, new { reason = "试" }, revision)).Expect(HttpStatusCode.OK);
        Assert.False(await tables.AnswersAsync(id, new(["name"]), CancellationToken.None));
    }

    [Fact]
    public async Task Rows_saved_in_gb18030_are_the_same_rows()
    {
        var (path, revision) = await city.PublishAsync(Every());
        var bytes = CodePagesEncodingProvider.Instance.GetEncoding("gb18030")!.GetBytes("名称;数量;单价;日期;时刻;有效;比例\r\n\"甲;𠮷\";1;1;;;是;\r\n;;;;;;\r\n");
        revision = (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(bytes), revision)).Expect(HttpStatusCode.OK).Revision;
        (await city.SendAsync(HttpMethod.Put, path + "/rows", Officer, Csv(bytes, "gbk"), revision)).Expect(HttpStatusCode.OK);
        var table = await TableAsync(path);
        await using var reader = await city.OpenAsync("reader");
        Assert.Equal(["甲;𠮷"], await reader.QueryAsync<string>($"select {table.Columns[0].Column} from {table.Table}"));
    }

    private static EntryDraft Every() => Fresh() with
    {
        SharingType = "unconditional",
        SharingConditions = null,
        Fields =
        [
            new() { Name = "name", Title = "名称", Type = "C", Length = 20 }, new() { Name = "count", Title = "数量", Type = "I" }, new() { Name = "price", Title = "单价", Type = "Y" },
            new() { Name = "on_day", Title = "日期", Type = "D" }, new() { Name = "at_time", Title = "时刻", Type = "T" }, new() { Name = "ok", Title = "有效", Type = "L" }, new() { Name = "ratio", Title = "比例", Type = "B" },
        ],
    };

    private async Task<RowTable> TableAsync(string path)
    {
        await using var connection = await city.OpenAsync();
        return (await RowTables.FindAsync(connection, Guid.Parse(path[10..]), CancellationToken.None))!;
    }
}
