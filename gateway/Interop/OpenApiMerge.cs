using System.Text.Json.Nodes;

namespace Exchange.Gateway.Interop;

/// <summary>
/// Joins the services' OpenAPI documents into the one that integrators read: paths as they are seen from outside, schemas and operations named per service,
/// routes that are not for outsiders left out.
/// </summary>
internal static class OpenApiMerge
{
    /// <param name="Name">Prefix of schema and operation ids.</param>
    /// <param name="Prefix">Public prefix of the paths, such as <c>/api/cities/{city}</c>; empty for the gateway's own.</param>
    /// <param name="Operations">Public prefix of the service's <c>/operations</c>.</param>
    /// <param name="Variable">Name and values of the variable in the prefixes, if there is one.</param>
    public sealed record Part(string Name, string Prefix, string Operations, (string Name, IReadOnlyList<string> Values)? Variable, JsonObject Document);

    /// <summary>Between the parts of the exchange, or for its machines: not promised to anyone outside.</summary>
    private static readonly string[] Internal = ["/health", "/openapi", "/witness", "/datasets/digest", "/datasets/changes", "/datasets/figures", "/datasets/{id}/versions"];

    public static JsonObject Merge(JsonObject info, string server, IEnumerable<Part> parts)
    {
        JsonObject paths = [], schemas = [], responses = [];
        SortedSet<string> tags = new(StringComparer.Ordinal);
        foreach (var part in parts)
        {
            foreach (var (path, item) in part.Document["paths"]?.AsObject() ?? [])
            {
                if (Internal.Any(hidden => path == hidden || path.StartsWith(hidden + "/", StringComparison.Ordinal)))
                {
                    continue;
                }

                var shown = path.StartsWith("/operations/", StringComparison.Ordinal) ? part.Operations + path["/operations".Length..] : part.Prefix + path;
                paths[shown] = Path(part, item!.AsObject(), shown, tags);
            }

            foreach (var (name, schema) in part.Document["components"]?["schemas"]?.AsObject() ?? [])
            {
                schemas[$"{part.Name}.{name}"] = Renamed(part, schema);
            }

            foreach (var (name, response) in part.Document["components"]?["responses"]?.AsObject() ?? [])
            {
                responses[$"{part.Name}.{name}"] = Renamed(part, response);
            }
        }

        return new JsonObject
        {
            ["openapi"] = "3.1.1",
            ["info"] = info.DeepClone(),
            ["servers"] = new JsonArray(new JsonObject { ["url"] = server }),
            ["paths"] = new JsonObject(paths.OrderBy(path => path.Key, StringComparer.Ordinal).Select(path => KeyValuePair.Create(path.Key, path.Value?.DeepClone()))),
            ["components"] = new JsonObject
            {
                ["schemas"] = schemas,
                ["responses"] = responses,
                ["securitySchemes"] = new JsonObject
                {
                    ["bearer"] = new JsonObject { ["type"] = "http", ["scheme"] = "bearer", ["bearerFormat"] = "JWT" },
                    ["clientCredentials"] = new JsonObject
                    {
                        ["type"] = "oauth2",
                        ["flows"] = new JsonObject { ["clientCredentials"] = new JsonObject { ["tokenUrl"] = $"{server}/connect/token", ["scopes"] = new JsonObject() } },
                    },
                },
            },
            ["security"] = new JsonArray(new JsonObject { ["bearer"] = new JsonArray() }, new JsonObject { ["clientCredentials"] = new JsonArray() }),
            ["tags"] = new JsonArray([.. tags.Select(tag => (JsonNode)new JsonObject { ["name"] = tag })]),
        };
    }

    private static JsonObject Path(Part part, JsonObject item, string shown, SortedSet<string> tags)
    {
        var path = Renamed(part, item)!.AsObject();
        if (part.Variable is { } variable && shown.Contains($"{{{variable.Name}}}", StringComparison.Ordinal))
        {
            path["parameters"] ??= new JsonArray();
            path["parameters"]!.AsArray().Insert(0, new JsonObject
            {
                ["name"] = variable.Name,
                ["in"] = "path",
                ["required"] = true,
                ["schema"] = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. variable.Values.Select(value => (JsonNode)value)]) },
            });
        }

        foreach (var (_, operation) in path)
        {
            if (operation is not JsonObject described || described["responses"] is null)
            {
                continue;
            }

            if (described["operationId"]?.GetValue<string>() is { } id)
            {
                described["operationId"] = $"{part.Name}.{id}";
            }

            foreach (var tag in described["tags"]?.AsArray() ?? [])
            {
                tags.Add(tag!.GetValue<string>());
            }
        }

        return path;
    }

    /// <summary>A copy in which every reference to a component points to its new name.</summary>
    private static JsonNode? Renamed(Part part, JsonNode? node) => node switch
    {
        JsonObject item => new JsonObject(item.Select(member => KeyValuePair.Create(
            member.Key, member.Key == "$ref" && member.Value is JsonValue value && value.TryGetValue<string>(out var target) ? Reference(part, target) : Renamed(part, member.Value)))),
        JsonArray list => new JsonArray([.. list.Select(element => Renamed(part, element))]),
        _ => node?.DeepClone(),
    };

    private static JsonNode Reference(Part part, string target)
    {
        foreach (var kind in (string[])["#/components/schemas/", "#/components/responses/"])
        {
            if (target.StartsWith(kind, StringComparison.Ordinal))
            {
                return $"{kind}{part.Name}.{target[kind.Length..]}";
            }
        }

        return target;
    }
}
