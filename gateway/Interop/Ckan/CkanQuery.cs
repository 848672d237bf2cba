using System.Text;

namespace Exchange.Gateway.Interop.Ckan;

/// <summary>
/// The part of Solr's query language that CKAN's clients write in <c>q</c> and <c>fq</c>, turned into what the catalogue's one index answers: words that must all occur, and
/// filters on facets. Alternatives are possible within one field, exclusion for fields; whatever else cannot be answered exactly is refused instead of being answered nearly.
/// </summary>
internal sealed class CkanQuery
{
    private readonly string source;
    private readonly string parameter;
    private int at;

    private CkanQuery(string source, string parameter)
    {
        this.source = source;
        this.parameter = parameter;
    }

    /// <summary>A field and the values of which one must be there; without a field the one value is words to be found.</summary>
    public sealed record Clause(string? Field, IReadOnlyList<string> Values, bool Excluded);

    /// <summary>The clauses, all of which must hold.</summary>
    public static IReadOnlyList<Clause> Parse(string text, string parameter)
    {
        var query = new CkanQuery(text, parameter);
        var clauses = query.Conjunction(nested: 0);
        return query.at == text.Length ? clauses : throw query.Unclear();
    }

    private List<Clause> Conjunction(int nested)
    {
        List<Clause> clauses = [];
        var alternative = false;
        // The clauses that the last operand added, which an OR makes alternatives of the next.
        var last = 0;
        while (SkipSpace() && source[at] != ')')
        {
            if (Word("AND") || Word("&&"))
            {
                continue;
            }

            if (Word("OR") || Word("||"))
            {
                alternative = clauses.Count > 0 ? true : throw Unclear();
                continue;
            }

            var operand = Operand(nested);
            if (!alternative)
            {
                last = clauses.Count;
                clauses.AddRange(operand);
                continue;
            }

            alternative = false;
            if (clauses.Count != last + 1 || operand is not [var right] || clauses[last] is not { Excluded: false, Field: not null } left || right.Excluded || right.Field != left.Field)
            {
                throw CkanRefusal.Wrong(parameter, new("OR 只能用于同一字段的几个取值。", "Search Query is invalid: OR joins values of one field only"));
            }

            clauses[last] = left with { Values = [.. left.Values, .. right.Values] };
        }

        return alternative ? throw Unclear() : clauses;
    }

    private List<Clause> Operand(int nested)
    {
        var excluded = false;
        while (SkipSpace())
        {
            if (source[at] is '+' or '-' or '!')
            {
                excluded ^= source[at] != '+';
                at++;
            }
            else if (Word("NOT"))
            {
                excluded = !excluded;
            }
            else
            {
                break;
            }
        }

        if (at >= source.Length || nested > 8)
        {
            throw Unclear();
        }

        if (source[at] == '(')
        {
            at++;
            var inner = Conjunction(nested + 1);
            Close();
            return !excluded ? inner : inner is [var one] ? [one with { Excluded = !one.Excluded }] : throw Unclear();
        }

        var field = Field();
        if (field is null)
        {
            var words = source[at] == '"' ? $"\"{Quoted()}\"" : Bare();
            return words is "*" ? [] : !excluded ? [new Clause(null, [words], false)]
                : throw CkanRefusal.Wrong(parameter, new("不支持排除检索词。", "Search Query is invalid: words cannot be excluded, only values of fields"));
        }

        var values = Values();
        return field == "*" && values is ["*"] ? [] : [new Clause(field, values, excluded)];
    }

    /// <summary>The name before a colon, or null when what follows is no field.</summary>
    private string? Field()
    {
        var end = at;
        while (end < source.Length && (char.IsAsciiLetterOrDigit(source[end]) || source[end] is '_' or '.' or '*'))
        {
            end++;
        }

        if (end == at || end >= source.Length || source[end] != ':')
        {
            return null;
        }

        var field = source[at..end];
        at = end + 1;
        return at < source.Length ? field : throw Unclear();
    }

    private List<string> Values()
    {
        switch (source[at])
        {
            case '"':
                return [Quoted()];
            case '[' or '{':
                var range = Bare(']', '}');
                at++;
                return range.Replace(" ", "", StringComparison.Ordinal) is "[*TO*" or "{*TO*" ? ["*"]
                    : throw CkanRefusal.Wrong(parameter, new("不支持区间查询；增量读取请用 /api/catalogue/changes。", "Search Query is invalid: ranges are not answered; read increments from /api/catalogue/changes"));
            case '(':
                at++;
                List<string> values = [];
                do
                {
                    values.Add(SkipSpace() && source[at] == '"' ? Quoted() : Bare());
                }
                while (SkipSpace() && (Word("OR") || Word("||")));

                if (at < source.Length && source[at] != ')')
                {
                    throw CkanRefusal.Wrong(parameter, new("同一字段的几个取值只能用 OR 连接。", "Search Query is invalid: an entry has one value of a field, so values are joined by OR"));
                }

                Close();
                return values;
            default:
                return [Bare()];
        }
    }

    private string Quoted()
    {
        var text = new StringBuilder();
        for (at++; at < source.Length && source[at] != '"'; at++)
        {
            if (source[at] == '\\' && at + 1 < source.Length)
            {
                at++;
            }

            text.Append(source[at]);
        }

        return at++ < source.Length ? text.ToString() : throw Unclear();
    }

    private string Bare(params ReadOnlySpan<char> ends)
    {
        var text = new StringBuilder();
        for (; at < source.Length && (ends.Length > 0 ? !ends.Contains(source[at]) : !char.IsWhiteSpace(source[at]) && source[at] is not ('(' or ')')); at++)
        {
            if (source[at] == '\\' && at + 1 < source.Length)
            {
                at++;
            }

            text.Append(source[at]);
        }

        return text.Length > 0 && (ends.Length == 0 || at < source.Length) ? text.ToString() : throw Unclear();
    }

    /// <summary>True when something is left.</summary>
    private bool SkipSpace()
    {
        while (at < source.Length && char.IsWhiteSpace(source[at]))
        {
            at++;
        }

        return at < source.Length;
    }

    private bool Word(string word)
    {
        if (!source.AsSpan(at).StartsWith(word) || (at + word.Length < source.Length && char.IsLetter(word[0]) && !char.IsWhiteSpace(source[at + word.Length]) && source[at + word.Length] != '('))
        {
            return false;
        }

        at += word.Length;
        return true;
    }

    private void Close()
    {
        if (at >= source.Length || source[at++] != ')')
        {
            throw Unclear();
        }
    }

    private CkanRefusal Unclear() => CkanRefusal.Wrong(parameter, new($"第 {at + 1} 个字符处无法理解。", $"Search Query is invalid: it cannot be read at character {at + 1}"));
}
