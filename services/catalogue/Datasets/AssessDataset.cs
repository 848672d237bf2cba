using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Datasets;

/// <summary>Before release an entry passes a secrecy-risk assessment and a personal-information impact assessment (art. 13; 个人信息保护法 art. 55). Both are kept, also when they fail.</summary>
internal static class AssessDataset
{
    private const string Art13 = "第13条";

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPost("/datasets/{id:guid}/assess", PostAsync).AllowPersons(Roles.Officer, Roles.Reviewer).Writes()
            .WithSummary("Records the secrecy-risk and personal-information impact assessments (art. 13).");

    private static async Task<Results<Ok<DatasetView>, Refused>> PostAsync(
        Guid id, Assessments assessments, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
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

        if (await dataset.VersionAsync(connection, dataset.WorkingVersion, cancel) is not { State: "draft" or "assessed" } version)
        {
            return new Refused(DatasetRefusals.WrongState);
        }

        if (Check(assessments, version.Entry) is { Any: true } faults)
        {
            return new Refused(faults);
        }

        var passed = assessments.Secrecy!.Result == "not_secret" && assessments.PersonalInformation!.Result != "failed";
        var now = clock.Now();
        await connection.ExecuteAsync(new CommandDefinition("""
            update dataset_versions set state = @state,
                secrecy_result = @secrecy, secrecy_note = @secrecyNote, secrecy_by = @Subject, secrecy_at = @now,
                personal_result = @personal, personal_note = @personalNote, personal_by = @Subject, personal_at = @now
            where dataset_id = @id and version = @Version and state in ('draft', 'assessed')
            """, new
        {
            id,
            version.Version,
            state = passed ? "assessed" : "draft",
            secrecy = assessments.Secrecy.Result,
            secrecyNote = assessments.Secrecy.Note,
            personal = assessments.PersonalInformation!.Result,
            personalNote = assessments.PersonalInformation.Note,
            caller.Subject,
            now,
        }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "assessed", caller, caller.Has(Roles.Reviewer) ? Roles.Reviewer : Roles.Officer, now, cancel,
            note: $"secrecy: {assessments.Secrecy.Result}; personal_information: {assessments.PersonalInformation.Result}");
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static Faults Check(Assessments assessments, EntryDraft entry)
    {
        var faults = new Faults();
        if (assessments.Secrecy?.Result is not ("not_secret" or "secret"))
        {
            faults.Add("secrecy.result", "unknown-value", Art13, new("应为 not_secret（不涉密）或 secret（涉密，不得编目）。", "This must be not_secret or secret (which has no place in the catalogue, art. 3)."));
        }

        faults.CheckText("secrecy.note", assessments.Secrecy?.Note, Art13);
        if (assessments.PersonalInformation?.Result is not ("not_applicable" or "passed" or "failed"))
        {
            faults.Add("personal_information.result", "unknown-value", Art13, new("应为 not_applicable（不含个人信息）、passed（通过）或 failed（未通过）。", "This must be not_applicable, passed or failed."));
        }
        else if ((assessments.PersonalInformation.Result == "not_applicable") != (entry.PersonalInformation != true))
        {
            faults.Add("personal_information.result", "personal-mismatch", "个人信息保护法第55条", entry.PersonalInformation == true
                ? new("目录含有个人信息，须作影响评估。", "The entry holds personal information, so its impact must be assessed.")
                : new("目录不含个人信息，应为 not_applicable。", "The entry holds no personal information; say not_applicable."));
        }

        faults.CheckText("personal_information.note", assessments.PersonalInformation?.Note, Art13);
        return faults;
    }

    internal sealed record Assessments(Assessment? Secrecy, Assessment? PersonalInformation);

    internal sealed record Assessment(string? Result, string? Note);
}
