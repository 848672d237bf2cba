using System.Security.Cryptography;
using System.Text;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>
/// From a source's words to an entry of the catalogue. Pure. Nothing is invented: what the source does not say is the default of its settings or empty, and <c>origin.assumed</c> names it.
/// Text stays as it was written and is never HTML; control and direction characters are a fault. A fault in the title costs the entry, any other only its member.
/// </summary>
internal static class MapEntry
{
    private const int LongestTitle = 500;
    private const int LongestText = 10_000;
    private const int LongestWord = 500;
    private const int MostDistributions = 100;

    /// <summary>The same for the same source and identifier, over runs and over lost databases: RFC 9562 version 8 over SHA-256.</summary>
    public static Guid IdOf(string source, string identifier)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"exchange harvest\n{source}\n{identifier}"));
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }

    /// <summary>True when the entry can be told from others; what is wrong with the identifier is among the faults.</summary>
    public static bool IsIdentified(SourceItem item)
    {
        if (!string.IsNullOrWhiteSpace(item.Identifier) && Text("identifier", item.Identifier, LongestWord, item.Faults) is not null)
        {
            return true;
        }

        SourceFaults.Nameless(item.Faults);
        return false;
    }

    /// <summary>The entry as version 0 of a day not yet known where the source states none, or null when the faults do not let it be taken.</summary>
    public static DatasetEntry? Map(Source source, SourceItem item, DateTimeOffset now)
    {
        var faults = item.Faults;
        if (string.IsNullOrWhiteSpace(item.Title))
        {
            faults.RequireText("title", item.Title, null);
        }

        var title = Text("title", item.Title, LongestTitle, faults);
        var assumed = new SortedSet<string>(StringComparer.Ordinal) { "classification", "grade", "sharing_type" };
        var department = Assumed("department", source.Organizations.FirstOrDefault(o => item.Organization.Contains(o.Organization, StringComparer.Ordinal)) is { } known ? new SourceDepartment(known.Code, known.Name) : null, source.Department!);
        var distributions = Distributions(item);
        var formats = distributions.Select(d => ReadWords.Extension(d.Format)).OfType<string>().Select(ReadWords.Format).ToList();
        var issued = ReadWords.Moment("issued", item.Issued, now, faults);
        if (issued is null)
        {
            assumed.Add("released_on");
        }

        var description = Text("description", item.Description, LongestText, faults);
        var frequency = ReadWords.Frequency(item.Frequency);
        if (frequency is null && !string.IsNullOrWhiteSpace(item.Frequency))
        {
            faults.Add("frequency", "unknown-word", null, new("不是可识别的更新周期，按来源未说明处理。", "This is no update cycle that is known here; it counts as not stated."));
        }

        if (ReadWords.IsPublic(item.Access) != false)
        {
            // Open at the source is not yet open here: that is the operator's word.
            assumed.Add("open_to_society");
        }

        var entry = new DatasetEntry
        {
            DatasetId = IdOf(source.Id, item.Identifier!),
            Version = 0,
            City = source.Id,
            Name = title ?? "",
            DepartmentCode = department.Code,
            DepartmentName = department.Name,
            Abstract = Assumed("abstract", string.IsNullOrWhiteSpace(description) ? null : description, ""),
            Theme = Assumed("theme", item.Themes.Select(theme => source.Themes.GetValueOrDefault(theme)).OfType<string>().FirstOrDefault(), source.Defaults.Theme),
            Format = Assumed("format", formats.FirstOrDefault(), "unknown"),
            UpdateFrequency = Assumed("update_frequency", frequency, source.Defaults.UpdateFrequency),
            SharingType = source.Defaults.SharingType,
            SharingConditions = source.Defaults.SharingConditions,
            SharingMethod = Assumed("sharing_method", formats.Count == 0 ? null : formats.TrueForAll(f => f == "service") ? "service" : "file", "file"),
            OpenToSociety = source.Defaults.OpenToSociety && ReadWords.IsPublic(item.Access) != false,
            Classification = "general",
            Grade = source.Defaults.Grade,
            Fields = [],
            ReleasedOn = issued is { } day ? DateOnly.FromDateTime(day.ToOffset(TimeSpan.FromHours(8)).DateTime) : default,
            PublishedAt = default,
            Origin = new EntryOrigin
            {
                Source = source.Id,
                SourceName = source.Name,
                SourceNameEn = source.NameEn,
                Identifier = item.Identifier!,
                LandingPage = Address("landing_page", item.LandingPage, faults),
                Licence = Text("licence", item.Licence, LongestWord, faults) is { Length: > 0 } licence ? licence : null,
                ModifiedAt = ReadWords.Moment("modified", item.Modified, now, faults),
                Assumed = [.. assumed],
                Distributions = distributions,
            },
        };
        return faults.All.All(SourceFaults.IsTaken) ? entry with { Origin = entry.Origin with { Assumed = [.. assumed] } } : null;

        T Assumed<T>(string member, T? stated, T otherwise)
            where T : class
        {
            if (stated is null)
            {
                assumed.Add(member);
            }

            return stated ?? otherwise;
        }
    }

    private static List<OriginDistribution> Distributions(SourceItem item)
    {
        List<OriginDistribution> shown = [];
        foreach (var (index, distribution) in item.Distributions.Index())
        {
            if (index == MostDistributions)
            {
                item.Faults.Add("distributions", "too-many", null, new($"只取前 {MostDistributions} 个分发。", $"Only the first {MostDistributions} are taken."));
                break;
            }

            if (Address($"distributions[{index}].address", distribution.Address, item.Faults) is { } address)
            {
                shown.Add(new OriginDistribution
                {
                    Title = Text($"distributions[{index}].title", distribution.Title, LongestWord, item.Faults) is { Length: > 0 } title ? title : null,
                    Address = address,
                    Format = ReadWords.Extension(distribution.Format),
                });
            }
        }

        return shown;
    }

    private static string? Text(string field, string? value, int longest, Faults faults)
    {
        var before = faults.All.Count;
        faults.CheckText(field, value, null, longest);
        if (value?.Contains('\uFFFD', StringComparison.Ordinal) == true)
        {
            faults.Add(field, "not-text", null, new("含有损坏的字符。", "It holds broken characters."));
        }

        return faults.All.Count == before ? value?.Trim() : null;
    }

    private static string? Address(string field, string? value, Faults faults)
    {
        if (string.IsNullOrWhiteSpace(value))
        {
            return null;
        }

        if (SourceAddress.IsWebAddress(value.Trim()) && !value.Trim().Any(char.IsControl))
        {
            return new Uri(value.Trim()).AbsoluteUri;
        }

        faults.Add(field, "not-a-web-address", null, new("不是 http 或 https 地址，未采用。", "This is no http or https address and is left out."));
        return null;
    }
}
