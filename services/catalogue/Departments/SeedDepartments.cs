using Dapper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Departments;

/// <summary>At start, departments of the settings file that the city does not know yet are added, and correction rules (art. 26) where there are none. What the authority changed since stays as it is.</summary>
internal sealed class SeedDepartments(City city, Database database, TimeProvider clock) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into departments (code, name, office_name, office_contact, correction_rules, correction_channel, changed_at)
            select code, name, office, contact, rules, channel, @now from unnest(@codes, @names, @offices, @contacts, @rules, @channels) as f (code, name, office, contact, rules, channel)
            on conflict do nothing;
            update departments d set correction_rules = f.rules, correction_channel = f.channel
            from unnest(@codes, @rules, @channels) as f (code, rules, channel)
            where d.code = f.code and d.changed_by is null and d.correction_rules is null and d.correction_channel is null
              and (f.rules is not null or f.channel is not null);
            """, new
        {
            now = clock.Now(),
            codes = city.Departments.Select(d => d.Code).ToArray(),
            names = city.Departments.Select(d => d.Name).ToArray(),
            offices = city.Departments.Select(d => d.SharingOffice.Name).ToArray(),
            contacts = city.Departments.Select(d => d.SharingOffice.Contact).ToArray(),
            rules = city.Departments.Select(d => d.CorrectionRules).ToArray(),
            channels = city.Departments.Select(d => d.CorrectionChannel).ToArray(),
        }, cancellationToken: cancellationToken));
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
