using Exchange.Hosting;

namespace Exchange.Catalogue.Previews;

/// <summary>The rules by which there is no preview.</summary>
internal static class PreviewRefusals
{
    public static readonly Rule Content = new("preview-content", StatusCodes.Status422UnprocessableEntity, null,
        new("内容超出预览的限制，或无法读取。", "The content goes beyond the limits of a preview, or cannot be read."),
        new("errors 说明触及哪一项限制；请联系提供方核对，内容本身未变。", "The entry in errors names the limit; ask the provider to look at the content, which is unchanged."));

    public static readonly Rule NoPreview = new("preview-none", StatusCodes.Status409Conflict, null,
        new("此格式的文件没有预览。", "There is no preview of files in this format."),
        new("可预览：CSV、TSV、XLSX、JSON、NDJSON；其他格式请取得整个文件。", "Previews are of CSV, TSV, XLSX, JSON and NDJSON; fetch other files as a whole."));

    public static readonly Rule NoRows = new("preview-no-rows", StatusCodes.Status409Conflict, "第16条",
        new("该条目在交换系统中还没有数据行。", "The exchange holds no rows of this entry yet."),
        new("请先填报数据；文件格式的条目请预览其文件。", "Load the rows first; of an entry that is provided as files, preview a file."));

    public static readonly Rule Busy = new("preview-busy", StatusCodes.Status503ServiceUnavailable, null,
        new("正在读取的预览过多。", "Too many previews are being read."),
        new("请稍后重试。", "Retry shortly."));
}

/// <summary>The content cannot be previewed, whoever asks: a word for programs and a sentence that names the limit.</summary>
internal sealed class NotPreviewedException(string word, Text why) : Exception(why.En)
{
    public string Word => word;

    public Refused Refusal => new(PreviewRefusals.Content, why) { Faults = [new Fault("content", word, null, why)] };

    public static NotPreviewedException LineTooLong(PreviewLimits limits) =>
        new("line-too-long", new($"有一行超过 {limits.Line} 字节，或引号没有闭合。", $"A row is longer than {limits.Line} bytes, or a quote is not closed."));

    public static NotPreviewedException CellTooLong(PreviewLimits limits) =>
        new("cell-too-long", new($"有一个值超过 {limits.Cell} 个字符。", $"A value is longer than {limits.Cell} characters."));

    public static NotPreviewedException TooManyColumns(PreviewLimits limits) =>
        new("too-many-columns", new($"列数超过 {limits.Columns}。", $"There are more than {limits.Columns} columns."));

    public static NotPreviewedException TooDeep(PreviewLimits limits) =>
        new("too-deep", new($"嵌套超过 {limits.Depth} 层。", $"It is nested deeper than {limits.Depth} levels."));

    public static NotPreviewedException TookTooLong(PreviewLimits limits) =>
        new("took-too-long", new($"读取超过 {limits.Time.TotalSeconds:0} 秒。", $"Reading took longer than {limits.Time.TotalSeconds:0} seconds."));

    public static NotPreviewedException Encoding() =>
        new("invalid-encoding", new("文本含有无效的编码（应为 UTF-8 或 GB 18030）。", "The text is not validly encoded; it is UTF-8 or GB 18030."));

    public static NotPreviewedException Damaged(string part) =>
        new("damaged", new($"文件已损坏或不完整：{part}。", $"The file is damaged or incomplete: {part}."));
}
