using System.Buffers;
using System.Security.Cryptography;
using Exchange.Hosting;

namespace Exchange.Catalogue.Files;

/// <summary>A file that is wholly on the disk under a name of ours, and that nobody knows of yet.</summary>
internal sealed record StoredFile(Guid StoredAs, long Bytes, string Sha256);

/// <summary>
/// The city's folder of files. A file comes in under a draft's name, is put on the disk and only then gets its own; a row that points to it comes last. A crash before that leaves a file that
/// nobody knows, which the sweep removes. Names are made here; none ever comes from a request.
/// </summary>
internal sealed class FileStore
{
    private const int Piece = 128 << 10;
    private const string Draft = ".new";
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>errno of a full disk, of a spent quota and of a file larger than allowed: what .NET gives as the HResult of an IOException.</summary>
    private static readonly int[] NoRoom = [28, 122, 27];

    private readonly string folder;

    public FileStore(FileSettings settings)
    {
        folder = settings.Files;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        Directory.CreateDirectory(folder, Owner | UnixFileMode.UserExecute);
        if ((File.GetUnixFileMode(folder) & ~(Owner | UnixFileMode.UserExecute)) != UnixFileMode.None)
        {
            throw new InvalidSettingsException([$"City:Files: others may look into {folder}; make it mode 0700"]);
        }
    }

    /// <summary>Bytes that can still be stored.</summary>
    public long Room => new DriveInfo(folder).AvailableFreeSpace;

    /// <summary>True when the disk cannot hold any more.</summary>
    public static bool IsFull(IOException fault) => NoRoom.Contains(fault.HResult);

    /// <summary>Receives a body. Null, with nothing left behind, when it is longer than <paramref name="longest"/> or <paramref name="check"/> finds a fault.</summary>
    public async Task<StoredFile?> ReceiveAsync(Stream body, long longest, ContentCheck check, Func<string, Task<bool>> look, CancellationToken cancel)
    {
        var id = Guid.CreateVersion7();
        var draft = PathOf(id) + Draft;
        var piece = ArrayPool<byte>.Shared.Rent(Piece);
        try
        {
            using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            await using (var file = Create(draft))
            {
                int read;
                while ((read = await body.ReadAtLeastAsync(piece.AsMemory(0, Piece), Piece, throwOnEndOfStream: false, cancel)) > 0)
                {
                    check.Add(piece.AsSpan(0, read));
                    if (check.Fault is not null || check.Length > longest)
                    {
                        return null;
                    }

                    sha.AppendData(piece, 0, read);
                    await file.WriteAsync(piece.AsMemory(0, read), cancel);
                }

                check.End();
                if (check.Fault is not null)
                {
                    return null;
                }

                file.Flush(flushToDisk: true);
            }

            if (!await look(draft))
            {
                return null;
            }

            File.Move(draft, PathOf(id));
            KeyFile.KeepNames(PathOf(id));
            return new StoredFile(id, check.Length, Convert.ToHexStringLower(sha.GetHashAndReset()));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(piece);
            File.Delete(draft);
        }
    }

    /// <summary>Opens a file to be read from anywhere; null when it is not there. Whoever holds it open reads on when it is removed.</summary>
    public FileStream? Open(Guid storedAs)
    {
        try
        {
            return new FileStream(PathOf(storedAs), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0, FileOptions.Asynchronous | FileOptions.SequentialScan);
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Of a file that nobody knows.</summary>
    public void Remove(Guid storedAs) => File.Delete(PathOf(storedAs));

    public bool Has(Guid storedAs) => File.Exists(PathOf(storedAs));

    /// <summary>What lies in the folder since before <paramref name="before"/> (the system's clock): drafts without an id, and files by theirs.</summary>
    public IEnumerable<(string Path, Guid? StoredAs)> Older(DateTime before) =>
        from path in Directory.EnumerateFiles(folder)
        let name = Path.GetFileName(path)
        let whole = Guid.TryParseExact(name, "N", out _)
        where (whole || name.EndsWith(Draft, StringComparison.Ordinal)) && File.GetLastWriteTimeUtc(path) < before
        select (path, whole ? Guid.ParseExact(name, "N") : (Guid?)null);

    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.Asynchronous, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Owner;
        }

        return new FileStream(path, options);
    }

    private string PathOf(Guid storedAs) => Path.Combine(folder, storedAs.ToString("N"));
}
