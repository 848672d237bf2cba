using System.Threading.Channels;
using Exchange.Audit.Recording;

namespace Exchange.Audit.Log;

/// <summary>
/// What arrives while one append commits goes into the next one together: a lone message waits for nobody, and the more there is the larger the appends become.
/// Each caller goes on only once its own records are committed.
/// </summary>
internal sealed class GroupCommit(LogWriter log) : BackgroundService
{
    private const int MostRecords = 4096;

    private readonly Channel<Entry> waiting = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Throws what the append threw; whether it was committed may then be open, and the records must come again.</summary>
    public async Task AppendAsync(IReadOnlyCollection<SourceRecord> records)
    {
        var entry = new Entry(records);
        if (!waiting.Writer.TryWrite(entry))
        {
            throw new OperationCanceledException("The service stops.");
        }
        await entry.Done.Task;
    }

    public override Task StopAsync(CancellationToken cancellationToken)
    {
        waiting.Writer.TryComplete();
        return base.StopAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // To the end of what was taken on: the consumers that wait for it stop only then.
        while (await waiting.Reader.WaitToReadAsync(CancellationToken.None))
        {
            List<Entry> group = [];
            for (var records = 0; records < MostRecords && waiting.Reader.TryRead(out var entry); records += entry.Records.Count)
            {
                group.Add(entry);
            }
            try
            {
                await log.AppendAsync([.. group.SelectMany(entry => entry.Records)], CancellationToken.None);
                group.ForEach(entry => entry.Done.SetResult());
            }
            catch (Exception fault)
            {
                group.ForEach(entry => entry.Done.SetException(fault));
            }
        }
    }

    private sealed record Entry(IReadOnlyCollection<SourceRecord> Records)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
