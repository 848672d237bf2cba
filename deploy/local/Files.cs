using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Exchange.Local;

/// <summary>The launcher's own files: JSON for its owner only, replaced in one step so that a crash leaves the old one.</summary>
internal static class Files
{
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    public const UnixFileMode OwnerFolder = OwnerOnly | UnixFileMode.UserExecute;
    // Another user may pass through to a folder of its own, but not look around.
    public const UnixFileMode Passage = OwnerFolder | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    public static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // These files are read by people and never put into a page.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    public static void Write<T>(string path, T value) => WriteText(path, JsonSerializer.Serialize(value, Json) + "\n");

    public static void WriteText(string path, string text)
    {
        var next = path + ".new";
        File.Delete(next);
        using (var stream = new FileStream(next, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly }))
        using (var writer = new StreamWriter(stream))
            writer.Write(text);
        File.Move(next, path, overwrite: true);
    }

    public static T? Read<T>(string path) where T : class
    {
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<T>(File.ReadAllText(path), Json);
        }
        catch (JsonException fault)
        {
            throw new LocalFault($"{path} cannot be read: {fault.Message}");
        }
    }

    public static string Folder(string path, UnixFileMode mode = OwnerFolder)
    {
        if (!Directory.Exists(path))
            Directory.CreateDirectory(path, mode);
        File.SetUnixFileMode(path, mode);
        return path;
    }
}
