using Exchange.Hosting;

namespace Exchange.Gateway.Portal.Entries;

/// <summary>Writes an entry. What is wrong with it the catalogue service says: as one types, where script is on (the form is sent with <c>_check</c> and nothing is kept), and when it is kept.</summary>
internal static class EditEntry
{
    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapPage("/entries/new", (Visit visit, ApiClient api, CancellationToken cancel) => ShowAsync(null, visit, api, cancel)).ForSignedIn(Roles.Officer);
        pages.MapForm("/entries/new", (Visit visit, ApiClient api, CancellationToken cancel) => HandleAsync(null, visit, api, cancel)).ForSignedIn(Roles.Officer).WithFormOptions(valueCountLimit: 4096);
        pages.MapPage("/entries/{id:guid}/edit", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => ShowAsync(id, visit, api, cancel)).ForSignedIn(Roles.Officer);
        pages.MapForm("/entries/{id:guid}/edit", (Guid id, Visit visit, ApiClient api, CancellationToken cancel) => HandleAsync(id, visit, api, cancel)).ForSignedIn(Roles.Officer).WithFormOptions(valueCountLimit: 4096);
    }

    private static Task<IResult> ShowAsync(Guid? id, Visit visit, ApiClient api, CancellationToken cancel) => PageAsync(id, visit, api, EntryForm.Sent(visit), FormFaults.None, StatusCodes.Status200OK, cancel);

    private static async Task<IResult> HandleAsync(Guid? id, Visit visit, ApiClient api, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: not null })
        {
            return Visit.NoDepartment();
        }

        var form = EntryForm.Sent(visit) ?? EntryForm.Of(null);
        var check = visit.Form["_check"] == "1";
        if (!check && form.Changed(visit.Form["do"].ToString()) is { } changed)
        {
            return await PageAsync(id, visit, api, changed, FormFaults.None, StatusCodes.Status200OK, cancel);
        }

        var (body, wrong) = form.ToBody(visit);
        var path = id is { } known ? $"/api/cities/{city}/datasets/{known}" : $"/api/cities/{city}/datasets";
        // With faults of our own nothing is kept either, and the rest is told at once.
        var answer = await api.SendAsync<OwnEntry>(id is null ? HttpMethod.Post : HttpMethod.Put, check || wrong.Count > 0 ? path + "?check=true" : path, body, visit.Version, null, cancel);
        var told = answer.Problem is { } problem ? FormFaults.Of(problem, form.IdOf).All.Where(fault => wrong.All(own => own.Item1 != fault.Field)) : [];
        var faults = new FormFaults { All = [.. wrong, .. told] };
        if (check)
        {
            return TypedResults.Json(faults.All.Select(fault => new CheckFault(fault.Field, fault.Message)));
        }

        return faults.Any
            ? await PageAsync(id, visit, api, form, faults, answer.Problem is { Status: not StatusCodes.Status422UnprocessableEntity and var status } ? status : StatusCodes.Status422UnprocessableEntity, cancel)
            : visit.SeeOther($"/entries/{answer.Value!.DatasetId}?done=kept");
    }

    private static async Task<IResult> PageAsync(Guid? id, Visit visit, ApiClient api, EntryForm? form, FormFaults faults, int status, CancellationToken cancel)
    {
        if (visit.Person is not { City: { } city, Department: { } department })
        {
            return Visit.NoDepartment();
        }

        OwnEntry? entry = null;
        if (id is not null)
        {
            var answer = await api.GetAsync<OwnEntry>($"/api/cities/{city}/datasets/{id}", cancel);
            if (answer.Value is null)
            {
                return visit.Refusal(answer.Problem!);
            }

            entry = answer.Value;
            if ((entry.Published ?? entry.Text)?.DepartmentCode is { } owner && owner != department)
            {
                return Pipeline.NotFound();
            }
        }

        return visit.Page<EditPage, EditModel>(new EditModel { Id = id, Revision = entry?.Revision, Entry = entry, Form = form ?? EntryForm.Of(entry?.Text), Faults = faults }, status);
    }
}

/// <summary>One fault for the script that shows it at the field.</summary>
internal sealed record CheckFault(string? Field, string Message);

/// <summary>What the editor shows.</summary>
public sealed record EditModel
{
    /// <summary>Null for a new entry.</summary>
    public Guid? Id { get; init; }

    public int? Revision { get; init; }
    public OwnEntry? Entry { get; init; }
    public required EntryForm Form { get; init; }
    public required FormFaults Faults { get; init; }
}
