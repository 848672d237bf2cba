using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>
/// JSON-LD as catalogues publish it: expanded or compact, with contexts inside the document (prefixes, terms, <c>@vocab</c>, <c>@base</c>, <c>@language</c>, typed terms, language maps),
/// nested nodes, <c>@graph</c>, <c>@set</c> and <c>@list</c>. A context that is only named by its address is never fetched: a document of that kind is read by the usual terms of DCAT.
/// Reverse properties, nesting and index containers are read over.
/// </summary>
internal sealed class JsonLdReader
{
    /// <summary>Each nested context is a copy with changes, so large ones would cost more than the document's size tells.</summary>
    private const int MostTerms = 500;

    /// <summary>What documents that name a context by its address mean by their plain words.</summary>
    private static readonly Dictionary<string, string> UsualTerms = new[]
    {
        ("dcat", "Catalog Dataset Distribution DataService dataset distribution accessURL downloadURL mediaType keyword theme landingPage contactPoint"),
        ("dct", "title description identifier issued modified publisher license format accrualPeriodicity accessRights language spatial temporal"),
        ("foaf", "name"),
        ("skos", "prefLabel notation"),
        ("hydra", "next totalItems"),
    }.SelectMany(group => group.Item2.Split(' ').Select(term => (term, Iri: Graph.Prefixes[group.Item1] + term))).ToDictionary(pair => pair.term, pair => pair.Iri, StringComparer.Ordinal);

    private readonly Graph graph = new();

    public static Graph Read(JsonElement document, Uri address)
    {
        var reader = new JsonLdReader();
        var context = new Context { Address = address };
        if (document.ValueKind is not (JsonValueKind.Object or JsonValueKind.Array))
        {
            throw new RunRefusedException("not-json-ld", new("来源的答复不是 JSON-LD。", "The source's answer is not JSON-LD."));
        }

        foreach (var node in document.ValueKind == JsonValueKind.Array ? document.EnumerateArray() : Enumerable.Repeat(document, 1))
        {
            reader.Resource(node, context);
        }

        return reader.graph;
    }

    /// <summary>The node's name; its members become statements.</summary>
    private string? Resource(JsonElement value, Context context)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        context = value.Member("@context") is { } own ? context.With(own) : context;
        var members = value.EnumerateObject().Where(m => m.Name != "@context").Select(m => (Name: context.Expand(m.Name), Term: context.Terms.GetValueOrDefault(m.Name), m.Value)).ToList();
        var subject = members.Where(m => m.Name == "@id" && m.Value.ValueKind == JsonValueKind.String).Select(m => context.Resolve(m.Value.String())).FirstOrDefault() ?? graph.NewBlank();
        foreach (var (name, term, member) in members)
        {
            switch (name)
            {
                case "@graph" or "@included":
                    foreach (var node in Each(member))
                    {
                        Resource(node, context);
                    }

                    break;
                case "@type":
                    foreach (var type in Each(member).Where(type => type.ValueKind == JsonValueKind.String))
                    {
                        graph.Add(subject, Graph.Type, new Node(context.Expand(type.String()) ?? context.Resolve(type.String()), false));
                    }

                    break;
                case not null when !name.StartsWith('@'):
                    Values(subject, name, term, member, context);
                    break;
            }
        }

