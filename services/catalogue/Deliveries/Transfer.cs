using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace Exchange.Catalogue.Deliveries;

/// <summary>What one delivery sends, and how.</summary>
internal sealed record Shipment
{
    /// <summary>Word for the form in log and receipt: <c>csv</c>, <c>json</c>, <c>ndjson</c>, <c>file</c>, <c>service</c>, <c>preview</c>.</summary>
    public required string Form { get; init; }

    /// <summary>The data items that go out. When the grant no longer has one of them, a running transfer is cut.</summary>
    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>Sets status and headers of the answer; the transfer's own come by themselves.</summary>
    public required Action<HttpResponse> Head { get; init; }

    /// <summary>Writes the body. The token ends when the caller is gone or the grant is.</summary>
    public required Func<Stream, CancellationToken, Task> Write { get; init; }

    /// <summary>Bytes of the body, where they are known before; 0: not known.</summary>
    public long Bytes { get; init; }

    /// <summary>Rows read so far; left out for what is not counted in rows.</summary>
    public Func<long>? Rows { get; init; }

    /// <summary>Further facts in clear for the records of opening and end and for the receipt; never personal data.</summary>
    public IReadOnlyDictionary<string, string>? Facts { get; init; }

    /// <summary>What the receipt shows beside them and the log only commits to.</summary>
    public string? FileName { get; init; }
}

/// <summary>The source broke off in the middle: not the receiver's doing and not the grant's.</summary>
internal sealed class SourceFailedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The source refused or failed before a byte of it was sent: the delivery ends as failed, and the caller is told why.</summary>
internal sealed class NothingSentException(Refused why) : Exception
{
    public Refused Why => why;
}

/// <summary>
/// What every transfer under a grant has in common. No record, no exchange: the opening is committed before the first byte leaves, the end with bytes and SHA-256 after the last, and while
/// that cannot be written the receiver is not shown the end of its data. A grant that ends, is suspended, narrowed or runs out cuts the transfer, also one that waits for a slow reader.
/// </summary>
internal sealed partial class Transfer(Database database, DeliveryLog deliveries, GrantWatch watch, AuditWatch audit, TimeProvider clock, IHostApplicationLifetime life, ILogger<Transfer> log)
{
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    internal static readonly Rule NotActive = new("grant-not-active", StatusCodes.Status403Forbidden, "第27条",
        new("该共享授权当前不可使用。", "The grant cannot be used now."),
        new("请查看授权的状态与期限；如需继续使用，请由本部门重新提出申请。", "See the grant's state and term; to go on using the data, your department asks anew."));

    internal static readonly Rule SourceSilent = new("source-not-ready", StatusCodes.Status503ServiceUnavailable, "第22条",
        new("数据源暂时没有响应。", "The dataset's source does not answer at the moment."),
        new("请稍后重试；持续不可用时请联系提供方的共享工作机构。", "Retry later; if it lasts, ask the provider's sharing office."));

    private static readonly Rule GrantChanged = new("grant-changed", StatusCodes.Status503ServiceUnavailable, null,
        new("该共享授权刚刚变更。", "The grant has changed at this moment."),
        new("请重试；数据将按变更后的授权提供。", "Retry; the data comes as the grant says now."));

    /// <summary>
    /// The grant that the call is under; else what is answered to it: it is not the receiver's, cannot be used now, or was given for another purpose than the call states.
    /// State and quotas are looked at again in the opening's own transaction.
    /// </summary>
    public async Task<(Grant? Grant, Refused? Refused)> EnterAsync(Guid id, Caller caller, City city, HttpContext http)
    {
        if (await ReadGrants.FindAsync(database, id, caller, city, http.RequestAborted) is not { } grant || caller.City != grant.AskingCity || caller.Department != grant.AskingDepartment)
        {
            return (null, Pipeline.NotFound());
        }

        return !GrantWatch.Usable(grant.State, grant.ValidUntil, clock)
            ? (null, new Refused(NotActive, new($"状态：{grant.State}；使用时限：{grant.ValidUntil:yyyy-MM-dd}。", $"State: {grant.State}; last day of use: {grant.ValidUntil:yyyy-MM-dd}.")))
            : PurposeCode.Check(http.Request, grant) is { } other ? (null, other) : (grant, null);
    }

    /// <summary>Null when the log keeps up, so that data may pass at all.</summary>
    public Refused? Behind => audit.Refusal;

