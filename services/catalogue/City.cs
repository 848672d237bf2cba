using System.Text.Json;
using System.Text.Json.Serialization;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Departments;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue;

/// <summary>The city this process serves, from <c>deploy/cities/&lt;city&gt;.json</c>. A further city is one more such file.</summary>
internal sealed record City
{
    /// <summary>Lower-case pinyin: <c>changsha</c>.</summary>
    [JsonPropertyName("city")]
    public required string Id { get; init; }

    /// <summary>Six digits of the division (GB/T 2260).</summary>
    public required string Code { get; init; }

    public required string Name { get; init; }

    /// <summary>First part of references for people: 长沙-2026-000123.</summary>
    public required string ShortName { get; init; }

    /// <summary>For readers of the file; not used.</summary>
    public string? Note { get; init; }

    public required CityPublic Public { get; init; }

    public required CityLimits Limits { get; init; }

    /// <summary><c>automatic</c>: a standing sign-off answers at once; <c>person</c>: a person decides each request inside the clock.</summary>
    public required string Unconditional { get; init; }

    public required CityAuthority Authority { get; init; }

    /// <summary>The common superior authority, which coordinates disputes between cities (art. 28).</summary>
    public required string Superior { get; init; }

    /// <summary>Its government, which decides when coordination fails (art. 28); null: not named in the record.</summary>
    public string? SuperiorGovernment { get; init; }

    public required IReadOnlyList<Department> Departments { get; init; }

    /// <summary>The last day to dispose of what was received, when access ends now (art. 27).</summary>
    public LegalDate DisposalDue(WorkingDays days, TimeProvider clock) => days.Add(LegalDay.Of(clock.GetUtcNow()), Limits.Disposal);

    /// <summary>Reads and checks the file; throws with every fault at once.</summary>
    public static City Read(string file)
    {
        City city;
        try
        {
            using var stream = File.OpenRead(file);
            city = JsonSerializer.Deserialize<City>(stream, Json.Options) ?? throw new JsonException("The file is empty.");
        }
        catch (Exception fault) when (fault is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new InvalidSettingsException([$"City:File {file}: {fault.Message}"]);
        }

        var faults = city.Check();
        return faults.Count == 0 ? city : throw new InvalidSettingsException([.. faults.Select(f => $"City:File {file}: {f}")]);
    }

    private List<string> Check()
    {
        List<string> faults = [];
        Require(Id.Length is > 1 and < 32 && Id.All(char.IsAsciiLetterLower), "city: must be lower-case pinyin");
        Require(Code.Length == 6 && Code.All(char.IsAsciiDigit), "code: must have six digits");
        Require(Name.Length > 0 && ShortName.Length > 0, "name and short_name: are required");
        Require(Unconditional is "automatic" or "person", "unconditional: must be automatic or person");
        Require(CreditCode.IsValid(Authority.Code), $"authority.code: {Authority.Code} is no valid credit code");
        Require(Departments.Count > 0, "departments: at least one is required");
        Limit("reply_unconditional", Limits.ReplyUnconditional, 1, "21");
        Limit("reply_conditional", Limits.ReplyConditional, 10, "21");
        Limit("delivery", Limits.Delivery, 20, "22");
        Require(Limits.Extension is >= 0 and <= SharingProcess.LongestExtension, $"limits.extension: must be 0 to {SharingProcess.LongestExtension} working days in total (art. 21)");
        Limit("correction", Limits.Correction, 10, "26");
        Limit("catalogue_update", Limits.CatalogueUpdate, 10, "17");
        Limit("catalogue_review", Limits.CatalogueReview, 2, "17");
        Require(Limits.CatalogueExtension is >= 0 and <= 5, "limits.catalogue_extension: must be 0 to 5 working days (art. 17)");
        Require(Limits is { Disposal: >= 1, ConsultationAnswer: >= 1, RemindBefore: >= 1, EscalateAfter: >= 1, UseRecordEvery: >= 1 }, "limits: disposal, consultation_answer, remind_before, escalate_after and use_record_every must be at least 1 working day");
        Require(Limits.ArchiveAfter >= 0, "limits.archive_after: must be 0 days or more");
        Require(Limits.RetentionYears >= CityLimits.LeastRetentionYears, $"limits.retention_years: must be at least {CityLimits.LeastRetentionYears} (art. 29)");
        foreach (var department in Departments)
        {
            Require(CreditCode.IsValid(department.Code), $"departments: {department.Code} ({department.Name}) is no valid credit code");
            Require(department.Name.Length > 0 && department.SharingOffice.Name.Length > 0, $"departments: {department.Code} needs a name and a sharing office (art. 11)");
        }

        Require(Departments.Select(d => d.Code).Append(Authority.Code).Distinct().Count() == Departments.Count + 1, "departments: a credit code stands twice");
        return faults;

        void Require(bool holds, string fault)
        {
            if (!holds)
            {
                faults.Add(fault);
            }
        }

        void Limit(string name, int days, int statute, string article) =>
            Require(days >= 1 && days <= statute, $"limits.{name}: must be 1 to {statute} working days (art. {article})");
    }
}

