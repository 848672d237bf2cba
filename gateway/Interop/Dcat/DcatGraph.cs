using Exchange.Contracts;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>
/// Entries as DCAT-AP 3 says them: only what the entry knows. Nothing is said about licences, coverage or page addresses that nobody has stated. IRIs come from the public address and
/// from ids that never change; what a document refers to is described in it, once.
/// </summary>
internal sealed class DcatGraph(string address)
{
    /// <summary>The name under which the exchange publishes the catalogue of all cities.</summary>
    private const string Title = "政务数据共享交换目录";

    private const string Authority = "http://publications.europa.eu/resource/authority/";
    private const string Profile = "http://data.europa.eu/r5r/";
    private const string MediaTypes = "http://www.iana.org/assignments/media-types/";
    private const string Chinese = Authority + "language/ZHO";
    private const string Regulation = "https://www.gov.cn/zhengce/content/202506/content_7026294.htm";
    private const string PublisherTypes = "http://purl.org/adms/publishertype/1.0";
    private const string LocalAuthority = "http://purl.org/adms/publishertype/LocalAuthority";

    private static readonly Dictionary<string, string> Frequencies = new(StringComparer.Ordinal)
    {
        ["realtime"] = "UPDATE_CONT",
        ["daily"] = "DAILY",
        ["weekly"] = "WEEKLY",
        ["monthly"] = "MONTHLY",
        ["quarterly"] = "QUARTERLY",
        ["semiannual"] = "ANNUAL_2",
        ["annual"] = "ANNUAL",
        ["irregular"] = "IRREG",
        ["historical"] = "NEVER",
    };

    private readonly HashSet<string> described = new(StringComparer.Ordinal);

    public static string DatasetIri(string address, Guid id) => $"{address}/datasets/{id}";

    /// <summary>One page of the catalogue: the catalogue itself with the page's links, then its entries.</summary>
    /// <param name="page">IRI of this page.</param>
    /// <param name="next">IRI of the next one; null on the last.</param>
    public IEnumerable<RdfNode> Page(IReadOnlyList<DatasetEntry> entries, int total, string first, string page, string? next)
    {
        var catalogue = new RdfNode($"{address}/catalog", "dcat:Catalog", "hydra:Collection")
            .Say("dct:title", RdfTerm.Chinese(Title))
            .Say("dct:title", RdfTerm.English("Catalogue of the government data exchange"))
            .Say("dct:description", RdfTerm.Chinese("各市政务部门发布的政务数据目录。"))
            .Say("dct:description", RdfTerm.English("The data catalogues of the cities' government departments."))
            .Link("dct:publisher", $"{address}/catalog#publisher")
            .Link("dct:language", Chinese)
            .Link("foaf:homepage", $"{address}/")
            .Link("dcat:themeTaxonomy", $"{address}/catalog#themes")
            .Link("dcatap:applicableLegislation", Regulation)
            .Say("hydra:totalItems", RdfTerm.Number(total))
            .Link("hydra:view", page);
        foreach (var entry in entries)
        {
            catalogue.Link("dcat:dataset", DatasetIri(address, entry.DatasetId)).Link("dcat:record", DatasetIri(address, entry.DatasetId) + "#record");
        }

        foreach (var service in entries.Where(entry => EntryForms.Of(entry).Count > 0).Select(ServiceOf).Distinct(StringComparer.Ordinal))
        {
            catalogue.Link("dcat:service", service);
        }

        yield return catalogue;
        var view = new RdfNode(page, "hydra:PartialCollectionView").Link("hydra:first", first);
        yield return next is null ? view : view.Link("hydra:next", next);
        yield return new RdfNode($"{address}/catalog#publisher", "foaf:Agent").Say("foaf:name", RdfTerm.Chinese("政务数据共享交换"));
        yield return new RdfNode($"{address}/", "foaf:Document").Say("dct:title", RdfTerm.Chinese("政务数据共享交换"));
        yield return new RdfNode(Regulation, "eli:LegalResource").Say("dct:title", RdfTerm.Chinese("政务数据共享条例"));
        foreach (var node in entries.SelectMany(Entry))
        {
            yield return node;
        }
    }

