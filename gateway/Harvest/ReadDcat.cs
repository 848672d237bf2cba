using System.Globalization;
using System.Text;
using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>A DCAT catalogue in JSON-LD or Turtle, page by page where it is paged with Hydra.</summary>
internal static class ReadDcat
{
    public const string Accept = "application/ld+json, text/turtle;q=0.9, application/json;q=0.5";

    /// <summary>Publishers, themes, distributions that are read of one entry.</summary>
    private const int MostParts = 100;

    private static readonly string Dcat = Graph.Prefixes["dcat"];
    private static readonly string Dct = Graph.Prefixes["dct"];
    private static readonly string Hydra = Graph.Prefixes["hydra"];
    private static readonly string[] Labels = [Graph.Prefixes["skos"] + "prefLabel", Graph.Prefixes["foaf"] + "name", Graph.Prefixes["rdfs"] + "label", Dct + "title", Graph.Prefixes["vcard"] + "fn"];

    public static async Task ReadAsync(Source source, SourceClient client, Picture picture, CancellationToken cancel)
    {
        var visited = new HashSet<string>(StringComparer.Ordinal);
        // A catalogue may name on one page what it describes on another.
        var named = new HashSet<string>(StringComparer.Ordinal);
        int? total = null;
        for (var next = source.Root; next is not null;)
        {
            if (!visited.Add(next.AbsoluteUri))
            {
                throw new RunRefusedException("page-repeats", new("来源的分页成环。", "The source's pages go round in a circle."));
            }

            if (visited.Count > source.Limits.Entries)
            {
                throw new RunRefusedException("too-many-pages", new("来源的分页过多。", "The source has too many pages."));
            }

            var page = await client.GetAsync(next, Accept, cancel);
            var graph = Parse(page);
            var described = graph.Subjects.Where(subject => graph.Is(subject, Dcat + "Dataset")).ToHashSet(StringComparer.Ordinal);
            var linked = graph.Subjects.SelectMany(subject => graph.All(subject, Dcat + "dataset")).Where(node => !node.IsLiteral).Select(node => node.Value).ToHashSet(StringComparer.Ordinal);
            named.UnionWith(graph.Subjects.SelectMany(subject => graph.All(subject, Dcat + "dataset")).Where(node => node is { IsLiteral: false, IsBlank: false } && !graph.Describes(node.Value)).Select(node => node.Value));
            foreach (var subject in described.Union(linked.Where(graph.Describes)))
            {
                cancel.ThrowIfCancellationRequested();
                picture.Add(Item(source, graph, subject));
            }

            total ??= graph.Subjects.SelectMany(subject => graph.All(subject, Hydra + "totalItems"))
                .Select(node => int.TryParse(node.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var stated) ? (int?)stated : null).FirstOrDefault();
            next = Next(source, graph, page.Address);
        }

        foreach (var bare in named.Except(picture.Items.Select(item => item.Identifier), StringComparer.Ordinal).OfType<string>())
        {
            var item = new SourceItem { Identifier = bare };
            SourceFaults.Bare(item.Faults);
            picture.Add(item);
        }

        picture.Stated = total ?? picture.Items.Count;
    }

    private static Graph Parse(SourcePage page)
    {
        var type = page.MediaType ?? "";
        var first = page.Body.AsSpan().IndexOfAnyExcept(" \t\r\n"u8) is >= 0 and var at ? (char)page.Body[at] : '\0';
        if (type.Contains("json", StringComparison.OrdinalIgnoreCase) || (!type.Contains("turtle", StringComparison.OrdinalIgnoreCase) && first is '{' or '['))
        {
            using var document = JsonMembers.Parse(page);
            return JsonLdReader.Read(document.RootElement, page.Address);
        }

        return first == '<' && type.Contains("ml", StringComparison.OrdinalIgnoreCase)
            ? throw new RunRefusedException("format-not-read", new($"来源以 {type} 作答；可读取 JSON-LD 与 Turtle。", $"The source answers as {type}; JSON-LD and Turtle are read."))
            : TurtleReader.Read(Encoding.UTF8.GetString(page.Body), page.Address);
    }

