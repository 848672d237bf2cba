using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Exchange.Local.Accounts;
using Exchange.Local.Servers;

namespace Exchange.Local.Demo;

/// <summary>
/// <c>deploy/up --demo</c>: one exchange between two cities on a stack of its own, told step by step. It speaks HTTP to the gateway's public address only;
/// the verifier gets nothing but files.
/// </summary>
internal sealed class Demo(Stack stack, string folder) : IDisposable
{
    private const string Dataset = "社会保险参保缴费";
    private const string Personal = "城乡居民养老待遇领取";
    private readonly HttpClient http = new() { BaseAddress = stack.PublicAddress, Timeout = TimeSpan.FromSeconds(30) };
    private readonly Stopwatch watch = Stopwatch.StartNew();

    public static async Task<int> RunAsync(Place place, CancellationToken ct)
    {
        Console.WriteLine("Starting three cities, gateway and audit apart from everything else (free ports, a folder that is thrown away) …");
        await using var stack = await Stack.StartAsync(new StackOptions { Root = place.Root, Environment = "Development", Say = text => Console.WriteLine($"  {text}") }, ct);
        var folder = Directory.CreateTempSubdirectory("exchange-demo-").FullName;
        try
        {
            using (var samples = new Samples.Samples(stack.PublicAddress, stack.Accounts, place.Samples, stack.Data, text => Console.WriteLine($"  {text}")))
                await samples.LoadAsync(stack.Cities, ct);
            // The operator of this machine vouches for the log's keys; the walk below never asks the log for them.
            await Trust.WriteAsync(Path.Combine(folder, "trust.json"), stack, ct);
            Console.WriteLine();
            using var demo = new Demo(stack, folder);
            return await demo.WalkAsync(place, ct);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public void Dispose() => http.Dispose();

    private async Task<int> WalkAsync(Place place, CancellationToken ct)
    {
        using var officer = Who("zhuzhou", "officer");
        using var askingHead = Who("zhuzhou", "sharing_head");
        using var reviewer = Who("changsha", "reviewer");
        using var owningHead = Who("changsha", "sharing_head");
        using var authority = new Participant(http, stack.Accounts.First(a => a.City == "changsha" && a.Roles.Contains("authority")));
        using var program = Who("zhuzhou", "integrator");

        var found = await UntilAsync("the dataset is in the cross-city catalogue", () => officer.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(Dataset)}&city=changsha", ct), a => a.Status == 200 && a["total"].GetInt64() > 0);
        var entry = found["items"][0];
        Tell(officer, $"searches the cross-city catalogue for “{Dataset}” and finds “{Text(entry, "name")}” of {Text(entry, "department_name")} ({Text(entry, "sharing_type")}).");
        foreach (var city in found["cities"].EnumerateArray())
            Console.WriteLine($"        {Text(city, "city")}: {Text(city, "state")}, as of {Text(city, "as_of")}");

        var fields = entry.GetProperty("fields").EnumerateArray().Select(f => Text(f, "name")).Take(4).ToArray();
        var draft = (await officer.PostAsync("/api/cities/zhuzhou/requests", new
        {
            DatasetId = Text(entry, "dataset_id"),
            LegalBasis = "《政务数据共享条例》第二十条；社会保险关系转移接续办理职责（示例）",
            Scenario = "办理跨市社会保险关系转移接续时核验参保缴费情况（示例）",
            Scope = "株洲市人力资源和社会保障局业务经办人员，仅限办件当事人（示例）",
            Fields = fields,
            UseUntil = DateTime.UtcNow.AddYears(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        }, ct: ct)).Succeeded("draft");
        var id = Text(draft.Json, "id");
        Tell(officer, $"drafts a request for {fields.Length} of its data items: {string.Join(", ", fields)}.");

        var own = await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag, ct: ct);
        Tell(officer, $"tries to sign it off alone and is refused: {own.Status} {Text(own.Json, "title")} ({Text(own.Json, "article")})");

        var signed = (await askingHead.PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag, ct: ct)).Succeeded("sign-off");
        Tell(askingHead, "signs it off as head of the sharing office (art. 20).");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: signed.ETag, ct: ct)).Succeeded("submit");
        Tell(officer, "submits it. It leaves Zhuzhou over the broker.");

