using System.Text.Json;

namespace Exchange.Local;

/// <summary>What the end of a log says to a person: plain lines as they are, structured ones by their message, and of those only warnings and worse.</summary>
internal static class LogTail
{
    public static string Of(string path, int lines)
    {
        if (!File.Exists(path))
            return "  (no log)";
        var told = File.ReadLines(path).TakeLast(200).Select(Told).OfType<string>().TakeLast(lines).ToList();
        return told.Count > 0 ? string.Join('\n', told.Select(l => "  | " + l)) : "  (no warning in it)";
    }

    private static string? Told(string line)
    {
        if (!line.StartsWith('{'))
            return line;
        try
        {
            var entry = JsonSerializer.Deserialize<JsonElement>(line);
            var level = Text(entry, "LogLevel");
            var fault = Text(entry, "Exception").Split('\n')[0];
            return level is "Warning" or "Error" or "Critical" ? $"{level}: {Text(entry, "Message")}{(fault.Length > 0 ? " — " : "")}{fault}" : null;
        }
        catch (JsonException)
        {
            return line;
        }
    }

    private static string Text(JsonElement entry, string name) => entry.TryGetProperty(name, out var value) ? value.ToString() : "";
}
