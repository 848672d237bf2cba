using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Exchange.Hosting;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>
/// Turtle and JSON-LD, node after node into the answer. Own writers, because the RDF library for .NET cannot be restored here and builds whole graphs in memory; without blank nodes
/// and with a fixed set of prefixes both syntaxes are a page. The same nodes give the same graph in both, which a test asks of an outside parser.
/// </summary>
internal static class RdfWriters
{
    private const int FlushAt = 64 << 10;

    public static Task WriteAsync(bool turtle, IEnumerable<RdfNode> nodes, PipeWriter output, CancellationToken cancel) =>
        turtle ? WriteTurtleAsync(nodes, output, cancel) : WriteJsonAsync(nodes, output, cancel);

    private static async Task WriteTurtleAsync(IEnumerable<RdfNode> nodes, PipeWriter output, CancellationToken cancel)
    {
        var text = new StringBuilder();
        foreach (var (prefix, space) in RdfNames.Prefixes)
        {
            text.Append("@prefix ").Append(prefix).Append(": <").Append(space).Append("> .\n");
        }

        foreach (var node in nodes)
        {
            text.Append("\n<").Append(node.Id).Append('>');
            var separator = " ";
            if (node.Types.Count > 0)
            {
                text.Append(" a ").AppendJoin(", ", node.Types);
                separator = " ;\n    ";
            }

            foreach (var (property, value) in node.Statements)
            {
                text.Append(separator).Append(property).Append(' ');
                Append(text, value);
                separator = " ;\n    ";
            }

            text.Append(" .\n");
            if (text.Length > FlushAt)
            {
                await FlushAsync();
            }
        }

        await FlushAsync();

        async Task FlushAsync()
        {
            foreach (var chunk in text.GetChunks())
            {
                Encoding.UTF8.GetBytes(chunk.Span, output);
            }

            text.Clear();
            await output.FlushAsync(cancel);
        }
    }

    private static void Append(StringBuilder text, RdfTerm term)
    {
        if (term.IsIri)
        {
            text.Append('<').Append(term.Value).Append('>');
            return;
        }

        text.Append('"');
        foreach (var c in term.Value)
        {
            _ = c switch
            {
                '"' or '\\' => text.Append('\\').Append(c),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                _ when char.IsControl(c) => text.Append("\\u").Append(((int)c).ToString("X4", System.Globalization.CultureInfo.InvariantCulture)),
                _ => text.Append(c),
            };
        }

        text.Append('"');
        if (term.Language is not null)
        {
            text.Append('@').Append(term.Language);
        }
        else if (term.Datatype is not null)
        {
            text.Append("^^").Append(term.Datatype);
        }
    }

    private static async Task WriteJsonAsync(IEnumerable<RdfNode> nodes, PipeWriter output, CancellationToken cancel)
    {
        await using var json = new Utf8JsonWriter(output, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        json.WriteStartObject();
        json.WriteStartObject("@context");
        foreach (var (prefix, space) in RdfNames.Prefixes)
        {
            json.WriteString(prefix, space);
        }

        json.WriteEndObject();
        json.WriteStartArray("@graph");
        foreach (var node in nodes)
        {
            json.WriteStartObject();
            json.WriteString("@id", node.Id);
            if (node.Types.Count > 0)
            {
                json.WriteStartArray("@type");
                foreach (var type in node.Types)
                {
                    json.WriteStringValue(type);
                }

                json.WriteEndArray();
            }

            foreach (var property in node.Statements.GroupBy(statement => statement.Property, StringComparer.Ordinal))
            {
                json.WriteStartArray(property.Key);
                foreach (var (_, value) in property)
                {
                    Write(json, value);
                }

                json.WriteEndArray();
            }

            json.WriteEndObject();
            if (json.BytesPending > FlushAt)
            {
                await json.FlushAsync(cancel);
                await output.FlushAsync(cancel);
            }
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await json.FlushAsync(cancel);
        await output.FlushAsync(cancel);
    }

    private static void Write(Utf8JsonWriter json, RdfTerm term)
    {
        json.WriteStartObject();
        json.WriteString(term.IsIri ? "@id" : "@value", term.Value);
        if (term.Language is not null)
        {
            json.WriteString("@language", term.Language);
        }
        else if (term.Datatype is not null)
        {
            json.WriteString("@type", term.Datatype);
        }

        json.WriteEndObject();
    }
}
