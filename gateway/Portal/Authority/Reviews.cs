using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>Entries that wait for publication (arts. 16, 17): the list by due date, and one with everything it says, what differs from the published version, its assessments, and the two answers.</summary>
internal static class Reviews
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/authority/reviews", async (Visit visit, ApiClient api, string? cursor, string? done, CancellationToken cancel) =>
        {
            var answer = await api.GetAsync<ClockAnswer>(visit.Api($"/authority/clocks?clock=catalogue_review&limit=50{(string.IsNullOrEmpty(cursor) ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}"), cancel);
            return visit.Page<ReviewsPage, ReviewsModel>(new ReviewsModel { Problem = answer.Problem, Waiting = answer.Value?.Items ?? [], Next = answer.Value?.Next, Done = done }, answer.Succeeded ? StatusCodes.Status200OK : answer.Status);
        }).ForAuthority();
        pages.MapPage("/authority/reviews/{id:guid}", (Visit visit, ApiClient api, Places places, Guid id, CancellationToken cancel) => ShowAsync(visit, api, places, id, null, cancel)).ForAuthority();
        pages.MapForm("/authority/reviews/{id:guid}", ActAsync).ForAuthority();
    }

    private static async Task<IResult> ActAsync(Visit visit, ApiClient api, Places places, Guid id, CancellationToken cancel)
    {
        var back = visit.Form["act"].ToString() == "return";
        var answer = back
            ? await api.PostAsync<OwnEntry>(visit.Api($"/datasets/{id}/return"), new { reason = visit.Form["reason"].ToString() }, visit.Version, null, cancel)
            : await api.PostAsync<OwnEntry>(visit.Api($"/datasets/{id}/publish"), null, visit.Version, null, cancel);
        return answer.Problem is { } problem ? await ShowAsync(visit, api, places, id, problem, cancel) : visit.SeeOther($"/authority/reviews?done={(back ? "returned" : "published")}");
    }

    private static async Task<IResult> ShowAsync(Visit visit, ApiClient api, Places places, Guid id, Problem? problem, CancellationToken cancel)
    {
        var answer = await api.GetAsync<OwnEntry>(visit.Api($"/datasets/{id}"), cancel);
        if (answer.Value is not { } entry)
        {
            return answer.Problem is { Status: not StatusCodes.Status404NotFound } refused ? visit.Refusal(refused) : Pipeline.NotFound();
        }

        var clock = (await api.GetAsync<ClockAnswer>(visit.Api("/authority/clocks?clock=catalogue_review&limit=500"), cancel)).Value?.Items.FirstOrDefault(item => item.Subject == id);
        var shown = entry.Working?.Entry ?? entry.Published!;
        return visit.Page<ReviewPage, ReviewModel>(new ReviewModel
        {
            Entry = entry,
            Shown = shown,
            Department = places.Department(visit.Person!.City!, shown.DepartmentCode ?? ""),
            Clock = clock,
            Members = [.. Members(visit, entry.Published, shown)],
            Fields = [.. Fields(entry.Published?.Fields ?? [], shown.Fields ?? [], entry.Published is not null)],
            Problem = problem,
        }, problem is null ? StatusCodes.Status200OK : StatusCodes.Status422UnprocessableEntity);
    }

    /// <summary>Every member of the entry, with what the published version says where that differs.</summary>
    private static IEnumerable<ReviewMember> Members(Visit visit, EntryText? before, EntryText now)
    {
        return
        [
            Member("名称", "Name", entry => entry.Name),
            Member("信息资源代码", "Code", entry => entry.Code),
            Member("摘要", "Abstract", entry => entry.Abstract),
            Member("主题", "Topic", entry => entry.Theme is { } theme ? visit.T(Words.Theme(theme)) : null),
            Member("格式", "Format", entry => entry.Format is { } format ? visit.T(Words.Format(format)) : null),
            Member("更新周期", "Update cycle", entry => entry.UpdateFrequency is { } cycle ? visit.T(Words.Frequency(cycle)) : null),
            Member("共享类型", "Sharing class", entry => entry.SharingType is { } sharing ? visit.T(Words.Sharing(sharing)) : null),
            Member("共享条件", "Conditions of sharing", entry => entry.SharingConditions),
            Member("不予共享依据", "Law that forbids sharing", entry => entry.RefusalLaw),
            Member("共享方式", "Method", entry => entry.SharingMethod is { } method ? visit.T(Words.Method(method)) : null),
            Member("向社会开放", "Open to society", entry => YesNo(entry.OpenToSociety)),
            Member("开放条件", "Conditions of open use", entry => entry.OpenConditions),
            Member("数据分类", "Classification", entry => entry.Classification is { } classification ? visit.T(Words.Classification(classification)) : null),
            Member("数据分级", "Grade", entry => entry.Grade is { } grade ? visit.T(Words.Grade(grade)) : null),
            Member("含个人信息", "Personal information", entry => YesNo(entry.PersonalInformation)),
            Member("关联资源代码", "Related codes", entry => entry.RelatedCodes is { Count: > 0 } codes ? string.Join(visit.T("、", ", "), codes) : null),
        ];

        ReviewMember Member(string zh, string en, Func<EntryText, string?> read)
        {
            var (then, value) = (before is null ? null : read(before), read(now));
            return new ReviewMember(visit.T(zh, en), value, before is not null && then != value, then);
        }

        string? YesNo(bool? value) => value is { } known ? visit.T(known ? "是" : "否", known ? "Yes" : "No") : null;
    }

    /// <summary>The data items now, then those that the published version has and this one has not.</summary>
    private static IEnumerable<ReviewField> Fields(IReadOnlyList<FieldText> before, IReadOnlyList<FieldText> now, bool compare)
    {
        foreach (var field in now)
        {
            var then = before.FirstOrDefault(old => old.Name == field.Name);
            yield return new ReviewField(field, !compare || then == field ? "same" : then is null ? "added" : "changed", then);
        }

        foreach (var gone in before.Where(old => now.All(field => field.Name != old.Name)))
        {
            yield return new ReviewField(gone, "removed", gone);
        }
    }
}

/// <summary>Entries that wait.</summary>
public sealed record ReviewsModel
{
    public Problem? Problem { get; init; }
    public required IReadOnlyList<ClockLine> Waiting { get; init; }
    public string? Next { get; init; }
    public string? Done { get; init; }
}

/// <summary>One entry in review.</summary>
public sealed record ReviewModel
{
    public required OwnEntry Entry { get; init; }

    /// <summary>The version in work, or the published one when nothing is in work.</summary>
    public required EntryText Shown { get; init; }

    public required string Department { get; init; }

    /// <summary>The authority's own clock; null when it does not run.</summary>
    public ClockLine? Clock { get; init; }

    public required IReadOnlyList<ReviewMember> Members { get; init; }
    public required IReadOnlyList<ReviewField> Fields { get; init; }
    public Problem? Problem { get; init; }

    public bool InReview => Entry.Working?.State == "in_review";
}

/// <summary>A member of an entry.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Value">What it says; null for nothing.</param>
/// <param name="Changed">The published version says something else.</param>
/// <param name="Before">What that says.</param>
public sealed record ReviewMember(string Name, string? Value, bool Changed, string? Before);

/// <summary>A data item.</summary>
/// <param name="Field">As it is now, or was when it is removed.</param>
/// <param name="Change">same, added, changed or removed.</param>
/// <param name="Before">As it is published.</param>
public sealed record ReviewField(FieldText Field, string Change, FieldText? Before);
