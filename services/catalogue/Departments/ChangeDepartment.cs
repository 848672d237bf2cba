using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Departments;

/// <summary>The authority adds a department or changes its name, its sharing office (art. 11) and how it takes reports of errors (art. 26).</summary>
internal static class ChangeDepartment
{
    private static readonly Rule AuthorityOnly = new("foreign-city", StatusCodes.Status403Forbidden, "第12条",
        new("只有本市数据主管部门可以维护本市部门名录。", "Only the city's own data authority keeps its list of departments."),
        new("请联系该市数据主管部门。", "Ask that city's data authority."));

    private static readonly Rule NameTaken = new("department-name-taken", StatusCodes.Status409Conflict, null,
        new("已有同名部门。", "Another department has this name."),
        new("请核对部门名称，或先更改原有部门。", "Check the name, or change the other department first."));

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapPut("/departments/{code}", PutAsync).AllowPersons(Roles.Authority).Writes()
            .WithSummary("The authority adds a department or changes it.");

    private static async Task<Results<Ok<Department>, Created<Department>, Refused>> PutAsync(
        string code, DepartmentChange change, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        if (caller.City != city.Id)
        {
            return new Refused(AuthorityOnly);
        }

        var faults = new Faults();
        if (!CreditCode.IsValid(code))
        {
            faults.Add("code", "credit-code", "GB 32100-2015", new("不是有效的统一社会信用代码。", "This is no valid unified social credit code."));
        }

        faults.RequireText("name", change.Name, "第11条", 100);
        faults.RequireText("sharing_office.name", change.SharingOffice?.Name, "第11条", 100);
        faults.RequireText("sharing_office.contact", change.SharingOffice?.Contact, "第11条", 100);
        faults.CheckText("correction_rules", change.CorrectionRules, "第26条");
        faults.CheckText("correction_channel", change.CorrectionChannel, "第26条", 200);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var department = new Department { Code = code, Name = change.Name!.Trim(), SharingOffice = new(change.SharingOffice!.Name!.Trim(), change.SharingOffice.Contact!.Trim()), CorrectionRules = Given(change.CorrectionRules), CorrectionChannel = Given(change.CorrectionChannel) };
        var values = new { department.Code, department.Name, Office = department.SharingOffice.Name, department.SharingOffice.Contact, Rules = department.CorrectionRules, Channel = department.CorrectionChannel, Now = clock.Now(), caller.Subject };
        try
        {
            var revision = await transaction.Connection.ExecuteScalarAsync<int?>(new CommandDefinition("select revision from departments where code = @Code for update", values, cancellationToken: cancel));
            if (revision is not { } known)
            {
                await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                    insert into departments (code, name, office_name, office_contact, correction_rules, correction_channel, changed_at, changed_by)
                    values (@Code, @Name, @Office, @Contact, @Rules, @Channel, @Now, @Subject)
                    """, values, cancellationToken: cancel));
                await RecordAsync("department.added", department, caller, transaction, cancel);
                http.SetETag(1);
                return TypedResults.Created($"/departments/{code}", department);
            }

            if (http.IfMatch(known) is { } refused)
            {
                return refused;
            }

            // What was published about corrections stays when it is not named: each department has to have it (art. 26).
            await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                update departments set name = @Name, office_name = @Office, office_contact = @Contact,
                    correction_rules = coalesce(@Rules, correction_rules), correction_channel = coalesce(@Channel, correction_channel),
                    revision = revision + 1, changed_at = @Now, changed_by = @Subject
                where code = @Code
                """, values, cancellationToken: cancel));
            await RecordAsync("department.changed", department, caller, transaction, cancel);
            http.SetETag(known + 1);
            return TypedResults.Ok((await ListDepartments.FindAsync(transaction.Connection, code, cancel))!.ToDepartment());
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return new Refused(NameTaken);
        }
    }

    /// <summary>Who may act for the city's data and in whose name is a matter of rights.</summary>
    private static Task<Guid> RecordAsync(string type, Department department, Caller caller, Transaction transaction, CancellationToken cancel) => transaction.RecordAsync(new AuditRecord
    {
        Type = type,
        Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["department"] = department.Code, ["name"] = department.Name, ["sharing_office"] = department.SharingOffice.Name },
        Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject, ["contact"] = department.SharingOffice.Contact },
    }, cancel);

    private static string? Given(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    internal sealed record DepartmentChange(string? Name, OfficeChange? SharingOffice)
    {
        /// <summary>校核规则, art. 26; what stands when left out.</summary>
        public string? CorrectionRules { get; init; }

        /// <summary>Where to turn to with an error; what stands when left out.</summary>
        public string? CorrectionChannel { get; init; }
    }

    internal sealed record OfficeChange(string? Name, string? Contact);
}
