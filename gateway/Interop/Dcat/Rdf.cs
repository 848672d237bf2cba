namespace Exchange.Gateway.Interop.Dcat;

/// <summary>An IRI, or a literal with a language or a datatype. There are no blank nodes: everything that is said has a name of its own and can be linked to.</summary>
/// <param name="Value">The IRI or the text.</param>
/// <param name="IsIri">Otherwise a literal.</param>
/// <param name="Datatype">Prefixed, such as <c>xsd:date</c>; null for a plain text.</param>
internal readonly record struct RdfTerm(string Value, bool IsIri, string? Language = null, string? Datatype = null)
{
    public static RdfTerm Iri(string iri) => new(iri, true);

    public static RdfTerm Text(string text) => new(text, false);

    public static RdfTerm Chinese(string text) => new(text, false, "zh");

    public static RdfTerm English(string text) => new(text, false, "en");

    public static RdfTerm Date(DateOnly day) => new(day.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture), false, null, "xsd:date");

    public static RdfTerm Time(DateTimeOffset at) => new(at.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", System.Globalization.CultureInfo.InvariantCulture), false, null, "xsd:dateTime");

    public static RdfTerm Number(int number) => new(number.ToString(System.Globalization.CultureInfo.InvariantCulture), false, null, "xsd:integer");
}

/// <summary>What is said of one thing. Classes and properties are prefixed names of <see cref="RdfNames"/>.</summary>
internal sealed class RdfNode(string id, params string[] types)
{
    private readonly List<(string Property, RdfTerm Value)> statements = [];

    public string Id => id;

    public IReadOnlyList<string> Types => types;

    public IReadOnlyList<(string Property, RdfTerm Value)> Statements => statements;

    public RdfNode Say(string property, RdfTerm value)
    {
        statements.Add((property, value));
        return this;
    }

    public RdfNode Link(string property, string iri) => Say(property, RdfTerm.Iri(iri));
}

internal static class RdfNames
{
    public static readonly IReadOnlyList<(string Prefix, string Namespace)> Prefixes =
    [
        ("adms", "http://www.w3.org/ns/adms#"),
        ("dcat", "http://www.w3.org/ns/dcat#"),
        ("dcatap", "http://data.europa.eu/r5r/"),
        ("dct", "http://purl.org/dc/terms/"),
        ("eli", "http://data.europa.eu/eli/ontology#"),
        ("foaf", "http://xmlns.com/foaf/0.1/"),
        ("hydra", "http://www.w3.org/ns/hydra/core#"),
        ("owl", "http://www.w3.org/2002/07/owl#"),
        ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
        ("skos", "http://www.w3.org/2004/02/skos/core#"),
        ("vcard", "http://www.w3.org/2006/vcard/ns#"),
        ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ];
}