/// <summary>How the city names itself to readers.</summary>
internal sealed record CityPublic
{
    public required string NameEn { get; init; }

    public required string Catalogue { get; init; }

    public required string CatalogueEn { get; init; }
}

/// <summary>Working days; art. 23 encourages shorter limits than the statute's, longer ones are refused at start.</summary>
internal sealed record CityLimits
{
    public required int ReplyUnconditional { get; init; }

    public required int ReplyConditional { get; init; }

    public required int Delivery { get; init; }

    /// <summary>By how many working days in total a reply clock may be extended (art. 21).</summary>
    public int Extension { get; init; } = SharingProcess.LongestExtension;

    /// <summary>Whether the clock of an unconditional request may be extended too: the sentence stands after both classes (art. 21).</summary>
    public bool ExtendUnconditional { get; init; } = true;

    /// <summary>Whether the reply clock waits for a supplement; the regulation is silent.</summary>
    public bool PauseForSupplement { get; init; } = true;

    /// <summary>Verify, correct and answer (art. 26).</summary>
    public int Correction { get; init; } = 10;

    /// <summary>Update an entry after a change of law or duty (art. 17).</summary>
    public int CatalogueUpdate { get; init; } = 10;

    /// <summary>By how much that is extended with the data authority's consent (art. 17).</summary>
    public int CatalogueExtension { get; init; } = 5;

    /// <summary>Review and publish (art. 17).</summary>
    public int CatalogueReview { get; init; } = 2;

    /// <summary>Dispose of the data once access is over. The regulation sets no limit; this is the city's own.</summary>
    public int Disposal { get; init; } = 10;

    /// <summary>Answer a consultation about ending or changing a service. The city's own.</summary>
    public int ConsultationAnswer { get; init; } = 10;

    /// <summary>How many working days before a clock's last day people are reminded.</summary>
    public int RemindBefore { get; init; } = 2;

    /// <summary>After how many working days a late clock goes to the department's head, and after as many again to the data authority.</summary>
    public int EscalateAfter { get; init; } = 2;

    /// <summary>After how many working days without a use record (art. 29) those who use data are reminded.</summary>
    public int UseRecordEvery { get; init; } = 60;

    /// <summary>Days, not working days, until a closed request goes to the archive.</summary>
    public int ArchiveAfter { get; init; } = 30;

    /// <summary>Art. 29: at least three years.</summary>
    public int RetentionYears { get; init; } = LeastRetentionYears;

    public const int LeastRetentionYears = 3;
}

/// <summary>The city's data authority (政务数据共享主管部门).</summary>
internal sealed record CityAuthority(string Code, string Name);
