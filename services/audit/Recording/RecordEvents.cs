using Exchange.Audit.Log;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Audit.Recording;

/// <summary>
/// Takes what the sources report and appends it to the log, the messages that are here at the same time in one transaction: the table of event ids is the inbox, so a repeated
/// message adds nothing. A record whose content can never be logged goes to the error queue alone; the others of its message are logged.
/// </summary>
internal sealed partial class RecordEvents(GroupCommit<SourceRecord> log, StartGate gate, ILogger<RecordEvents> logger) : IConsumer<AuditRecords>
{
    /// <summary>Messages in hand, each of up to 50 records.</summary>
    public const int AtOnce = 128;

    private static readonly Uri Errors = new($"exchange:{Topology.AuditQueue}_error");

    public async Task Consume(ConsumeContext<AuditRecords> context)
    {
        if (gate.Shut is { } reason)
        {
            throw new IOException($"Nothing is appended to the log: {reason}.");
        }

        var source = context.Message.Source;
        var impostor = Impostor(context);
        List<SourceRecord> records = [];
        List<(RecordedEvent? Recorded, string Fault)> faulty = [];
        foreach (var recorded in context.Message.Records)
        {
            var (record, fault) = impostor is null ? SourceRecord.Parse(source, recorded) : (null, impostor);
            if (record is not null)
            {
                records.Add(record);
            }
            else
            {
                faulty.Add((recorded, fault!));
            }
        }

        try
        {
            await log.CommitAsync(records);
        }
        catch (Exception fault) when (!TransientFault.Is(fault))
        {
            // The content was checked before, so the fault is the log's own. The records wait until it is mended; none of them is pushed aside.
            LogStuck(logger, fault);
            throw new IOException("The log cannot append at the moment.", fault);
        }

        // After the commit: a crash in between brings the message again, and then only this part of it is new.
        foreach (var (recorded, fault) in faulty)
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

    [LoggerMessage(Level = LogLevel.Critical, Message = "The log cannot append; its records wait")]
    private static partial void LogStuck(ILogger logger, Exception fault);

    [LoggerMessage(Level = LogLevel.Error, Message = "Audit record {EventId} of {Source} cannot be logged and goes to the error queue: {Fault}")]
    private static partial void LogFaulty(ILogger logger, Guid? eventId, string source, string fault);
}
