using Dapper;
using Exchange.Catalogue.Grants;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// The head of the provider's sharing office signs, once per version, the reply that requests for it get at once: approve where sharing has no conditions,
/// refuse with the entry's law where sharing is forbidden (arts. 14, 20, 21). A new version needs a new signature, and so do other treatments.
/// </summary>
internal static class GiveStandingSignOff
{
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/datasets/{id:guid}/standing-sign-off", PutAsync).AllowPersons(Roles.SharingHead).Writes()
            .WithSummary("The head of the provider's sharing office signs the reply that requests for this version get at once (arts. 20, 21).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PutAsync(
        Guid id, StandingSignOff signOff, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var connection = transaction.Connection;
        if (await Dataset.LockAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if ((dataset.NotOwn(caller, city) ?? http.IfMatch(dataset.Revision)) is { } refused)
        {
            return refused;
        }

        if (signOff.Reply is not ("approve" or "refuse"))
        {
            var faults = new Faults();
            faults.Add("reply", "unknown-value", "第21条", new("应为 approve（同意）或 refuse（不同意）。", "This must be approve or refuse."));
            return new Refused(faults);
        }

        if (await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel) is not { } version)
        {
            return new Refused(DatasetRefusals.NotPublished);
        }

        var fitting = version.Entry.SharingType switch { SharingClass.Unconditional => "approve", SharingClass.Refused => "refuse", _ => null };
        if (signOff.Reply != fitting)
        {
            return new Refused(DatasetRefusals.NoStandingReply);
        }

        if (fitting == "approve" && version.Entry.Classification != "general")
        {
            return new Refused(DatasetRefusals.ImportantInPerson);
        }

        var wrong = new Faults();
        if (fitting == "refuse" && signOff.Treatments is not null)
        {
            wrong.Add("treatments", "only-to-approve", null, new("不同意时不填处理方式。", "A refusal names no treatments."));
        }
        else
        {
            DatasetField[] fields = [.. version.Entry.Fields!.Select(f => f.ToField(version.Entry.SharingType!))];
            ScopeRules.CheckTreatments(signOff.Treatments, fields, [.. fields.Select(f => f.Name)], wrong);
        }

        if (wrong.Any)
        {
            return new Refused(wrong);
        }

        var law = fitting == "refuse" ? version.Entry.RefusalLaw : null;
        var treatments = signOff.Treatments is { Count: > 0 } named ? GrantedScope.Json(named) : null;
        var now = clock.Now();
        var given = await connection.ExecuteAsync(new CommandDefinition("""
            insert into standing_sign_offs as before (dataset_id, version, reply, cited_law, given_by, given_by_name, given_at, treatments)
            values (@id, @Version, @Reply, @law, @Subject, @Name, @now, @treatments::jsonb)
            on conflict (dataset_id, version) do update
            set given_by = excluded.given_by, given_by_name = excluded.given_by_name, given_at = excluded.given_at, treatments = excluded.treatments
            where before.treatments is distinct from excluded.treatments
            """, new { id, version.Version, signOff.Reply, law, treatments, caller.Subject, caller.Name, now }, cancellationToken: cancel));
        if (given == 1)
        {
            await DatasetRoutes.TouchAsync(connection, id, cancel);
            await DatasetHistory.AddAsync(connection, id, version.Version, "standing_sign_off_given", caller, Roles.SharingHead, now, cancel, note: signOff.Reply);
            await transaction.RecordAsync(new AuditRecord
            {
                Type = "standing_sign_off.given",
                Providing = dataset.DepartmentCode,
                Service = id,
                ServiceVersion = version.Version,
                Result = signOff.Reply,
                Details = Details(law, GrantedScope.Compact(signOff.Treatments)),
                Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["given_by"] = caller.Subject },
            }, cancel);
        }

        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static Dictionary<string, string> Details(string? law, string? treatments)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal);
        if (law is not null)
        {
            details["cited_law"] = law;
        }

        if (treatments is not null)
        {
            details["treatments"] = treatments;
        }

        return details;
    }

    internal sealed record StandingSignOff(string? Reply)
    {
        /// <summary>
        /// How fields are treated in what is granted at once, by name, in the words of a grant's terms. A field that is not named goes plain, a personal one hashed: in plain it leaves without
        /// a person's look at the request only when the head names it so.
        /// </summary>
        public IReadOnlyDictionary<string, string>? Treatments { get; init; }
    }
}
