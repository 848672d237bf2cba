using System.Globalization;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Local.Check;

/// <summary>A report for people, in one language, and for machines.</summary>
internal static class ReportText
{
    private static readonly Dictionary<Invariant, Text> Names = new()
    {
        [Invariant.Rest] = new("各部分均有应答，在途消息均已到达", "every part answers and came to rest"),
        [Invariant.Effects] = new("每个已受理的操作恰有一个结果", "each accepted command has exactly one effect"),
        [Invariant.Records] = new("每个步骤恰有一条审计记录", "each step has one audit record"),
        [Invariant.Catalogue] = new("跨市目录等于各市目录之和", "the catalogue is the union of the cities"),
        [Invariant.Grants] = new("没有未经审批的授权", "no grant without its approvals"),
        [Invariant.Log] = new("审计日志可验证", "the log verifies"),
        [Invariant.Aside] = new("没有来历不明的搁置消息", "nothing lies aside unexplained"),
    };

    public static string Of(Report report, bool zh)
    {
        var text = new StringBuilder();
        foreach (var verdict in report.Verdicts)
        {
            var compared = verdict.Number == 0
                ? (zh ? "没有可比对的内容" : "nothing to compare")
                : string.Join(zh ? "，" : ", ", verdict.Compared.Where(c => c.Number > 0).Select(c => $"{Number(c.Number)} {In(c.What, zh)}"));
            text.Append(verdict.Holds ? "✓ " : "✗ ").Append(In(Names[verdict.Invariant], zh)).Append(zh ? "：" : ": ").Append(compared).Append('\n');
        }
        foreach (var verdict in report.Verdicts.Where(v => !v.Holds))
        {
            var shown = verdict.Total > verdict.Findings.Count ? (zh ? $"，列出前 {verdict.Findings.Count} 项" : $", the first {verdict.Findings.Count} shown") : "";
            text.Append('\n').Append(In(Names[verdict.Invariant], zh)).Append(zh ? $"——{Number(verdict.Total)} 项不符{shown}：" : $" — {Number(verdict.Total)} finding(s){shown}:").Append('\n');
            foreach (var finding in verdict.Findings)
            {
                text.Append(CultureInfo.InvariantCulture, $"  {finding.Service} {finding.Table} {finding.Id}\n")
                    .Append(zh ? "    应为：" : "    expected: ").Append(In(finding.Expected, zh)).Append('\n')
                    .Append(zh ? "    实为：" : "    there is: ").Append(In(finding.Found, zh)).Append('\n')
                    .Append(zh ? "    处理：" : "    way out:  ").Append(In(finding.WayOut, zh)).Append('\n');
            }
        }
        return text.ToString();
    }

    public static string Json(Report report) => JsonSerializer.Serialize(
        new
        {
            at = report.At,
            clean = report.Clean,
            invariants = report.Verdicts.Select(v => new
            {
                invariant = v.Invariant.ToString().ToLowerInvariant(),
                holds = v.Holds,
                compared = v.Compared.ToDictionary(c => c.What.En, c => c.Number),
                total = v.Total,
                findings = v.Findings,
            }),
        },
        Files.Json);

    private static string In(Text text, bool zh) => zh ? text.Zh : text.En;

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
