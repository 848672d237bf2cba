using Exchange.Gateway.Federation;

namespace Exchange.Gateway.Portal.Entry;

/// <summary>Code that reads an entry, and its data under a grant, with the real ids; to be copied as it stands.</summary>
internal static class Snippets
{
    public static IReadOnlyList<Snippet> Of(string address, IndexedEntry entry)
    {
        var dataset = $"{address}/api/catalogue/datasets/{entry.Id}";
        var data = $"{address}/api/cities/{entry.City}/grants/$GRANT/data?format=csv";
        return
        [
            new("curl", "bash", $"""
                curl -sS {dataset}
                """, $"""
                # CLIENT, SECRET: 本部门业务系统的账号 / your department's program
                # GRANT, PURPOSE: 申请页上的编号和使用目的代码 / from the page of your request
                TOKEN=$(curl -sS {address}/connect/token -d grant_type=client_credentials -d client_id="$CLIENT" -d client_secret="$SECRET" | sed 's/.*"access_token":"\([^"]*\).*/\1/')
                curl -sS -H "Authorization: Bearer $TOKEN" -H "Purpose: $PURPOSE" "{data}" -o data.csv
                """),
            new("C#", "csharp", $$"""
                using System.Net.Http.Json;
                using System.Text.Json;

                using var http = new HttpClient { BaseAddress = new Uri("{{address}}") };
                var entry = await http.GetFromJsonAsync<JsonElement>("/api/catalogue/datasets/{{entry.Id}}");
                Console.WriteLine(entry.GetProperty("name"));
                """, $$"""
                using System.Net.Http.Headers;
                using System.Net.Http.Json;
                using System.Text.Json;

                // CLIENT, SECRET, GRANT, PURPOSE: as environment variables
                string Of(string name) => Environment.GetEnvironmentVariable(name)!;
                using var http = new HttpClient { BaseAddress = new Uri("{{address}}") };
                using var form = new FormUrlEncodedContent(new Dictionary<string, string>
                {
                    ["grant_type"] = "client_credentials", ["client_id"] = Of("CLIENT"), ["client_secret"] = Of("SECRET"),
                });
                var token = await (await http.PostAsync("/connect/token", form)).Content.ReadFromJsonAsync<JsonElement>();
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token.GetProperty("access_token").GetString());
                http.DefaultRequestHeaders.Add("Purpose", Of("PURPOSE"));
                await using var rows = await http.GetStreamAsync($"/api/cities/{{entry.City}}/grants/{Of("GRANT")}/data?format=csv");
                await using var file = File.Create("data.csv");
                await rows.CopyToAsync(file);
                """),
            new("Python", "python", $"""
                import json, urllib.request

                with urllib.request.urlopen("{dataset}") as answer:
                    print(json.load(answer)["name"])
                """, $$"""
                import json, os, shutil, urllib.parse, urllib.request

                # CLIENT, SECRET, GRANT, PURPOSE: as environment variables
                form = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": os.environ["CLIENT"], "client_secret": os.environ["SECRET"]})
                with urllib.request.urlopen("{{address}}/connect/token", form.encode()) as answer:
                    token = json.load(answer)["access_token"]
                request = urllib.request.Request(
                    "{{address}}/api/cities/{{entry.City}}/grants/" + os.environ["GRANT"] + "/data?format=csv",
                    headers={"Authorization": "Bearer " + token, "Purpose": os.environ["PURPOSE"]})
                with urllib.request.urlopen(request) as rows, open("data.csv", "wb") as file:
                    shutil.copyfileobj(rows, file)
                """),
        ];
    }
}

/// <summary>The same in one language.</summary>
/// <param name="Name">Of the language, for people.</param>
/// <param name="Language">As highlighters call it.</param>
/// <param name="Entry">Reads the entry, without a token where it is open to society.</param>
/// <param name="Data">Reads the data under a grant.</param>
public sealed record Snippet(string Name, string Language, string Entry, string Data);
