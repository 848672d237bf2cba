using System.Globalization;

namespace Exchange.Benchmarks;

/// <summary>What people ask of <see cref="GeneratedEntries"/>: thousands of different questions, the broad ones fewer and so more often the same.</summary>
internal static class GeneratedQueries
{
    private static readonly string[] Districts = [.. GeneratedEntries.Cities.SelectMany(city => city.Districts)];
    private static readonly string[] Subjects = [.. GeneratedEntries.Departments.SelectMany(department => department.Subjects)];
    private static readonly string[] Broad = [.. GeneratedEntries.Forms, .. GeneratedEntries.Cities.SelectMany(city => (string[])[city.Name, city.Name[..2]]), "许可", "登记", "机构", "保险", "医疗", "核验", "统计分析", "单位名称", "csgjj", "政务服务"];
    private static readonly string[] Characters = [.. Subjects.SelectMany(subject => subject).Distinct().Select(character => character.ToString())];
    private static readonly string[] Misspelled = ["公积金缴村", "不动产登纪", "养老机够", "学校名路", "机动车架驶证", "缴存查询"];

    public static IReadOnlyList<string> Kinds { get; } = ["narrow", "broad", "one character", "several words", "empty", "nothing holds all"];

    public static string Of(string kind, Random random) => kind switch
    {
        "narrow" => Words(One(Districts, random) + One(Subjects, random)),
        "broad" => Words(One(Broad, random)),
        "one character" => Words(One(Characters, random)),
        "several words" => Words(string.Create(CultureInfo.InvariantCulture, $"{City(random).Name[..2]} {One(Subjects, random)} {One(GeneratedEntries.Forms, random)}")),
        "empty" => Facets(random),
        "nothing holds all" => Words(City(random).Name[..2] + One(Misspelled, random)),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>No words: the whole catalogue, or what one or two facets leave of it.</summary>
    private static string Facets(Random random)
    {
        var (_, theme, _) = One(GeneratedEntries.Departments, random);
        return random.Next(5) switch
        {
            0 => "",
            1 => "sort=name",
            2 => $"city={City(random).Id}",
            3 => $"theme={theme}",
            _ => $"city={City(random).Id}&theme={theme}",
        };
    }

    private static (string Id, string Name, string[] Districts) City(Random random) => One(GeneratedEntries.Cities, random);

    private static string Words(string words) => "q=" + Uri.EscapeDataString(words);

    private static T One<T>(T[] of, Random random) => of[random.Next(of.Length)];
}
