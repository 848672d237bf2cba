using System.Text;
using Exchange.Local;
using Exchange.Local.Accounts;
using Exchange.Local.Samples;
using Xunit;

namespace Exchange.Tests.Local;

public sealed class SampleCatalogueTests
{
    public static TheoryData<string> CityNames => [.. Cities.Select(c => c.Name)];

    private static readonly string Root = Place.FindRoot();
    private static readonly IReadOnlyList<City> Cities = City.ReadAll(Path.Combine(Root, "deploy", "cities"));

    [Theory]
    [MemberData(nameof(CityNames))]
    public void Every_department_gets_the_header_and_its_own_lines(string city)
    {
        var path = Path.Combine(Root, "deploy", "samples", city, "catalogue.csv");
        var whole = File.ReadAllLines(path);

        var parts = SampleCatalogue.ByDepartment(path);

        Assert.True(parts.Count >= 12);
        Assert.All(parts, p => Assert.StartsWith(whole[0], Encoding.UTF8.GetString(p.Csv), StringComparison.Ordinal));
        var lines = parts.SelectMany(p => Encoding.UTF8.GetString(p.Csv).Split('\n', StringSplitOptions.RemoveEmptyEntries).Skip(1)).Select(l => l.TrimEnd('\r'));
        Assert.Equal(whole.Skip(1).Order(StringComparer.Ordinal), lines.Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(CityNames))]
    public void Every_department_with_entries_has_the_people_to_bring_them_out(string city)
    {
        var accounts = SampleAccounts.Read(Path.Combine(Root, "deploy", "samples", "accounts.json"), Cities, new Dictionary<string, string>());

        foreach (var (department, _) in SampleCatalogue.ByDepartment(Path.Combine(Root, "deploy", "samples", city, "catalogue.csv")))
        {
            foreach (var role in (string[])["officer", "reviewer", "sharing_head", "department_head"])
                Assert.Contains(accounts, a => a.Department == department && a.Roles.Contains(role) && a.Type == SampleAccounts.Person);
        }
    }
}
