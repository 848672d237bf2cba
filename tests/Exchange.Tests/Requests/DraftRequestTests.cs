using Exchange.Catalogue.Requests;
using Exchange.Tests.Datasets;
using Xunit;

namespace Exchange.Tests.Requests;

/// <summary>What may be asked for at all.</summary>
public sealed class DraftRequestTests
{
    [Theory]
    [InlineData("general", 3, false)]
    [InlineData("important", 5, false)]
    [InlineData("core", 6, true)]
    public void Core_data_is_never_exchanged_here(string classification, int grade, bool refused)
    {
        var today = new DateOnly(2026, 9, 18);
        var entry = (Samples.Draft with { Classification = classification, Grade = grade }).Normalised().ToEntry(Guid.NewGuid(), 1, "changsha", "示例", today, DateTimeOffset.UnixEpoch);
        var body = new DraftRequest.Body { DatasetId = entry.DatasetId, LegalBasis = "示例", Scenario = "示例", Scope = "示例", Fields = ["balance"], UseUntil = today };

        var faults = DraftRequest.Check(body, entry, today).All;

        Assert.Equal(refused ? ["dataset_id core-data GB/T 43697-2024"] : [], faults.Select(f => $"{f.Field} {f.Rule} {f.Article}"));
    }
}