        return subject;
    }

    private void Values(string subject, string predicate, Term? term, JsonElement value, Context context)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Array:
                foreach (var element in value.EnumerateArray())
                {
                    Values(subject, predicate, term, element, context);
                }

                break;
            case JsonValueKind.Object when term is { ByLanguage: true }:
                foreach (var translated in value.EnumerateObject())
                {
                    foreach (var text in Each(translated.Value).Where(text => text.ValueKind == JsonValueKind.String))
                    {
                        graph.Add(subject, predicate, new Node(text.String(), true, translated.Name));
                    }
                }

                break;
            case JsonValueKind.Object when (value.Member("@list") ?? value.Member("@set")) is { } inner:
                Values(subject, predicate, term, inner, context);
                break;
            case JsonValueKind.Object when value.Member("@value") is { } literal:
                if (Plain(literal) is { } plain)
                {
                    graph.Add(subject, predicate, new Node(plain, true, value.Member("@language") is { ValueKind: JsonValueKind.String } language ? language.String() : null));
                }

                break;
            case JsonValueKind.Object:
                if (Resource(value, context) is { } node)
                {
                    graph.Add(subject, predicate, new Node(node, false));
                }

                break;
            case JsonValueKind.String when term?.Type is "@id" or "@vocab":
                var iri = term.Type == "@vocab" ? context.Expand(value.String()) : null;
                graph.Add(subject, predicate, new Node(iri ?? context.Resolve(value.String()), false));
                break;
            default:
                if (Plain(value) is { } simple)
                {
                    graph.Add(subject, predicate, new Node(simple, true, context.Language));
                }

                break;
        }
    }

    private static IEnumerable<JsonElement> Each(JsonElement value) => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray() : Enumerable.Repeat(value, 1);

    private static string? Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.String(),
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => null,
    };

    private sealed record Term(string? Iri, string? Type, bool ByLanguage);

    private sealed record Context
    {
        public required Uri Address { get; init; }

        public Dictionary<string, Term> Terms { get; init; } = [];

        public string? Vocabulary { get; init; }

        public string? Language { get; init; }

        /// <summary>True once a context was named by its address.</summary>
        public bool Usual { get; init; }

        public Context With(JsonElement value) => value.ValueKind switch
        {
            JsonValueKind.Array => value.EnumerateArray().Aggregate(this, (context, one) => context.With(one)),
            JsonValueKind.String => this with { Usual = true },
            JsonValueKind.Object => Extended(value),
            _ => this,
        };

        private Context Extended(JsonElement value)
        {
            var extended = this with { Terms = new(Terms, StringComparer.Ordinal) };
            if (Terms.Count + value.EnumerateObject().Count() > MostTerms)
            {
                throw new RunRefusedException("not-json-ld", new("来源的 JSON-LD 上下文过大。", "The context of the source's JSON-LD is too large."));
            }

            // Terms may be written with prefixes that the same context declares further down.
            foreach (var member in value.EnumerateObject())
            {
                extended.Terms[member.Name] = member.Value.ValueKind switch
                {
                    JsonValueKind.String => new Term(member.Value.String(), null, false),
                    JsonValueKind.Object => new Term(Word(member.Value, "@id") ?? member.Name, Word(member.Value, "@type"), Word(member.Value, "@container") == "@language"),
                    _ => new Term(null, null, false),
                };
            }

            return extended with
            {
                Vocabulary = Word(value, "@vocab") ?? Vocabulary,
                Language = Word(value, "@language") ?? Language,
                Address = Word(value, "@base") is { } root && Uri.TryCreate(Address, root, out var absolute) ? absolute : Address,
            };
        }

        /// <summary>The IRI or keyword that a word of the document stands for; null when it stands for nothing.</summary>
        public string? Expand(string word, int depth = 0)
        {
            if (word.StartsWith('@') || depth > 8)
            {
                return depth > 8 ? null : word;
            }

            if (Terms.TryGetValue(word, out var term))
            {
                return term.Iri is null ? null : term.Iri == word ? Compact(word, depth) : Expand(term.Iri, depth + 1);
            }

            return Compact(word, depth);
        }

        private string? Compact(string word, int depth)
        {
            var colon = word.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                var prefix = word[..colon];
                var local = word[(colon + 1)..];
                return local.StartsWith("//", StringComparison.Ordinal) ? word
                    : (Terms.TryGetValue(prefix, out var declared) && declared.Iri is { } iri && iri != prefix ? Expand(iri, depth + 1) : Graph.Prefixes.GetValueOrDefault(prefix)) is { } root ? root + local
                    : word;
            }

            return Vocabulary is not null ? Vocabulary + word : Usual ? UsualTerms.GetValueOrDefault(word) : null;
        }

        public string Resolve(string reference)
        {
            if (reference.StartsWith("_:", StringComparison.Ordinal))
            {
                return $"_:d{reference.AsSpan(2)}";
            }

            var colon = reference.IndexOf(':', StringComparison.Ordinal);
            return colon > 0 && Terms.ContainsKey(reference[..colon]) && Expand(reference) is { } expanded ? expanded
                : Uri.TryCreate(Address, reference, out var absolute) ? absolute.AbsoluteUri
                : reference;
        }

        private static string? Word(JsonElement value, string name) => value.Member(name) is { ValueKind: JsonValueKind.String } member ? member.String() : null;
    }
}

internal static class JsonLdText
{
    /// <summary>A string that a document could not write without breaking Unicode; a broken one reads as U+FFFD, which no rule takes for a name.</summary>
    public static string String(this JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return "\uFFFD";
        }
    }
}
