using System.Text;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;

namespace Exchange.Gateway.Federation;

/// <summary>A change as it is written to a stream; made once for all readers.</summary>
internal sealed record Frame(long Change, string City, byte[] Bytes)
{
    public static Frame Of(ChangeRow row, Guid epoch, ServiceSettings service)
    {
        var told = CloudEvent.Of(row, epoch, service);
        return new Frame(row.Change, row.City, [.. Encoding.UTF8.GetBytes($"id: {told.Id}\nevent: {told.Type}\ndata: "), .. told.ToJson(), .. "\n\n"u8]);
    }
}

/// <summary>
/// The newest changes, kept in memory for all streams of this replica: each is read and written out once, however many follow. Who is further behind reads from the table until it is here.
/// Nothing is kept while nobody follows.
/// </summary>
internal sealed partial class ChangeStream(Database database, Signal catalogue, ServiceSettings service, FeedSettings settings, ILogger<ChangeStream> log) : BackgroundService
{
    private const int PageSize = 200;
    private const int MostFrames = 4096;
    private const long MostBytes = 16 * 1024 * 1024;
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(1);

    private readonly Lock gate = new();
    private readonly Dictionary<string, int> readers = new(StringComparer.Ordinal);
    private readonly Signal news = new();
    private readonly Signal arrivals = new();
    private readonly SemaphoreSlim tableReaders = new(4);
    private readonly List<Frame> frames = [];
    private int streams;
    private long bytes;
    private Guid epoch;
    private long from;
    private long to;

    /// <summary>Ends when <see cref="After"/> may have something new.</summary>
    public Task Next => news.Next;

    /// <summary>A place for one more stream of this caller; null and the rule when there is none.</summary>
    public IDisposable? Enter(string subject, out Rule? full)
    {
        lock (gate)
        {
            full = streams >= settings.MostStreams ? TooManyStreams : readers.GetValueOrDefault(subject) >= settings.MostPerCaller ? TooManyOfCaller : null;
            if (full is not null)
            {
                return null;
            }

            readers[subject] = readers.GetValueOrDefault(subject) + 1;
            streams++;
        }

        arrivals.Tell();
        return new Seat(this, subject);
    }

    /// <summary>
    /// The frames behind a place, perhaps none. Null when the memory does not reach back that far: the table does.
    /// <paramref name="rebuilt"/> when the place is of another feed than the one that is followed now.
    /// </summary>
    public IReadOnlyList<Frame>? After(Guid placeEpoch, long place, out bool rebuilt)
    {
        lock (gate)
        {
            rebuilt = epoch != Guid.Empty && placeEpoch != epoch;
            if (epoch == Guid.Empty || rebuilt || place < from)
            {
                return null;
            }

            var low = 0;
            var high = frames.Count;
            while (low < high)
            {
                var middle = (low + high) >> 1;
                if (frames[middle].Change <= place)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle;
                }
            }

            return frames.GetRange(low, Math.Min(PageSize, frames.Count - low));
        }
    }

    /// <summary>The next frames from the table, and the place behind them. Few read at a time: many that come back at once share the database with everyone else.</summary>
    public async Task<(Guid Epoch, long Place, IReadOnlyList<Frame> Frames)> FromTableAsync(long place, IReadOnlyCollection<string>? cities, CancellationToken cancel)
    {
        await tableReaders.WaitAsync(cancel);
        try
        {
            await using var connection = await database.OpenAsync(cancel);
            var (position, rows) = await ChangeFeed.ReadAsync(connection, place, cities, PageSize, cancel);
            var last = rows.Count == PageSize ? rows[^1].Change : Math.Max(position.Change, rows.Count > 0 ? rows[^1].Change : 0);
            return (position.Epoch, last, rows.ConvertAll(row => Frame.Of(row, position.Epoch, service)));
        }
        finally
        {
            tableReaders.Release();
        }
    }

    public override void Dispose()
    {
        tableReaders.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var (changed, arrived) = (catalogue.Next, arrivals.Next);
            try
            {
                if (Volatile.Read(ref streams) == 0)
                {
                    Forget();
                    await arrived.WaitAsync(stoppingToken);
                }
                else if (!await ReadAsync(stoppingToken))
                {
                    await changed.WaitAsync(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
            }
            catch (Exception fault) when (!stoppingToken.IsCancellationRequested && TransientFault.Is(fault))
            {
                LogLater(log, fault.Message);
                await Task.Delay(Poll, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                // This process stops.
            }
        }
    }

    /// <summary>Takes in what is new; true when there may be more of it.</summary>
    private async Task<bool> ReadAsync(CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        // Only this loop moves the window, so it may look at it without the lock.
        var fresh = epoch == Guid.Empty;
        var (position, rows) = await ChangeFeed.ReadAsync(connection, fresh ? long.MaxValue : to, null, PageSize, cancel);
        var made = rows.ConvertAll(row => Frame.Of(row, position.Epoch, service));
        lock (gate)
        {
            if (fresh || position.Epoch != epoch || position.Change < to)
            {
                frames.Clear();
                bytes = 0;
                (epoch, from, to) = (position.Epoch, position.Change, position.Change);
            }
            else if (made.Count == 0)
            {
                return false;
            }
            else
            {
                frames.AddRange(made);
                bytes += made.Sum(frame => (long)frame.Bytes.Length);
                to = made[^1].Change;
                Trim();
            }
        }

        news.Tell();
        return made.Count == PageSize;
    }

    /// <summary>Half of it goes at once, so that each change is moved in memory once and not a thousand times.</summary>
    private void Trim()
    {
        if (frames.Count <= MostFrames && bytes <= MostBytes)
        {
            return;
        }

        var gone = frames.Count / 2;
        from = frames[gone - 1].Change;
        bytes -= frames.Take(gone).Sum(frame => (long)frame.Bytes.Length);
        frames.RemoveRange(0, gone);
    }

    private void Forget()
    {
        lock (gate)
        {
            frames.Clear();
            (epoch, from, to, bytes) = (Guid.Empty, 0, 0, 0);
        }
    }

    private void Leave(string subject)
    {
        lock (gate)
        {
            streams--;
            if (--readers[subject] == 0)
            {
                readers.Remove(subject);
            }
        }
    }

    private static readonly Rule TooManyStreams = new("too-many-streams", StatusCodes.Status503ServiceUnavailable, null,
        new("变更事件流的连接数已达上限。", "There are as many event streams as this gateway keeps."),
        new("请稍后重试，或改用 /api/catalogue/changes 轮询。", "Try again later, or poll /api/catalogue/changes."));

    private static readonly Rule TooManyOfCaller = new("too-many-streams-of-caller", StatusCodes.Status429TooManyRequests, null,
        new("该账号的变更事件流连接数已达上限。", "This account has as many event streams as one may have."),
        new("请关闭不用的连接；一个连接即可收到全部变更。", "Close those that are not used; one brings every change."));

    private sealed class Seat(ChangeStream stream, string subject) : IDisposable
    {
        private bool left;

        public void Dispose()
        {
            if (!left)
            {
                left = true;
                stream.Leave(subject);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The event streams wait for the database ({Reason})")]
    private static partial void LogLater(ILogger log, string reason);
}
