using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Exchange.Local.Accounts;

namespace Exchange.Local.Samples;

/// <summary>
/// Fills a city that is empty, as its people would: through the gateway's public address, each step with the account whose duty it is.
/// A load that was interrupted leaves a mark and is taken up again where it stopped.
/// </summary>
internal sealed class Samples(Uri gateway, IReadOnlyList<Account> accounts, string folder, string data, Action<string> say) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Departments of one city that work at the same time; the cities do anyway.</summary>
    private const int AtOnce = 4;

    private readonly HttpClient http = new() { BaseAddress = gateway, Timeout = TimeSpan.FromSeconds(60) };
    private readonly Dictionary<string, Participant> people = new(StringComparer.Ordinal);

    public async Task LoadAsync(IEnumerable<City> cities, CancellationToken ct)
    {
        foreach (var account in accounts.Where(a => a.Type == SampleAccounts.Person))
            people.Add(account.ClientId, new Participant(http, account));
        await Task.WhenAll(cities.Where(city => File.Exists(CatalogueOf(city))).Select(city => LoadAsync(city, ct)));
    }

    public void Dispose() => http.Dispose();

    private string CatalogueOf(City city) => Path.Combine(folder, city.Name, "catalogue.csv");

    private async Task LoadAsync(City city, CancellationToken ct)
    {
        var unfinished = Path.Combine(data, $"samples-of-{city.Name}-unfinished");
        var first = await UntilUpAsync(() => Who(city, city.Authority!.Code, "authority").GetAsync($"{At(city)}?limit=1", ct), ct);
        if (first.Succeeded($"read {city.Name}'s datasets")["items"].GetArrayLength() > 0 && !File.Exists(unfinished))
            return;
        Files.WriteText(unfinished, "");
        var clock = Stopwatch.StartNew();
        var (entries, tables) = (0, 0);
        await Parallel.ForEachAsync(SampleCatalogue.ByDepartment(CatalogueOf(city)), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = ct }, async (part, cancel) =>
        {
            var officer = Who(city, part.Department, "officer");
            var imported = (await UntilUpAsync(() => officer.PostAsync($"{At(city)}/import", Csv(part.Csv), ct: cancel), cancel)).Succeeded($"import the entries of {part.Department}");
            foreach (var entry in imported["entries"].EnumerateArray())
            {
                Interlocked.Increment(ref entries);
                Interlocked.Add(ref tables, await BringOutAsync(city, part.Department, entry, cancel));
            }
        });
        File.Delete(unfinished);
        say(string.Create(CultureInfo.InvariantCulture, $"{city.Title}: {entries} sample entries published, {tables} of them with rows ({clock.Elapsed.TotalSeconds:F1} s)"));
    }

    /// <summary>Takes an entry from wherever it stands to the catalogue. One, when rows came with it; else none.</summary>
    private async Task<int> BringOutAsync(City city, string department, JsonElement imported, CancellationToken ct)
    {
        var at = $"{At(city)}/{imported.GetProperty("dataset_id").GetString()}";
        var name = imported.GetProperty("name").GetString()!;
        var (officer, head, sharingHead) = (Who(city, department, "officer"), Who(city, department, "department_head"), Who(city, department, "sharing_head"));
        var now = (await officer.GetAsync(at, ct)).Succeeded($"read {name}");
        if (State(now) == "draft")
        {
            var personal = now["working"].GetProperty("entry").GetProperty("personal_information").GetBoolean();
            now = await ActAsync("assess", () => officer.PostAsync($"{at}/assess", new
            {
                Secrecy = new { Result = "not_secret", Note = "示例:经保密风险评估,不涉及国家秘密。" },
                PersonalInformation = personal
                    ? new { Result = "passed", Note = "示例:已作个人信息保护影响评估,采取最小必要字段与期限。" }
                    : new { Result = "not_applicable", Note = "示例:不含个人信息。" },
            }, now.ETag, ct: ct));
        }
        if (State(now) == "assessed")
            now = await ActAsync("approve", () => head.PostAsync($"{at}/approve", etag: now.ETag, ct: ct));
        if (State(now) == "in_review")
            now = await ActAsync("publish", () => Who(city, city.Authority!.Code, "authority").PostAsync($"{at}/publish", etag: now.ETag, ct: ct));
        var published = now["published"];
        var reply = published.GetProperty("sharing_type").GetString() switch { "unconditional" => "approve", "refused" => "refuse", _ => null };
        if (reply is not null && !Has(now, "standing_sign_off"))
            now = await ActAsync("give the standing sign-off", () => sharingHead.PutAsync($"{at}/standing-sign-off", Json(new { reply }), now.ETag, ct: ct));
        var rows = Path.Combine(folder, city.Name, "rows", $"{imported.GetProperty("code").GetString()?.Replace('/', '-')}.csv");
        if (!File.Exists(rows))
            return 0;
        if (!Has(now, "rows"))
            await ActAsync("load rows", async () => await officer.PutAsync($"{at}/rows", Csv(await File.ReadAllBytesAsync(rows, ct)), now.ETag, ct: ct));
        return 1;

        async Task<Answer> ActAsync(string what, Func<Task<Answer>> act) => (await act()).Succeeded($"{what}: {name}");
    }

    /// <summary>The people of one department share a role only in other data than ours; any of them may act.</summary>
    private Participant Who(City city, string department, string role) =>
        people.Values.FirstOrDefault(p => p.Account.City == city.Name && p.Account.Department == department && p.Account.Roles.Contains(role))
        ?? throw new LocalFault($"The samples of {city.Title} need an account with the role {role} in {department} (deploy/samples/accounts.json).");

    /// <summary>Right after a start a service may not have the keys to check tokens with, and says 503.</summary>
    private static Task<Answer> UntilUpAsync(Func<Task<Answer>> send, CancellationToken ct) =>
        Poll.UntilAsync(send, answer => answer.Status is not (502 or 503 or 504), Patience, ct);

    private static string At(City city) => $"/api/cities/{city.Name}/datasets";

    private static string State(Answer answer) => answer["state"].GetString()!;

    private static bool Has(Answer answer, string name) => answer.Json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    private static ByteArrayContent Csv(byte[] bytes)
    {
        var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("text/csv") { CharSet = "utf-8" };
        return content;
    }

    private static ByteArrayContent Json(object value)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(value));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }
}