        var received = await UntilAsync("the request arrived in Changsha", () => reviewer.GetAsync($"/api/cities/changsha/approvals/{id}", ct), a => a.Status == 200);
        Tell(reviewer, $"finds it in Changsha's inbox as {Text(received.Json, "reference")}; an answer is due by {Text(received["reply_due"], "on")} (art. 21, working days).");
        var asked = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/ask-supplement", new { Missing = new[] { new { Item = "legal_basis", What = "请注明转移接续办理所依据的条款（示例）" } } }, received.ETag, ct: ct)).Succeeded("ask for a supplement");
        Tell(reviewer, $"names everything that is missing, once (art. 21); the clock waits with {Text(asked["supplement"], "days_left")} working days left.");
        var told = await UntilAsync("Zhuzhou knows what is missing", () => officer.GetAsync($"/api/cities/zhuzhou/requests/{id}", ct), a => Text(a.Json, "state") == "supplement_asked");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/supplement", new { Note = "已注明条款（示例）", LegalBasis = "《社会保险经办条例》转移接续规定（示例）" }, told.ETag, ct: ct)).Succeeded("supplement");
        var supplemented = await UntilAsync("the supplement arrived", () => reviewer.GetAsync($"/api/cities/changsha/approvals/{id}", ct), a => Text(a.Json, "state") == "under_review");
        Tell(officer, $"supplies it; the clock runs again, to {Text(supplemented["reply_due"], "on")}.");

