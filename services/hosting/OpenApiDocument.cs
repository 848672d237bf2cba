using System.Reflection;
using System.Text.Json.Serialization.Metadata;
using System.Xml.Linq;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Exchange.Hosting;

/// <summary>
/// The OpenAPI description of a service: schemas named after the use case they belong to, types that our own converters hide from the generator,
/// and the docstrings of types and members (the compiler's documentation files lie beside the assemblies).
/// </summary>
internal static class OpenApiDocument
{
    private static readonly Lazy<Dictionary<string, string>> Summaries = new(Read);

    public static void AddOpenApiDocument(this IServiceCollection services) => services.AddOpenApi(options =>
    {
        options.CreateSchemaReferenceId = NameOf;
        options.AddSchemaTransformer((schema, context, _) =>
        {
            var type = context.JsonTypeInfo.Type;
            if (schema.Type is null && (type == typeof(string) || type == typeof(DateTimeOffset) || type == typeof(DateTimeOffset?)))
            {
                schema.Type = IsNullable(context) ? JsonSchemaType.String | JsonSchemaType.Null : JsonSchemaType.String;
                schema.Format = type == typeof(string) ? null : "date-time";
            }

            schema.Description ??= context.JsonPropertyInfo?.AttributeProvider is PropertyInfo property
                ? Summary($"P:{Full(property.DeclaringType!)}.{property.Name}")
                : Summary($"T:{Full(type)}");
            return Task.CompletedTask;
        });
    });

    private static bool IsNullable(OpenApiSchemaTransformerContext context) =>
        context.JsonTypeInfo.Type != typeof(DateTimeOffset) && (context.JsonPropertyInfo is { IsSetNullable: true } or { IsGetNullable: true });

    /// <summary><c>DraftRequest.Body</c> becomes DraftRequestBody: several use cases have a Body.</summary>
    private static string? NameOf(JsonTypeInfo info) =>
        OpenApiOptions.CreateDefaultSchemaReferenceId(info) is { } name && info.Type is { IsNested: true, IsGenericType: false } type ? type.DeclaringType!.Name + name : OpenApiOptions.CreateDefaultSchemaReferenceId(info);

    private static string Full(Type type) => (type.FullName ?? type.Name).Replace('+', '.');

    private static string? Summary(string member) => Summaries.Value.GetValueOrDefault(member);

    private static Dictionary<string, string> Read() => Directory.EnumerateFiles(AppContext.BaseDirectory, "Exchange.*.xml")
        .SelectMany(file => XDocument.Load(file).Descendants("member"))
        .Where(member => member.Element("summary") is not null)
        .GroupBy(member => member.Attribute("name")!.Value, StringComparer.Ordinal)
        .ToDictionary(
            members => members.Key,
            members => string.Join(' ', string.Concat(members.First().Element("summary")!.DescendantNodesAndSelf().Select(Words)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)),
            StringComparer.Ordinal);

    private static string Words(XNode node) => node switch
    {
        XText text => text.Value,
        XElement { Name.LocalName: "see" or "paramref" } reference => reference.Attribute("cref")?.Value.Split('.')[^1] ?? reference.Attribute("name")?.Value ?? "",
        _ => "",
    };
}
