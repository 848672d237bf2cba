namespace Exchange.Local;

/// <summary>What the launcher needs of a city's settings file; the rest is the city's own business.</summary>
internal sealed record City(string Name, string Code, string Title, Department? Authority, IReadOnlyList<Department> Departments, string File)
{
    /// <summary>All cities in the order of their codes, which is also the order of their ports.</summary>
    /// <param name="folder">Where the files are.</param>
    /// <param name="more">Files from elsewhere.</param>
    public static IReadOnlyList<City> ReadAll(string folder, params IReadOnlyList<string> more)
    {
        var files = (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.json") : []).Concat(more);
        var cities = files.Select(Read).OrderBy(c => c.Code, StringComparer.Ordinal).ToList();
        if (cities.Count is 0 or > Ports.MostCities)
            throw new LocalFault($"{folder} holds {cities.Count} cities; one machine runs 1 to {Ports.MostCities}.");
        RequireOnce("city", cities.Select(c => c.Name).Concat([Stack.Gateway, Stack.Audit]));
        RequireOnce("code", cities.Select(c => c.Code));
        RequireOnce("credit code", cities.SelectMany(c => c.Departments.Select(d => d.Code)));
        return cities;

        // A file copied for a new city and not changed throughout would share queues, databases or rights with another.
        void RequireOnce(string what, IEnumerable<string> values)
        {
            if (values.GroupBy(v => v, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
                throw new LocalFault($"{folder}: the {what} '{twice.Key}' stands in two files, or is taken.");
        }
    }

    private static City Read(string path)
    {
        var file = Files.Read<CityFile>(path)!;
        if (file.City is not { Length: > 0 } name || file.Code is not { Length: > 0 } code || file.Name is not { Length: > 0 } title)
            throw new LocalFault($"{path}: 'city', 'code' and 'name' are required.");
        if (!name.All(char.IsAsciiLetterLower))
            throw new LocalFault($"{path}: city '{name}' must be lower-case pinyin, since databases and queues are named after it.");
        return new City(name, code, title, file.Authority, file.Departments ?? [], path);
    }

    private sealed record CityFile(string? City, string? Code, string? Name, Department? Authority, IReadOnlyList<Department>? Departments);
}

internal sealed record Department(string Code, string Name);
