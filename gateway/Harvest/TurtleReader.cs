using System.Globalization;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>
/// RDF 1.1 Turtle (W3C Recommendation 2014): directives, prefixed names, all four kinds of string, numbers, booleans, blank nodes, property lists and collections.
/// Datatypes are read over. No library for it can be restored here; a catalogue needs no more than this.
/// </summary>
internal sealed class TurtleReader
{
    private const int Deepest = 64;

    private readonly string text;
    private readonly Graph graph;
    private readonly Dictionary<string, string> prefixes = new(Graph.Prefixes, StringComparer.Ordinal);
    private Uri address;
    private int at;
    private int depth;

    private TurtleReader(string text, Uri address, Graph graph)
    {
        this.text = text;
        this.address = address;
        this.graph = graph;
    }

    public static Graph Read(string text, Uri address)
    {
        var reader = new TurtleReader(text, address, new Graph());
        while (reader.Skip())
        {
            reader.Statement();
        }

        return reader.graph;
    }

    private char Now => at < text.Length ? text[at] : '\0';

    private void Statement()
    {
        if (Word("@prefix") || Word("@base"))
        {
            Directive(text[at - 1] == 'x');
            Require('.');
        }
        else if (Word("PREFIX", StringComparison.OrdinalIgnoreCase) || Word("BASE", StringComparison.OrdinalIgnoreCase))
        {
            Directive(char.ToLowerInvariant(text[at - 1]) == 'x');
        }
        else
        {
            var subject = Now == '[' ? PropertyList() : Now == '(' ? Collection() : Resource();
            if (Skip() && Now != '.')
            {
                Predicates(subject);
            }

            Require('.');
        }
    }

    private void Directive(bool prefix)
    {
        Skip();
        if (!prefix)
        {
            address = Absolute(Iri());
            return;
        }

        var end = text.IndexOf(':', at);
        if (end < 0 || end - at > 100)
        {
            throw Fault("a prefix");
        }

        var name = text[at..end].Trim();
        at = end + 1;
        Skip();
        prefixes[name] = Absolute(Iri()).AbsoluteUri;
    }

    private void Predicates(string subject)
    {
        while (true)
        {
            Skip();
            var predicate = Now == 'a' && at + 1 < text.Length && IsSpace(text[at + 1]) ? Advance(Graph.Type) : Resource();
            do
            {
                Skip();
                graph.Add(subject, predicate, Object());
                Skip();
            }
            while (Take(','));
            if (!Take(';'))
            {
                return;
            }

            while (Skip() && Take(';'))
            {
                // Several in a row are one.
            }

            if (Now is '.' or ']' or '\0')
            {
                return;
            }
        }
    }

    private Node Object()
    {
        switch (Now)
        {
            case '[':
                return new Node(PropertyList(), false);
            case '(':
                return new Node(Collection(), false);
            case '"' or '\'':
                return Literal();
            case '+' or '-' or '.' or (>= '0' and <= '9'):
                var start = at;
                while (Now is '+' or '-' or '.' or 'e' or 'E' or (>= '0' and <= '9') && !(Now == '.' && (at + 1 >= text.Length || !char.IsAsciiDigit(text[at + 1]))))
                {
                    at++;
                }

                return at > start ? new Node(text[start..at], true) : throw Fault("a number");
            default:
                foreach (var word in (string[])["true", "false"])
                {
                    if (Word(word))
                    {
                        return new Node(word, true);
                    }
                }

                return new Node(Resource(), false);
        }
    }

    private Node Literal()
    {
        var value = Quoted();
        if (Take('@'))
        {
            var start = at;
            while (char.IsAsciiLetterOrDigit(Now) || Now == '-')
            {
                at++;
            }

            return new Node(value, true, text[start..at]);
        }

        if (Now == '^' && at + 1 < text.Length && text[at + 1] == '^')
        {
            at += 2;
            Resource();
        }

        return new Node(value, true);
    }

    private string Quoted()
    {
        var quote = Now;
        var triple = string.CompareOrdinal(text, at, new string(quote, 3), 0, 3) == 0;
        at += triple ? 3 : 1;
        var value = new StringBuilder();
        while (at < text.Length)
        {
            var c = text[at];
            if (c == quote && (!triple || string.CompareOrdinal(text, at, new string(quote, 3), 0, 3) == 0))
            {
                // The last three quotes end it; those before them belong to the text.
                if (triple && at + 3 < text.Length && text[at + 3] == quote)
                {
                    value.Append(c);
                    at++;
                    continue;
                }

                at += triple ? 3 : 1;
                return value.ToString();
            }

            if (!triple && c is '\n' or '\r')
            {
                break;
            }

            at++;
            value.Append(c == '\\' ? Escaped() : c.ToString());
        }

        throw Fault("the end of a string");
    }

