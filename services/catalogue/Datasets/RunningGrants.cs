using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>Art. 27: while a grant runs, its data is neither withdrawn nor changed under the department that uses it. An approved one whose data is awaited and a suspended one run too.</summary>
internal static class RunningGrants
{
    public static async Task<bool> AnyAsync(NpgsqlConnection connection, Guid datasetId, CancellationToken cancel) =>
        await connection.ExecuteScalarAsync<bool>(new CommandDefinition("""
            select exists (select 1 from grants where dataset_id = @datasetId and state in ('issued', 'active', 'suspended'))
            """, new { datasetId }, cancellationToken: cancel));

    /// <summary>What in the new text would change a running service: a granted item gone, of another type or shorter, or another way of delivery.</summary>
    public static async Task<IReadOnlyList<Fault>> ChangesAsync(NpgsqlConnection connection, Guid datasetId, EntryDraft published, EntryDraft next, CancellationToken cancel) =>
        (await GrantedAsync(connection, [datasetId], cancel)).TryGetValue(datasetId, out var granted) ? Between(granted, published, next) : [];

    /// <summary>The data items that running grants use, to deliver or to choose rows by, and whose change was not consulted on and filed, for those of the datasets that have such grants.</summary>
    public static async Task<IReadOnlyDictionary<Guid, IReadOnlyList<string>>> GrantedAsync(NpgsqlConnection connection, Guid[] datasets, CancellationToken cancel) =>
        (await connection.QueryAsync<(Guid DatasetId, string Field)>(new CommandDefinition("""
            select distinct dataset_id, unnest(fields || array_remove(array[row_filter #>> '{area,field}', row_filter #>> '{time,field}'], null)) as field from grants
            where dataset_id = any(@datasets) and state in ('issued', 'active', 'suspended')
              and not exists (select 1 from sharing_requests r
                              where r.exchange_id = grants.exchange_id and r.side = 'owning' and r.consultation ->> 'kind' = 'change' and r.consultation ->> 'filed_at' is not null)
            order by dataset_id, field
            """, new { datasets }, cancellationToken: cancel)))
        .GroupBy(g => g.DatasetId).ToDictionary(g => g.Key, IReadOnlyList<string> (g) => [.. g.Select(f => f.Field)]);

    /// <summary>Pure part of <see cref="ChangesAsync"/>.</summary>
    public static IReadOnlyList<Fault> Between(IReadOnlyList<string> granted, EntryDraft published, EntryDraft next)
    {
        var faults = new Faults();
        if (next.Format != published.Format || next.SharingMethod != published.SharingMethod)
        {
            faults.Add("format", "grant-runs", "第27条", new("有授权正在使用此数据，不能更改提供方式。", "Grants use this data; the way it is delivered cannot change."));
        }

        if (next.SharingType == SharingClass.Refused)
        {
            faults.Add("sharing_type", "grant-runs", "第27条", new("有授权正在使用此数据，不能改为不予共享。", "Grants use this data; it cannot become not shared."));
        }

        foreach (var name in granted)
        {
            var old = published.Fields!.FirstOrDefault(f => f.Name == name);
            var now = next.Fields!.FirstOrDefault(f => f.Name == name);
            if (now is null)
            {
                faults.Add($"fields.{name}", "grant-runs", "第27条", new($"信息项 {name} 已授权使用，不能删除。", $"Data item {name} is granted and cannot go."));
            }
            else if (now.SharingType == SharingClass.Refused)
            {
                faults.Add($"fields.{name}", "grant-runs", "第27条", new($"信息项 {name} 已授权使用，不能改为不予共享。", $"Data item {name} is granted and cannot become not shared."));
            }
            else if (old is not null && (now.Type != old.Type || now.Length < old.Length))
            {
                faults.Add($"fields.{name}", "grant-runs", "第27条", new($"信息项 {name} 已授权使用，不能更改类型或缩短长度。", $"Data item {name} is granted; its type cannot change nor its length shrink."));
            }
        }

        return faults.All;
    }
}
