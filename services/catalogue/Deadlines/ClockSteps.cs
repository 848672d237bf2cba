using System.Globalization;
using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deadlines;

/// <summary>What the steps of every clock have in common: their words in notices and in the log, and whom they reach.</summary>
internal static class ClockSteps
{
    /// <summary>Last part of the notice's and the audit record's type: <c>reminder</c>, <c>breached</c>, <c>escalated</c>.</summary>
    public static string Told(this ClockStep step) => step switch
    {
        ClockStep.Reminder => "reminder",
        ClockStep.Breach => "breached",
        _ => "escalated",
    };

    /// <summary>Of a clock that a department keeps: who works on it and the head of the sharing office, then the head of the department, then the city's authority.</summary>
    /// <param name="step">What happened.</param>
    /// <param name="worker">The role of those who work on it.</param>
    public static IReadOnlyList<string> RolesOfDepartment(this ClockStep step, string worker) => step switch
    {
        ClockStep.Reminder or ClockStep.Breach => [worker, Roles.SharingHead],
        ClockStep.Head => [Roles.DepartmentHead],
        _ => [Roles.Authority],
    };

    /// <summary>For the audit record.</summary>
    public static Dictionary<string, string> Details(this ClockStep step, RunningClock clock) => new(StringComparer.Ordinal)
    {
        ["clock"] = clock.Clock,
        ["step"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(step.ToString()),
        ["due"] = clock.DueOn.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };
}
