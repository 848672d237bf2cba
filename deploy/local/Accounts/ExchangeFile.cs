namespace Exchange.Local.Accounts;

/// <summary><c>.local/exchange.json</c>: what scripts on this machine need to speak with the running exchange. Its secrets are the only copy.</summary>
internal sealed record ExchangeFile
{
    public int Version { get; init; } = 1;
    public required string Address { get; init; }
    public required string Data { get; init; }
    public IReadOnlyDictionary<string, string> Services { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<Account> Accounts { get; init; } = [];

    public IReadOnlyDictionary<string, string> Secrets() => Accounts.ToDictionary(a => a.ClientId, a => a.Secret, StringComparer.Ordinal);
}
