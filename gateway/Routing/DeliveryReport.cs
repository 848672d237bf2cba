using System.Globalization;
using System.Threading.Channels;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using Yarp.ReverseProxy.Forwarder;

namespace Exchange.Gateway.Routing;

/// <summary>
/// The gateway's own report of a delivery: what it forwarded, counted and hashed on the way without keeping any of it. Together with the owning city's record
/// and the receiver's acknowledgement it lets an auditor see a delivery that one side left out.
/// </summary>
internal sealed partial class DeliveryReport(IServiceScopeFactory scopes, ILogger<DeliveryReport> log) : BackgroundService
{
    public const string DeliveryHeader = "Exchange-Delivery-Id";

    /// <summary>Credit codes of the two departments and the id of the dataset, told to the gateway by the owning city and not passed on.</summary>
    public const string RequestingHeader = "Exchange-Requesting";
    public const string ProvidingHeader = "Exchange-Providing";
    public const string DatasetHeader = "Exchange-Dataset";

    private const int BatchSize = 50;

    private readonly Channel<Report> reports = Channel.CreateBounded<Report>(new BoundedChannelOptions(10_000) { SingleReader = true });

    /// <summary>Runs in the proxy's pipeline, around the forwarding.</summary>
    public static async Task FollowAsync(HttpContext http, RequestDelegate next)
    {
        if (ExchangeOf(http.Request) is not { } exchange)
        {
            await next(http);
            return;
        }

        var body = http.Response.Body;
        await using var counted = new MeasuredStream(body);
        http.Response.Body = counted;
        try
        {
            await next(http);
        }
        finally
        {
            http.Response.Body = body;
            if (http.Items[typeof(Answer)] is Answer answer)
            {
                var complete = http.GetForwarderErrorFeature() is null && !http.RequestAborted.IsCancellationRequested
                    && (http.Response.ContentLength is not { } length || length == counted.Count);
                // A department's service may fail once the delivery is open: then only the reason was forwarded.
                var report = new Report(exchange, answer, http.Response.StatusCode >= StatusCodes.Status400BadRequest ? "failed" : complete ? "complete" : "aborted", counted.Count, counted.Sha256, http.Response.StatusCode);
                await http.RequestServices.GetRequiredService<DeliveryReport>().RecordAsync(report);
            }
        }
    }

    /// <summary>Takes note of what the owning city says about the delivery; called by the response transform before it withholds those headers.</summary>
    public static void Note(HttpContext http, HttpResponseMessage response)
    {
        if (One(DeliveryHeader) is { } delivery && Guid.TryParse(delivery, out var id))
        {
            http.Items[typeof(Answer)] = new Answer(id, One(RequestingHeader), One(ProvidingHeader), Guid.TryParse(One(DatasetHeader), out var dataset) ? dataset : null);
        }

        string? One(string name) => response.Headers.TryGetValues(name, out var values) ? values.First() : null;
    }

    /// <summary>Waits a moment for the record to be committed, so that a client that has seen the end of its data can ask for the proof; a slow database does not hold it longer.</summary>
    private async Task RecordAsync(Report report)
    {
        if (!reports.Writer.TryWrite(report))
        {
            LogLost(log, report.Answer.DeliveryId);
            return;
        }

        await Task.WhenAny(report.Recorded.Task, Task.Delay(TimeSpan.FromSeconds(2)));
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Reports that are waiting are still written while the service stops: the channel ends, not the loop.
        using var end = stoppingToken.Register(() => reports.Writer.TryComplete());
        while (await reports.Reader.WaitToReadAsync(CancellationToken.None))
        {
            List<Report> batch = [];
            while (batch.Count < BatchSize && reports.Reader.TryRead(out var report))
            {
                batch.Add(report);
            }

            await WriteAsync(batch, stoppingToken);
        }
    }

    private async Task WriteAsync(List<Report> batch, CancellationToken stopping)
    {
        while (true)
        {
            try
            {
                await using var scope = scopes.CreateAsyncScope();
                var transaction = scope.ServiceProvider.GetRequiredService<Transaction>();
                await transaction.BeginAsync(CancellationToken.None);
                foreach (var report in batch)
                {
                    await transaction.RecordAsync(report.Record(), CancellationToken.None);
                }

                await transaction.CommitAsync(CancellationToken.None);
                batch.ForEach(report => report.Recorded.TrySetResult());
                return;
            }
            catch (Exception fault) when (TransientFault.Is(fault) && !stopping.IsCancellationRequested)
            {
                LogWaiting(log, batch.Count, fault.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception fault)
            {
                LogFailed(log, fault, string.Join(", ", batch.Select(report => report.Answer.DeliveryId)));
                return;
            }
        }
    }

    /// <summary>The exchange of <c>GET /api/cities/{city}/grants/{id}/data</c>, <c>GET …/changes</c>, <c>GET …/files/{name}</c>, <c>GET …/preview</c>, <c>GET …/files/{name}/preview</c> or <c>GET, POST …/service/…</c>, or null for any other request.</summary>
    private static Guid? ExchangeOf(HttpRequest request)
    {
        if (request.Path.Value!.Trim('/').ToLowerInvariant().Split('/') is not ["api", "cities", _, "grants", var id, var what, .. var rest] || !Guid.TryParse(id, out var exchange))
        {
            return null;
        }

        var delivers = (what, rest.Length) switch
        {
            ("data" or "changes" or "preview", 0) or ("files", 1) => HttpMethods.IsGet(request.Method),
            ("files", 2) => rest[1] == "preview" && HttpMethods.IsGet(request.Method),
            ("service", > 0) => HttpMethods.IsGet(request.Method) || HttpMethods.IsPost(request.Method),
            _ => false,
        };
        return delivers ? exchange : null;
    }

    private sealed record Answer(Guid DeliveryId, string? Requesting, string? Providing, Guid? Dataset);

    private sealed record Report(Guid Exchange, Answer Answer, string Result, long Bytes, string Sha256, int Status)
    {
        public TaskCompletionSource Recorded { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public AuditRecord Record() => new()
        {
            Type = "gateway.delivered",
            ExchangeId = Exchange,
            Requesting = Answer.Requesting,
            Providing = Answer.Providing,
            Service = Answer.Dataset,
            Result = Result,
            Bytes = Bytes,
            Details = new Dictionary<string, string>
            {
                ["delivery_id"] = Answer.DeliveryId.ToString(),
                ["sha256"] = Sha256,
                ["status"] = Status.ToString(CultureInfo.InvariantCulture),
            },
        };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} delivery report(s) wait for the database ({Reason})")]
    private static partial void LogWaiting(ILogger log, int count, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The reports of the deliveries {Deliveries} could not be recorded")]
    private static partial void LogFailed(ILogger log, Exception fault, string deliveries);

    [LoggerMessage(Level = LogLevel.Error, Message = "The report of delivery {Delivery} is lost: too many wait for the database")]
    private static partial void LogLost(ILogger log, Guid delivery);
}
