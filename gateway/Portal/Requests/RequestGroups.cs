using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Requests;

/// <summary>The tabs of the list: states together by what is to be done, not by what they are called.</summary>
internal static class RequestGroups
{
    public static readonly IReadOnlyList<(string Word, Text Name, string[] States)> All =
    [
        ("ours", new("待本部门办理", "For us to act"), ["draft", "signed_off", "supplement_asked", "suspended", "ended", "terminated"]),
        ("theirs", new("待提供方办理", "With the provider"), ["submitted", "under_review", "decided", "approved"]),
        ("in-use", new("使用中", "In use"), ["active"]),
        ("closed", new("已办结", "Closed"), ["refused", "disposed", "archived", "withdrawn"]),
    ];

    public static string[]? StatesOf(string? word) => All.FirstOrDefault(group => group.Word == word).States;
}
