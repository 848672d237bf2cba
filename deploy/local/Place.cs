using System.Security.Cryptography;
using System.Text;
using Exchange.Local.Servers;

namespace Exchange.Local;

/// <summary>Where this clone keeps things: settings come from the clone, data from outside of it when root runs the servers as another user.</summary>
internal sealed record Place(string Root, string Data, int PortBase)
{
    public string Local => Path.Combine(Root, ".local");
    public string ExchangeFile => Path.Combine(Local, "exchange.json");
    public string TrustFile => Path.Combine(Local, "trust.json");
    public string Cities => Path.Combine(Root, "deploy", "cities");
    public string Samples => Path.Combine(Root, "deploy", "samples");

    public static Place Find()
    {
        var root = FindRoot();
        return new Place(root, DataOf(root), PortBaseOf());
    }

    public static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Exchange.sln")))
                return folder.FullName;
        }
        throw new LocalFault($"No Exchange.sln above {AppContext.BaseDirectory}: the launcher runs from inside a clone of the repository.");
    }

    private static string DataOf(string root)
    {
        if (Environment.GetEnvironmentVariable("EXCHANGE_DATA") is { Length: > 0 } moved)
            return Path.GetFullPath(moved);
        if (!SystemUser.IsRoot)
            return Path.Combine(root, ".local", "data");
        // Servers of another user cannot reach a clone under a 0700 folder such as /root.
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(root)));
        return Path.Combine(SystemUser.Home, hash[..12]);
    }

    private static int PortBaseOf()
    {
        if (Environment.GetEnvironmentVariable("EXCHANGE_PORTS") is not { Length: > 0 } text)
            return Ports.DefaultBase;
        if (int.TryParse(text, out var first) && first is >= 1024 and <= 65535 - Ports.InARow + 1)
            return first;
        throw new LocalFault($"EXCHANGE_PORTS is '{text}': it must be the first of {Ports.InARow} ports, a number from 1024 to {65536 - Ports.InARow}.");
    }
}
