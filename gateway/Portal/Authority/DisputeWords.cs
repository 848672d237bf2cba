using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>The stages and steps of a dispute (art. 28) in the words of people.</summary>
internal static class DisputeWords
{
    /// <summary>The steps that can be written down where the request is owned, in the regulation's order.</summary>
    public static readonly IReadOnlyList<string> Steps = ["position", "settled", "to_superior", "superior_decision", "to_government", "government_decision"];

    public static Text Stage(string stage) => stage switch
    {
        "negotiation" => new("双方协商", "Negotiation"),
        "superior" => new("共同上级主管部门协调", "With the common superior authority"),
        "government" => new("报请人民政府决定", "With the government"),
        "settled" => new("已解决", "Settled"),
        _ => Text.Same(stage),
    };

    public static Text Step(string kind) => kind switch
    {
        "position" => new("陈述意见", "Position"),
        "settled" => new("协商一致", "Settled"),
        "to_superior" => new("提请共同上级主管部门协调", "Put to the common superior authority"),
        "superior_decision" => new("上级主管部门协调意见", "The superior authority's decision"),
        "to_government" => new("报请人民政府决定", "Put to the government"),
        "government_decision" => new("人民政府决定", "The government's decision"),
        _ => Text.Same(kind),
    };

    public static Text By(string side) => side switch
    {
        "asking" => new("需求方", "asking side"),
        "owning" => new("提供方", "owning side"),
        _ => new("数据主管部门", "data authority"),
    };

    /// <summary>The steps that come next; the API judges them again.</summary>
    public static IEnumerable<string> Next(Contracts.Dispute? dispute) => dispute switch
    {
        null or { Stage: "settled" } => ["position"],
        { Stage: "negotiation" } => ["position", "to_superior", "settled"],
        { Stage: "superior" } when dispute.Steps[^1].Kind == "to_superior" => ["position", "superior_decision", "settled"],
        { Stage: "superior" } => ["position", "superior_decision", "to_government", "settled"],
        _ => ["position", "government_decision", "settled"],
    };
}
