using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

internal enum SourceKind
{
    /// <summary>The CKAN Action API.</summary>
    Ckan,

    /// <summary>A DCAT catalogue as JSON-LD or Turtle.</summary>
    Dcat,

    /// <summary>A <c>data.json</c> of DCAT-US.</summary>
    DataJson,
}

/// <summary>
/// A foreign catalogue that joins read-only, from a file <c>&lt;source&gt;.json</c> in the folder of sources. What its entries do not say is taken from <see cref="Defaults"/>,
/// and each entry lists what was.
/// </summary>
internal sealed partial record Source
{
    /// <summary>Lower-case pinyin; stands where a city's id stands, so it may not be one.</summary>
    [JsonPropertyName("source")]
    public string Id { get; init; } = "";

    public string Name { get; init; } = "";

    public string NameEn { get; init; } = "";

    /// <summary>For readers of the file; not used.</summary>
    public string? Note { get; init; }

    public SourceKind? Kind { get; init; }

    /// <summary>CKAN: the portal's address, above <c>/api/3</c>. DCAT and data.json: the document's own.</summary>
    public string Address { get; init; } = "";

    /// <summary>Whose entries these are when the source does not say, or says an organization without a line in <see cref="Organizations"/>.</summary>
    public SourceDepartment? Department { get; init; }

    public IReadOnlyList<SourceOrganization> Organizations { get; init; } = [];

    /// <summary>The source's word for a theme → topic code of the national draft.</summary>
    public IReadOnlyDictionary<string, string> Themes { get; init; } = new Dictionary<string, string>();

    public SourceDefaults Defaults { get; init; } = new();

    /// <summary>How often it is read. A source that is not heard for half as long again is lagging, after three times it is silent.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Between two calls of one run.</summary>
    public TimeSpan Pause { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A run that would take away more than this share of the source's entries holds the removals back until an operator confirms them.</summary>
    public double LargestRemoval { get; init; } = 0.3;

    /// <summary>Private networks that this one source may stand in, such as <c>10.20.0.0/16</c>.</summary>
    public IReadOnlyList<string> Allow { get; init; } = [];

    public SourceLimits Limits { get; init; } = new();

    /// <summary>Changes with the file and with the program: what was read otherwise is read again, though the source has not changed.</summary>
    [JsonIgnore]
    public string Fingerprint { get; init; } = "";

    [JsonIgnore]
    public Uri Root => new(Address);

    public TimeSpan LiveWithin => Every * 1.5;

    public TimeSpan SilentAfter => Every * 3;

    public bool Allows(IPAddress address) => OutsideAddress.IsAllowed(address, Allow);

    /// <summary>Reads the folder; every fault of every file goes to the reader of settings.</summary>
    public static IReadOnlyList<Source> ReadFolder(string? folder, IEnumerable<string> cities, SettingsReader settings)
    {
        if (folder is null)
        {
            return [];
        }

        if (!Directory.Exists(folder))
        {
            settings.Fault("Gateway:SourcesFolder", "names a folder that is not there");
            return [];
        }

        List<Source> sources = [];
        var taken = cities.Concat(["audit", "gateway"]).ToHashSet(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            try
            {
                var bytes = File.ReadAllBytes(file);
                var source = JsonSerializer.Deserialize<Source>(bytes, Json.Options) ?? throw new JsonException("The file is empty.");
                foreach (var fault in source.Check())
                {
                    settings.Fault(file, fault);
                }

                if (!taken.Add(source.Id))
                {
                    settings.Fault(file, $"source: {source.Id} is a city, a service or another source");
                }

                sources.Add(source with { Fingerprint = Convert.ToHexStringLower(SHA256.HashData([.. bytes, .. Release])) });
            }
            catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException)
            {
                settings.Fault(file, fault.Message);
            }
        }

        return sources;
    }

