using System.Globalization;
using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>A CKAN portal page by page: <c>package_search</c>, or <c>current_package_list_with_resources</c> where a portal has closed the search.</summary>
internal static class ReadCkan
{
    public const string Accept = "application/json";

    public static async Task ReadAsync(Source source, SourceClient client, Picture picture, CancellationToken cancel)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var search = true;
        for (var start = 0; ;)
        {
            SourcePage page;
            try
            {
                page = await client.GetAsync(PageOf(source, search, start), Accept, cancel);
            }
            catch (RunRefusedException refused) when (start == 0 && search && refused.Rule is "status-400" or "status-403" or "status-404")
            {
                search = false;
                continue;
            }

            using var document = JsonMembers.Parse(page);
            var result = document.RootElement.Member("success") is { ValueKind: JsonValueKind.True } ? document.RootElement.Member("result") : null;
            var packages = search ? result?.Member("results") : result;
            if (packages is not { ValueKind: JsonValueKind.Array } list)
            {
                throw new RunRefusedException("not-ckan", new("来源的答复不是 CKAN 接口的格式。", "The source's answer is not one of the CKAN API."));
            }

            if (search)
            {
                picture.Stated = result?.Member("count") is { ValueKind: JsonValueKind.Number } count && count.TryGetInt32(out var stated) ? stated : picture.Stated;
            }

            var length = list.GetArrayLength();
            var before = seen.Count;
            foreach (var package in list.EnumerateArray())
            {
                var item = Item(source, package);
                seen.Add(item.Identifier ?? $"#{picture.Items.Count}");
                picture.Add(item);
            }

            start += length;
            if (length == 0 || (picture.Stated is { } all && start >= all) || (!search && length < source.Limits.PageSize))
            {
                return;
            }

            if (seen.Count == before)
            {
                throw new RunRefusedException("page-repeats", new("来源的分页没有尽头：下一页没有新条目。", "The source's pages have no end: the next one brings no new entry."));
            }
        }
    }

    /// <summary>In the order of ids: entries that change while the pages are read do not move to another page.</summary>
    private static Uri PageOf(Source source, bool search, int start) => new(source.Address.TrimEnd('/') + (search
        ? string.Create(CultureInfo.InvariantCulture, $"/api/3/action/package_search?q=*:*&sort=id+asc&rows={source.Limits.PageSize}&start={start}")
        : string.Create(CultureInfo.InvariantCulture, $"/api/3/action/current_package_list_with_resources?limit={source.Limits.PageSize}&offset={start}")));

    private static SourceItem Item(Source source, JsonElement package)
    {
        var item = new SourceItem();
        var faults = item.Faults;
        if (package.ValueKind != JsonValueKind.Object || package.GetRawText().Length > source.Limits.EntryBytes)
        {
            item.Identifier = package.Member("id") is { ValueKind: JsonValueKind.String } id ? id.GetString() : null;
            SourceFaults.TooLarge(faults);
            return item;
        }

        item.Identifier = package.Text("id", faults);
        item.Title = package.Text("title", faults) is { Length: > 0 } title ? title : package.Text("name", faults);
        item.Description = package.Text("notes", faults);
        item.Licence = package.Text("license_title", faults) ?? package.Text("license_id", faults);
        item.LandingPage = package.Text("name", faults) is { } name && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? $"{source.Address.TrimEnd('/')}/dataset/{name}" : null;
        item.Issued = package.Text("metadata_created", faults);
        item.Modified = package.Text("metadata_modified", faults);
        item.Frequency = package.Text("frequency", faults) ?? package.Text("update_frequency", faults);
        item.Access = package.Member("private") is { ValueKind: JsonValueKind.True } ? "private" : null;
        if (package.Member("organization") is { } organization)
        {
            item.Organization.AddRange(organization.Words("organization", faults, "id", "name", "title"));
        }

        item.Themes.AddRange(package.List("groups", faults).SelectMany(group => group.Words("groups", faults, "name", "title", "display_name")));
        item.Themes.AddRange(package.List("tags", faults).SelectMany(tag => tag.Words("tags", faults, "name")));
        foreach (var extra in package.List("extras", faults))
        {
            if (extra.Member("key") is { ValueKind: JsonValueKind.String } key && key.ValueEquals("frequency"u8))
            {
                item.Frequency ??= extra.Text("value", faults, "extras");
            }
        }

        item.Distributions.AddRange(package.List("resources", faults).Select(r => new SourceDistribution(
            r.Text("name", faults, "resources"), r.Text("url", faults, "resources"), r.Text("format", faults, "resources"))));
        if (package.Member("state") is { ValueKind: JsonValueKind.String } state && !state.ValueEquals("active"u8))
        {
            faults.Add("state", SourceFaults.NotTaken, null, new("来源标明该条目不是有效状态。", "The source says that the entry is not active."));
        }

        return item;
    }
}