    /// <summary>Only on the host that was agreed on: a page may not send us elsewhere.</summary>
    private static Uri? Next(Source source, Graph graph, Uri page)
    {
        var next = graph.Subjects.SelectMany(subject => graph.All(subject, Hydra + "next").Concat(graph.All(subject, Hydra + "nextPage"))).Select(node => node.Value).FirstOrDefault();
        if (next is null)
        {
            return null;
        }

        return Uri.TryCreate(page, next, out var address) && SourceAddress.IsWebAddress(address) && (address.Authority == page.Authority || address.Authority == source.Root.Authority)
            ? address
            : throw new RunRefusedException("foreign-page", new("来源的下一页指向其他主机。", "The source's next page is on another host."));
    }

    private static SourceItem Item(Source source, Graph graph, string subject)
    {
        var item = new SourceItem
        {
            // A blank node's name means nothing outside its document.
            Identifier = subject.StartsWith("_:", StringComparison.Ordinal) ? Text(graph, subject, Dct + "identifier") : subject,
        };
        if (graph.SizeOf(subject) > source.Limits.EntryBytes)
        {
            SourceFaults.TooLarge(item.Faults);
            return item;
        }

        item.Title = Text(graph, subject, Dct + "title");
        item.Description = Text(graph, subject, Dct + "description");
        item.LandingPage = Text(graph, subject, Dcat + "landingPage");
        item.Issued = Text(graph, subject, Dct + "issued");
        item.Modified = Text(graph, subject, Dct + "modified");
        item.Frequency = Text(graph, subject, Dct + "accrualPeriodicity");
        item.Access = Text(graph, subject, Dct + "accessRights");
        item.Licence = Text(graph, subject, Dct + "license");
        foreach (var publisher in graph.All(subject, Dct + "publisher").Take(MostParts))
        {
            item.Organization.AddRange(Names(graph, publisher));
        }

        item.Themes.AddRange(graph.All(subject, Dcat + "theme").Take(MostParts).SelectMany(theme => Names(graph, theme)));
        item.Themes.AddRange(graph.All(subject, Dcat + "keyword").Select(keyword => keyword.Value));
        foreach (var distribution in graph.All(subject, Dcat + "distribution").Where(node => !node.IsLiteral && graph.SizeOf(node.Value) <= source.Limits.EntryBytes).Select(node => node.Value).Take(MostParts))
        {
            item.Licence ??= Text(graph, distribution, Dct + "license");
            item.Distributions.Add(new SourceDistribution(
                Text(graph, distribution, Dct + "title"),
                Text(graph, distribution, Dcat + "downloadURL") ?? Text(graph, distribution, Dcat + "accessURL"),
                Text(graph, distribution, Dct + "format") ?? Text(graph, distribution, Dcat + "mediaType")));
        }

        return item;
    }

    /// <summary>The text of a property; of several the Chinese one, then one without a language, then English. A node without a name of its own speaks by its label.</summary>
    private static string? Text(Graph graph, string subject, string predicate)
    {
        var node = graph.All(subject, predicate).OrderBy(Rank).Cast<Node?>().FirstOrDefault();
        return node is { IsBlank: true } blank ? Names(graph, blank).FirstOrDefault() : node?.Value;

        static int Rank(Node node) => node.Language switch
        {
            { } language when language.StartsWith("zh", StringComparison.OrdinalIgnoreCase) => 0,
            null => 1,
            { } language when language.StartsWith("en", StringComparison.OrdinalIgnoreCase) => 2,
            _ => 3,
        };
    }

    private static IEnumerable<string> Names(Graph graph, Node node) =>
        (node.IsBlank ? [] : Enumerable.Repeat(node.Value, 1)).Concat(node.IsLiteral ? [] : Labels.SelectMany(label => graph.All(node.Value, label)).Where(label => label.IsLiteral).Select(label => label.Value));
}
