namespace Exchange.Gateway.Harvest;

/// <summary>The object of a statement: a literal, an IRI, or a blank node whose name begins with <c>_:</c>.</summary>
internal readonly record struct Node(string Value, bool IsLiteral, string? Language = null)
{
    public bool IsBlank => !IsLiteral && Value.StartsWith("_:", StringComparison.Ordinal);
}

/// <summary>The statements of one document, by subject. Whatever order and nesting they were written in, they read the same.</summary>
internal sealed class Graph
{
    public const string Type = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type";

    private readonly Dictionary<string, Description> descriptions = new(StringComparer.Ordinal);
    private int blanks;

    /// <summary>Prefixes that catalogues use, also where they forget to declare them.</summary>
    public static readonly IReadOnlyDictionary<string, string> Prefixes = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["dcat"] = "http://www.w3.org/ns/dcat#",
        ["dct"] = "http://purl.org/dc/terms/",
        ["dcterms"] = "http://purl.org/dc/terms/",
        ["foaf"] = "http://xmlns.com/foaf/0.1/",
        ["hydra"] = "http://www.w3.org/ns/hydra/core#",
        ["rdf"] = "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        ["rdfs"] = "http://www.w3.org/2000/01/rdf-schema#",
        ["skos"] = "http://www.w3.org/2004/02/skos/core#",
        ["vcard"] = "http://www.w3.org/2006/vcard/ns#",
        ["xsd"] = "http://www.w3.org/2001/XMLSchema#",
    };

    public IEnumerable<string> Subjects => descriptions.Keys;

    /// <summary>A name that no document can write.</summary>
    public string NewBlank() => $"_:/{++blanks}";

    public void Add(string subject, string predicate, Node value)
    {
        if (!descriptions.TryGetValue(subject, out var of))
        {
            descriptions.Add(subject, of = new Description());
        }

        of.Statements.Add((predicate, value));
        of.Size += predicate.Length + value.Value.Length;
    }

    public bool Describes(string subject) => descriptions.ContainsKey(subject);

    public IEnumerable<Node> All(string subject, string predicate) =>
        descriptions.TryGetValue(subject, out var of) ? of.Statements.Where(s => s.Predicate == predicate).Select(s => s.Object) : [];

    public bool Is(string subject, string type) => All(subject, Type).Any(t => !t.IsLiteral && t.Value == type);

    /// <summary>Characters in the statements about a subject.</summary>
    public long SizeOf(string subject) => descriptions.TryGetValue(subject, out var of) ? of.Size : 0;

    private sealed class Description
    {
        public List<(string Predicate, Node Object)> Statements { get; } = [];

        public long Size { get; set; }
    }
}
