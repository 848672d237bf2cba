using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Files;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>An officer writes down what the department asks for (art. 20). Nothing leaves the city yet.</summary>
internal static class DraftRequest
{
    public sealed record Body
    {
        /// <summary>Id of the entry in the cross-city catalogue.</summary>
        public Guid? DatasetId { get; init; }

        /// <summary>使用依据: the law or duty the use rests on.</summary>
        public string? LegalBasis { get; init; }

        /// <summary>使用场景: what the data will be used for.</summary>
        public string? Scenario { get; init; }

        /// <summary>使用范围: by whom, for which area or time.</summary>
        public string? Scope { get; init; }

        /// <summary>共享方式: rows, file or service; that of the entry when left out.</summary>
        public string? Method { get; init; }

        /// <summary>Names of the data items asked for.</summary>
        public IReadOnlyList<string>? Fields { get; init; }

        /// <summary>使用时限: last day of use, in Beijing.</summary>
        public DateOnly? UseUntil { get; init; }
    }

    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapPost("", HandleAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Drafts a request for a dataset (art. 20).");
        requests.MapPut("/{id:guid}", ReviseAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Writes a draft anew, by the entry as it is published now; a signature given before is void (art. 20). Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> ReviseAsync(
        Guid id, Body body, Caller caller, Transaction transaction, SharingStore store, ActOnRequest act, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (await store.FindAsync(id, Side.Asking, cancel) is not { } stored || !ReadRequests.MaySee(caller, stored))
        {
            return Pipeline.NotFound();
        }

        var dataset = stored.Process.Ask.DatasetId;
        var entry = await KnownDatasets.FindAsync(transaction, dataset, cancel);
        var faults = Check(body with { DatasetId = body.DatasetId ?? dataset }, entry, LegalDay.Of(clock.GetUtcNow()));
        if (body.DatasetId is { } other && other != dataset)
        {
            faults.Add("dataset_id", "other-dataset", "第20条", new("一份申请只对应一个目录条目；请另行起草。", "A request is for one entry; draft another one."));
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        return await act.RunAsync(id, Side.Asking, caller, http, now => new SharingEvent.Revise(
            caller,
            now.Process.Ask with { DatasetVersion = entry!.Version, SharingClass = ClassOf(entry, body.Fields!), Fields = [.. body.Fields!], UseUntil = body.UseUntil!.Value },
            now.Texts with { LegalBasis = body.LegalBasis!, Scenario = body.Scenario!, Scope = body.Scope! }), cancel);
    }

    private static async Task<Results<Created<RequestView>, Refused>> HandleAsync(
        Body body, Caller caller, Transaction transaction, SharingStore store, City city, RequestViews views, ServiceSettings service, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var entry = body.DatasetId is { } datasetId ? await KnownDatasets.FindAsync(transaction, datasetId, cancel) : null;
        var faults = Check(body, entry, LegalDay.Of(clock.GetUtcNow()));
        if (entry is not null && entry.City == city.Id && entry.DepartmentCode == caller.Department)
        {
            faults.Add("dataset_id", "own-dataset", "第20条", new("这是本部门自己的数据，无需申请。", "The dataset is your own department's; there is nothing to ask for."));
        }

        var department = city.Departments.FirstOrDefault(d => d.Code == caller.Department);
        if (caller.City != city.Id || department is null)
        {
            return new Refused(SharingRules.WrongDepartment);
        }

        if (faults.Any)
        {
            return new Refused(faults);
        }

        var ask = new Ask
        {
            ExchangeId = Guid.CreateVersion7(clock.GetUtcNow()),
            AskingCity = city.Id,
            AskingDepartment = department.Code,
            OwningCity = entry!.City,
            OwningDepartment = entry.DepartmentCode,
            DatasetId = entry.DatasetId,
            DatasetVersion = entry.Version,
            SharingClass = ClassOf(entry, body.Fields!),
            Fields = [.. body.Fields!],
            UseUntil = body.UseUntil!.Value,
        };
        var texts = new RequestTexts
        {
            DepartmentName = department.Name,
            DatasetName = entry.Name,
            LegalBasis = body.LegalBasis!,
            Scenario = body.Scenario!,
            Scope = body.Scope!,
            Method = body.Method ?? entry.SharingMethod,
        };
        var outcome = await store.CreateAsync(Side.Asking, new SharingEvent.Draft(caller, ask), texts, cancel);
        if (outcome is SharingOutcome.Refused refused)
        {
            return new Refused(refused.Rule, refused.Detail);
        }

        var view = await ReadRequests.ViewAsync(transaction.Connection, ask.ExchangeId, Side.Asking, views, cancel);
        http.SetETag(view!.Version);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/requests/{ask.ExchangeId}", view);
    }

    /// <summary>Art. 20's content, each fault told; the entry's own limits are checked where the entry is known.</summary>
    internal static Faults Check(Body body, DatasetEntry? entry, DateOnly today)
    {
        var faults = new Faults();
        if (body.DatasetId is null)
        {
            faults.Add("dataset_id", "required", "第20条", new("请填写目录条目编号。", "Name the entry by its id."));
        }
        else if (entry is null)
        {
            faults.Add("dataset_id", "unknown-dataset", "第20条", new("目录中没有此条目，或已撤回。", "The catalogue has no such entry, or it was withdrawn."));
        }

        else if (entry.Classification == "core")
        {
            faults.Add("dataset_id", "core-data", "GB/T 43697-2024", new("核心数据不通过本平台交换。", "Core data is not exchanged here."));
        }

        faults.RequireText("legal_basis", body.LegalBasis, "第20条");
        faults.RequireText("scenario", body.Scenario, "第20条");
        faults.RequireText("scope", body.Scope, "第20条");
        if (body.Method is { } method && entry is not null && method != entry.SharingMethod)
        {
            faults.Add("method", "other-method", "第13条", new($"该条目的共享方式为 {entry.SharingMethod}。", $"The entry is shared as {entry.SharingMethod}."));
        }

        CheckFields(body.Fields, entry, faults);
        if (body.UseUntil is not { } until)
        {
            faults.Add("use_until", "required", "第20条", new("请填写使用时限。", "State the last day of use."));
        }
        else if (until < today)
        {
            faults.Add("use_until", "past", "第20条", new("使用时限已经过去。", "The last day of use has passed."));
        }
        else if (until > today.AddYears(5))
        {
            faults.Add("use_until", "too-far", "第20条", new("使用时限最长为五年，到期前可再次申请。", "The term is at most five years; ask again before it ends."));
        }

        return faults;
    }

    /// <summary>The class of what is asked for: the narrowest of the entry and its items, since an unconditional entry may hold conditional items (art. 14).</summary>
    internal static string ClassOf(DatasetEntry entry, IReadOnlyList<string> fields) =>
        entry.SharingType == SharingClass.Unconditional && entry.Fields.Any(f => f.SharingType == SharingClass.Conditional && fields.Contains(f.Name, StringComparer.Ordinal))
            ? SharingClass.Conditional
            : entry.SharingType;

    internal static void CheckFields(IReadOnlyList<string>? fields, DatasetEntry? entry, Faults faults)
    {
        if (fields is not { Count: > 0 })
        {
            faults.Add("fields", "required", "第20条", new("请至少选择一个数据项。", "Ask for at least one data item."));
            return;
        }

        if (fields.Count > 300)
        {
            faults.Add("fields", "too-many", "第13条", new("一个条目最多 300 个数据项。", "An entry has at most 300 data items."));
            return;
        }

        for (var i = 0; i < fields.Count; i++)
        {
            var name = fields[i];
            var field = entry?.Fields.FirstOrDefault(f => f.Name == name);
            if (entry is not null && field is null)
            {
                faults.Add($"fields[{i}]", "unknown-field", "第13条", new($"该条目没有数据项“{name}”。", $"The entry has no data item '{name}'."));
            }
            else if (field is { SharingType: SharingClass.Refused } && entry!.SharingType != SharingClass.Refused)
            {
                faults.Add($"fields[{i}]", "refused-field", "第14条", new($"数据项“{field.Title}”不予共享。", $"The data item '{field.Title}' is not shared."));
            }

            if (fields.Take(i).Contains(name, StringComparer.Ordinal))
            {
                faults.Add($"fields[{i}]", "twice", null, new($"数据项“{name}”重复。", $"The data item '{name}' stands twice."));
            }
        }

        if (FileFormat.IsFile(entry?.Format) && entry!.Fields.Select(f => f.Name).Except(fields, StringComparer.Ordinal).ToList() is { Count: > 0 } left)
        {
            faults.Add("fields", "file-whole", "第20条", new(
                $"该条目以文件提供，文件不能拆分：须申请全部数据项（缺：{string.Join("、", left)}）。", $"The entry is provided as a file, which is not cut: ask for all its data items (missing: {string.Join(", ", left)})."));
        }
    }
}
