using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Exchange.Local;

/// <summary>Twenty ports in a row from one base; every listener is on 127.0.0.1.</summary>
internal sealed class Ports : IDisposable
{
    public const int DefaultBase = 18080;
    public const int InARow = 20;
    public const int MostCities = 8;

    private readonly FileStream? held;

    public Ports(int first) : this(first, null)
    {
    }

    private Ports(int first, FileStream? claim)
    {
        First = first;
        held = claim;
    }

    public int First { get; }
    public int Gateway => First;
    public int Audit => First + 1;
    public int City(int index) => First + 2 + index;
    public int Postgres => First + 10;
    public int Amqp => First + 11;
    public int Distribution => First + 12;
    public int Epmd => First + 13;

    /// <summary>For second processes of a service.</summary>
    public int More(int index) => index < InARow - 14 ? First + 14 + index : throw new LocalFault($"No more than {InARow - 14} further processes fit into the row of ports.");

    /// <summary>A row below the range the kernel gives to outgoing connections, claimed by a lock file so that two test runs do not meet.</summary>
    public static Ports Free()
    {
        var folder = Path.Combine(Path.GetTempPath(), "exchange-ports");
        Directory.CreateDirectory(folder);
        if (OwnedByMe(folder))
            File.SetUnixFileMode(folder, (UnixFileMode)0x3FF); // sticky and open, like /tmp itself
        for (var attempt = 0; attempt < 200; attempt++)
        {
            var first = 20000 + RandomNumberGenerator.GetInt32(600) * InARow;
            FileStream claim;
            try
            {
                claim = new FileStream(Path.Combine(folder, first.ToString(CultureInfo.InvariantCulture)), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                continue;
            }
            if (Enumerable.Range(first, InARow).All(IsFree))
                return new Ports(first, claim);
            claim.Dispose();
        }
        throw new LocalFault("No row of twenty free ports was found between 20000 and 32000.");
    }

    private static bool OwnedByMe(string folder)
    {
        try
        {
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder));
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            return false;
        }
    }

    public static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Whether something listens there. Unlike <see cref="IsFree"/> it never holds the port, not even for a moment.</summary>
    public static async Task<bool> AnswersAsync(int port)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Names every port in use at once, with its owner where this user may see it.</summary>
    public static void Require(IEnumerable<(string Name, int Port)> wanted)
    {
        var taken = wanted.Where(p => !IsFree(p.Port)).Select(p => $"  port {p.Port} ({p.Name}) is in use{Owner(p.Port)}").ToList();
        if (taken.Count > 0)
        {
            throw new LocalFault(string.Join('\n', [
                "Cannot start:", .. taken,
                $"Stop what uses it, or set EXCHANGE_PORTS to the first of {InARow} free ports (default {DefaultBase})."]));
        }
    }

    private static string Owner(int port) => ListenerOn(port) is { } pid ? $" by pid {pid} ({ProcessId.CommandOf(pid)})" : "";

    /// <summary>The process listening on a port, by way of the socket's inode; null when it belongs to someone else.</summary>
    public static int? ListenerOn(int port)
    {
        var inodes = new HashSet<string>(StringComparer.Ordinal);
        foreach (var table in (string[])["/proc/net/tcp", "/proc/net/tcp6"])
        {
            if (!File.Exists(table))
                continue;
            foreach (var line in File.ReadLines(table).Skip(1))
            {
                var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
                // 0A is LISTEN; the local address ends in the port as four hexadecimal digits.
                if (fields[3] == "0A" && fields[1].EndsWith($":{port:X4}", StringComparison.Ordinal))
                    inodes.Add($"socket:[{fields[9]}]");
            }
        }
        if (inodes.Count == 0)
            return null;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), out var pid))
                continue;
            try
            {
                if (Directory.EnumerateFiles(Path.Combine(folder, "fd")).Any(fd => inodes.Contains(new FileInfo(fd).LinkTarget ?? "")))
                    return pid;
            }
            catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
            {
                // Gone meanwhile, or another user's.
            }
        }
        return null;
    }

    public void Dispose()
    {
        if (held is null)
            return;
        File.Delete(held.Name);
        held.Dispose();
    }
}
