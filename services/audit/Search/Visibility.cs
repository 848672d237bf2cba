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
}
