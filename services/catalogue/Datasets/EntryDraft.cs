using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Datasets;

/// <summary>A catalogue entry as an officer writes it: everything may be missing, <see cref="EntryRules"/> says what is wrong. The city adds ids, version, names and dates.</summary>
internal sealed record EntryDraft
{
    /// <summary>信息资源代码.</summary>
    public string? Code { get; init; }

    /// <summary>信息资源名称.</summary>
    public string? Name { get; init; }

    /// <summary>信息资源提供方代码.</summary>
    public string? DepartmentCode { get; init; }

    /// <summary>信息资源摘要.</summary>
    public string? Abstract { get; init; }

    /// <summary>Topic code, such as <c>C0200</c>.</summary>
    public string? Theme { get; init; }

    /// <summary>信息资源格式.</summary>
    public string? Format { get; init; }

    /// <summary>更新周期.</summary>
    public string? UpdateFrequency { get; init; }

    /// <summary>共享类型.</summary>
    public string? SharingType { get; init; }

    /// <summary>共享条件. Conditional: parts 共享范围： and 使用用途： and what else holds; refused: the reason.</summary>
    public string? SharingConditions { get; init; }

    /// <summary>共享方式.</summary>
    public string? SharingMethod { get; init; }

    /// <summary>不予共享依据.</summary>
    public string? RefusalLaw { get; init; }

    /// <summary>是否向社会开放.</summary>
    public bool? OpenToSociety { get; init; }

    /// <summary>开放条件.</summary>
    public string? OpenConditions { get; init; }

    /// <summary>数据分类.</summary>
    public string? Classification { get; init; }

    /// <summary>数据分级.</summary>
    public int? Grade { get; init; }

    /// <summary>Follows from the fields; may be said, and must then agree with them.</summary>
    public bool? PersonalInformation { get; init; }

    /// <summary>信息项, in order.</summary>
    public IReadOnlyList<FieldDraft>? Fields { get; init; }

    /// <summary>关联资源代码.</summary>
    public IReadOnlyList<string>? RelatedCodes { get; init; }

    /// <summary>The same entry with surrounding blanks gone, line ends as LF, and what follows from other members filled in; what is stored and compared.</summary>
    public EntryDraft Normalised()
    {
        var fields = (Fields ?? []).Select(f => f with
        {
            Name = Clean(f.Name),
            Title = Clean(f.Title),
            SharingType = f.SharingType ?? SharingType,
            Personal = f.Personal ?? false,
        }).ToList();
        return this with
        {
            Code = Clean(Code),
            Name = Clean(Name),
            Abstract = Clean(Abstract),
            SharingConditions = Clean(SharingConditions),
            RefusalLaw = Clean(RefusalLaw),
            OpenConditions = Clean(OpenConditions),
            OpenToSociety = OpenToSociety ?? false,
            PersonalInformation = fields.Any(f => f.Personal == true),
            Fields = fields,
            RelatedCodes = [.. (RelatedCodes ?? []).Select(c => c.Trim())],
        };

        static string? Clean(string? text)
        {
            var cleaned = text?.Trim().ReplaceLineEndings("\n");
            return string.IsNullOrEmpty(cleaned) ? null : cleaned;
        }
    }

    /// <summary>Equal in content; the generated equality compares lists by reference.</summary>
    public bool Says(EntryDraft other) => JsonSerializer.Serialize(this, Json.Options) == JsonSerializer.Serialize(other, Json.Options);

    /// <summary>The entry as the other cities see it. The draft must be normalised and without faults.</summary>
    public DatasetEntry ToEntry(Guid id, int version, string city, string departmentName, DateOnly releasedOn, DateTimeOffset publishedAt) => new()
    {
        DatasetId = id,
        Version = version,
        City = city,
        Code = Code,
        Name = Name!,
        DepartmentCode = DepartmentCode!,
        DepartmentName = departmentName,
        Abstract = Abstract!,
        Theme = Theme!,
        Format = Format!,
        UpdateFrequency = UpdateFrequency!,
        SharingType = SharingType!,
        SharingConditions = SharingConditions,
        SharingMethod = SharingMethod!,
        RefusalLaw = RefusalLaw,
        OpenToSociety = OpenToSociety ?? false,
        OpenConditions = OpenConditions,
        Classification = Classification!,
        Grade = Grade!.Value,
        PersonalInformation = PersonalInformation ?? false,
        Fields = [.. Fields!.Select(f => f.ToField(SharingType!))],
        RelatedCodes = RelatedCodes ?? [],
        ReleasedOn = releasedOn,
        PublishedAt = publishedAt,
    };
}

/// <summary>One data item (信息项) as an officer writes it.</summary>
internal sealed record FieldDraft
{
    /// <summary>Machine name (信息项标识).</summary>
    public string? Name { get; init; }

    /// <summary>信息项名称.</summary>
    public string? Title { get; init; }

    /// <summary>数据类型, the guide's letter.</summary>
    public string? Type { get; init; }

    /// <summary>数据长度: characters for C, digits for N.</summary>
    public int? Length { get; init; }

    /// <summary>信息项共享类型; the entry's when missing.</summary>
    public string? SharingType { get; init; }

    /// <summary>是否个人信息; no when missing.</summary>
    public bool? Personal { get; init; }

    public DatasetField ToField(string entrySharing) => new()
    {
        Name = Name!,
        Title = Title!,
        Type = Type!,
        Length = Length,
        SharingType = SharingType ?? entrySharing,
        Personal = Personal ?? false,
    };
}
