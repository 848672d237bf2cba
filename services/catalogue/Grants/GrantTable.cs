using Dapper;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>The one writer of <c>grants</c>; the sharing process decides, this only writes, inside its transaction.</summary>
internal static class GrantTable
{
    public static Task IssueAsync(Transaction transaction, SharingRequest request, GrantTerms terms, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into grants (exchange_id, asking_city, asking_department, owning_department, dataset_id, dataset_version, fields, state, valid_from, valid_until, issued_at, changed_at)
            values (@ExchangeId, @AskingCity, @AskingDepartment, @OwningDepartment, @DatasetId, @DatasetVersion, @fields, 'issued', @ValidFrom, @ValidUntil, @now, @now)
            """, new
        {
            terms.ExchangeId,
            request.Ask.AskingCity,
            request.Ask.AskingDepartment,
            request.Ask.OwningDepartment,
            terms.DatasetId,
            terms.DatasetVersion,
            fields = terms.Fields.ToArray(),
            terms.ValidFrom,
            terms.ValidUntil,
            now,
        }, cancellationToken: cancel));

    public static Task OpenAsync(Transaction transaction, Guid exchangeId, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set state = 'active', changed_at = @now where exchange_id = @exchangeId and state = 'issued'", new { exchangeId, now }, cancellationToken: cancel));

    public static Task EndAsync(Transaction transaction, Guid exchangeId, string reason, DateTimeOffset now, CancellationToken cancel) =>
        transaction.Connection.ExecuteAsync(new CommandDefinition(
            "update grants set state = 'ended', end_reason = @reason, changed_at = @now where exchange_id = @exchangeId and state <> 'ended'", new { exchangeId, reason, now }, cancellationToken: cancel));
}
