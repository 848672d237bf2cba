using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Webhooks;

/// <summary>A department has its notices sent to a system of its own, signed as Standard Webhooks says (github.com/standard-webhooks). The city's authority has its own notices sent.</summary>
internal static class KeepWebhooks
{
    private const int Most = 10;

    private static readonly Rule ForeignCity = new("foreign-city", StatusCodes.Status403Forbidden, null,
        new("通知只向本市部门推送。", "A city's notices are sent to its own departments."),
        new("请在本部门所在城市办理。", "Ask your own city."));

    private static readonly Rule TooMany = new("too-many-webhooks", StatusCodes.Status409Conflict, null,
        new($"每个部门最多 {Most} 个推送地址。", $"A department has at most {Most} webhooks."),
        new("请先删除不用的推送地址。", "Remove one that is not used."));

    /// <summary>Who keeps a department's webhooks.</summary>
    internal static readonly string[] Keepers = [Roles.Operator, Roles.SharingHead, Roles.Integrator, Roles.Authority];

    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapPost("", PostAsync).AllowCallers(Keepers).WritesOnce()
            .WithSummary("Has the department's notices sent to an address, all or those of some types. The secret that signs them is told in this answer only.");
        webhooks.MapGet("", ListAsync).AllowCallers(Keepers).WithSummary("The webhooks of the caller's department.");
        webhooks.MapDelete("/{id:guid}", DeleteAsync).AllowCallers(Keepers).Writes().WithSummary("Ends a webhook; what waits for it is not sent any more.");
    }

    /// <summary>Whose webhooks the caller keeps; operators belong to no department and keep the authority's.</summary>
    public static string? DepartmentOf(Caller caller, City city) => caller.City == city.Id ? caller.Department ?? city.Authority.Code : null;

    private static async Task<Results<Created<MadeWebhook>, Refused>> PostAsync(
        Body body, Caller caller, City city, Transaction transaction, ServiceSettings service, IHostEnvironment environment, TimeProvider clock, CancellationToken cancel)
    {
        if (DepartmentOf(caller, city) is not { } department)
        {
            return new Refused(ForeignCity);
        }

        var faults = new Faults();
        WebhookAddress.Check("url", body.Url, environment.IsProduction(), faults);
        var types = body.Types ?? [];
        foreach (var (i, type) in types.Index().Where(t => !NoticeWords.Types.Contains(t.Item)))
        {
            faults.Add($"types[{i}]", "unknown", null, new("没有这种通知。", "There is no such type of notice."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        // The lock keeps two who add at once from both being the last.
        await transaction.Connection.ExecuteAsync(new CommandDefinition("select pg_advisory_xact_lock(hashtextextended('webhooks ' || @department, 0))", new { department }, cancellationToken: cancel));
        if (await transaction.Connection.ExecuteScalarAsync<int>(new CommandDefinition(
            "select count(*)::int from webhooks where department = @department and removed_at is null", new { department }, cancellationToken: cancel)) >= Most)
        {
            return new Refused(TooMany);
        }

        var now = clock.Now();
        var id = Guid.CreateVersion7(now);
        var secret = WebhookSecret.Make();
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into webhooks (webhook_id, department, url, types, secret, created_by, created_at) values (@id, @department, @Url, @types, @secret, @Subject, @now)
            """, new { id, department, body.Url, types = types.Distinct(StringComparer.Ordinal).ToArray(), secret, caller.Subject, now }, cancellationToken: cancel));
        await transaction.RecordAsync(RecordOf("webhook.made", id, department, caller, body.Url!), cancel);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/webhooks", new MadeWebhook(id, body.Url!, types, WebhookSecret.Shown(secret)));
    }

    private static async Task<Results<Ok<WebhookList>, Refused>> ListAsync(Caller caller, City city, Database database, CancellationToken cancel)
    {
        if (DepartmentOf(caller, city) is not { } department)
        {
            return new Refused(ForeignCity);
        }

        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<Webhook>(new CommandDefinition("""
            select w.webhook_id as id, w.url, w.types, w.created_at,
                   (select count(*)::int from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'waiting') as waiting,
                   (select count(*)::int from webhook_deliveries d where d.webhook_id = w.webhook_id and d.state = 'failed') as failed
            from webhooks w
            where w.department = @department and w.removed_at is null
            order by w.webhook_id
            """, new { department }, cancellationToken: cancel));
        return TypedResults.Ok(new WebhookList([.. rows]));
    }

    private static async Task<Results<NoContent, Refused>> DeleteAsync(Guid id, Caller caller, City city, Transaction transaction, TimeProvider clock, CancellationToken cancel)
    {
        var department = DepartmentOf(caller, city);
        var url = await transaction.Connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition("""
            update webhooks set removed_at = @now where webhook_id = @id and department = @department and removed_at is null returning url
            """, new { id, department, now = clock.Now() }, cancellationToken: cancel));
        if (url is null)
        {
            return Pipeline.NotFound();
        }

        await WebhookLog.DropAsync(transaction.Connection, id, cancel);
        await transaction.RecordAsync(RecordOf("webhook.removed", id, department!, caller, url), cancel);
        return TypedResults.NoContent();
    }

    /// <summary>That notices leave the city is in the log: whose, and to which machine.</summary>
    private static AuditRecord RecordOf(string type, Guid id, string department, Caller caller, string url) => new()
    {
        Type = type,
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["webhook"] = id.ToString(), ["department"] = department, ["to"] = new Uri(url).GetLeftPart(UriPartial.Authority) },
        Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
    };

    internal sealed record Body
    {
        /// <summary>Absolute https address.</summary>
        public string? Url { get; init; }

        /// <summary>Types of notices, such as <c>request.received</c>; all when left out.</summary>
        public IReadOnlyList<string>? Types { get; init; }
    }

    /// <summary>A webhook with its secret, which is not told again.</summary>
    /// <param name="Id">Its id.</param>
    /// <param name="Url">Where notices go.</param>
    /// <param name="Types">Of which types; empty for all.</param>
    /// <param name="Secret">Key of the signature: <c>whsec_</c> and base64.</param>
    internal sealed record MadeWebhook(Guid Id, string Url, IReadOnlyList<string> Types, string Secret);

    internal sealed record WebhookList(IReadOnlyList<Webhook> Items);

    internal sealed record Webhook
    {
        public required Guid Id { get; init; }

        public required string Url { get; init; }

        /// <summary>Empty for all.</summary>
        public required string[] Types { get; init; }

        public required DateTimeOffset CreatedAt { get; init; }

        /// <summary>Deliveries that are still tried.</summary>
        public required int Waiting { get; init; }

        /// <summary>Deliveries that were given up.</summary>
        public required int Failed { get; init; }
    }
}