    /// <summary>One entry and all that it refers to and that was not described before.</summary>
    public IEnumerable<RdfNode> Entry(DatasetEntry entry)
    {
        var id = DatasetIri(address, entry.DatasetId);
        var forms = EntryForms.Of(entry);
        var publisher = $"{address}/api/cities/{Uri.EscapeDataString(entry.City)}/departments/{Uri.EscapeDataString(entry.DepartmentCode)}";
        var theme = $"{address}/catalog#theme-{Uri.EscapeDataString(entry.Theme)}";
        var dataset = new RdfNode(id, "dcat:Dataset")
            .Say("dct:title", RdfTerm.Chinese(entry.Name))
            .Say("dct:description", RdfTerm.Chinese(entry.Abstract))
            .Say("dct:identifier", RdfTerm.Text(entry.DatasetId.ToString()))
            .Link("dct:publisher", publisher + "#agent")
            .Link("dcat:contactPoint", publisher + "#contact")
            .Link("dcat:theme", theme)
            .Link("dct:language", Chinese)
            .Link("dct:accessRights", $"{Authority}access-right/{Access(entry)}")
            .Link("dct:rights", id + "#rights")
            .Say("dct:issued", RdfTerm.Date(entry.ReleasedOn));
        foreach (var title in entry.Fields.Select(field => field.Title).Distinct(StringComparer.Ordinal))
        {
            dataset.Say("dcat:keyword", RdfTerm.Chinese(title));
        }

        if (Frequencies.TryGetValue(entry.UpdateFrequency, out var frequency))
        {
            dataset.Link("dct:accrualPeriodicity", Authority + "frequency/" + frequency);
        }

        if (entry.Code is not null)
        {
            dataset.Link("adms:identifier", id + "#code");
        }

        if (entry.RefusalLaw is not null)
        {
            dataset.Link("dcatap:applicableLegislation", id + "#legislation");
        }

        foreach (var form in forms)
        {
            dataset.Link("dcat:distribution", $"{id}#{form.Name}");
        }

        yield return dataset;
        yield return new RdfNode(id + "#record", "dcat:CatalogRecord")
            .Link("foaf:primaryTopic", id)
            .Say("dct:issued", RdfTerm.Date(entry.ReleasedOn))
            .Say("dct:modified", RdfTerm.Time(entry.PublishedAt))
            .Link("dct:conformsTo", Profile)
            .Say("owl:versionInfo", RdfTerm.Text(entry.Version.ToString(System.Globalization.CultureInfo.InvariantCulture)));
        yield return new RdfNode(id + "#rights", "dct:RightsStatement").Say("rdfs:label", RdfTerm.Chinese(Rights(entry)));
        if (entry.Code is not null)
        {
            yield return new RdfNode(id + "#code", "adms:Identifier").Say("skos:notation", RdfTerm.Text(entry.Code)).Say("adms:schemaAgency", RdfTerm.Text(entry.City));
        }

        if (entry.RefusalLaw is not null)
        {
            yield return new RdfNode(id + "#legislation", "eli:LegalResource").Say("dct:title", RdfTerm.Chinese(entry.RefusalLaw));
        }

        if (forms.Count > 0)
        {
            // A city's one service serves many: each entry says its own part.
            yield return new RdfNode(ServiceOf(entry)).Link("dcat:servesDataset", id);
        }

        foreach (var node in forms.Select(form => Distribution(entry, id, form)).Concat(Vocabulary(entry, forms, publisher, theme, frequency).Where(node => described.Add(node.Id))))
        {
            yield return node;
        }
    }

    private RdfNode Distribution(DatasetEntry entry, string id, EntryForm form)
    {
        var distribution = new RdfNode($"{id}#{form.Name}", "dcat:Distribution")
            .Say("dct:title", RdfTerm.Chinese($"{entry.Name}（{form.Format}）"))
            .Say("dct:description", RdfTerm.Chinese("凭共享授权获取：先提出共享申请，获准后由提供方交付。"))
            .Say("dct:description", RdfTerm.English("Delivered under a grant: ask for it first."))
            .Link("dcat:accessURL", id)
            .Link("dct:rights", id + "#rights")
            .Link("dcat:accessService", ServiceOf(entry));
        if (form.FileType is not null)
        {
            distribution.Link("dct:format", $"{Authority}file-type/{form.FileType}");
        }

        return form.MediaType is null ? distribution : distribution.Link("dcat:mediaType", MediaTypes + form.MediaType);
    }

