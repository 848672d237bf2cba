using System.Threading.Channels;
using Microsoft.Extensions.Hosting;

namespace Exchange.Hosting;

/// <summary>
/// What arrives while one transaction commits goes into the next one together: a lone item waits for nobody, and the more there is the larger the transactions become.
/// Each caller goes on only once its own items are committed.
/// </summary>
/// <param name="commit">Takes up what came, in one transaction.</param>
/// <param name="most">About so many items at once.</param>
public sealed class GroupCommit<T>(Func<IReadOnlyList<T>, Task> commit, int most) : BackgroundService
{
    private readonly Channel<Entry> waiting = Channel.CreateUnbounded<Entry>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Throws what the transaction threw; whether it was committed may then be open, and the items must come again.</summary>
    public async Task CommitAsync(IReadOnlyCollection<T> items)
    {
        var entry = new Entry(items);
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
            for (var items = 0; items < most && waiting.Reader.TryRead(out var entry); items += entry.Items.Count)
            {
                group.Add(entry);
            }

            try
            {
                await commit([.. group.SelectMany(entry => entry.Items)]);
                group.ForEach(entry => entry.Done.SetResult());
            }
            catch (Exception fault)
            {
                group.ForEach(entry => entry.Done.SetException(fault));
            }
        }
    }

    private sealed record Entry(IReadOnlyCollection<T> Items)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
