namespace Exchange.Gateway.Federation;

/// <summary>How people call departments and what they deal with: 人社局 for 人力资源和社会保障局, and a city's department without the word for city. An entry is found by those names too.</summary>
internal static class ShortNames
{
    private static readonly (string Full, string Short)[] Pairs = Read();

    /// <param name="folded">A title or a department's name as <see cref="FoldedText.Fold"/> gives it.</param>
    public static IEnumerable<string> Of(string folded) =>
        Pairs.Where(pair => folded.Contains(pair.Full, StringComparison.Ordinal)).Select(pair => folded.Replace(pair.Full, pair.Short, StringComparison.Ordinal));

    /// <summary>The department's short names, and all of its names without 市: 长沙人社局.</summary>
    public static IEnumerable<string> OfDepartment(string folded)
    {
        List<string> names = [folded, .. Of(folded)];
        return names.Skip(1).Concat(names.Select(WithoutCity).OfType<string>());
    }

    /// <summary>长沙人社局 for 长沙市人社局; null for a name that begins with no city.</summary>
    public static string? WithoutCity(string folded) => folded.IndexOf('市', StringComparison.Ordinal) is >= 2 and <= 4 and var at ? folded.Remove(at, 1) : null;

    private static (string Full, string Short)[] Read()
    {
        using var file = new StreamReader(typeof(ShortNames).Assembly.GetManifestResourceStream("Exchange.Gateway.Federation.ShortNames.txt")!);
        return [.. file.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line[0] != '#').Select(line => line.Trim().Split(' ')).Select(pair => (pair[0], pair[1]))];
    }
}
