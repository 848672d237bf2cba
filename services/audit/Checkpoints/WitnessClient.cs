using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Exchange.Hosting.Transparency;

namespace Exchange.Audit.Checkpoints;

/// <summary>Speaks c2sp.org/tlog-witness v1.0.0 with one witness, at whichever of its addresses answers.</summary>
internal sealed class WitnessClient(IReadOnlyList<Uri> addresses, HttpClient http)
{
    /// <summary>By year, the size it cosigned last for this process, and when.</summary>
    public ConcurrentDictionary<int, (long Size, long At)> Cosigned { get; } = [];

    /// <summary>The cosignature, or the size from which the witness wants the proof.</summary>
    public async Task<(SignatureLine? Line, long? Knows)> AddAsync(long old, IEnumerable<byte[]> proof, string note, CancellationToken cancel)
    {
        var body = string.Create(CultureInfo.InvariantCulture, $"old {old}\n{string.Concat(proof.Select(hash => Convert.ToBase64String(hash) + "\n"))}\n{note}");
        using var answer = await AskAsync(address => new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/witness/add-checkpoint")) { Content = new StringContent(body, Encoding.UTF8, "text/plain") }, cancel);
        var text = await answer.Content.ReadAsStringAsync(cancel);
        if (answer.StatusCode == HttpStatusCode.Conflict && answer.Content.Headers.ContentType?.MediaType == "text/x.tlog.size" && long.TryParse(text.TrimEnd('\n'), NumberStyles.None, CultureInfo.InvariantCulture, out var size))
        {
            return (null, size);
        }
        return answer.StatusCode == HttpStatusCode.OK && SignatureLine.Parse(text.TrimEnd('\n')) is { } line
            ? (line, null)
            : throw new HttpRequestException($"{(int)answer.StatusCode} {text.TrimEnd('\n')}");
    }

    /// <summary>What it cosigned last of this log; null when it knows none.</summary>
    public async Task<Note?> LastAsync(string origin, CancellationToken cancel)
    {
        var path = $"/witness/{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(origin)))}/checkpoint";
        using var answer = await AskAsync(address => new HttpRequestMessage(HttpMethod.Get, new Uri(address, path)), cancel);
        return answer.StatusCode switch
        {
            HttpStatusCode.NotFound => null,
            HttpStatusCode.OK when Note.Parse(await answer.Content.ReadAsStringAsync(cancel)) is { } note => note,
            var other => throw new HttpRequestException($"{(int)other}"),
        };
    }

    private async Task<HttpResponseMessage> AskAsync(Func<Uri, HttpRequestMessage> request, CancellationToken cancel)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                using var message = request(addresses[i]);
                var answer = await http.SendAsync(message, cancel);
                if (answer.StatusCode is not (HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout) || i == addresses.Count - 1)
                {
                    return answer;
                }
                answer.Dispose();
            }
            catch (Exception fault) when (IsAway(fault, cancel) && i < addresses.Count - 1)
            {
                // Its other process may answer.
            }
        }
    }

    public static bool IsAway(Exception fault, CancellationToken cancel) => fault is HttpRequestException or IOException || (fault is OperationCanceledException && !cancel.IsCancellationRequested);
}
