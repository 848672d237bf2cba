using Exchange.Hosting;

namespace Exchange.Audit.Search;

/// <summary>Who sees which records: auditors all of them, a department those it is a party of, a city's authority those its city took part in.</summary>
internal static class Visibility
{
    /// <summary>Roles that may read records at all. Operators keep the service up and see no audit content; case auditors get openings, by another way.</summary>
    public static readonly string[] Readers = [Roles.Officer, Roles.Reviewer, Roles.SharingHead, Roles.DepartmentHead, Roles.Authority, Roles.Integrator, Roles.Auditor];

    public static bool SeesAll(Caller caller) => caller.Has(Roles.Auditor);

    /// <summary>The city whose records the caller oversees, or null.</summary>
    public static string? Oversees(Caller caller) => caller.Has(Roles.Authority) ? caller.City : null;

    public static bool MaySee(Caller caller, string? requesting, string? providing, IEnumerable<string> sources) =>
        SeesAll(caller)
        || (caller.Department is { } department && (department == requesting || department == providing))
        || (Oversees(caller) is { } city && sources.Contains(city, StringComparer.Ordinal));

    /// <summary>The same as a part of a question to the database.</summary>
    public static Scope ScopeOf(Caller caller) => new(SeesAll(caller), caller.Department, Oversees(caller));
}

/// <param name="All">Everything.</param>
/// <param name="Department">Otherwise what this department is a party of.</param>
/// <param name="City">And what this city took part in.</param>
internal readonly record struct Scope(bool All, string? Department, string? City)
{
    public Text Words => All
        ? new("全部记录", "all records")
        : new(
            string.Join("，以及", new[] { Department is null ? null : $"{Department} 作为当事部门的记录", City is null ? null : $"{City} 所参与的记录" }.OfType<string>()),
            string.Join(", and ", new[] { Department is null ? null : $"records that {Department} is a party of", City is null ? null : $"records that {City} took part in" }.OfType<string>()));
}
