using System.Collections.Concurrent;

namespace Exchange.Gateway.Federation;

/// <summary>One copy of what many entries repeat: names of departments, codes of vocabularies, titles of data items.</summary>
internal static class RepeatedText
{
    /// <summary>More different ones than a catalogue of any size has; what comes after is not shared.</summary>
    private const int Most = 200_000;
    private const int Longest = 64;

    private static readonly ConcurrentDictionary<string, string> Known = new(StringComparer.Ordinal);

    public static string Shared(string text) =>
        text.Length > Longest ? text
        : Known.TryGetValue(text, out var known) ? known
        : Known.Count < Most ? Known.GetOrAdd(text, text) : text;
}
