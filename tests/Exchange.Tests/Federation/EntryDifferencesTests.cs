using System.Text.Json;
using Exchange.Contracts;
using Exchange.Gateway.Federation;
using Exchange.Hosting;

namespace Exchange.Tests.Federation;

public sealed class EntryDifferencesTests
{
    private static readonly DatasetEntry First = GatewayStack.Entry("changsha", "参保人员") with
    {
        Fields = [Field("person", "C", 50), Field("months", "I"), Field("remark", "M")],
    };

    [Fact]
    public void Each_member_is_told_with_what_stood_there_before_and_since()
    {
        var second = First with
        {
            Version = 2,
            PublishedAt = First.PublishedAt.AddDays(1),
            Name = "参保人员（新）",
            Code = "307/1",
            Fields = [Field("months", "N", 5), Field("person", "C", 50), Field("place", "C", 10)],
        };
        var told = EntryDifferences.Between(First, second).ToDictionary(d => d.Field, d => (d.Kind, From: Text(d.From), To: Text(d.To)));
        Assert.Equal(["code", "fields", "fields.months.length", "fields.months.type", "fields.place", "fields.remark", "name"], told.Keys.Order(StringComparer.Ordinal));
        Assert.Equal((Difference.Changed, "\"参保人员\"", "\"参保人员（新）\""), told["name"]);
        Assert.Equal((Difference.Added, null, "\"307/1\""), told["code"]);
        Assert.Equal((Difference.Changed, "\"I\"", "\"N\""), told["fields.months.type"]);
        Assert.Equal((Difference.Added, null, "5"), told["fields.months.length"]);
        Assert.Equal((Difference.Removed, null), (told["fields.remark"].Kind, told["fields.remark"].To));
        Assert.Contains("remark", told["fields.remark"].From, StringComparison.Ordinal);
        Assert.Equal((Difference.Added, null), (told["fields.place"].Kind, told["fields.place"].From));
        Assert.Equal((Difference.Reordered, """["person","months","remark"]""", """["months","person","place"]"""), told["fields"]);
    }

    [Fact]
    public void The_version_itself_is_no_difference() =>
        Assert.Empty(EntryDifferences.Between(First, First with { Version = 2, PublishedAt = First.PublishedAt.AddDays(1), Fields = [.. First.Fields] }));

    private static string? Text(JsonElement? value) => value is { } there ? JsonSerializer.Serialize(there, Json.Options) : null;

    private static DatasetField Field(string name, string type, int? length = null) => new() { Name = name, Title = name, Type = type, Length = length, SharingType = SharingClass.Unconditional };
}
