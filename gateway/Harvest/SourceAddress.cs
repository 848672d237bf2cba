namespace Exchange.Gateway.Harvest;

/// <summary>Addresses that a source names.</summary>
internal static class SourceAddress
{
    private const int Longest = 2000;

    /// <summary>An absolute http or https address that may be shown to people and followed by them.</summary>
    public static bool IsWebAddress(string? address) =>
        address is { Length: <= Longest } && Uri.TryCreate(address, UriKind.Absolute, out var uri) && IsWebAddress(uri);

    public static bool IsWebAddress(Uri address) =>
        address.IsAbsoluteUri && (address.Scheme == Uri.UriSchemeHttps || address.Scheme == Uri.UriSchemeHttp) && address is { UserInfo: "", Host.Length: > 0 };
}
