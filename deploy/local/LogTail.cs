namespace Exchange.Local;

internal static class LogTail
{
    public static string Of(string path, int lines) =>
        File.Exists(path) ? string.Join('\n', File.ReadLines(path).TakeLast(lines).Select(l => "  | " + l)) : "  (no log)";
}
