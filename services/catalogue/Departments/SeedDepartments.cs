using Dapper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Departments;

/// <summary>At start, departments of the settings file that the city does not know yet are added. What the authority changed since stays as it is.</summary>
internal sealed class SeedDepartments(City city, Database database, TimeProvider clock) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into departments (code, name, office_name, office_contact, changed_at)
            select code, name, office, contact, @now from unnest(@codes, @names, @offices, @contacts) as f (code, name, office, contact)
            on conflict do nothing
            """, new
        {
            now = clock.Now(),
            codes = city.Departments.Select(d => d.Code).ToArray(),
            names = city.Departments.Select(d => d.Name).ToArray(),
            offices = city.Departments.Select(d => d.SharingOffice.Name).ToArray(),
            contacts = city.Departments.Select(d => d.SharingOffice.Contact).ToArray(),
        }, cancellationToken: cancellationToken));
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
