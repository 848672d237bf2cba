using System.Text;

namespace Exchange.Hosting;

/// <summary>A private key as base64 in a file of mode 0600 in the service's own folder.</summary>
public static class KeyFile
{
    /// <param name="mayCreate">Whether a key may be made: not where something was already signed with one.</param>
    public static byte[] Open(string path, bool mayCreate, Func<byte[]> create)
    {
        if (File.Exists(path))
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != UnixFileMode.None)
            {
                throw new InvalidOperationException($"{path} can be read by others. Make it mode 0600, and ask who read it.");
            }
            return Convert.FromBase64String(File.ReadAllText(path));
        }
        if (!mayCreate)
        {
            throw new InvalidOperationException($"{path} is missing, but this service has signed with it. Restore the folder from its backup.");
        }
        var secret = create();
        // Whole or not at all: the name appears only after the bytes are on the disk.
        var draft = path + ".new";
        File.Delete(draft);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        using (var file = new FileStream(draft, options))
        {
            file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(secret)));
            file.Flush(flushToDisk: true);
        }
        File.Move(draft, path);
        return secret;
    }
}
