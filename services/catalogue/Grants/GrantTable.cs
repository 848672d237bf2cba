using Dapper;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>The one writer of <c>grants</c>; the sharing process decides, this only writes, inside its transaction.</summary>
internal static class GrantTable
{
    /// <summary>True when the entry as it is published now still shares the granted items as they were asked for and has those that rows are chosen by. Its row stays locked until the grant is written: nobody withdraws or retypes it in between (art. 27).</summary>
    public static async Task<bool> EntryStandsAsync(Transaction transaction, GrantTerms terms, CancellationToken cancel) =>
        await transaction.Connection.QuerySingleOrDefaultAsync<bool?>(new CommandDefinition("""
            select (select count(*)
                    from jsonb_array_elements(now.entry -> 'fields') f
                    join jsonb_array_elements(asked.entry -> 'fields') g on g ->> 'name' = f ->> 'name' and g ->> 'type' = f ->> 'type'
                    where f ->> 'name' = any(@filtered)) = @filteredCount
                and (select count(*)
                    from jsonb_array_elements(now.entry -> 'fields') f
                    join jsonb_array_elements(asked.entry -> 'fields') g on g ->> 'name' = f ->> 'name' and g ->> 'type' = f ->> 'type'
                    where f ->> 'name' = any(@fields) and f ->> 'sharing_type' is distinct from 'refused') = @count
                and now.entry ->> 'sharing_type' <> 'refused'
            from datasets d
            join dataset_versions now on now.dataset_id = d.dataset_id and now.version = d.published_version
            join dataset_versions asked on asked.dataset_id = d.dataset_id and asked.version = @DatasetVersion
            where d.dataset_id = @DatasetId
            for share of d
            """, new
            {
                terms.DatasetId,
                terms.DatasetVersion,
                fields = terms.Fields.ToArray(),
                count = terms.Fields.Count,
                filtered = Filtered(terms),
                filteredCount = Filtered(terms).Length,
            }, cancellationToken: cancel)) == true;

    private static string[] Filtered(GrantTerms terms) => [.. GrantedScope.FilterFields(terms.Rows).Distinct(StringComparer.Ordinal)];

    public static Task IssueAsync(Transaction transaction, SharingRequest request, GrantTerms terms, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into grants (exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, treatments, row_filter, purpose, state, valid_from, valid_until, issued_at, changed_at)
            values (@ExchangeId, @AskingCity, @AskingDepartment, @OwningDepartment, @DatasetId, @DatasetVersion, @fields, @treatments::jsonb, @rows::jsonb, @Purpose, 'issued', @ValidFrom, @ValidUntil, @now, @now)
            """, new
        {
            terms.ExchangeId,
            request.Ask.AskingCity,
            request.Ask.AskingDepartment,
            request.Ask.OwningDepartment,
            terms.DatasetId,
            terms.DatasetVersion,
            fields = terms.Fields.ToArray(),
            treatments = GrantedScope.Json(terms.Treatments),
            rows = GrantedScope.Json(terms.Rows),
            request.Grant!.Purpose,
            terms.ValidFrom,
            terms.ValidUntil,
            now,
        }, cancellationToken: cancel));

    public static Task OpenAsync(Transaction transaction, Guid exchangeId, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set state = 'active', changed_at = @now where exchange_id = @exchangeId and state in ('issued', 'suspended')", new { exchangeId, now }, cancellationToken: cancel));

    public static Task SuspendAsync(Transaction transaction, Guid exchangeId, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set state = 'suspended', changed_at = @now where exchange_id = @exchangeId and state = 'active'", new { exchangeId, now }, cancellationToken: cancel));

    public static Task ChangeAsync(Transaction transaction, GrantTerms terms, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set fields = @fields, treatments = @treatments::jsonb, row_filter = @rows::jsonb, purpose = coalesce(@Purpose, purpose), valid_until = @ValidUntil, changed_at = @now where exchange_id = @ExchangeId and state <> 'ended'",
            new { fields = terms.Fields.ToArray(), treatments = GrantedScope.Json(terms.Treatments), rows = GrantedScope.Json(terms.Rows), terms.Purpose, terms.ValidUntil, now, terms.ExchangeId }, cancellationToken: cancel));

    public static Task EndAsync(Transaction transaction, Guid exchangeId, string reason, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set state = 'ended', end_reason = @reason, changed_at = @now where exchange_id = @exchangeId and state <> 'ended'", new { exchangeId, reason, now }, cancellationToken: cancel));
}
