using System.Buffers;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Files;
using Exchange.Hosting;

namespace Exchange.Catalogue.Previews;

/// <summary>
/// A preview of a stored file, from its own bytes and never from its name. What was checked when the file came in is checked again for what is read now: a limit that is lowered, or a check that is mended, holds for files that were
/// taken before. A few are read at a time; nothing of them is kept.
/// </summary>
internal sealed class FilePreview(PreviewLimits limits) : IDisposable
{
    private const int AtOnce = 4;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim turns = new(AtOnce, AtOnce);

    public void Dispose() => turns.Dispose();

    /// <summary>True for formats of which there is a preview.</summary>
    public static bool Has(string format) => KindOf(format) != Kind.None;

    /// <summary>The preview, or why there is none.</summary>
    /// <param name="file">From its beginning.</param>
    /// <param name="format">The entry's.</param>
    /// <param name="fields">The entry's, for titles and types.</param>
    /// <param name="sheet">Of a workbook; null for the first.</param>
    /// <param name="show">Rows in the answer.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task<(Preview? Preview, Refused? Refusal)> ReadAsync(FileStream file, string format, IReadOnlyList<FieldDraft> fields, string? sheet, int show, CancellationToken cancel)
    {
        if (!Has(format))
        {
            return (null, new Refused(PreviewRefusals.NoPreview));
        }

        if (!await turns.WaitAsync(Patience, cancel))
        {
            return (null, new Refused(PreviewRefusals.Busy) { RetryAfter = 5 });
        }

        try
        {
            var table = new PreviewTable(limits, show);
            var read = KindOf(format) == Kind.Workbook
                ? await WorkbookAsync(file, format, sheet, fields, table, cancel)
                : await TextAsync(file, format, fields, table, cancel);
            return (table.Finish(read), null);
        }
        catch (NotPreviewedException fault)
        {
            return (null, fault.Refusal);
        }
        finally
        {
            turns.Release();
        }
    }

    private async Task<PreviewRead> WorkbookAsync(FileStream file, string format, string? sheet, IReadOnlyList<FieldDraft> fields, PreviewTable table, CancellationToken cancel)
    {
        if (await ZipPackage.CheckAsync(file, FileFormat.Of(format)!, cancel) is { } fault)
        {
            throw new NotPreviewedException(fault.Rule, fault.Message);
        }

        file.Position = 0;
        return XlsxPreview.Read(file, sheet, fields, table, limits, cancel);
    }

    private async Task<PreviewRead> TextAsync(FileStream file, string format, IReadOnlyList<FieldDraft> fields, PreviewTable table, CancellationToken cancel)
    {
        var window = ArrayPool<byte>.Shared.Rent(limits.Window);
        try
        {
            var length = await file.ReadAtLeastAsync(window.AsMemory(0, limits.Window), limits.Window, throwOnEndOfStream: false, cancel);
            var whole = length == file.Length;
            var check = new ContentCheck(FileFormat.Of(format)!);
            check.Add(window.AsSpan(0, length));
            if (whole)
            {
                check.End();
            }

            if (check.Fault is { } fault)
            {
                throw new NotPreviewedException(fault.Rule, fault.Message);
            }

            return KindOf(format) == Kind.Json
                ? JsonPreview.Read(window.AsSpan(0, length), whole, fields, table, limits)
                : await CsvPreview.ReadAsync(window.AsMemory(0, length), whole, fields, table, limits, cancel);
        }
        finally
        {
            // The next one who rents it is not to find rows in it.
            ArrayPool<byte>.Shared.Return(window, clearArray: true);
        }
    }

    private static Kind KindOf(string format) => FileFormat.Of(format) switch
    {
        { Content: FileContent.Json } => Kind.Json,
        { MediaType: "text/csv" or "text/tab-separated-values" } => Kind.Csv,
        { Content: FileContent.Package, Part: "xl/workbook.xml" } => Kind.Workbook,
        _ => Kind.None,
    };

    private enum Kind
    {
        None,
        Csv,
        Json,
        Workbook,
    }
}
