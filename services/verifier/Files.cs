namespace Exchange.Verifier;

internal static class Files
{
    public static byte[] Read(string path, int largest)
    {
        byte[]? own = null;
        var bytes = Read(path, largest, ref own);
        return bytes.Length == own!.Length ? own : bytes.ToArray();
    }

    /// <param name="path">What is read.</param>
    /// <param name="largest">More bytes are refused.</param>
    /// <param name="buffer">Where to, replaced by a larger one when it is too small.</param>
    public static ReadOnlySpan<byte> Read(string path, int largest, ref byte[]? buffer)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (file.CanSeek && file.Length is > 0 and var known && known <= largest)
            {
                if (buffer is null || buffer.Length < known)
                {
                    buffer = GC.AllocateUninitializedArray<byte>((int)known);
                }
                file.ReadExactly(buffer.AsSpan(0, (int)known));
                return buffer.AsSpan(0, (int)known);
            }
            // A pipe has no length.
            buffer = new byte[largest + 1];
            var length = file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            return length <= largest ? buffer.AsSpan(0, length) : throw new Unusable($"文件 {Words.Plain(path)} 过大。", $"The file {Words.Plain(path)} is too large.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new Unusable($"无法读取文件 {Words.Plain(path)}。", $"The file {Words.Plain(path)} cannot be read.");
        }
    }
}