    private string Escaped()
    {
        var c = Now;
        at++;
        return c switch
        {
            't' => "\t",
            'b' => "\b",
            'n' => "\n",
            'r' => "\r",
            'f' => "\f",
            '"' or '\'' or '\\' => c.ToString(),
            'u' => Character(4),
            'U' => Character(8),
            _ => throw Fault("an escape"),
        };
    }

    private string Character(int digits)
    {
        if (at + digits > text.Length || !uint.TryParse(text.AsSpan(at, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code) || !Rune.IsValid(code))
        {
            throw Fault("a character");
        }

        at += digits;
        return new Rune(code).ToString();
    }

    /// <summary>An IRI, a prefixed name, or a labelled blank node.</summary>
    private string Resource()
    {
        if (Now == '<')
        {
            return Absolute(Iri()).AbsoluteUri;
        }

        var start = at;
        var name = new StringBuilder();
        while (at < text.Length && (char.IsLetterOrDigit(Now) || char.IsSurrogate(Now) || Now is '_' or '-' or ':' or '.' or '%' or '\\' or '\u00B7'))
        {
            if (Now == '\\')
            {
                at++;
            }
            else if (Now == '.' && (at + 1 >= text.Length || !(char.IsLetterOrDigit(text[at + 1]) || text[at + 1] is '_' or '-' or ':' or '.' or '%' or '\\')))
            {
                break;
            }

            name.Append(Now);
            at++;
        }

        var written = name.ToString();
        var colon = written.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0)
        {
            at = start;
            throw Fault("a name");
        }

        if (written.StartsWith("_:", StringComparison.Ordinal))
        {
            return written;
        }

        return prefixes.TryGetValue(written[..colon], out var root) ? root + written[(colon + 1)..] : throw Fault($"the prefix {written[..Math.Min(colon, 30)]}");
    }

    private string Iri()
    {
        if (!Take('<'))
        {
            throw Fault("an IRI");
        }

        var iri = new StringBuilder();
        while (at < text.Length && Now is not ('>' or '<' or '"' or '{' or '}' or '|' or '^' or '`') && Now > ' ')
        {
            var c = Now;
            at++;
            iri.Append(c == '\\' ? Escaped() : c.ToString());
        }

        return Take('>') ? iri.ToString() : throw Fault("the end of an IRI");
    }

    private Uri Absolute(string iri) => Uri.TryCreate(address, iri, out var absolute) ? absolute : throw Fault("an IRI");

    private string PropertyList()
    {
        Descend();
        at++;
        var subject = graph.NewBlank();
        if (Skip() && Now != ']')
        {
            Predicates(subject);
        }

        Require(']');
        depth--;
        return subject;
    }

    /// <summary>The members of a list, read as one blank node with each of them as <c>rdf:first</c>: no catalogue asks for their order.</summary>
    private string Collection()
    {
        Descend();
        at++;
        var list = graph.NewBlank();
        while (Skip() && Now != ')')
        {
            graph.Add(list, Graph.Prefixes["rdf"] + "first", Object());
        }

        Require(')');
        depth--;
        return list;
    }

    private void Descend()
    {
        if (++depth > Deepest)
        {
            throw Fault($"at most {Deepest} levels");
        }
    }

    private bool Skip()
    {
        while (at < text.Length)
        {
            if (IsSpace(text[at]))
            {
                at++;
            }
            else if (text[at] == '#')
            {
                var end = text.IndexOf('\n', at);
                at = end < 0 ? text.Length : end;
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsSpace(char c) => c is ' ' or '\t' or '\r' or '\n';

    private bool Word(string word, StringComparison comparison = StringComparison.Ordinal)
    {
        var end = at + word.Length;
        if (string.Compare(text, at, word, 0, word.Length, comparison) != 0 || (end < text.Length && (char.IsLetterOrDigit(text[end]) || text[end] is ':' or '_' or '-')))
        {
            return false;
        }

        at = end;
        return true;
    }

    private bool Take(char c)
    {
        if (Now != c || at >= text.Length)
        {
            return false;
        }

        at++;
        return true;
    }

    private string Advance(string value)
    {
        at++;
        return value;
    }

    private void Require(char c)
    {
        Skip();
        if (!Take(c))
        {
            throw Fault($"\"{c}\"");
        }
    }

    private RunRefusedException Fault(string expected)
    {
        var line = text.AsSpan(0, Math.Min(at, text.Length)).Count('\n') + 1;
        return new RunRefusedException("not-turtle", new($"来源的 Turtle 第 {line} 行有误：此处应为 {expected}。", $"The source's Turtle is wrong in line {line}: {expected} is expected there."));
    }
}
