namespace Exchange.Verifier;

internal static class Files
{
    public static byte[] Read(string path, int largest)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            // A pipe has no length.
            var bytes = new byte[1 + (file.CanSeek && file.Length > 0 ? (int)Math.Min(file.Length, largest) : largest)];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length <= largest ? bytes[..length] : throw new Unusable($"文件 {Words.Plain(path)} 过大。", $"The file {Words.Plain(path)} is too large.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new Unusable($"无法读取文件 {Words.Plain(path)}。", $"The file {Words.Plain(path)} cannot be read.");
        }
    }
}
