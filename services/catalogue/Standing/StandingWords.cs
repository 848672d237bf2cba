using Exchange.Hosting;

namespace Exchange.Catalogue.Standing;

/// <summary>Why a standing exchange does not go on, as words that both cities know and as sentences for people.</summary>
internal static class StandingWords
{
    public const string Away = "provider-away";
    public const string Cut = "cut";
    public const string NotUnderstood = "not-understood";
    public const string NoAccess = "no-machine-access";
    public const string Refused = "refused";
    public const string Quota = "quota";
    public const string Suspended = "grant-suspended";
    public const string Storage = "own-storage";
    public const string GrantEnded = "grant-ended";
    public const string NotNeeded = "not-needed";

    private static readonly Dictionary<string, Text> Words = new(StringComparer.Ordinal)
    {
        [Away] = new("提供方或网关暂时没有响应，将自动重试。", "The provider or the gateway does not answer at the moment; it is tried again."),
        [Cut] = new("传输中断，未改动本地数据，将自动重试。", "The transfer was cut; the copy is as it was, and it is tried again."),
        [NotUnderstood] = new("收到的内容无法识别，未改动本地数据，将自动重试。", "What arrived could not be read; the copy is as it was, and it is tried again."),
        [NoAccess] = new("本部门业务系统的凭证缺失或被拒绝，请运维人员检查设置。", "The credential of the department's machine client is missing or was refused; its operator looks at the settings."),
        [Refused] = new("提供方拒绝提供变更。", "The provider refuses to tell changes."),
        [Quota] = new("已达到授权的用量上限，将在允许后继续。", "The grant's quota is used up; it goes on when it may."),
        [Suspended] = new("共享已暂停，恢复后自动继续。", "Access is suspended; it goes on when it is resumed."),
        [Storage] = new("本市数据库暂时不可用，将自动重试。", "This city's database is not available at the moment; it is tried again."),
        [GrantEnded] = new("共享授权已结束。", "The grant has ended."),
        [NotNeeded] = new("需求方已停止定期交换。", "The asking side has ended it."),
    };

    public static Text? Of(string? word) => word is null ? null : Words.GetValueOrDefault(word) ?? Text.Same(word);
}