    /// <summary>The shapes ask that the class of whatever is referred to is said in the document itself.</summary>
    private IEnumerable<RdfNode> Vocabulary(DatasetEntry entry, IReadOnlyList<EntryForm> forms, string publisher, string theme, string? frequency)
    {
        yield return new RdfNode(publisher + "#agent", "foaf:Agent")
            .Say("foaf:name", RdfTerm.Chinese(entry.DepartmentName))
            .Say("dct:identifier", RdfTerm.Text(entry.DepartmentCode))
            .Link("dct:type", LocalAuthority);
        yield return new RdfNode(publisher + "#contact", "vcard:Organization", "vcard:Kind").Say("vcard:fn", RdfTerm.Chinese(entry.DepartmentName)).Link("vcard:hasURL", publisher);
        yield return new RdfNode(theme, "skos:Concept")
            .Say("skos:prefLabel", GuideTable.Themes.TryGetValue(entry.Theme, out var label) ? RdfTerm.Chinese(label) : RdfTerm.Text(entry.Theme))
            .Say("skos:notation", RdfTerm.Text(entry.Theme))
            .Link("skos:inScheme", $"{address}/catalog#themes");
        yield return new RdfNode($"{address}/catalog#themes", "skos:ConceptScheme").Say("dct:title", RdfTerm.Chinese("主题分类"));
        yield return new RdfNode(PublisherTypes, "skos:ConceptScheme").Say("dct:title", RdfTerm.English("Publisher types"));
        yield return new RdfNode(LocalAuthority, "skos:Concept").Say("skos:prefLabel", RdfTerm.English("Local authority")).Link("skos:inScheme", PublisherTypes);
        yield return Listed("language/ZHO", "dct:LinguisticSystem");
        yield return new RdfNode(Profile, "dct:Standard").Say("dct:title", RdfTerm.English("DCAT-AP"));
        yield return Listed("access-right/" + Access(entry), "dct:RightsStatement");
        if (frequency is not null)
        {
            yield return Listed("frequency/" + frequency, "dct:Frequency");
        }

        if (forms.Count > 0)
        {
            yield return Listed("access-right/RESTRICTED", "dct:RightsStatement");
            yield return new RdfNode(ServiceOf(entry), "dcat:DataService")
                .Say("dct:title", RdfTerm.Chinese(entry.Format == "service" ? $"{entry.Name}：服务接口" : "凭共享授权交付数据"))
                .Link("dcat:endpointURL", GrantsOf(entry.City))
                .Link("dcat:endpointDescription", $"{address}/openapi/v1.json")
                .Link("dct:accessRights", Authority + "access-right/RESTRICTED");
        }

        foreach (var form in forms)
        {
            if (form.FileType is not null)
            {
                yield return Listed("file-type/" + form.FileType, "dct:MediaTypeOrExtent");
            }

            if (form.MediaType is not null)
            {
                yield return new RdfNode(MediaTypes + form.MediaType, "dct:MediaType");
            }
        }
    }

    /// <summary>A value of one of the EU's authority lists.</summary>
    private static RdfNode Listed(string value, string type) => new RdfNode(Authority + value, type).Link("skos:inScheme", Authority + value[..value.IndexOf('/', StringComparison.Ordinal)]);

    private string GrantsOf(string city) => $"{address}/api/cities/{Uri.EscapeDataString(city)}/grants";

    /// <summary>A department's own interface, or what a city delivers rows and files by.</summary>
    private string ServiceOf(DatasetEntry entry) => entry.Format == "service" ? DatasetIri(address, entry.DatasetId) + "#api" : GrantsOf(entry.City) + "#service";

    /// <summary>Open to society without a condition: the public; what a law forbids to share: nobody outside; in between certain departments, under a grant.</summary>
    private static string Access(DatasetEntry entry) => entry switch
    {
        { OpenToSociety: true, OpenConditions: null } => "PUBLIC",
        { SharingType: SharingClass.Refused } => "NON_PUBLIC",
        _ => "RESTRICTED",
    };

    /// <summary>The sharing class with whatever the entry says about conditions and reasons, in the guide's own words.</summary>
    public static string Rights(DatasetEntry entry)
    {
        List<string> parts = [$"{GuideTable.SharingType}：{GuideTable.SharingTypes.GetValueOrDefault(entry.SharingType, entry.SharingType)}"];
        foreach (var (header, text) in new[] { (GuideTable.Conditions, entry.SharingConditions), (GuideTable.RefusalLaw, entry.RefusalLaw), (GuideTable.OpenConditions, entry.OpenConditions) })
        {
            if (text is not null)
            {
                parts.Add($"{header}：{text}");
            }
        }

        return string.Join('\n', parts);
    }
}
