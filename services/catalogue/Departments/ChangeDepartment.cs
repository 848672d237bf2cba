using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Departments;

/// <summary>The authority adds a department or changes its name and sharing office (art. 11).</summary>
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
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var department = new Department { Code = code, Name = change.Name!.Trim(), SharingOffice = new(change.SharingOffice!.Name!.Trim(), change.SharingOffice.Contact!.Trim()) };
        var values = new { department.Code, department.Name, Office = department.SharingOffice.Name, department.SharingOffice.Contact, Now = clock.Now(), caller.Subject };
        try
        {
            var revision = await transaction.Connection.ExecuteScalarAsync<int?>(new CommandDefinition("select revision from departments where code = @Code for update", values, cancellationToken: cancel));
            if (revision is not { } known)
            {
                await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                    insert into departments (code, name, office_name, office_contact, changed_at, changed_by) values (@Code, @Name, @Office, @Contact, @Now, @Subject)
                    """, values, cancellationToken: cancel));
                http.SetETag(1);
                return TypedResults.Created($"/departments/{code}", department);
            }

            if (http.IfMatch(known) is { } refused)
            {
                return refused;
            }

            await transaction.Connection.ExecuteAsync(new CommandDefinition("""
                update departments set name = @Name, office_name = @Office, office_contact = @Contact, revision = revision + 1, changed_at = @Now, changed_by = @Subject where code = @Code
                """, values, cancellationToken: cancel));
            http.SetETag(known + 1);
            return TypedResults.Ok(department);
        }
        catch (PostgresException fault) when (fault.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return new Refused(NameTaken);
        }
    }

    internal sealed record DepartmentChange(string? Name, OfficeChange? SharingOffice);

    internal sealed record OfficeChange(string? Name, string? Contact);
}