        var longer = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/extend", new { WorkingDays = 3, Reason = "涉及多个业务系统（示例）" }, supplemented.ETag, ct: ct)).Succeeded("ask for an extension");
        var consented = (await authority.PostAsync($"/api/cities/changsha/approvals/{id}/answer-extension", new { Consent = true }, longer.ETag, ct: ct)).Succeeded("consent to the extension");
        Tell(authority, $"consents to three working days more (art. 21); Zhuzhou is told: {Text(consented["reply_due"], "on")}.");
        var decided = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/decide", new { Decision = "approve", Reason = "申请目的与职责相符（示例）" }, consented.ETag, ct: ct)).Succeeded("decide");
        Tell(reviewer, "proposes to agree. That is no answer yet.");
        var granted = (await owningHead.PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag, ct: ct)).Succeeded("sign the reply");
        Tell(owningHead, $"signs the reply as head of the provider's sharing office: {Text(granted.Json, "state")}, usable until {Text(granted["grant"], "valid_until")}.");

        var active = await UntilAsync("Zhuzhou knows", () => officer.GetAsync($"/api/cities/zhuzhou/requests/{id}", ct), a => Text(a.Json, "state") == "active");
        var purpose = Text(active.Json, "purpose_code");
        Tell(officer, $"reads in Zhuzhou that the grant is active; each call states the purpose that was agreed: {purpose}.");

        var data = (await program.GetAsync($"/api/cities/changsha/grants/{id}/data?format=csv&purpose={purpose}", ct)).Succeeded("read the rows");
        var delivery = data.Headers["Exchange-Delivery-Id"];
        var digest = Convert.ToHexStringLower(SHA256.HashData(data.Bytes));
        var lines = data.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Tell(program, $"fetches the rows: {lines.Length - 1} rows, {data.Bytes.Length} bytes. The first of them:");
        foreach (var line in lines.Take(3))
            Console.WriteLine($"        {line}");
        var receipt = await UntilAsync("the receipt is closed", () => program.GetAsync($"/api/cities/changsha/grants/{id}/deliveries/{delivery}", ct), a => a.Status == 200 && a.Json.TryGetProperty("sha256", out _));
        if (Text(receipt.Json, "sha256") != digest)
            throw new LocalFault($"The receipt says SHA-256 {Text(receipt.Json, "sha256")}, the rows have {digest}.");
        Tell(program, $"compares Changsha's receipt with its own SHA-256: {digest[..16]}… is the same.");

        await MaskAsync(place, officer, askingHead, reviewer, owningHead, program, ct);
        await StandAsync(place, officer, reviewer, id, Text(entry, "dataset_id"), ct);
        await CorrectAsync(officer, reviewer, id, fields[^1], ct);
        await DisposeAsync(officer, askingHead, id, ct);
        return await ProveAsync(place, officer, id, delivery, ct);
    }

    /// <summary>Personal data leaves as two persons of the provider agreed: masked, hashed, of one district. What was loaded is compared with what arrives.</summary>
    private async Task MaskAsync(Place place, Participant officer, Participant askingHead, Participant reviewer, Participant owningHead, Participant program, CancellationToken ct)
    {
        var found = await UntilAsync("the personal dataset is in the cross-city catalogue", () => officer.GetAsync($"/api/catalogue/datasets?q={Uri.EscapeDataString(Personal)}&city=changsha", ct), a => a.Status == 200 && a["total"].GetInt64() > 0);
        var entry = found["items"][0];
        string[] fields = ["document_no", "person_name", "phone", "address", "born_on", "card_no", "pension_state"];
        var draft = (await officer.PostAsync("/api/cities/zhuzhou/requests", new
        {
            DatasetId = Text(entry, "dataset_id"),
            LegalBasis = "《政务数据共享条例》第二十条；养老待遇防重领核查职责（示例）",
            Scenario = "核查跨城市重复领取养老待遇（示例）",
            Scope = "株洲市人力资源和社会保障局稽核人员（示例）",
            Fields = fields,
            UseUntil = DateTime.UtcNow.AddYears(1).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        }, ct: ct)).Succeeded("draft");
        var id = Text(draft.Json, "id");
        var signed = (await askingHead.PostAsync($"/api/cities/zhuzhou/requests/{id}/sign-off", etag: draft.ETag, ct: ct)).Succeeded("sign-off");
        (await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/submit", etag: signed.ETag, ct: ct)).Succeeded("submit");
        Tell(officer, $"asks for personal data, “{Text(entry, "name")}”: {string.Join(", ", fields)}.");
        var received = await UntilAsync("the request arrived in Changsha", () => reviewer.GetAsync($"/api/cities/changsha/approvals/{id}", ct), a => a.Status == 200);
        var decided = (await reviewer.PostAsync($"/api/cities/changsha/approvals/{id}/decide", new
        {
            Decision = "approve",
            Reason = "按最小必要原则提供（示例）",
            Treatments = new Dictionary<string, string>
            {
                ["document_no"] = "masked:id_number", ["person_name"] = "masked:name", ["phone"] = "masked:phone", ["address"] = "masked:address", ["born_on"] = "generalised:month", ["card_no"] = "hashed",
            },
            Rows = new { Area = new { Field = "county_code", Prefix = "430104" } },
        }, received.ETag, ct: ct)).Succeeded("decide");
        Tell(reviewer, "proposes what the purpose needs and no more: names, numbers and addresses masked, birthdays by the month, cards hashed, and rows of one district.");
        (await owningHead.PostAsync($"/api/cities/changsha/approvals/{id}/sign-off", etag: decided.ETag, ct: ct)).Succeeded("sign the reply");
        var active = await UntilAsync("Zhuzhou knows", () => officer.GetAsync($"/api/cities/zhuzhou/requests/{id}", ct), a => Text(a.Json, "state") == "active");
        Tell(owningHead, "signs it; both cities show the treatments in the terms.");

        var rows = $"/api/cities/changsha/grants/{id}/data?purpose={Text(active.Json, "purpose_code")}";
        var data = (await program.GetAsync($"{rows}&format=csv", ct)).Succeeded("read the rows");
        var lines = data.Text.Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Tell(program, $"fetches the rows: {lines.Length - 1} of Changsha's {Text(entry, "name")}. The first of them:");
        foreach (var line in lines.Take(3))
            Console.WriteLine($"        {line}");
        // Columns of the sample: name, document, phone, address, birthday, card.
        var originals = (await File.ReadAllLinesAsync(Path.Combine(place.Samples, "changsha", "rows", "307002430100-000101.csv"), ct)).Skip(1).SelectMany(row => row.Split(',').Take(6));
        if (lines.Length < 2 || originals.FirstOrDefault(original => data.Text.Contains(original, StringComparison.Ordinal)) is not null)
            throw new LocalFault("Personal data was to arrive masked and did not.");
        var refused = await program.GetAsync($"{rows}&filter[person_name]={Uri.EscapeDataString("张示例")}", ct);
        if (refused.Status != 422)
            throw new LocalFault($"A filter on a masked item was answered {refused.Status}.");
        Tell(program, $"finds none of the originals in it, and asking for one name is refused: {refused.Status} {Text(refused["errors"][0], "message")}");
    }

    /// <summary>From here on Zhuzhou's own service keeps a copy in step: everything once, then what has changed, deletions included; both sides see how it goes.</summary>
    private async Task StandAsync(Place place, Participant officer, Participant reviewer, string id, string dataset, CancellationToken ct)
    {
        using var provider = Who("changsha", "officer");
        var rows = await File.ReadAllLinesAsync(Path.Combine(place.Samples, "changsha", "rows", "307002430100-000002.csv"), ct);
        await LoadAsync(rows);
        Tell(provider, "loads the rows with the key that tells them apart: document_no.");
        var standing = $"/api/cities/zhuzhou/requests/{id}/standing";
        (await officer.PostAsync(standing, new { DailyAt = "02:30" }, ct: ct)).Succeeded("set up a standing exchange");
        var whole = await PulledAsync(rows.Length - 1, 0);
        Tell(officer, $"sets up a standing exchange, daily at 02:30; Zhuzhou's service pulls everything at once: {Text(whole["last_pull"], "upserted")} rows into {Text(whole["table"], "name")[..20]}….");

        // The next day: one row is other, one is gone, one is new.
        await LoadAsync([rows[0], rows[1].Replace("参保缴费", "中断缴费", StringComparison.Ordinal), .. rows.Skip(3), rows[2].Replace("430100000002", "430100009999", StringComparison.Ordinal)]);
        var behind = await UntilAsync("Changsha sees that its receiver is behind", () => reviewer.GetAsync($"/api/cities/changsha/approvals/{id}/standing", ct), a => a.Status == 200 && a.Json.TryGetProperty("behind_since", out _));
        Tell(reviewer, $"sees that Zhuzhou's copy is behind since {Text(behind.Json, "behind_since")}: rows were loaded that it has not acknowledged.");
        (await officer.PostAsync($"{standing}/run", etag: (await officer.GetAsync(standing, ct)).ETag, ct: ct)).Succeeded("run it");
        var changes = await PulledAsync(2, 1);
        await UntilAsync("Changsha sees that its receiver is in step", () => reviewer.GetAsync($"/api/cities/changsha/approvals/{id}/standing", ct), a => a.Status == 200 && !a.Json.TryGetProperty("behind_since", out _));
        var last = changes["last_pull"];
        Tell(officer, $"has it run at once: {Text(last, "upserted")} rows new or other, {Text(last, "deleted")} gone, {Text(last, "bytes")} bytes in place of {Text(whole["last_pull"], "bytes")}. Both cities show the copy in step.");

        async Task LoadAsync(string[] lines)
        {
            using var csv = new StringContent(string.Join("\r\n", lines), Encoding.UTF8, "text/csv");
            (await provider.PutAsync($"/api/cities/changsha/datasets/{dataset}/rows?key=document_no", csv, (await provider.GetAsync($"/api/cities/changsha/datasets/{dataset}", ct)).ETag, ct: ct)).Succeeded("load the rows");
        }

        Task<Answer> PulledAsync(int upserted, int deleted) => UntilAsync($"{upserted} rows are pulled and {deleted} are gone", () => officer.GetAsync(standing, ct), a =>
            a.Status == 200 && a.Json.TryGetProperty("last_pull", out var pull) && (pull.GetProperty("upserted").GetInt64(), pull.GetProperty("deleted").GetInt64()) == (upserted, deleted) && !a.Json.TryGetProperty("behind_since", out _));
    }

    /// <summary>A receiver finds an error, the provider verifies and corrects it, and everyone who received it is told (art. 26).</summary>
    private async Task CorrectAsync(Participant officer, Participant reviewer, string id, string field, CancellationToken ct)
    {
        var today = DateTime.UtcNow.AddHours(8).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        var filed = (await officer.PostAsync($"/api/cities/zhuzhou/requests/{id}/correct", new
        {
            Field = field,
            Record = "示例居民0001",
            Right = "中断缴费（示例）",
            Evidence = "当事人缴费凭证（示例）",
            Since = today,
        }, ct: ct)).Succeeded("report an error");
        var correction = $"/api/cities/changsha/corrections/{Text(filed.Json, "id")}";
        var received = await UntilAsync("the report arrived", () => reviewer.GetAsync(correction, ct), a => a.Status == 200);
        Tell(officer, $"finds an error in {field} and reports it; Changsha answers by {Text(received["due"], "on")} (art. 26).");
        var answered = (await reviewer.PostAsync($"{correction}/answer", new { Result = "corrected", Explanation = "已核实更正（示例）", ErrorFrom = today, ErrorTo = today }, received.ETag, ct: ct)).Succeeded("answer the report");
        var told = await UntilAsync("those who received it are told", () => officer.GetAsync($"/api/cities/zhuzhou/notices?type=data.corrected&exchange={id}", ct), a => a.Status == 200 && a["items"].GetArrayLength() > 0);
        Tell(reviewer, $"verifies and corrects it; {Text(answered.Json, "told")} exchange that received it since is told: “{Text(told["items"][0], "title")}”.");
    }

    /// <summary>The purpose is achieved: access ends, and what was received is disposed of by two persons, for it is personal data (arts. 27, 29).</summary>
    private async Task DisposeAsync(Participant officer, Participant head, string id, CancellationToken ct)
    {
        var path = $"/api/cities/zhuzhou/requests/{id}";
        (await officer.PostAsync($"{path}/withdraw", new { Reason = "转移接续已办结（示例）" }, (await officer.GetAsync(path, ct)).ETag, ct: ct)).Succeeded("say that it is not needed");
        var ended = await UntilAsync("access has ended", () => officer.GetAsync(path, ct), a => Text(a.Json, "state") == "ended");
        Tell(officer, $"says that the data is no longer needed. Access ends; what was received is to be disposed of by {Text(ended["disposal_due"], "on")} ({Text(ended["grant"], "disposal")}).");
        var recorded = (await officer.PostAsync($"{path}/dispose", new { Method = "delete", Note = "业务库、备份及中间文件均已删除并复查（示例）" }, ended.ETag, ct: ct)).Succeeded("dispose");
        var alone = await officer.PostAsync($"{path}/confirm-disposal", etag: recorded.ETag, ct: ct);
        Tell(officer, $"records the disposal and may not confirm it alone: {alone.Status} {Text(alone.Json, "title")} ({Text(alone.Json, "article")})");
        (await head.PostAsync($"{path}/confirm-disposal", etag: recorded.ETag, ct: ct)).Succeeded("confirm");
        await UntilAsync("Changsha knows", () => officer.GetAsync(path, ct), a => Text(a.Json, "state") == "disposed");
        await UntilAsync("the copy is gone", () => officer.GetAsync($"{path}/standing", ct), a => Text(a.Json, "state") == "disposed" && !a.Json.TryGetProperty("table", out _));
        Tell(head, "confirms it as the second person. Both cities show the exchange as disposed, and the copy that was kept in step is deleted.");
    }

    private async Task<int> ProveAsync(Place place, Participant officer, string id, string delivery, CancellationToken ct)
    {
        var timeline = await UntilAsync("the log has every report of the delivery", () => officer.GetAsync($"/api/audit/exchanges/{id}?limit=200", ct), a => a.Status == 200 && Leaf(a, "delivery.ended", delivery) is not null && Leaf(a, "gateway.delivered", delivery) is not null);
        Tell(officer, "reads the exchange's timeline in the audit log:");
        foreach (var leaf in timeline["events"].EnumerateArray())
            Console.WriteLine($"        {leaf.GetProperty("index").GetInt64(),6}  {Text(leaf, "received_at")}  {Text(leaf, "source"),-9} {Text(leaf, "type")}");

        var ended = Leaf(timeline, "delivery.ended", delivery)!.Value;
        var index = ended.GetProperty("index").GetInt64();
        var proof = await UntilAsync("the leaf is under a signed checkpoint", () => officer.GetAsync(Text(ended, "proof"), ct), a => a.Status == 200);
        var file = Path.Combine(folder, "delivery.tlog-proof");
        await File.WriteAllBytesAsync(file, proof.Bytes, ct);
        Tell(officer, $"downloads the proof of leaf {index} ({proof.Bytes.Length} bytes) and gives it to the verifier, with nothing but the trust file:");
        var good = await VerifyAsync(place, file, ct);
        Indent(good.Text);
        if (good.Code != 0)
            throw new LocalFault("The verifier refused a good proof.");

        var altered = Path.Combine(folder, "altered.tlog-proof");
        await File.WriteAllBytesAsync(altered, Flipped(proof.Bytes), ct);
        Console.WriteLine($"[{watch.Elapsed.TotalSeconds,5:0.0} s] Somebody flips one byte of the recorded event. The verifier says:");
        var bad = await VerifyAsync(place, altered, ct);
        Indent(bad.Text);
        if (bad.Code != 1)
            throw new LocalFault($"The verifier ended with {bad.Code} on an altered proof; 1 was expected.");

        Console.WriteLine();
        Console.WriteLine($"demo: exchange {id} delivered, recorded at index {index}, proof verified");
        return 0;
    }

    /// <summary>One byte inside the leaf of the <c>extra</c> line, another base64 letter, so that only its meaning changes.</summary>
    private static byte[] Flipped(byte[] proof)
    {
        var altered = (byte[])proof.Clone();
        var at = Encoding.ASCII.GetString(proof).IndexOf("extra ", StringComparison.Ordinal) + 46;
        altered[at] = altered[at] == (byte)'A' ? (byte)'B' : (byte)'A';
        return altered;
    }

    private Task<Command.Outcome> VerifyAsync(Place place, string file, CancellationToken ct) =>
        Command.RunAsync("dotnet", [Path.Combine(place.Root, "services", "verifier", "bin", StackOptions.ForTests().Configuration, "net10.0", "Exchange.Verifier.dll"), "proof", file, "--trust", Path.Combine(folder, "trust.json")], ct: ct);

    private static JsonElement? Leaf(Answer timeline, string type, string delivery)
    {
        foreach (var leaf in timeline["events"].EnumerateArray())
        {
            if (Text(leaf, "type") == type && leaf.TryGetProperty("delivery_id", out var of) && of.GetString() == delivery)
                return leaf;
        }

        return null;
    }

    private Participant Who(string city, string role) =>
        new(http, stack.Accounts.First(a => a.City == city && a.Roles.Contains(role) && a.ClientId.Contains("-labour-", StringComparison.Ordinal)));

    private void Tell(Participant who, string what) => Console.WriteLine($"[{watch.Elapsed.TotalSeconds,5:0.0} s] {who.Account.Name} {what}");

    private static void Indent(string text)
    {
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            Console.WriteLine($"        {line}");
    }

    private static string Text(JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.ToString() : "";

    private static async Task<Answer> UntilAsync(string what, Func<Task<Answer>> look, Func<Answer, bool> good)
    {
        var answer = await Poll.UntilAsync(look, Good, TimeSpan.FromSeconds(30), default);
        return Good(answer) ? answer : throw new LocalFault($"Waited 30 s until {what}; last answer {answer.Status}:\n{answer.Text}");

        bool Good(Answer answer) => answer.Status < 500 && good(answer);
    }
}
