using System.Globalization;
using System.Text.Json.Serialization;
using Exchange.Contracts;
using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>An entry as CKAN describes a dataset. What CKAN has no member for stands in <see cref="Extras"/> under the names of the entry.</summary>
internal sealed record CkanPackage
{
    public required string Id { get; init; }

    /// <summary>The id: titles of entries change, names must not.</summary>
    public required string Name { get; init; }

    public required string Title { get; init; }

    public required string Notes { get; init; }

    /// <summary>Where the entry stands for people and harvesters.</summary>
    public required string Url { get; init; }

    /// <summary>Of the entry, counted by its city.</summary>
    public required string Version { get; init; }

    public string Type { get; } = "dataset";

    public string State { get; } = "active";

    /// <summary>True for what is not open to society: it is shown to holders of a token only.</summary>
    public required bool Private { get; init; }

    public required string OwnerOrg { get; init; }

    public required CkanOwner Organization { get; init; }

    public required IReadOnlyList<CkanOwner> Groups { get; init; }

    public required IReadOnlyList<CkanTag> Tags { get; init; }

    public required IReadOnlyList<CkanResource> Resources { get; init; }

    public required IReadOnlyList<CkanExtra> Extras { get; init; }

    public int NumResources => Resources.Count;

    public int NumTags => Tags.Count;

    /// <summary>The day of the first publication.</summary>
    public required string MetadataCreated { get; init; }

    /// <summary>When this version was published, in UTC and, as CKAN writes it, without saying so.</summary>
    public required string MetadataModified { get; init; }

    public static CkanPackage Of(DatasetEntry entry, string address)
    {
        var id = entry.DatasetId.ToString();
        var modified = entry.PublishedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.ffffff", CultureInfo.InvariantCulture);
        var organization = CkanNames.Of(Facet.Department, entry.DepartmentCode);
        var group = CkanNames.Of(Facet.Theme, entry.Theme);
        var theme = CkanNames.Title(Facet.Theme, entry.Theme, null);
        return new CkanPackage
        {
            Id = id,
            Name = id,
            Title = entry.Name,
            Notes = entry.Abstract,
            Url = $"{address}/datasets/{id}",
            Version = entry.Version.ToString(CultureInfo.InvariantCulture),
            Private = !entry.OpenToSociety,
            OwnerOrg = organization,
            Organization = new() { Id = organization, Name = organization, Title = entry.DepartmentName, DisplayName = entry.DepartmentName, IsOrganization = true, Type = "organization" },
            Groups = [new() { Id = group, Name = group, Title = theme, DisplayName = theme, IsOrganization = false, Type = "group" }],
            Tags = [CkanTag.Of(entry.SharingType)],
            Resources = [.. EntryForms.Of(entry).Select((form, position) => new CkanResource
            {
                Id = $"{id}-{form.Name}",
                PackageId = id,
                Position = position,
                Name = $"{entry.Name}（{form.Format}）",
                Description = "凭共享授权获取：先提出共享申请，获准后由提供方交付。 Delivered under a grant: ask for it first.",
                Format = form.Format,
                Mimetype = form.MediaType,
                Url = $"{address}/datasets/{id}",
                Created = Midnight(entry.ReleasedOn),
                MetadataModified = modified,
            })],
            Extras = Extra(entry),
            MetadataCreated = Midnight(entry.ReleasedOn),
            MetadataModified = modified,
        };
    }

    private static string Midnight(DateOnly day) => day.ToString("yyyy-MM-dd'T00:00:00.000000'", CultureInfo.InvariantCulture);

    private static List<CkanExtra> Extra(DatasetEntry entry)
    {
        (string Key, string? Value)[] all =
        [
            ("city", entry.City),
            ("code", entry.Code),
            ("department_code", entry.DepartmentCode),
            ("theme", entry.Theme),
            ("format", entry.Format),
            ("update_frequency", entry.UpdateFrequency),
            ("sharing_type", entry.SharingType),
            ("sharing_conditions", entry.SharingConditions),
            ("sharing_method", entry.SharingMethod),
            ("refusal_law", entry.RefusalLaw),
            ("open_to_society", entry.OpenToSociety ? "true" : "false"),
            ("open_conditions", entry.OpenConditions),
            ("classification", entry.Classification),
            ("grade", entry.Grade.ToString(CultureInfo.InvariantCulture)),
            ("personal_information", entry.PersonalInformation ? "true" : "false"),
            ("fields", string.Join('、', entry.Fields.Select(field => field.Title))),
            ("related_codes", entry.RelatedCodes.Count > 0 ? string.Join(GuideTable.Separator, entry.RelatedCodes) : null),
            ("released_on", entry.ReleasedOn.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
        ];
        return [.. all.Where(extra => extra.Value is not null).Select(extra => new CkanExtra(extra.Key, extra.Value!))];
    }
}

/// <summary>A form in which an entry's data is delivered under a grant.</summary>
internal sealed record CkanResource
{
    public required string Id { get; init; }
    public required string PackageId { get; init; }
    public required int Position { get; init; }
    public required string Name { get; init; }
    public required string Description { get; init; }

