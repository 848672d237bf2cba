using Exchange.Hosting;

namespace Exchange.Catalogue.Files;

/// <summary>The rules by which files are not taken.</summary>
internal static class FileRefusals
{
    public static readonly Rule NoFile = new("no-file", StatusCodes.Status409Conflict, null,
        new("只有文件格式的目录可以存放文件。", "Only entries whose format is a file hold files."),
        new("请修订目录的格式，或以库表、服务方式提供。", "Revise the entry's format, or provide the data as rows or as a service."));

    public static readonly Rule NotTaken = new("format-not-taken", StatusCodes.Status409Conflict, null,
        new("此格式的文件内容无法核对，不予接收。", "The content of files in this format cannot be checked, so they are not taken."),
        new("请改用可接收的格式并修订目录。", "Use a format that is taken and revise the entry."));

    public static readonly Rule TooLarge = new("file-too-large", StatusCodes.Status413PayloadTooLarge, null,
        new("文件超过本市的大小上限。", "The file is larger than this city takes."),
        new("请拆分后分别上传，或改以库表、服务方式提供。", "Split it, or provide the data as rows or as a service."));

    public static readonly Rule NoRoom = new("no-room", StatusCodes.Status507InsufficientStorage, null,
        new("存储空间不足，文件未保存，原有内容未变。", "There is no room to store the file; nothing was stored and nothing has changed."),
        new("请联系本市运维人员扩充空间后重新上传。", "Ask the city's operators for more room and send it again."));

    public static readonly Rule WrongContent = new("file-content", StatusCodes.Status422UnprocessableEntity, null,
        new("文件内容不符合要求。", "The file's content is not taken."),
        new("请检查文件后重新上传；原有内容未变。", "Check the file and send it again; what was stored is unchanged."));

    public static readonly Rule DigestDiffers = new("digest-differs", StatusCodes.Status422UnprocessableEntity, "RFC 9530",
        new("收到的内容与所附摘要不符，未保存。", "What arrived is not what its digest says; it was not stored."),
        new("传输可能有误，请重新上传。", "It may have been damaged on the way; send it again."));
}
