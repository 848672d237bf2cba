using Exchange.Audit.Log;
using Exchange.Contracts;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Audit.Recording;

/// <summary>
/// Takes what the sources report, many messages at a time, and appends it to the log: the table of event ids is the inbox, so a repeated message adds nothing.
/// A record whose content can never be logged goes to the error queue alone; the others of its message and batch are logged.
/// </summary>
internal sealed partial class RecordEvents(LogWriter log, StartGate gate, ILogger<RecordEvents> logger) : IConsumer<Batch<AuditRecords>>
{
    public const int BatchLimit = 64;
    public static readonly TimeSpan BatchWindow = TimeSpan.FromMilliseconds(50);

    private static readonly Uri Errors = new($"exchange:{Topology.AuditQueue}_error");

    public async Task Consume(ConsumeContext<Batch<AuditRecords>> context)
    {
        if (gate.Shut is { } reason)
        {
            throw new IOException($"Nothing is appended to the log: {reason}.");
        }

        List<SourceRecord> records = [];
        List<Faulty> faulty = [];
        foreach (var message in context.Message)
        {
            var impostor = Impostor(message);
            foreach (var recorded in message.Message.Records)
            {
                var (record, fault) = impostor is null ? SourceRecord.Parse(message.Message.Source, recorded) : (null, impostor);
                if (record is not null)
                {
                    records.Add(record);
                }
                else
                {
                    faulty.Add(new Faulty(message.Message.Source, recorded, fault!));
                }
            }
        }

        try
        {
            await log.AppendAsync(records, context.CancellationToken);
        }
        catch (Exception fault) when (!TransientFault.Is(fault))
        {
            // The content was checked before, so the fault is the log's own. The records wait until it is mended; none of them is pushed aside.
            LogStuck(logger, fault);
            throw new IOException("The log cannot append at the moment.", fault);
        }

        // After the commit: a crash in between brings the message again, and then only this part of it is new.
        foreach (var (source, recorded, fault) in faulty)
        {
            LogFaulty(logger, recorded?.EventId, source, fault);
            var errors = await context.GetSendEndpoint(Errors);
            await errors.Send(new AuditRecords { Source = source, Records = [recorded!] }, send => send.Headers.Set("MT-Fault-Message", fault), context.CancellationToken);
        }
    }

    // The broker lets a service publish only under its own name, so the routing key says who really sent this. A message put back by an operator has another form of key.
    private static string? Impostor(ConsumeContext<AuditRecords> message)
    {
        var key = message.TryGetPayload<RabbitMqBasicConsumeContext>(out var delivery) ? delivery.RoutingKey ?? "" : "";
        return key.EndsWith(".audit", StringComparison.Ordinal) && key != $"{message.Message.Source}.audit"
            ? $"sent under {key} in the name of {message.Message.Source}"
            : null;
    }

    private sealed record Faulty(string Source, RecordedEvent? Recorded, string Fault);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The log cannot append; its records wait")]
    private static partial void LogStuck(ILogger logger, Exception fault);

    [LoggerMessage(Level = LogLevel.Error, Message = "Audit record {EventId} of {Source} cannot be logged and goes to the error queue: {Fault}")]
    private static partial void LogFaulty(ILogger logger, Guid? eventId, string source, string fault);
}