    /// <summary>Opens the delivery, sends it and ends it. What is returned is a refusal while nothing was sent, else nothing.</summary>
    public async Task<IResult> RunAsync(HttpContext http, Grant grant, string subject, Shipment shipment)
    {
        var delivery = Guid.CreateVersion7(clock.GetUtcNow());
        var (opened, allowance) = await deliveries.OpenAsync(delivery, grant, subject, shipment);
        allowance?.Tell(http.Response, clock.GetUtcNow());
        if (!opened)
        {
            if (allowance?.Exceeded(shipment.Bytes) is { } line)
            {
                return allowance.Refusal(line, clock.GetUtcNow());
            }

            return await IsUsableAsync(grant.ExchangeId, http.RequestAborted) ? new Refused(GrantChanged) { RetryAfter = 1 } : new Refused(NotActive);
        }

        return await SendAsync(delivery, grant, shipment, allowance!, http) is { } refused ? refused : Results.Empty;
    }

    /// <summary>Nothing is sent under terms that are no longer the grant's; the caller may come again for what they are now.</summary>
    private async Task<bool> IsUsableAsync(Guid exchange, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var (state, until) = await connection.QuerySingleAsync<(string State, DateOnly Until)>(new CommandDefinition(
            "select state, valid_until from grants where exchange_id = @exchange", new { exchange }, cancellationToken: cancel));
        return GrantWatch.Usable(state, until, clock);
    }

    private async Task<Refused?> SendAsync(Guid delivery, Grant grant, Shipment shipment, Allowance allowance, HttpContext http)
    {
        var response = http.Response;
        shipment.Head(response);
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Exchange-Delivery-Id"] = delivery.ToString();
        response.Headers["Exchange-Requesting"] = grant.AskingDepartment;
        response.Headers["Exchange-Providing"] = grant.OwningDepartment;
        response.Headers["Exchange-Dataset"] = grant.DatasetId.ToString();
        http.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();

        var outcome = "failed";
        using var running = watch.Follow(delivery, shipment.Fields, http.Abort, http.RequestAborted);
        await using var body = new MeasuredStream(response.Body, (sent, more) =>
        {
            if (allowance.Beyond(shipment.Rows?.Invoke() ?? 0, sent + more) is not { } line)
            {
                return;
            }

            if (sent == 0)
            {
                throw new NothingSentException(allowance.Refusal(line, clock.GetUtcNow()));
            }

            running.End(GrantWatch.Beyond);
            throw new OperationCanceledException($"It would go beyond {line.Name}.", running.Token);
        });
        try
        {
            await shipment.Write(body, running.Token);
            await body.FlushAsync(running.Token);
            if (!running.TryComplete())
            {
                throw new OperationCanceledException(running.Token);
            }

            outcome = "complete";
            return null;
        }
        catch (NothingSentException fault) when (!response.HasStarted)
        {
            return fault.Why;
        }
        catch (Exception fault) when (fault is OperationCanceledException or IOException || (running.Token.IsCancellationRequested && fault is NpgsqlException))
        {
            outcome = running.Cut == GrantWatch.Unwatched ? "failed" : "aborted";
            http.Abort();
        }
        catch (Exception fault) when (fault is NpgsqlException or SourceFailedException)
        {
            LogBroken(log, fault, delivery);
            http.Abort();
        }
        finally
        {
            await CloseAlwaysAsync(delivery, grant, shipment, outcome, running.Cut, body, http);
        }

        return null;
    }

    /// <summary>
    /// The receiver is not shown the end of its data before that is recorded: while it cannot be, the transfer counts as broken off, and what was sent is recorded
    /// once the database is back. A body whose length was announced shows its end by its last byte: it has arrived, and is recorded as whole, only later. When this process stops before that, the next one in its seat ends the delivery.
    /// </summary>
    private async Task CloseAlwaysAsync(Guid delivery, Grant grant, Shipment shipment, string outcome, string? cut, MeasuredStream body, HttpContext http)
    {
        while (true)
        {
            try
            {
                // The caller may be gone; what was sent is recorded all the same.
                await deliveries.CloseAsync(delivery, grant, shipment, outcome, cut, body.Count, body.Sha256);
                return;
            }
            catch (Exception fault) when (TransientFault.Is(fault))
            {
                LogUnended(log, fault, delivery);
                if (http.Response.ContentLength is not { } announced || announced != body.Count)
                {
                    outcome = outcome == "complete" ? "aborted" : outcome;
                    http.Abort();
                }
            }

            if (life.ApplicationStopping.IsCancellationRequested)
            {
                return;
            }

            await Task.Delay(TryAgain, life.ApplicationStopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The end of delivery {Delivery} could not be written; its receiver is cut off and it is tried again")]
    private static partial void LogUnended(ILogger log, Exception fault, Guid delivery);

    [LoggerMessage(Level = LogLevel.Error, Message = "Delivery {Delivery} broke off: its source failed")]
    private static partial void LogBroken(ILogger log, Exception fault, Guid delivery);
}
