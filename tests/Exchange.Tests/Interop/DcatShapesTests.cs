using System.IO.Pipelines;
using System.Text.Json.Nodes;
using Exchange.Gateway.Interop.Dcat;
using Exchange.Tests.Audit;

namespace Exchange.Tests.Interop;

public sealed class DcatShapesTests
{
    private const string Address = "https://exchange.example";

    [Fact]
    public async Task Both_forms_are_one_graph_and_break_no_shape()
    {
        var shapes = Judges.Path("dcat-ap-3.0.1");
        var folder = Directory.CreateTempSubdirectory("dcat-").FullName;
        try
        {
            List<string> files = [];
            async Task WriteAsync(string name, Func<RdfForm, IEnumerable<RdfNode>> nodes)
            {
                foreach (var form in (RdfForm[])[RdfForm.Turtle, RdfForm.JsonLd])
                {
                    files.Add(Path.Combine(folder, $"{name}.{form.Extension()}"));
                    await using var file = File.Create(files[^1]);
                    await RdfWriters.WriteAsync(form == RdfForm.Turtle, nodes(form), PipeWriter.Create(file), CancellationToken.None);
                }
            }

            var entries = Variants.All("changsha").Append(Variants.Breaking("zhuzhou")).ToList();
            await WriteAsync("catalogue", form => new DcatGraph(Address).Page(entries, 10, $"{Address}/catalog.{form.Extension()}", $"{Address}/catalog.{form.Extension()}", $"{Address}/catalog.{form.Extension()}?cursor=x"));
            // Alone, an entry describes all that it refers to: a table, one that is refused, a service, and one of hostile texts.
            foreach (var number in (int[])[0, 3, 4, entries.Count - 1])
            {
                await WriteAsync($"entry{number}", _ => new DcatGraph(Address).Entry(entries[number]));
            }

            var said = await NodeTools.RunAsync("shapes.mjs", [shapes, .. files]);
            Assert.Equal(files.Count, said.Split('\n').Count(line => line.EndsWith(" triples", StringComparison.Ordinal)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void What_pages_embed_ends_no_script_element_and_says_what_the_entry_says()
    {
        foreach (var entry in Variants.All("changsha").Append(Variants.Breaking("changsha")))
        {
            var text = System.Text.Encoding.UTF8.GetString(SchemaOrg.Of(entry, Address));
            Assert.DoesNotContain('<', text);
            Assert.DoesNotContain('\u2028', text);
            var dataset = JsonNode.Parse(text)!;
            Assert.Equal(entry.Name, dataset["name"]!.GetValue<string>());
            Assert.Equal($"{Address}/datasets/{entry.DatasetId}", dataset["@id"]!.GetValue<string>());
        }
    }

    [Fact]
    public void What_the_law_forbids_to_share_is_distributed_in_no_form()
    {
        var refused = Variants.All("changsha").Single(entry => entry.RefusalLaw is not null);
        var nodes = new DcatGraph(Address).Entry(refused).ToList();
        Assert.DoesNotContain(nodes, node => node.Types.Contains("dcat:Distribution"));
        Assert.Contains(nodes.Single(node => node.Types.Contains("eli:LegalResource")).Statements, said => said.Value.Value == refused.RefusalLaw);
    }
}