    internal List<string> Check()
    {
        List<string> faults = [];
        Require(IdForm.IsMatch(Id), "source: must be lower-case letters and digits");
        Require(Name.Length > 0 && NameEn.Length > 0, "name and name_en: are required");
        Require(Kind is not null, "kind: must be ckan, dcat or data_json");
        Require(SourceAddress.IsWebAddress(Address) && !Address.Contains('#', StringComparison.Ordinal), "address: must be an absolute http or https address without a password or a fragment");
        Require(Kind != SourceKind.Ckan || !Address.Contains('?', StringComparison.Ordinal), "address: a CKAN portal's address has no query");
        Require(Department is not null, "department: is required");
        foreach (var department in Organizations.Select(o => new SourceDepartment(o.Code, o.Name)).Append(Department))
        {
            Require(department is null || (CodeForm.IsMatch(department.Code) && department.Name.Length > 0), $"department {department?.Code}: needs a unified social credit code of 18 characters and a name");
        }

        Require(Organizations.Select(o => o.Organization).Distinct(StringComparer.Ordinal).Count() == Organizations.Count, "organizations: one stands twice");
        foreach (var theme in Themes.Values.Append(Defaults.Theme))
        {
            Require(TopicCodes.Contains(theme), $"theme {theme}: is no topic code of the national draft");
        }

        Require(Defaults.SharingType is SharingClass.Unconditional or SharingClass.Conditional, "defaults.sharing_type: must be unconditional or conditional; a refusal cites a law, entry by entry (art. 15)");
        Require((Defaults.SharingType == SharingClass.Conditional) == !string.IsNullOrWhiteSpace(Defaults.SharingConditions), "defaults.sharing_conditions: stand with conditional, and only there (art. 15)");
        Require(ReadWords.Frequencies.Contains(Defaults.UpdateFrequency), $"defaults.update_frequency: must be one of {string.Join(", ", ReadWords.Frequencies)}");
        Require(Defaults.Grade is >= 1 and <= 4, "defaults.grade: must be 1 to 4; important and core data are not harvested");
        Require(Every >= TimeSpan.FromSeconds(1) && Every <= TimeSpan.FromDays(31), "every: must be between a second and 31 days");
        Require(Pause >= TimeSpan.Zero && Pause <= TimeSpan.FromMinutes(1), "pause: must be at most a minute");
        Require(LargestRemoval is >= 0 and <= 1, "largest_removal: must be a share between 0 and 1");
        Require(Allow.All(a => IPNetwork.TryParse(a, out _)), "allow: must be networks such as 10.20.0.0/16");
        Require(Limits is { Entries: > 0, EntryBytes: > 0, PageBytes: > 0, TotalBytes: > 0, PageSize: > 0 and <= 1000, Redirects: >= 0 and <= 10 }, "limits: must be above zero; page_size at most 1000, redirects at most 10");
        Require(Limits.PageBytes <= 256 << 20 && Limits.TotalBytes <= 1L << 30, "limits: a page is at most 256 MB, a run 1 GB");
        Require(Limits.Request > TimeSpan.Zero && Limits.Request <= TimeSpan.FromMinutes(5) && Limits.Run >= Limits.Request && Limits.Run <= TimeSpan.FromHours(6), "limits: request is at most 5 minutes, run at least as long and at most 6 hours");
        return faults;

        void Require(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }
    }

    private static readonly byte[] Release = typeof(Source).Assembly.ManifestModule.ModuleVersionId.ToByteArray();

    private static readonly HashSet<string> TopicCodes = new(
    [
        "A0100", "A0200", "A0300", "A0400", "B0100", "B0200", "B0300", "B0400", "B0500", "C0100", "C0200", "C0300", "C0400", "C0500", "D0100", "D0200", "D0300", "D0400", "D0500",
    ], StringComparer.Ordinal);

    [GeneratedRegex(@"^[a-z][a-z0-9]{1,30}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex IdForm { get; }

    [GeneratedRegex(@"^[0-9A-HJ-NP-RTUWXY]{18}\z", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex CodeForm { get; }
}

/// <param name="Code">Unified social credit code, 18 characters.</param>
/// <param name="Name">As the exchange shows it.</param>
internal sealed record SourceDepartment(string Code, string Name);

/// <param name="Organization">Id, name, title or IRI of the publisher at the source.</param>
/// <param name="Code">Unified social credit code, 18 characters.</param>
/// <param name="Name">As the exchange shows it.</param>
internal sealed record SourceOrganization(string Organization, string Code, string Name);

/// <summary>What stands in an entry whose source says nothing about it.</summary>
internal sealed record SourceDefaults
{
    public string Theme { get; init; } = "D0200";

    public string SharingType { get; init; } = SharingClass.Unconditional;

    /// <summary>Scope and purpose; required with <c>conditional</c>.</summary>
    public string? SharingConditions { get; init; }

    /// <summary>Whether callers without a token see the entries: only on the operator's word, and never those that the source itself calls restricted.</summary>
    public bool OpenToSociety { get; init; }

    public string UpdateFrequency { get; init; } = "irregular";

    public int Grade { get; init; } = 1;
}

/// <summary>What a source may cost. Bytes are counted after decompression.</summary>
internal sealed record SourceLimits
{
    public int Entries { get; init; } = 50_000;

    public int EntryBytes { get; init; } = 256 << 10;

    public int PageBytes { get; init; } = 32 << 20;

    public long TotalBytes { get; init; } = 128 << 20;

    /// <summary>Entries asked for at once, where the source takes pages.</summary>
    public int PageSize { get; init; } = 100;

    public int Redirects { get; init; } = 3;

    public TimeSpan Request { get; init; } = TimeSpan.FromSeconds(30);

    public TimeSpan Run { get; init; } = TimeSpan.FromMinutes(10);
}
