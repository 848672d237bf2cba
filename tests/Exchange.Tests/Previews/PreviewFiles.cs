using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Previews;

namespace Exchange.Tests.Previews;

/// <summary>Reads previews of contents as they lie in the store.</summary>
internal static class PreviewFiles
{
    public static readonly IReadOnlyList<FieldDraft> Fields = [new() { Name = "person", Title = "姓名", Type = "C", Length = 50, Personal = true }, new() { Name = "months", Title = "缴费月数", Type = "I" }];

    /// <summary>The preview, or the word of its refusal.</summary>
    public static async Task<(Preview? Preview, string? Word)> ReadAsync(string format, byte[] content, PreviewLimits? limits = null, string? sheet = null, int show = 20, CancellationToken cancel = default)
    {
        var path = Path.Combine(Path.GetTempPath(), $"exchange-preview-{Guid.NewGuid():N}");
        await using var file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 0, FileOptions.Asynchronous | FileOptions.DeleteOnClose);
        await file.WriteAsync(content, CancellationToken.None);
        return await ReadAsync(format, file, limits, sheet, show, cancel);
    }

    public static async Task<(Preview? Preview, string? Word)> ReadAsync(string format, FileStream file, PreviewLimits? limits = null, string? sheet = null, int show = 20, CancellationToken cancel = default)
    {
        file.Position = 0;
        using var files = new FilePreview(limits ?? PreviewLimits.Default);
        var (preview, refusal) = await files.ReadAsync(file, format, Fields, sheet, show, cancel);
        return (preview, refusal is null ? null : refusal.Faults.Count == 1 ? refusal.Faults[0].Rule : refusal.Rule.Type);
    }

    /// <summary>The values that are shown, as lines.</summary>
    public static IEnumerable<string> Lines(this Preview preview) => preview.Rows.Select(r => string.Join('|', r.Select(v => v ?? "∅")));

    public static IEnumerable<string> Names(this Preview preview) => preview.Columns.Select(c => c.Name);
}
