using Dapper;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace Exchange.Catalogue.Departments;

/// <summary>Who publishes in this city, with the office to turn to (art. 11) and how errors are taken (art. 26). Open to anyone.</summary>
internal static class ListDepartments
{
    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/departments", AllAsync).AllowAnyone().WithSummary("The city, its authority and its departments with their sharing offices (art. 11).");
        routes.MapGet("/departments/{code:length(18)}", OneAsync).AllowAnyone().WithSummary("One department.");
    }

    private static async Task<DepartmentList> AllAsync(City city, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        var rows = await connection.QueryAsync<DepartmentRow>(new CommandDefinition("""
            select code, name, office_name, office_contact, correction_rules, correction_channel, revision from departments order by code
            """, cancellationToken: cancel));
        return new DepartmentList(city.Id, city.Name, city.Public, city.Authority, city.Superior, [.. rows.Select(r => r.ToDepartment())]);
    }

    private static async Task<Results<Ok<Department>, Refused>> OneAsync(string code, Database database, HttpContext http, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await FindAsync(connection, code, cancel) is not { } row)
        {
            return Pipeline.NotFound();
        }

        http.SetETag(row.Revision);
        return TypedResults.Ok(row.ToDepartment());
    }

    public static async Task<DepartmentRow?> FindAsync(NpgsqlConnection connection, string code, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<DepartmentRow>(new CommandDefinition("""
            select code, name, office_name, office_contact, correction_rules, correction_channel, revision from departments where code = @code
            """, new { code }, cancellationToken: cancel));

    public sealed record DepartmentRow
    {
        public required string Code { get; init; }
        public required string Name { get; init; }
        public required string OfficeName { get; init; }
        public required string OfficeContact { get; init; }
        public string? CorrectionRules { get; init; }
        public string? CorrectionChannel { get; init; }
        public required int Revision { get; init; }

        public Department ToDepartment() => new() { Code = Code, Name = Name, SharingOffice = new(OfficeName, OfficeContact), CorrectionRules = CorrectionRules, CorrectionChannel = CorrectionChannel };
    }
}

/// <summary>The city as it names itself, its authority and its departments.</summary>
internal sealed record DepartmentList(string City, string Name, CityPublic Public, CityAuthority Authority, string Superior, IReadOnlyList<Department> Items);
