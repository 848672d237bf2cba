using System.Runtime.Versioning;
using System.Security.Cryptography;
using Exchange.Hosting;

namespace Exchange.Tests.Hosting;

[UnsupportedOSPlatform("windows")]
public sealed class KeyFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("exchange-keys-").FullName;

    [Fact]
    public void Many_that_make_a_key_at_once_all_come_to_the_same_one()
    {
        for (var round = 0; round < 30; round++)
        {
            var path = Path.Combine(folder, $"{round}.key");
            using var together = new Barrier(8);
            var keys = new string[together.ParticipantCount];
            var threads = keys.Select((_, i) => new Thread(() =>
            {
                var mine = RandomNumberGenerator.GetBytes(32);
                // In the middle of making it, each of them having seen that there is none.
                keys[i] = Convert.ToBase64String(KeyFile.Open(path, mayCreate: true, () => together.SignalAndWait(TimeSpan.FromSeconds(20)) ? mine : []));
            })).ToList();
            threads.ForEach(thread => thread.Start());
            threads.ForEach(thread => thread.Join());

            Assert.Single(keys.Distinct());
            Assert.Equal(keys[0], File.ReadAllText(path));
            Assert.Equal([path], Directory.GetFiles(folder));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            KeyFile.Destroy(path);
            Assert.Empty(Directory.GetFiles(folder));
        }
    }

    [Fact]
    public void A_key_that_is_lost_or_open_to_others_is_refused()
    {
        var path = Path.Combine(folder, "a.key");
        Assert.Contains("missing", Assert.Throws<InvalidOperationException>(() => KeyFile.Open(path, mayCreate: false, () => [1])).Message, StringComparison.Ordinal);
        KeyFile.Open(path, mayCreate: true, () => [1]);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Contains("0600", Assert.Throws<InvalidOperationException>(() => KeyFile.Open(path, mayCreate: true, () => [1])).Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
