using System.Text.Json.Nodes;
using Exchange.Gateway.Interop;

namespace Exchange.Tests.Interop;

public sealed class OpenApiMergeTests
{
    private static readonly JsonObject Service = JsonNode.Parse("""
        {"paths":{
           "/things":{"get":{"operationId":"list","tags":["things"],"responses":{"200":{"content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}}}}}},
           "/datasets/digest":{"get":{"responses":{"200":{}}}},
           "/health/ready":{"get":{"responses":{"200":{}}}},
           "/witness/vkey":{"get":{"responses":{"200":{}}}},
           "/operations/quarantine":{"get":{"responses":{"200":{}}}}},
         "components":{"schemas":{"Thing":{"properties":{"next":{"$ref":"#/components/schemas/Thing"}}}}}}
        """)!.AsObject();

    [Fact]
    public void Paths_are_public_names_are_per_service_and_internal_routes_are_left_out()
    {
        var merged = OpenApiMerge.Merge(new JsonObject { ["title"] = "x", ["version"] = "1" }, "https://exchange.example",
        [
            new("Catalogue", "/api/cities/{city}", "/api/operations/{city}", ("city", ["changsha", "zhuzhou"]), Service),
            new("Audit", "/api/audit", "/api/operations/audit", null, Service),
        ]);
        Assert.Equal(
            ["/api/audit/things", "/api/cities/{city}/things", "/api/operations/audit/quarantine", "/api/operations/{city}/quarantine"],
            merged["paths"]!.AsObject().Select(path => path.Key));
        var list = merged["paths"]!["/api/cities/{city}/things"]!;
        Assert.Equal("city", list["parameters"]![0]!["name"]!.GetValue<string>());
        Assert.Equal("Catalogue.list", list["get"]!["operationId"]!.GetValue<string>());
        Assert.Null(merged["paths"]!["/api/audit/things"]!["parameters"]);

        HashSet<string> references = [];
        Collect(merged, references);
        Assert.Equal(["#/components/schemas/Audit.Thing", "#/components/schemas/Catalogue.Thing"], references.Order());
        Assert.All(references, reference => Assert.NotNull(merged["components"]!["schemas"]![reference.Split('/')[^1]]));
    }

    private static void Collect(JsonNode? node, HashSet<string> references)
    {
        switch (node)
        {
            case JsonObject item:
                foreach (var (name, value) in item)
                {
                    if (name == "$ref")
                    {
                        references.Add(value!.GetValue<string>());
                    }

                    Collect(value, references);
                }

                break;
            case JsonArray list:
                foreach (var element in list)
                {
                    Collect(element, references);
                }

                break;
        }
    }
}
