using Exchange.Local.Servers;

namespace Exchange.Local.Accounts;

/// <summary>A sample account with its secret: what a person or program on this machine signs in with.</summary>
internal sealed record Account
{
    public required string ClientId { get; init; }
    public required string Secret { get; init; }
    public required string Type { get; init; }
    public required string Name { get; init; }
    public string? City { get; init; }
    public string? Department { get; init; }
    public string? DepartmentName { get; init; }
    public required IReadOnlyList<string> Roles { get; init; }
}

/// <summary>Who exists is data (<c>deploy/samples/accounts.json</c>); their secrets are made on this machine and known nowhere else.</summary>
internal static class SampleAccounts
{
    public const string Person = "person";
    public const string Client = "client";

    /// <summary>All accounts; a secret known from before stays.</summary>
    public static IReadOnlyList<Account> Read(string path, IReadOnlyList<City> cities, IReadOnlyDictionary<string, string> secrets)
    {
        var file = Files.Read<AccountsOnDisk>(path) ?? throw new LocalFault($"{path} is missing.");
        var departments = cities.SelectMany(c => c.Departments.Select(d => (City: c, Department: d))).ToDictionary(d => d.Department.Code, StringComparer.Ordinal);
        var accounts = new List<Account>();
        foreach (var (code, entries) in file.Departments)
        {
            if (!departments.TryGetValue(code, out var owner))
                throw new LocalFault($"{path}: no city file knows the department {code}.");
            accounts.AddRange(entries.Select(e => Make(e, owner.City, owner.Department)));
        }
        foreach (var (name, entries) in file.Cities)
        {
            var city = cities.FirstOrDefault(c => c.Name == name) ?? throw new LocalFault($"{path}: no city file is named '{name}'.");
            accounts.AddRange(entries.Select(e => Make(e, city, city.Authority)));
        }
        foreach (var city in cities.Where(c => accounts.TrueForAll(a => a.City != c.Name)))
            accounts.AddRange(Usual(city));
        accounts.AddRange(file.Everywhere.Select(e => Make(e, null, null)));
        if (accounts.GroupBy(a => a.ClientId, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new LocalFault($"{path}: the account '{twice.Key}' stands there twice.");
        return [.. accounts.OrderBy(a => a.City is null ? cities.Count : cities.Index().First(c => c.Item.Name == a.City).Index)];

        // A city that joins by its settings file alone: whoever is needed for an exchange, in each of its departments.
        IEnumerable<Account> Usual(City city) =>
        [
            .. city.Departments.Index().SelectMany(d => UsualPeople.Select(p => Make(
                new AccountOnDisk { Id = $"{city.Name}-{d.Index + 1:00}-{p.Id}", Name = $"示例·{d.Item.Name}{p.Title}", Type = p.Type, Roles = [p.Role] }, city, d.Item))),
            Make(new AccountOnDisk { Id = $"{city.Name}-authority", Name = $"示例·{city.Title}数据主管部门", Roles = ["authority"] }, city, city.Authority),
            Make(new AccountOnDisk { Id = $"{city.Name}-operator", Name = $"示例·{city.Title}运维人员", Roles = ["operator"] }, city, city.Authority),
        ];

        Account Make(AccountOnDisk entry, City? city, Department? department) => new()
        {
            ClientId = entry.Id,
            Secret = secrets.GetValueOrDefault(entry.Id) ?? Secrets.New(),
            Type = entry.Type ?? Person,
            Name = entry.Name,
            City = city?.Name,
            Department = department?.Code,
            DepartmentName = department?.Name,
            Roles = entry.Roles,
        };
    }

    private static readonly (string Id, string Title, string Role, string Type)[] UsualPeople =
    [
        ("officer", "经办人", "officer", Person),
        ("reviewer", "审核人", "reviewer", Person),
        ("sharing-head", "共享机构负责人", "sharing_head", Person),
        ("department-head", "部门负责人", "department_head", Person),
        ("client", "业务系统", "integrator", Client),
    ];

    private sealed record AccountsOnDisk
    {
        public IReadOnlyDictionary<string, IReadOnlyList<AccountOnDisk>> Departments { get; init; } = new Dictionary<string, IReadOnlyList<AccountOnDisk>>();
        public IReadOnlyDictionary<string, IReadOnlyList<AccountOnDisk>> Cities { get; init; } = new Dictionary<string, IReadOnlyList<AccountOnDisk>>();
        public IReadOnlyList<AccountOnDisk> Everywhere { get; init; } = [];
    }

    private sealed record AccountOnDisk
    {
        public required string Id { get; init; }
        public required string Name { get; init; }
        public string? Type { get; init; }
        public required IReadOnlyList<string> Roles { get; init; }
    }
}
