using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Exchange.Tests.Faults;

/// <summary>
/// A line between a process and something it talks to, which a test can cut, hold or listen in on: a TCP relay on a port of its own.
/// Held bytes are kept, and lost when their connection ends: the peer never sees them, as when a cable is pulled.
/// </summary>
internal sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly int target;
    private readonly CancellationTokenSource ended = new();
    private readonly Lock gate = new();
    private readonly HashSet<Connection> connections = [];
    private TaskCompletionSource toServer = Open();
    private TaskCompletionSource toClient = Open();
    private Watch? watched;
    private volatile bool cut;

    public Wire(int target)
    {
        this.target = target;
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Ends every connection and refuses new ones, until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        cut = true;
        CutConnections();
    }

    /// <summary>Ends the connections there are; what was held on them is lost. New ones may be made.</summary>
    public void CutConnections()
    {
        Connection[] all;
        lock (gate)
        {
            all = [.. connections];
        }

        foreach (var connection in all)
        {
            connection.Dispose();
        }
    }

    /// <summary>From now on nothing that the process sends arrives; what comes back still does.</summary>
    public void HoldSent() => Close(ref toServer);

    /// <summary>From now on the process hears nothing; what it sends still arrives. Half-open, as TCP sees it.</summary>
    public void HoldAnswers() => Close(ref toClient);

    /// <summary>Lets everything through again, also what was held.</summary>
    public void Mend()
    {
        cut = false;
        toServer.TrySetResult();
        toClient.TrySetResult();
    }

    /// <summary>
    /// On the connection on which the process sends <paramref name="marker"/>: when it then sends <paramref name="text"/>, that arrives, and no answer to it comes
    /// back on that connection. The task ends once the text has been sent on.
    /// </summary>
    public Task HoldAnswerTo(string marker, string text)
    {
        var watch = new Watch(Encoding.ASCII.GetBytes(marker), Encoding.ASCII.GetBytes(text));
        watched = watch;
        return watch.Seen.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await ended.CancelAsync();
        listener.Stop();
        CutConnections();
        ended.Dispose();
    }

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        open.SetResult();
        return open;
    }

    private static void Close(ref TaskCompletionSource way)
    {
        if (way.Task.IsCompleted)
        {
            way = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private async Task AcceptAsync()
    {
        while (!ended.IsCancellationRequested)
        {
            try
            {
                _ = RunAsync(await listener.AcceptTcpClientAsync(ended.Token));
            }
            catch (Exception fault) when (fault is SocketException or OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task RunAsync(TcpClient client)
    {
        client.NoDelay = true;
        var server = new TcpClient { NoDelay = true };
        using var connection = new Connection(client, server);
        if (cut)
        {
            return;
        }

        lock (gate)
        {
            connections.Add(connection);
        }

        try
        {
            await server.ConnectAsync(IPAddress.Loopback, target, connection.Ended);
            await Task.WhenAny(SendOnAsync(connection), AnswerAsync(connection));
        }
        catch (Exception fault) when (fault is SocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The other end is gone, and so is this line.
        }
        finally
        {
            lock (gate)
            {
                connections.Remove(connection);
            }
        }
    }

    private async Task SendOnAsync(Connection connection)
    {
        var buffer = new byte[64 * 1024];
        while (await connection.Client.ReadAsync(buffer, connection.Ended) is > 0 and var read)
        {
            var watch = watched;
            connection.Marked |= watch is not null && buffer.AsSpan(0, read).IndexOf(watch.Marker) >= 0;
            var hit = watch is not null && connection.Marked && buffer.AsSpan(0, read).IndexOf(watch.Text) >= 0 && Interlocked.CompareExchange(ref watched, null, watch) == watch;
            // Before it is sent, so that not even a quick answer gets through.
            connection.Deaf |= hit;
            await toServer.Task.WaitAsync(connection.Ended);
            await connection.Server.WriteAsync(buffer.AsMemory(0, read), connection.Ended);
            if (hit)
            {
                watch!.Seen.SetResult();
            }
        }
    }

    private async Task AnswerAsync(Connection connection)
    {
        var buffer = new byte[64 * 1024];
        while (await connection.Server.ReadAsync(buffer, connection.Ended) is > 0 and var read)
        {
            await toClient.Task.WaitAsync(connection.Ended);
            if (connection.Deaf)
            {
                continue;
            }

            await connection.Client.WriteAsync(buffer.AsMemory(0, read), connection.Ended);
        }
    }

    private sealed record Watch(byte[] Marker, byte[] Text)
    {
        public TaskCompletionSource Seen { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Connection(TcpClient client, TcpClient server) : IDisposable
    {
        private readonly CancellationTokenSource ended = new();
        private int over;

        public NetworkStream Client => client.GetStream();

        public NetworkStream Server => server.GetStream();

        public CancellationToken Ended => ended.Token;

        /// <summary>The watched marker was sent here.</summary>
        public bool Marked { get; set; }

        /// <summary>What the server answers from now on is lost.</summary>
        public bool Deaf { get; set; }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref over, 1) == 1)
            {
                return;
            }

            // Reset rather than a polite end: the peer must not take it for one.
            Reset(client);
            Reset(server);
            ended.Cancel();
        }

        private static void Reset(TcpClient end)
        {
            try
            {
                // Null once it was closed.
                end.Client?.LingerState = new LingerOption(true, 0);
            }
            catch (Exception fault) when (fault is SocketException or ObjectDisposedException)
            {
                // Closed already.
            }

            end.Dispose();
        }
    }
}
