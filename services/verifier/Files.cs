namespace Exchange.Verifier;

internal static class Files
{
    public static byte[] Read(string path, int largest)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (file.CanSeek && file.Length is > 0 and var known && known <= largest)
            {
                var whole = GC.AllocateUninitializedArray<byte>((int)known);
                file.ReadExactly(whole);
                return whole;
            }
            // A pipe has no length.
            var bytes = new byte[largest + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length <= largest ? bytes[..length] : throw new Unusable($"文件 {Words.Plain(path)} 过大。", $"The file {Words.Plain(path)} is too large.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new Unusable($"无法读取文件 {Words.Plain(path)}。", $"The file {Words.Plain(path)} cannot be read.");
        }
    }
}
