using System.Runtime.Versioning;
using System.Security.Cryptography;
using Exchange.Audit.Log;

namespace Exchange.Tests.Audit;

[SupportedOSPlatform("linux")]
public sealed class LogKeysTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("exchange-keys-").FullName;

    [Fact]
    public void Keys_are_made_once_and_readable_only_by_their_owner()
    {
        using var first = LogKeys.Open(folder, new Dictionary<string, byte[]>());
        using var second = LogKeys.Open(folder, first.PublicKeys);

        Assert.Equal(first.Signers.Select(signer => signer.VerifierKey("a").ToString()), second.Signers.Select(signer => signer.VerifierKey("a").ToString()));
        Assert.Equal(2, Directory.GetFiles(folder).Length);
        Assert.All(Directory.GetFiles(folder), file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Fact]
    public void A_missing_key_that_the_database_knows_is_refused()
    {
        using var keys = LogKeys.Open(folder, new Dictionary<string, byte[]>());
        File.Delete(Directory.GetFiles(folder).Order().First());

        Assert.Contains("missing", Assert.Throws<InvalidOperationException>(() => LogKeys.Open(folder, keys.PublicKeys)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Another_key_than_the_database_knows_is_refused()
    {
        using var keys = LogKeys.Open(folder, new Dictionary<string, byte[]>());
        var known = keys.PublicKeys.ToDictionary(key => key.Key, key => RandomNumberGenerator.GetBytes(key.Value.Length));

        Assert.Throws<InvalidOperationException>(() => LogKeys.Open(folder, known));
    }

    [Fact]
    public void A_key_that_others_can_read_is_refused()
    {
        using var keys = LogKeys.Open(folder, new Dictionary<string, byte[]>());
        File.SetUnixFileMode(Directory.GetFiles(folder)[0], UnixFileMode.UserRead | UnixFileMode.OtherRead);

        Assert.Throws<InvalidOperationException>(() => LogKeys.Open(folder, keys.PublicKeys));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