    /// <summary>CSV, JSON, API, or a file's extension in capitals.</summary>
    public required string Format { get; init; }

    public string? Mimetype { get; init; }

    /// <summary>The entry's page, which says how the data is asked for.</summary>
    public required string Url { get; init; }

    public required string Created { get; init; }
    public required string MetadataModified { get; init; }
    public string State { get; } = "active";
    public bool DatastoreActive { get; }
}

/// <summary>The organization or group that a dataset stands in.</summary>
internal sealed record CkanOwner
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Title { get; init; }
    public required string DisplayName { get; init; }
    public required bool IsOrganization { get; init; }
    public required string Type { get; init; }
    public string State { get; } = "active";
}

/// <summary>The sharing class as a tag.</summary>
internal sealed record CkanTag
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string DisplayName { get; init; }
    public string State { get; } = "active";

    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? VocabularyId { get; }

    public static CkanTag Of(string sharing)
    {
        var name = CkanNames.Of(Facet.Sharing, sharing);
        return new() { Id = sharing, Name = name, DisplayName = name };
    }
}

/// <summary>A member of the entry that CKAN has none for.</summary>
internal sealed record CkanExtra(string Key, string Value);

/// <summary>A facet's value with the number of datasets found that have it.</summary>
internal sealed record CkanFacetItem
{
    public required string Name { get; init; }
    public required string DisplayName { get; init; }
    public required int Count { get; init; }
}

/// <summary>An organization (department) or group (theme).</summary>
internal sealed record CkanGroup
{
    public required string Id { get; init; }
    public required string Name { get; init; }
    public required string Title { get; init; }
    public required string DisplayName { get; init; }
    public string Description { get; } = "";
    public string ImageUrl { get; } = "";
    public string ImageDisplayUrl { get; } = "";
    public required bool IsOrganization { get; init; }
    public required string Type { get; init; }
    public string State { get; } = "active";
    public string ApprovalStatus { get; } = "approved";

    /// <summary>Datasets that the caller may know of.</summary>
    public required int PackageCount { get; init; }

    /// <summary>When asked for: the newest thousand.</summary>
    public IReadOnlyList<CkanPackage>? Packages { get; init; }

    public IReadOnlyList<CkanTag> Tags { get; } = [];
    public IReadOnlyList<CkanOwner> Groups { get; } = [];
    public IReadOnlyList<CkanOwner> Users { get; } = [];
    public IReadOnlyList<CkanExtra> Extras { get; } = [];
    public int NumFollowers { get; }
}

/// <summary>What was found.</summary>
internal sealed record CkanSearchResult
{
    /// <summary>Over all pages.</summary>
    public required int Count { get; init; }

    /// <summary>The order in effect.</summary>
    public required string Sort { get; init; }

    public required IReadOnlyList<CkanPackage> Results { get; init; }

    /// <summary>Facet → value → number of datasets found.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<string, int>> Facets { get; init; }

    public required IReadOnlyDictionary<string, CkanSearchFacet> SearchFacets { get; init; }
}

/// <summary>One facet with titles for people.</summary>
internal sealed record CkanSearchFacet(string Title, IReadOnlyList<CkanFacetItem> Items);

/// <summary>What kind of site this is.</summary>
internal sealed record CkanStatus
{
    /// <summary>The version of CKAN whose read side this is like; this is no CKAN.</summary>
    public string CkanVersion { get; } = "2.11.0";

    public required string SiteUrl { get; init; }
    public required string SiteTitle { get; init; }
    public required string SiteDescription { get; init; }
    public string LocaleDefault { get; } = "zh_Hans_CN";
    public IReadOnlyList<string> Extensions { get; } = [];
}
