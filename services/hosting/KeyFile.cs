using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace Exchange.Hosting;

/// <summary>A private key as base64 in a file of mode 0600 in the service's own folder.</summary>
public static partial class KeyFile
{
    private const int AlreadyThere = 17; // EEXIST

    /// <param name="path">The file.</param>
    /// <param name="mayCreate">Whether a key may be made: not where something was already signed or sealed with one.</param>
    /// <param name="create">Makes the key's bytes.</param>
    public static byte[] Open(string path, bool mayCreate, Func<byte[]> create)
    {
        if (File.Exists(path))
        {
            return Read(path);
        }
        if (!mayCreate)
        {
            throw new InvalidOperationException($"{path} is missing, but this service has used it. Restore the folder from its backup.");
        }
        // Whole or not at all: the name appears only after the bytes are on the disk. Of two processes that come here at once both read what the first one made.
        var draft = $"{path}.{Guid.NewGuid():n}.new";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        try
        {
            using (var file = new FileStream(draft, options))
            {
                file.Write(Encoding.ASCII.GetBytes(Convert.ToBase64String(create())));
                file.Flush(flushToDisk: true);
            }
            Name(draft, path);
        }
        finally
        {
            File.Delete(draft);
        }
        KeepNames(path);
        return Read(path);
    }

    /// <summary>Overwrites and removes it. What copies and backups of the folder hold is for whoever keeps those.</summary>
    public static void Destroy(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write))
        {
            file.Write(new byte[file.Length]);
            file.Flush(flushToDisk: true);
        }
        File.Delete(path);
        KeepNames(path);
    }

    private static byte[] Read(string path)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite)) != UnixFileMode.None)
        {
            throw new InvalidOperationException($"{path} can be read by others. Make it mode 0600, and ask who read it.");
        }
        return Convert.FromBase64String(File.ReadAllText(path));
    }

    /// <summary>File.Move looks first and renames then, so that a second process in between would replace the first one's key; a hard link is made once or not at all.</summary>
    private static void Name(string draft, string path)
    {
        if (OperatingSystem.IsWindows())
        {
            File.Move(draft, path);
        }
        else if (Link(draft, path) != 0 && Marshal.GetLastPInvokeError() is not AlreadyThere and var error)
        {
            throw new IOException($"{path} cannot be made: {new Win32Exception(error).Message}.");
        }
    }

    /// <summary>A name is on the disk when its folder is: puts it there.</summary>
    public static void KeepNames(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }
        var folder = OpenFolder(Path.GetDirectoryName(path)!, 0);
        if (folder < 0 || Sync(folder) != 0)
        {
            throw new IOException($"The folder of {path} cannot be written to the disk: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}.");
        }
        _ = Close(folder);
    }

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Link(string from, string to);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int OpenFolder(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int descriptor);
}
