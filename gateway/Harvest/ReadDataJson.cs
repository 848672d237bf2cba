using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>A <c>data.json</c> (DCAT-US 1.1, and the bare list of 1.0), which comes whole.</summary>
internal static class ReadDataJson
{
    public const string Accept = "application/json";

    public static async Task ReadAsync(Source source, SourceClient client, Picture picture, CancellationToken cancel)
    {
        using var document = JsonMembers.Parse(await client.GetAsync(source.Root, Accept, cancel));
        if ((document.RootElement.ValueKind == JsonValueKind.Array ? document.RootElement : document.RootElement.Member("dataset")) is not { ValueKind: JsonValueKind.Array } list)
        {
            throw new RunRefusedException("not-data-json", new("来源的答复中没有 dataset 列表。", "The source's answer holds no list named dataset."));
        }

        picture.Stated = list.GetArrayLength();
        foreach (var dataset in list.EnumerateArray())
        {
            picture.Add(Item(source, dataset));
        }
    }

    private static SourceItem Item(Source source, JsonElement dataset)
    {
        var item = new SourceItem();
        var faults = item.Faults;
        item.Identifier = dataset.Text("identifier", faults);
        if (dataset.ValueKind != JsonValueKind.Object || dataset.GetRawText().Length > source.Limits.EntryBytes)
        {
            SourceFaults.TooLarge(faults);
            return item;
        }

        item.Title = dataset.Text("title", faults);
        item.Description = dataset.Text("description", faults);
        item.Licence = dataset.Text("license", faults);
        item.LandingPage = dataset.Text("landingPage", faults);
        item.Issued = dataset.Text("issued", faults);
        item.Modified = dataset.Text("modified", faults);
        item.Frequency = dataset.Text("accrualPeriodicity", faults);
        item.Access = dataset.Text("accessLevel", faults);
        if (dataset.Member("publisher") is { } publisher)
        {
            item.Organization.AddRange(publisher.Words("publisher", faults, "name"));
        }

        item.Themes.AddRange(dataset.List("theme", faults).SelectMany(theme => theme.Words("theme", faults)));
        item.Themes.AddRange(dataset.List("keyword", faults).SelectMany(keyword => keyword.Words("keyword", faults)));
        item.Distributions.AddRange(dataset.List("distribution", faults).Select(d => new SourceDistribution(
            d.Text("title", faults, "distribution"),
            d.Text("downloadURL", faults, "distribution") ?? d.Text("accessURL", faults, "distribution"),
            d.Text("format", faults, "distribution") ?? d.Text("mediaType", faults, "distribution"))));
        return item;
    }
}
