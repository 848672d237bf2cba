using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>
/// The head of the provider's sharing office signs, once per version, the reply that requests for it get at once: approve where sharing has no conditions,
/// refuse with the entry's law where sharing is forbidden (arts. 14, 20, 21). A new version needs a new signature.
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

        var law = fitting == "refuse" ? version.Entry.RefusalLaw : null;
        var now = clock.Now();
        var given = await connection.ExecuteAsync(new CommandDefinition("""
            insert into standing_sign_offs (dataset_id, version, reply, cited_law, given_by, given_by_name, given_at)
            values (@id, @Version, @Reply, @law, @Subject, @Name, @now)
            on conflict do nothing
            """, new { id, version.Version, signOff.Reply, law, caller.Subject, caller.Name, now }, cancellationToken: cancel));
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
                Details = law is null ? new Dictionary<string, string>(StringComparer.Ordinal) : new Dictionary<string, string>(StringComparer.Ordinal) { ["cited_law"] = law },
                Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["given_by"] = caller.Subject },
            }, cancel);
        }

        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    internal sealed record StandingSignOff(string? Reply);
}
