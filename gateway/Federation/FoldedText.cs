using System.Globalization;
using System.Text;

namespace Exchange.Gateway.Federation;

/// <summary>
/// The one form in which texts and queries are compared: NFKC (so full-width Latin, digits and the ideographic space become plain),
/// lower case, simplified characters, runs of white space as one space. Folding is per field; fields are joined by a line feed, which no query term can hold.
/// </summary>
internal static class FoldedText
{
    public const char FieldEnd = '\n';

    public static string Fold(string text)
    {
        var folded = TraditionalCharacters.Simplify(WithoutLoneSurrogates(text).Normalize(NormalizationForm.FormKC).ToLowerInvariant());
        StringBuilder? spaced = null;
        var afterSpace = true;
        for (var i = 0; i < folded.Length; i++)
        {
            var space = char.IsWhiteSpace(folded[i]) || char.GetUnicodeCategory(folded[i]) is UnicodeCategory.Control;
            if (space && (afterSpace || folded[i] != ' ') && spaced is null)
            {
                spaced = new StringBuilder(folded.Length).Append(folded, 0, i);
            }

            if (spaced is not null && !(space && afterSpace))
            {
                spaced.Append(space ? ' ' : folded[i]);
            }

            afterSpace = space;
        }

        return (spaced?.ToString() ?? folded).TrimEnd(' ');
    }

    /// <summary>
    /// The searched text of an entry; the title comes first, in full and with its short names, so the first place a term is found says whether it is in the title.
    /// The pinyin initials of title and department stand last: letters that are somebody's code count before letters that only sound so.
    /// </summary>
    public static string Of(IndexedEntry entry, out int titleLength)
    {
        var title = Fold(entry.Name);
        var department = Fold(entry.DepartmentName);
        var text = new StringBuilder(512).Append(title);
        foreach (var name in ShortNames.Of(title))
        {
            text.Append(FieldEnd).Append(name);
        }

        titleLength = text.Length;
        text.Append(FieldEnd).Append(Fold(entry.Abstract)).Append(FieldEnd).Append(department).Append(FieldEnd);
        foreach (var name in ShortNames.OfDepartment(department))
        {
            text.Append(name).Append(FieldEnd);
        }

        if (entry.Code is not null)
        {
            text.Append(Fold(entry.Code)).Append(FieldEnd);
        }

        foreach (var field in entry.FieldTitles)
        {
            text.Append(Fold(field)).Append(FieldEnd);
        }

        foreach (var name in (string[])[title, ShortNames.Of(department).FirstOrDefault() ?? department])
        {
            text.Append(PinyinInitials.Searched(name)).Append(FieldEnd);
            if (ShortNames.WithoutCity(name) is { } without)
            {
                text.Append(PinyinInitials.Searched(without)).Append(FieldEnd);
            }
        }

        return text.ToString();
    }

    /// <summary>Terms that must all occur: words split at white space, and phrases in straight or curly quotes. An unclosed quote runs to the end.</summary>
    public static IReadOnlyList<string> Terms(string? query)
    {
        if (string.IsNullOrWhiteSpace(query))
        {
            return [];
        }

        var folded = Fold(query);
        List<string> terms = [];
        var start = 0;
        var quoted = false;
        for (var i = 0; i <= folded.Length; i++)
        {
            var end = i == folded.Length;
            var quote = !end && folded[i] is '"' or '\u201c' or '\u201d';
            if (!end && !quote && (quoted || folded[i] != ' '))
            {
                continue;
            }

            var term = folded[start..i].Trim(' ');
            if (term.Length > 0 && !terms.Contains(term))
            {
                terms.Add(term);
            }

            start = i + 1;
            quoted ^= quote;
        }

        return terms;
    }

    private static string WithoutLoneSurrogates(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
            {
                continue;
            }

            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                i++;
                continue;
            }

            return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        }

        return text;
    }
}
