using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Webhooks;
using Exchange.Hosting;
using Exchange.Hosting.Webhooks;

namespace Exchange.Catalogue.Deadlines;

/// <summary>Something that people of a department are told. Its type is stable; what it says to a reader is made from it on reading.</summary>
internal sealed record Notice
{
    /// <summary>Such as <c>request.received</c>, <c>clock.breached</c>.</summary>
    public required string Type { get; init; }

    /// <summary>Credit code; null: all departments of the city.</summary>
    public string? Department { get; init; }

    /// <summary>For whom in it.</summary>
    public required string Role { get; init; }

    public Guid? ExchangeId { get; init; }

    public Guid? DatasetId { get; init; }

    public string? Reference { get; init; }

    /// <summary>Codes, dates and names; no payload.</summary>
    public IReadOnlyDictionary<string, string> Details { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}

/// <summary>The one writer of <c>notices</c>: in the transaction of what they tell, so that none is lost or told twice. What is sent to departments' own systems is queued there too.</summary>
internal sealed class Notices(Transaction transaction, City city, WebhookSettings webhooks, TimeProvider clock)
{
    public async Task AddAsync(Notice notice, CancellationToken cancel)
    {
        var now = clock.Now();
        var id = Guid.CreateVersion7(now);
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into notices (notice_id, department, role, type, exchange_id, dataset_id, reference, details, at)
            values (@id, @Department, @Role, @Type, @ExchangeId, @DatasetId, @Reference, @details::jsonb, @now)
            """, new { id, notice.Department, notice.Role, notice.Type, notice.ExchangeId, notice.DatasetId, notice.Reference, details = JsonSerializer.Serialize(notice.Details, Json.Options), now }, cancellationToken: cancel));
        await SendWebhooks.QueueAsync(transaction, notice, id, city, webhooks, cancel);
    }
}
