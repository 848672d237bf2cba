using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Tests.Datasets;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;
using static Exchange.Tests.Datasets.PublishingCity;
using static Exchange.Tests.Deliveries.GrantedDataTests;

namespace Exchange.Tests.Deliveries;

/// <summary>Changes since a cursor, as a program of the asking department gets them: whoever follows them has what a full export gives, and learns nothing else.</summary>
public sealed class GrantedChangesTests(PublishingCity city)
{
    private static readonly FieldDraft[] Fields =
    [
        new() { Name = "person", Title = "姓名", Type = "C", Length = 50, Personal = true },
        new() { Name = "month", Title = "月份", Type = "I" },
        new() { Name = "phone", Title = "手机号", Type = "C", Length = 20, Personal = true },
        new() { Name = "paid", Title = "金额", Type = "Y" },
        new() { Name = "on_day", Title = "日期", Type = "D" },
        new() { Name = "area", Title = "行政区划", Type = "C", Length = 6 },
        new() { Name = "secret", Title = "内部备注", Type = "M" },
    ];

    private static readonly string Stated = $"purpose={PurposeCode.Of(GrantedDataTests.Purpose)}";

    private const string Header = "person,month,phone,paid,on_day,area,secret\n";

    [Fact]
    public async Task Receivers_who_follow_random_loads_have_what_a_full_export_gives_and_are_told_of_nothing_else()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = Fields });
        var rows = new Dictionary<(string, int), string[]>();
        revision = await LoadAsync(path, revision, rows, "person,month");
        List<Receiver> receivers = [];
        foreach (var scope in new GrantedScope[]
        {
            new(["person", "month", "phone", "paid", "on_day"]),
            new(["month", "person", "phone", "paid"], new Dictionary<string, string> { ["person"] = "hashed", ["phone"] = "masked:phone", ["paid"] = "generalised:band:1000" }),
            new(["person", "month", "paid"], null, new() { Area = new() { Field = "area", Prefix = "4301" } }),
            new(["person", "month", "on_day", "phone"], new Dictionary<string, string> { ["person"] = "hashed", ["month"] = "hashed", ["on_day"] = "generalised:month", ["phone"] = "dropped" }, new() { Time = new() { Field = "on_day", From = new(2026, 2, 1), Until = new(2026, 3, 31) } }),
        })
        {
            receivers.Add(new Receiver(await GrantAsync(city, Guid.Parse(path[10..]), scope)));
        }

        for (var load = 0; load < 10; load++)
        {
            foreach (var receiver in receivers.Where(_ => load == 9 || random.Next(3) > 0))
            {
                await FollowAsync(receiver, $"seed {seed}, load {load}", mayStop: load < 9);
            }

            for (var change = random.Next(8); change > 0; change--)
            {
                // Few keys, so that one is deleted and comes again.
                var key = ($"示例{random.Next(6)}", random.Next(3));
                if (random.Next(3) == 0)
                {
                    rows.Remove(key);
                }
                else if (rows.TryGetValue(key, out var before) && random.Next(2) == 0)
                {
                    // One field is another, often one that is hidden.
                    var (now, field) = (before.ToArray(), random.Next(5));
                    now[field] = Cells()[field];
                    rows[key] = now;
                }
                else
                {
                    rows[key] = Cells();
                }
            }

            if (random.Next(4) > 0)
            {
                revision = await LoadAsync(path, revision, rows.OrderBy(_ => random.Next()).ToDictionary(), null);
            }
        }

        string[] Cells() => ["1380000" + random.Next(1000, 1003).ToString(CultureInfo.InvariantCulture), $"{random.Next(3)}{(random.Next(2) == 0 ? "" : ".0")}", $"2026-0{random.Next(1, 5)}-0{random.Next(1, 4)}", random.Next(3) switch { 0 => "430104", 1 => "430211", _ => "" }, random.Next(4) == 0 ? "" : $"内部{random.Next(9)}"];
    }

    [Fact]
    public async Task What_is_hidden_has_no_part_in_what_a_receiver_is_told()
    {
        var seed = Random.Shared.Next();
        FieldDraft[] fields = [new() { Name = "no", Title = "编号", Type = "I" }, .. Secrets.Fields];
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = fields });
        foreach (var secrets in Enumerable.Range(0, 8).Select(i => new Secrets(seed + i)))
        {
            var drawn = secrets.Scope();
            var scope = drawn with
            {
                Fields = [.. drawn.Fields, "no"],
                Treatments = new Dictionary<string, string>(drawn.Treatments!) { ["no"] = drawn.Rows is null ? "plain" : "hashed" },
            };
            var (oneA, otherA) = secrets.Tables(drawn);
            var (oneB, otherB) = secrets.Tables(drawn);
            var grant = await GrantAsync(city, Guid.Parse(path[10..]), scope);
            List<string> told = [];
            foreach (var (first, second) in new[] { (Numbered(oneA, oneB), Numbered(otherA, otherB)) }.SelectMany(both => new[] { both.Item1, both.Item2 }))
            {
                revision = await PutAsync(path, revision, first, "no");
                var (whole, cursor) = await AllAsync(grant, null);
                revision = await PutAsync(path, revision, second, null);
                told.Add(whole + (await AllAsync(grant, cursor)).Text);
            }

            Assert.True(told[0] == told[1], $"seed {seed}, {GrantedScope.Compact(scope.Treatments)}\n{told[0]}\n---\n{told[1]}");

            // From a table to the next: every other row stays, to the one receiver as it is and to the other with another hidden part, the rest are as they may; rows outside the filter have keys of their own.
            (string Before, string After) Numbered(List<string[]> before, List<string[]> after)
            {
                var inside = oneA.Where(Inside).ToList();
                var next = after.ToList();
                var place = -1;
                for (var i = 0; i < next.Count; i++)
                {
                    if (Inside(next[i]) && ++place % 2 == 0 && place < inside.Count)
                    {
                        next[i] = inside[place];
                    }
                }

                return (Table(before), Table(next));
            }

            bool Inside(string[] row) => drawn.Rows is null || row[^1].StartsWith(Secrets.Area, StringComparison.Ordinal);

            string Table(List<string[]> rows)
            {
                var (within, without) = (0, 1000 + Random.Shared.Next(1000));
                var csv = new StringBuilder(string.Join(',', fields.Select(f => f.Name))).Append('\n');
                foreach (var row in rows)
                {
                    csv.Append(CultureInfo.InvariantCulture, $"{(Inside(row) ? within++ : without++)},").AppendJoin(',', row.Select(CsvCells.Exact)).Append('\n');
                }

                return csv.ToString();
            }
        }
    }

    [Fact]
    public async Task A_key_is_checked_against_entry_and_rows_with_every_fault_at_once_and_stays_until_it_is_taken_away()
    {
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = Fields });
        Assert.Equal(
            ["key-count", "key-twice", "key-type", "key-type", "key-unknown"],
            Rules((await LoadRawAsync(path, revision, Header, "person,person,paid,secret,colour")).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input")));
        // Rows are named as the spreadsheet counts them, a blank one among them.
        var rows = Header + "甲,1,,,,,\n\n乙,1,,,,,\n甲,1,,,,,x\n丙,,,,,,\n";
        var refused = (await LoadRawAsync(path, revision, rows, "person,month")).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal(["2:key key-taken", "5:key key-taken", "6:key key-missing"], refused.Body.GetProperty("errors").EnumerateArray().Select(e => $"{e.GetProperty("field").GetString()} {e.GetProperty("rule").GetString()}"));

        var scope = new GrantedScope(["person", "month"]);
        var grant = await GrantAsync(city, Guid.Parse(path[10..]), scope);
        revision = (await LoadRawAsync(path, revision, rows, null)).Expect(HttpStatusCode.OK).Revision;
        (await AskAsync(grant, null)).Refuses(HttpStatusCode.Conflict, "rows-without-key");
        revision = (await LoadRawAsync(path, revision, Header + "甲,1,,,,,\n", "person")).Expect(HttpStatusCode.OK).Revision;
        (await LoadRawAsync(path, revision, rows, null)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        Assert.Equal("person", Assert.Single((await city.SendAsync(HttpMethod.Get, path, Officer)).Body.GetProperty("rows").GetProperty("key").EnumerateArray()).GetString());
        var cursor = CursorOf(await ChangesAsync(grant, null));
        revision = (await LoadRawAsync(path, revision, Header + "甲,2,,,,,\n", null)).Expect(HttpStatusCode.OK).Revision;
        Assert.Equal([$$$"""{"op":"upsert","key":{"person":"甲"},"row":{"person":"甲","month":2}}"""], Lines(await ChangesAsync(grant, cursor)));
        // Another key is another way to tell rows apart: the receiver begins anew.
        revision = (await LoadRawAsync(path, revision, Header + "甲,2,,,,,\n", "person,month")).Expect(HttpStatusCode.OK).Revision;
        (await AskAsync(grant, cursor)).Refuses(HttpStatusCode.Gone, "changes-not-kept");
        (await LoadRawAsync(path, revision, rows, "")).Expect(HttpStatusCode.OK);
        (await AskAsync(grant, null)).Refuses(HttpStatusCode.Conflict, "rows-without-key");

        static IEnumerable<string?> Rules(Answer answer) => answer.Body.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("rule").GetString()).Order(StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_cursor_holds_for_its_grant_as_it_was_and_as_long_as_its_state_is_kept()
    {
        var (path, revision) = await city.PublishAsync(Fresh() with { Fields = Fields });
        var dataset = Guid.Parse(path[10..]);
        revision = (await LoadRawAsync(path, revision, Header + "甲,1,,,,430104,\n乙,2,,,,430211,\n", "person")).Expect(HttpStatusCode.OK).Revision;
        var scope = new GrantedScope(["person", "month"]);
        var (grant, other) = (await GrantAsync(city, dataset, scope), await GrantAsync(city, dataset, scope));
        foreach (var treatment in new[] { "masked:name", "masked", "dropped" })
        {
            var masked = await GrantAsync(city, dataset, scope with { Treatments = new Dictionary<string, string> { ["person"] = treatment } });
            (await AskAsync(masked, null)).Refuses(HttpStatusCode.Conflict, "key-not-granted");
        }

        (await AskAsync(await GrantAsync(city, dataset, new(["month"])), null)).Refuses(HttpStatusCode.Conflict, "key-not-granted");
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/changes?{Stated}&filter[person]=x&after=", GrantedDataTests.Program)).Refuses(HttpStatusCode.UnprocessableEntity, "invalid-input");
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/changes", GrantedDataTests.Program with { Department = "11430200EXAMPL0201" })).Expect(HttpStatusCode.NotFound);

        var whole = await ChangesAsync(grant, null);
        Assert.StartsWith("""{"op":"begin","whole":true,"continued":false,"key":["person"],"fields":[{"name":"person","type":"C"},{"name":"month","type":"I"}]}""", whole.Text, StringComparison.Ordinal);
        var cursor = CursorOf(whole);
        (await AskAsync(other, cursor)).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        (await AskAsync(grant, cursor[..^4] + "AAAA")).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");
        var page = (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/data?limit=1&{Stated}", GrantedDataTests.Program)).Expect(HttpStatusCode.OK).Headers["Link"];
        (await AskAsync(grant, page[(page.IndexOf("cursor=", StringComparison.Ordinal) + 7)..page.IndexOf('>', StringComparison.Ordinal)])).Refuses(HttpStatusCode.Gone, "changes-not-kept");
        (await city.SendAsync(HttpMethod.Get, $"/grants/{grant}/data?limit=1&cursor={cursor}&{Stated}", GrantedDataTests.Program)).Refuses(HttpStatusCode.UnprocessableEntity, "other-cursor");

        // Nothing happened: the same state, and no line.
        var same = await ChangesAsync(grant, cursor);
        Assert.Empty(Lines(same));
        Assert.StartsWith("""{"op":"begin","whole":false,""", same.Text, StringComparison.Ordinal);
        // It is a delivery like any other, whose record says from which state to which.
        await using var connection = await city.OpenAsync();
        var (form, rows, facts) = await connection.QuerySingleAsync<(string, long, string)>("select form, rows, facts::text from deliveries where delivery_id = @id", new { id = Guid.Parse(whole.Headers["Exchange-Delivery-Id"]) });
        Assert.Equal(("changes", 2L, "nothing"), (form, rows, JsonDocument.Parse(facts).RootElement.GetProperty("since").GetString()));

        // What the grant gives changes, and the cursor with it.
        await connection.ExecuteAsync("""update grants set row_filter = '{"area":{"field":"area","prefix":"4301"}}', changed_at = now() where exchange_id = @grant""", new { grant });
        (await AskAsync(grant, cursor)).Refuses(HttpStatusCode.Gone, "changes-not-kept");
        await connection.ExecuteAsync("update grants set row_filter = null, changed_at = now() where exchange_id = @grant", new { grant });

        // A replaced state is kept for who may ask from it, until something newer is acknowledged.
        var alsoThere = CursorOf(await ChangesAsync(other, null));
        await using var parts = await city.PartsAsync();
        await using var tables = parts.Tables();
        var sweep = new DropRowTables(parts.Database, tables, new(), TimeProvider.System, NullLogger<DropRowTables>.Instance);
        revision = (await LoadRawAsync(path, revision, Header + "甲,3,,,,430104,\n", null)).Expect(HttpStatusCode.OK).Revision;
        await sweep.SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
        var changes = await ChangesAsync(grant, cursor);
        Assert.Equal(["""{"op":"upsert","key":{"person":"甲"},"row":{"person":"甲","month":3}}""", """{"op":"delete","key":{"person":"乙"}}"""], Lines(changes));
        await AcknowledgeAsync(grant, changes);
        await sweep.SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
        var late = await ChangesAsync(other, alsoThere);
        Assert.Equal(Lines(changes), Lines(late));
        await AcknowledgeAsync(other, late);
        await sweep.SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
        (await AskAsync(other, alsoThere)).Refuses(HttpStatusCode.Gone, "changes-not-kept");
        Assert.Empty(Lines(await ChangesAsync(other, CursorOf(late))));

        // One that never acknowledges is waited for so long and no longer.
        var never = CursorOf(await ChangesAsync(grant, null));
        await LoadRawAsync(path, revision, Header + "丁,4,,,,430104,\n", null);
        await new DropRowTables(parts.Database, tables, new() { KeepReplaced = TimeSpan.FromTicks(1) }, TimeProvider.System, NullLogger<DropRowTables>.Instance).SweepAsync(TimeSpan.Zero, TimeSpan.FromHours(6), CancellationToken.None);
        (await AskAsync(grant, never)).Refuses(HttpStatusCode.Gone, "changes-not-kept");
    }

    /// <summary>As a receiver does: each part or set of changes as it comes, sometimes not to the end, until it stands where the rows are.</summary>
    private async Task FollowAsync(Receiver receiver, string when, bool mayStop)
    {
        while (true)
        {
            var changes = await ChangesAsync(receiver.Grant, receiver.Cursor);
            var lines = changes.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonSerializer.Deserialize<JsonElement>(l)).ToList();
            var (whole, continued, more) = (lines[0].GetProperty("whole").GetBoolean(), lines[0].GetProperty("continued").GetBoolean(), lines[^1].GetProperty("more").GetBoolean());
            if (whole && !continued)
            {
                receiver.Rows.Clear();
            }

            foreach (var line in lines[1..^1])
            {
                var key = line.GetProperty("key").GetRawText();
                if (line.GetProperty("op").GetString() == "delete")
                {
                    // A key that it never had would be one of somebody it may not know of.
                    Assert.True(!whole && receiver.Rows.Remove(key), $"{when}: {line}");
                    continue;
                }

                var row = line.GetProperty("row").GetRawText();
                Assert.False(receiver.Rows.TryGetValue(key, out var had) && (whole || had == row), $"{when}: told of a change that is none: {line}");
                receiver.Rows[key] = row;
            }

            Assert.Equal(("end", lines.Count - 2), (lines[^1].GetProperty("op").GetString(), lines[^1].GetProperty("changes").GetInt32()));
            Assert.InRange(lines.Count - 2, more ? 5 : 0, whole ? 5 : 1000);
            receiver.Cursor = CursorOf(changes);
            if (more && mayStop && receiver.Rows.Count % 2 == 0)
            {
                return;
            }

            if (!whole)
            {
                break;
            }
        }

        var full = (await city.SendAsync(HttpMethod.Get, $"/grants/{receiver.Grant}/data?format=ndjson&{Stated}", GrantedDataTests.Program)).Expect(HttpStatusCode.OK).Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(full.Select(Plain).Order(StringComparer.Ordinal).SequenceEqual(receiver.Rows.Values.Select(Plain).Order(StringComparer.Ordinal)), $"{when}\n{string.Join('\n', full)}\n---\n{string.Join('\n', receiver.Rows.Values)}");

        // How a number was written is not what it is, where it goes out as a number.
        static string Plain(string row) => row.Replace(".0,", ",", StringComparison.Ordinal).Replace(".0}", "}", StringComparison.Ordinal);
    }

    private static string CursorOf(Answer changes) => JsonSerializer.Deserialize<JsonElement>(changes.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1]).GetProperty("cursor").GetString()!;

    /// <summary>Between the first line and the last.</summary>
    private static List<string> Lines(Answer changes) => [.. changes.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..^1]];

    /// <summary>All parts, without what is random in them, and the last cursor.</summary>
    private async Task<(string Text, string Cursor)> AllAsync(Guid grant, string? cursor)
    {
        for (var text = new StringBuilder(); ;)
        {
            var part = await ChangesAsync(grant, cursor);
            cursor = CursorOf(part);
            text.Append(part.Text.Replace(cursor, "", StringComparison.Ordinal));
            if (!part.Text.Contains("\"more\":true", StringComparison.Ordinal))
            {
                return (text.ToString(), cursor);
            }
        }
    }

    private Task<Answer> AskAsync(Guid grant, string? cursor) => city.SendAsync(HttpMethod.Get, $"/grants/{grant}/changes?{Stated}{(cursor is null ? "" : $"&after={cursor}")}", GrantedDataTests.Program);

    private async Task<Answer> ChangesAsync(Guid grant, string? cursor) => (await AskAsync(grant, cursor)).Expect(HttpStatusCode.OK);

    private async Task AcknowledgeAsync(Guid grant, Answer changes)
    {
        var bytes = Encoding.UTF8.GetBytes(changes.Text);
        (await city.SendAsync(HttpMethod.Post, $"/grants/{grant}/deliveries/{changes.Headers["Exchange-Delivery-Id"]}/acknowledge", GrantedDataTests.Program,
            new { sha256 = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes)), bytes = bytes.Length })).Expect(HttpStatusCode.OK);
    }

    private Task<Answer> LoadRawAsync(string path, int revision, string csv, string? key) =>
        city.SendAsync(HttpMethod.Put, $"{path}/rows{(key is null ? "" : $"?key={key}")}", Officer, Csv(csv), revision);

    private async Task<int> PutAsync(string path, int revision, string csv, string? key) => (await LoadRawAsync(path, revision, csv, key)).Expect(HttpStatusCode.OK).Revision;

    private Task<int> LoadAsync(string path, int revision, Dictionary<(string Person, int Month), string[]> rows, string? key) =>
        PutAsync(path, revision, Header + string.Concat(rows.Select(r => $"{r.Key.Person},{r.Key.Month},{string.Join(',', r.Value)}\n")), key);

    private sealed class Receiver(Guid grant)
    {
        public Guid Grant => grant;

        public string? Cursor { get; set; }

        public Dictionary<string, string> Rows { get; } = new(StringComparer.Ordinal);
    }
}
