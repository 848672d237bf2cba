using Exchange.Hosting;

namespace Exchange.Catalogue.Corrections;

/// <summary>The rules by which a correction is refused (art. 26).</summary>
internal static class CorrectionRules
{
    public const string Article = "第26条";

    public static readonly Rule NothingReceived = new("nothing-received", StatusCodes.Status409Conflict, Article,
        new("该申请尚未获得授权、开始供数，没有可以校核的数据。", "No data flows under this request yet; there is nothing to correct."),
        new("待提供方同意并开始供数后再提出；目录本身有误的，请联系提供部门的共享工作机构。", "File it once the data is granted and flows; about the entry itself, turn to the provider's sharing office."));

    public static readonly Rule Answered = new("correction-answered", StatusCodes.Status409Conflict, Article,
        new("校核申请已经答复，答复只作一次。", "The correction is answered; it is answered once."),
        new("如有新的情况，由需求方另行提出校核申请；对结果有异议的，按第28条办理。", "On new facts the asking side files another one; who disagrees goes on under art. 28."));
}
