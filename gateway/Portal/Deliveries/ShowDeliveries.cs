using Exchange.Gateway.Portal.Requests;
using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Deliveries;

/// <summary>The deliveries under a grant with their receipts; each can be acknowledged, and proven by a file from the log.</summary>
internal static class ShowDeliveries
{
    /// <summary>So many events of an exchange are looked through for a delivery's.</summary>
    private const int MostPages = 40;

    private static readonly Rule NotYetLogged = new("delivery-not-logged", StatusCodes.Status409Conflict, "第29条",
        new("这次交付的记录尚未写入审计日志。", "The log does not have this delivery yet."),
        new("请稍后再取证明。", "Ask for the proof again in a moment."));

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/requests/{id:guid}/deliveries", ListAsync).ForSignedIn();
        pages.MapPage("/requests/{id:guid}/deliveries/{delivery:guid}", ShowAsync).ForSignedIn();
        pages.MapForm("/requests/{id:guid}/deliveries/{delivery:guid}", AcknowledgeAsync).ForSignedIn(Roles.Officer);
        pages.MapPage("/requests/{id:guid}/record", RecordAsync).ForSignedIn();
        pages.MapForm("/requests/{id:guid}/proof", ProveAsync).ForSignedIn();
    }

    private static async Task<IResult> ListAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var receipts = await api.GetAsync<IReadOnlyList<Receipt>>($"{request!.GrantAddress}/deliveries", cancel);
        return visit.Page<DeliveriesPage, DeliveriesModel>(new DeliveriesModel { Request = request, Receipts = receipts.Value ?? [], Problem = receipts.Status == StatusCodes.Status404NotFound ? null : receipts.Problem });
    }

    private static Task<IResult> ShowAsync(Guid id, Guid delivery, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, delivery, visit, api, null, cancel);

    private static async Task<IResult> PageAsync(Guid id, Guid delivery, Visit visit, ApiClient api, Problem? problem, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var receipt = await api.GetAsync<Receipt>($"{request!.GrantAddress}/deliveries/{delivery}", cancel);
        return receipt.Succeeded
            ? visit.Page<ReceiptPage, ReceiptModel>(new ReceiptModel { Request = request, Receipt = receipt.Value!, Problem = problem }, problem?.Status ?? StatusCodes.Status200OK)
            : visit.Refusal(receipt.Problem);
    }

    private static async Task<IResult> AcknowledgeAsync(Guid id, Guid delivery, Visit visit, ApiClient api, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var answer = await api.PostAsync<object>($"{request!.GrantAddress}/deliveries/{delivery}/acknowledge", new { Sha256 = visit.Form["sha256"].ToString(), Bytes = Count("bytes"), Rows = Count("rows") }, null, null, cancel);
        return answer.Succeeded ? visit.SeeOther($"/requests/{id}/deliveries/{delivery}?done") : await PageAsync(id, delivery, visit, api, answer.Problem, cancel);

        long? Count(string field) => long.TryParse(visit.Form[field].ToString().Replace(",", "", StringComparison.Ordinal).Trim(), System.Globalization.NumberStyles.AllowLeadingSign, System.Globalization.CultureInfo.InvariantCulture, out var count) ? count : null;
    }

    private static async Task<IResult> RecordAsync(Guid id, Visit visit, ApiClient api, string? cursor, CancellationToken cancel)
    {
        var (request, refusal) = await ShowRequest.FindAsync(id, visit, api, cancel);
        if (refusal is not null)
        {
            return refusal;
        }

        var answer = await api.GetAsync<ExchangeRecord>($"/api/audit/exchanges/{id}?limit=100{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}", cancel);
        return visit.Page<RecordPage, RecordModel>(new RecordModel { Request = request!, Record = answer.Value, Problem = answer.Problem });
    }

    /// <summary>The proof file as the log gives it: of the event that is named, or of how the delivery ended.</summary>
    private static async Task<IResult> ProveAsync(Guid id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        int year;
        if (Guid.TryParse(visit.Form["delivery"], out var delivery))
        {
            if (await FindAsync(id, delivery, api, cancel) is not { } ended)
            {
                return new Refused(NotYetLogged);
            }

            (year, delivery) = (ended.Year, ended.EventId);
        }
        else if (!Guid.TryParse(visit.Form["event"], out delivery) || !int.TryParse(visit.Form["year"], System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out year))
        {
            return Pipeline.NotFound();
        }

        using var proof = await api.OpenAsync(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"/api/audit/log/{year}/proof/{delivery}"), null, cancel);
        if (!proof.IsSuccessStatusCode)
        {
            return visit.Refusal(await api.ProblemOfAsync(proof, cancel));
        }

        return TypedResults.File(await proof.Content.ReadAsByteArrayAsync(cancel), "text/plain; charset=utf-8", $"{delivery}.tlog-proof");
    }

    private static async Task<RecordedEvent?> FindAsync(Guid exchange, Guid delivery, ApiClient api, CancellationToken cancel)
    {
        string? cursor = null;
        for (var page = 0; page < MostPages; page++)
        {
            var answer = await api.GetAsync<ExchangeRecord>($"/api/audit/exchanges/{exchange}?limit=500{(cursor is null ? "" : $"&cursor={Uri.EscapeDataString(cursor)}")}", cancel);
            if (answer.Value?.Events.FirstOrDefault(one => one.Type == "delivery.ended" && one.DeliveryId == delivery) is { } ended)
            {
                return ended;
            }

            if (answer.Value?.Next is not { } next)
            {
                return null;
            }

            cursor = next;
        }

        return null;
    }
}

/// <summary>The deliveries under a grant, newest first.</summary>
public sealed record DeliveriesModel
{
    public required RequestView Request { get; init; }
    public required IReadOnlyList<Receipt> Receipts { get; init; }
    public Problem? Problem { get; init; }
}

/// <summary>One delivery.</summary>
public sealed record ReceiptModel
{
    public required RequestView Request { get; init; }
    public required Receipt Receipt { get; init; }
    public Problem? Problem { get; init; }

    public string? ErrorAt(string field) => Problem?.Errors?.FirstOrDefault(error => error.Field == field)?.Message;
}

/// <summary>What the log has of the exchange.</summary>
public sealed record RecordModel
{
    public required RequestView Request { get; init; }

    /// <summary>Null while the log does not answer, or has nothing.</summary>
    public ExchangeRecord? Record { get; init; }

    public Problem? Problem { get; init; }
}
