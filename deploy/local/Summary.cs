using Exchange.Local.Accounts;

namespace Exchange.Local;

/// <summary>What a newcomer needs on one page: where to go and whom to be.</summary>
internal static class Summary
{
    public static string Of(Stack stack, Place place, bool secrets)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var service in stack.ServiceNames)
            rows.Add([stack.Cities.FirstOrDefault(c => c.Name == service)?.Title ?? "", service, "", Text(stack.Address(service)), ""]);
        // Departments with a program of their own stand for all: with forty people per city nobody would read the table.
        var shown = stack.Accounts.Where(a => a.Type == SampleAccounts.Client).Select(a => a.Department).ToHashSet(StringComparer.Ordinal);
        shown.UnionWith(stack.Cities.Select(c => c.Authority?.Code));
        var more = stack.Accounts.Count(a => !shown.Contains(a.Department));
        foreach (var account in stack.Accounts.Where(a => shown.Contains(a.Department)))
        {
            var city = stack.Cities.FirstOrDefault(c => c.Name == account.City)?.Title ?? "";
            rows.Add([city, string.Join(", ", account.Roles), account.DepartmentName ?? "", account.ClientId, secrets ? account.Secret : "in exchange.json"]);
        }
        return Table.Of(["city", "service or role", "department", "address or account", "secret"], rows) + $"""

            Open {Text(stack.PublicAddress)} in a browser: the sign-in page offers these people with a click. Programs use the same address. A token: POST /connect/token with grant_type=client_credentials, client_id, client_secret.
            {more} more people, the other departments' officers, reviewers and heads, are in the file below under accounts.
            Scripts read {place.ExchangeFile}; the log's keys are in {place.TrustFile}; data and logs are in {place.Data}.
            Ctrl-C or deploy/down stops everything and keeps the data.
            """;
    }

    private static string Text(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
