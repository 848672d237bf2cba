using Exchange.Catalogue.Datasets;
using Xunit;

namespace Exchange.Tests.Datasets;

public sealed class EntryChangesTests
{
    private static EntryDraft Draft => Samples.Draft.Normalised();

    [Fact]
    public void The_same_text_has_no_changes() => Assert.Empty(EntryChanges.Between(Draft, Draft));

    [Fact]
    public void A_first_text_is_all_new()
    {
        var changes = EntryChanges.Between(null, Draft);
        Assert.Contains(changes, c => c.Field == "name" && c.From is null && c.To!.GetValue<string>() == Draft.Name);
        Assert.Contains(changes, c => c.Field == "fields.account_no.length");
    }

    [Fact]
    public void Items_are_compared_by_name_wherever_they_stand()
    {
        var changes = EntryChanges.Between(Draft, Draft with { Grade = 4, Fields = [Draft.Fields![1] with { Type = "N", Length = 12 }, Draft.Fields[0]] });
        Assert.Equal(["fields", "fields.balance.length", "fields.balance.type", "grade"], changes.Select(c => c.Field).Order(StringComparer.Ordinal));
        Assert.Equal(("Y", "N"), changes.Where(c => c.Field == "fields.balance.type").Select(c => (c.From!.GetValue<string>(), c.To!.GetValue<string>())).Single());
    }

    [Theory]
    [InlineData("none", 0)]
    [InlineData("dropped", 1)]
    [InlineData("retyped", 1)]
    [InlineData("shorter", 1)]
    [InlineData("longer", 0)]
    [InlineData("other dropped", 0)]
    [InlineData("other format", 1)]
    public void Under_a_grant_its_items_and_the_way_of_delivery_stay(string change, int faults)
    {
        var (account, balance) = (Draft.Fields![0], Draft.Fields[1]);
        var next = change switch
        {
            "dropped" => Draft with { Fields = [balance] },
            "retyped" => Draft with { Fields = [account with { Type = "M", Length = null }, balance] },
            "shorter" => Draft with { Fields = [account with { Length = 10 }, balance] },
            "longer" => Draft with { Fields = [account with { Length = 60 }, balance] },
            "other dropped" => Draft with { Fields = [account] },
            "other format" => Draft with { Format = "service", SharingMethod = "service" },
            _ => Draft,
        };
        Assert.Equal(faults, RunningGrants.Between(["account_no"], Draft, next).Count);
    }
}
