using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>The rules under which an entry is not taken. Any other fault only leaves its member out.</summary>
internal static class SourceFaults
{
    public const string NotTaken = "not-active";
    private const string Large = "too-large";
    private const string Duplicate = "duplicate-identifier";
    private const string NotDescribed = "not-described";
    public const string Unidentified = "unidentified";

    private static readonly string[] NeverTaken = [NotTaken, Large, Duplicate, NotDescribed, Unidentified];

    public static void TooLarge(Faults faults) => faults.Add("entry", Large, null, new("不是对象，或超过单条大小上限。", "It is no object, or larger than an entry may be."));

    public static void Twice(Faults faults) => faults.Add("identifier", Duplicate, null, new("该标识已出现过，只取第一条。", "The identifier stands twice; only the first entry is taken."));

    public static void Bare(Faults faults) => faults.Add("entry", NotDescribed, null, new("目录列出了该条目，但没有给出它的内容。", "The catalogue lists the entry and says nothing about it."));

    public static void Nameless(Faults faults) => faults.Add("identifier", Unidentified, null, new("缺少可用的标识；在它改正之前不能判断来源删除了什么。", "There is no identifier to use; until that is corrected, what the source has deleted cannot be told."));

    public static bool IsTaken(Fault fault) => !NeverTaken.Contains(fault.Rule) && fault.Field != "title";
}
