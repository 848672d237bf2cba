namespace Exchange.Local;

/// <summary>What a newcomer needs on one page: where to go and whom to be.</summary>
internal static class Summary
{
    public static string Of(Stack stack, Place place)
    {
        var rows = new List<IReadOnlyList<string>>();
        foreach (var service in stack.ServiceNames)
            rows.Add([stack.Cities.FirstOrDefault(c => c.Name == service)?.Title ?? "", service, "", Text(stack.Address(service)), ""]);
        foreach (var account in stack.Accounts)
        {
            var city = stack.Cities.FirstOrDefault(c => c.Name == account.City)?.Title ?? "";
            rows.Add([city, string.Join(", ", account.Roles), account.DepartmentName ?? "", account.ClientId, account.Secret]);
        }
        return Table.Of(["city", "service or role", "department", "address or account", "secret"], rows) + $"""

            Everything goes through {Text(stack.PublicAddress)}. A token: POST /connect/token with grant_type=client_credentials, client_id, client_secret.
            Scripts read {place.ExchangeFile}; the log's keys are in {place.TrustFile}; data and logs are in {place.Data}.
            Ctrl-C or deploy/down stops everything and keeps the data.
            """;
    }

    private static string Text(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
