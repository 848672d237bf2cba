using System.Text.Json;
using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Deadlines;

/// <summary>The notices of the caller's department, newest first; the data authority reads its own.</summary>
internal static class ReadNotices
{
    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet("/notices", ListAsync).AllowCallers().WithTags("notices")
        .WithSummary("What the caller's department is told: steps that wait for it, reminders, breaches, corrections, publications; newest first.");

    private static async Task<Results<Ok<NoticeList>, Refused>> ListAsync(Caller caller, City city, Database database, HttpContext http, string? type, Guid? exchange, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (caller.City != city.Id)
        {
            return new Refused(ForeignCity);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = (await connection.QueryAsync<Row>(new CommandDefinition("""
            select notice_id, department, role, type, exchange_id, dataset_id, reference, details::text as details, at
            from notices
            where (department = @Department or (department is null and (role <> 'authority' or @authority)))
              and (@type::text is null or type = @type) and (@exchange::uuid is null or exchange_id = @exchange)
              and (@after::uuid is null or notice_id < @after)
            order by notice_id desc
            limit @size
            """, new { caller.Department, authority = caller.Has(Roles.Authority), type, exchange, after, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        var english = http.Language() == "en";
        return TypedResults.Ok(new NoticeList([.. page.Select(row => View(row, english))], rows.Count > size ? Pages.Cursor(page[^1].NoticeId) : null));
    }

    private static NoticeView View(Row row, bool english)
    {
        var details = JsonSerializer.Deserialize<Dictionary<string, string>>(row.Details, Json.Options)!;
        var text = NoticeWords.Of(row.Type, details);
        return new NoticeView
        {
            Id = row.NoticeId,
            Type = row.Type,
            Title = english ? text.En : text.Zh,
            For = row.Role,
            ExchangeId = row.ExchangeId,
            DatasetId = row.DatasetId,
            Reference = row.Reference,
            Details = details,
            At = row.At,
        };
    }

    private static readonly Rule ForeignCity = new("foreign-city", 403, null,
        new("通知只向本市部门提供。", "A city's notices are for its own departments."),
        new("请在本部门所在城市查询。", "Ask your own city."));

    internal sealed record NoticeList(IReadOnlyList<NoticeView> Items, string? Next);

    internal sealed record NoticeView
    {
        public required Guid Id { get; init; }

        /// <summary>Stable, such as <c>request.reply_breached</c>.</summary>
        public required string Type { get; init; }

        /// <summary>What it says, in the reader's language.</summary>
        public required string Title { get; init; }

        /// <summary>The role it is meant for.</summary>
        public required string For { get; init; }

        public Guid? ExchangeId { get; init; }

        public Guid? DatasetId { get; init; }

        public string? Reference { get; init; }

        public required IReadOnlyDictionary<string, string> Details { get; init; }

        public required DateTimeOffset At { get; init; }
    }

    private sealed record Row
    {
        public required Guid NoticeId { get; init; }
        public string? Department { get; init; }
        public required string Role { get; init; }
        public required string Type { get; init; }
        public Guid? ExchangeId { get; init; }
        public Guid? DatasetId { get; init; }
        public string? Reference { get; init; }
        public required string Details { get; init; }
        public required DateTimeOffset At { get; init; }
    }
}
