namespace Exchange.Gateway.Federation;

/// <summary>
/// Traditional characters (繁体字) are compared as their simplified forms (简体字), one by one: who asks in one script finds what is written in the other. Where two traditional
/// characters share a simplified one, a search finds both. Characters beyond the basic plane are left as they are.
/// </summary>
internal static class TraditionalCharacters
{
    private static readonly char[] Simplified = Read();

    public static string Simplify(string text)
    {
        var first = 0;
        while (first < text.Length && Simplified[text[first]] == '\0')
        {
            first++;
        }

        return first == text.Length ? text : string.Create(text.Length, text, static (simple, text) =>
        {
            for (var i = 0; i < text.Length; i++)
            {
                simple[i] = Simplified[text[i]] is var other and not '\0' ? other : text[i];
            }
        });
    }

    private static char[] Read()
    {
        var simplified = new char[char.MaxValue + 1];
        using var file = new StreamReader(typeof(TraditionalCharacters).Assembly.GetManifestResourceStream("Exchange.Gateway.Federation.TraditionalCharacters.txt")!);
        while (file.ReadLine() is { } line)
        {
            foreach (var pair in line.StartsWith('#') ? [] : line.Split(' '))
            {
                simplified[pair[0]] = pair[1];
            }
        }

        return simplified;
    }
}
