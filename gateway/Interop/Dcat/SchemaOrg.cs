using System.Text.Json;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Gateway.Interop.Dcat;

/// <summary>
/// An entry as schema.org's Dataset, for search engines. The JSON holds no character that could end a script element, so that a page can embed it as it is.
/// </summary>
internal static class SchemaOrg
{
    public const string Profile = "https://schema.org/";

    public static byte[] Of(DatasetEntry entry, string address)
    {
        var id = DcatGraph.DatasetIri(address, entry.DatasetId);
        using var json = new MemoryStream();
        using var writer = new Utf8JsonWriter(json, new JsonWriterOptions { Encoder = Json.Options.Encoder });
        writer.WriteStartObject();
        writer.WriteString("@context", Profile);
        writer.WriteString("@type", "Dataset");
        writer.WriteString("@id", id);
        writer.WriteString("url", id);
        writer.WriteString("name", entry.Name);
        writer.WriteString("description", entry.Abstract);
        writer.WriteString("inLanguage", "zh");
        Strings("identifier", entry.Code is null ? [entry.DatasetId.ToString()] : [entry.DatasetId.ToString(), entry.Code]);
        Strings("keywords", [GuideTable.Themes.GetValueOrDefault(entry.Theme, entry.Theme), .. entry.Fields.Select(field => field.Title)]);
        writer.WriteString("version", entry.Version.ToString(System.Globalization.CultureInfo.InvariantCulture));
        writer.WriteString("datePublished", RdfTerm.Date(entry.ReleasedOn).Value);
        writer.WriteString("conditionsOfAccess", DcatGraph.Rights(entry));
        writer.WriteStartObject("publisher");
        writer.WriteString("@type", "GovernmentOrganization");
        writer.WriteString("name", entry.DepartmentName);
        writer.WriteString("identifier", entry.DepartmentCode);
        writer.WriteEndObject();
        writer.WriteStartObject("includedInDataCatalog");
        writer.WriteString("@type", "DataCatalog");
        writer.WriteString("@id", $"{address}/catalog");
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return json.ToArray();

        void Strings(string name, IEnumerable<string> values)
        {
            writer.WriteStartArray(name);
            foreach (var value in values)
            {
                writer.WriteStringValue(value);
            }

            writer.WriteEndArray();
        }
    }
}
