using System.Reflection;
using System.Text.RegularExpressions;
using Exchange.Hosting;

namespace Exchange.Tests.Hosting;

/// <summary>Every refusal, of whatever service, says which rule it is and the way out, in both languages.</summary>
public sealed partial class RuleTests
{
    private static readonly IReadOnlyList<(string Where, Rule Rule)> All =
    [
        .. new[] { typeof(Rule).Assembly, typeof(Exchange.Catalogue.City).Assembly, typeof(Exchange.Gateway.GatewaySettings).Assembly, typeof(Exchange.Audit.Log.LogWriter).Assembly }
            .SelectMany(assembly => assembly.GetTypes())
            .Where(type => !type.ContainsGenericParameters)
            .SelectMany(type => type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
            .Where(field => field.FieldType == typeof(Rule))
            .Select(field => ($"{field.DeclaringType!.Name}.{field.Name}", (Rule)field.GetValue(null)!)),
    ];

    [Fact]
    public void Every_rule_says_what_it_is_and_the_way_out_in_both_languages()
    {
        Assert.True(All.Count > 100, $"{All.Count} rules were found");
        Assert.All(All, r =>
        {
            Assert.Matches(Slug(), r.Rule.Type);
            // 507 is WebDAV's (RFC 4918): no room for what is handed in.
            Assert.True(r.Rule.Status is (>= 400 and <= 504) or 507, r.Where);
            foreach (var text in (Text[])[r.Rule.Title, r.Rule.WayOut])
            {
                Assert.True(text.Zh.EndsWith('。') && Chinese().IsMatch(text.Zh), $"{r.Where}: {text.Zh}");
                Assert.True(text.En.EndsWith('.') && !Chinese().IsMatch(text.En), $"{r.Where}: {text.En}");
            }
        });
    }

    [Fact]
    public void One_slug_is_one_rule() =>
        Assert.All(All.GroupBy(r => r.Rule.Type), same => Assert.True(same.Select(r => r.Rule.Status).Distinct().Count() == 1, $"{same.Key}: {string.Join(", ", same.Select(r => r.Where))}"));

    [GeneratedRegex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]
    private static partial Regex Slug();

    [GeneratedRegex(@"\p{IsCJKUnifiedIdeographs}")]
    private static partial Regex Chinese();
}
