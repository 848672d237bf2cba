using System.Net.Http.Headers;
using System.Text;

namespace Exchange.Tests.Federation;

/// <summary>One server-sent event as a client sees it; a block without data only moves the id.</summary>
internal sealed record ServerEvent(string? Id, string? Type, string? Data, string Text);

/// <summary>Reads a stream as the specification of server-sent events says: what was not ended by an empty line when the connection went is not there.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan };
    private readonly List<byte> pending = [];
    private readonly byte[] buffer = new byte[8192];
    private HttpResponseMessage? answer;
    private Stream? stream;

    /// <summary>Connects and answers the status; anything but 200 has no events.</summary>
    public async Task<int> ConnectAsync(Uri address, string token, string? lastEventId)
    {
        Close();
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (lastEventId is not null)
        {
            request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
        }

        answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        stream = await answer.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
        return (int)answer.StatusCode;
    }

    /// <summary>What was answered in place of a stream.</summary>
    public async Task<string> BodyAsync()
    {
        using var text = new StreamReader(stream!);
        return await text.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>The events of what comes next, at most so many bytes of it; null at the end of the stream.</summary>
    public async Task<IReadOnlyList<ServerEvent>?> ReadAsync(int mostBytes = int.MaxValue)
    {
        var read = await stream!.ReadAsync(buffer.AsMemory(0, Math.Min(buffer.Length, mostBytes)), TestContext.Current.CancellationToken);
        if (read == 0)
        {
            return null;
        }

        pending.AddRange(buffer.AsSpan(0, read));
        LastRead = read;
        List<ServerEvent> events = [];
        var start = 0;
        for (var i = 1; i < pending.Count; i++)
        {
            if (pending[i] == '\n' && pending[i - 1] == '\n')
            {
                events.Add(Parse(Encoding.UTF8.GetString([.. pending.GetRange(start, i + 1 - start)])));
                start = i + 1;
            }
        }

        pending.RemoveRange(0, start);
        return events;
    }

    /// <summary>Bytes of the last reading.</summary>
    public int LastRead { get; private set; }

    /// <summary>Reads until an event is what is looked for; null when the stream ended before.</summary>
    public async Task<ServerEvent?> FindAsync(Func<ServerEvent, bool> wanted)
    {
        while (await ReadAsync() is { } events)
        {
            if (events.FirstOrDefault(wanted) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>Cuts the connection, in the middle of an event or not.</summary>
    public void Close()
    {
        stream?.Dispose();
        answer?.Dispose();
        (stream, answer) = (null, null);
        pending.Clear();
    }

    public void Dispose()
    {
        Close();
        client.Dispose();
    }

    private static ServerEvent Parse(string block)
    {
        var lines = block.Split('\n');
        return new ServerEvent(Field("id: "), Field("event: "), Field("data: "), block);

        string? Field(string name) => lines.FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
    }
}
