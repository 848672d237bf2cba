using System.Text.Json;
using Dapper;
using Exchange.Catalogue.Datasets;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.DataServices;

/// <summary>A department says how its own interface may be called under grants of a published <c>service</c> entry (art. 22).</summary>
internal static class DescribeService
{
    private const int LongestCredential = 4000;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPut("/datasets/{id:guid}/service", PutAsync).AllowCallers(Roles.Officer).Writes()
            .WithSummary("Describes the service behind a published service entry: address, operations, names that pass, limits. Needs If-Match.");
        routes.MapGet("/datasets/{id:guid}/service", GetAsync).AllowCallers(Roles.Officer, Roles.Operator)
            .WithSummary("The service as its department described it, without its credential.");
        routes.MapDelete("/datasets/{id:guid}/service", DeleteAsync).AllowCallers(Roles.Officer).Writes()
            .WithSummary("Takes the service away; refused while a grant runs (art. 27). Needs If-Match.");
    }

    private static async Task<Results<Ok<DatasetView>, Refused>> PutAsync(
        Guid id, Body body, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
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

        if (await dataset.VersionAsync(connection, dataset.PublishedVersion, cancel) is not { } version)
        {
            return new Refused(DatasetRefusals.NotPublished);
        }

        if (version.Entry.Format != "service")
        {
            return new Refused(ServiceRules.NoService);
        }

        var faults = Check(body);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var now = clock.Now();
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into dataset_services (dataset_id, entry_version, description, credential_name, credential, described_at, described_by)
            values (@id, @Version, @description::jsonb, @name, @value, @now, @Subject)
            on conflict (dataset_id) do update set entry_version = excluded.entry_version, description = excluded.description,
                credential_name = excluded.credential_name, credential = excluded.credential, described_at = excluded.described_at, described_by = excluded.described_by
            """, new
        {
            id,
            version.Version,
            description = JsonSerializer.Serialize(body.Service, Json.Options),
            name = body.Credential?.Header,
            value = body.Credential?.Value,
            now,
            caller.Subject,
        }, cancellationToken: cancel));
        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, version.Version, "service_described", caller, Roles.Officer, now, cancel, note: string.Join(", ", body.Service!.Operations.Select(o => $"{o.Method} {o.Path}")));
        await transaction.RecordAsync(new AuditRecord
        {
            Type = "service.described",
            Providing = dataset.DepartmentCode,
            Service = id,
            ServiceVersion = version.Version,
            Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["to"] = new Uri(body.Service.Address).GetLeftPart(UriPartial.Authority) },
            Openings = new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = caller.Subject },
        }, cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static async Task<Results<Ok<ServiceView>, Refused>> GetAsync(Guid id, Caller caller, City city, Database database, CancellationToken cancel)
    {
        await using var connection = await database.OpenAsync(cancel);
        if (await Dataset.FindAsync(connection, id, cancel) is not { } dataset)
        {
            return Pipeline.NotFound();
        }

        if (!caller.Has(Roles.Operator) && dataset.NotOwn(caller, city) is { } refused)
        {
            return refused;
        }

        return await ServiceTable.FindAsync(connection, id, cancel) is { } stored
            ? TypedResults.Ok(new ServiceView(stored.Service, stored.Credential?.Name, stored.DescribedAt))
            : Pipeline.NotFound();
    }

    private static async Task<Results<Ok<DatasetView>, Refused>> DeleteAsync(
        Guid id, Caller caller, City city, Transaction transaction, TimeProvider clock, HttpContext http, CancellationToken cancel)
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

        if (await RunningGrants.AnyAsync(connection, id, cancel))
        {
            return new Refused(DatasetRefusals.GrantRuns);
        }

        if (await connection.ExecuteAsync(new CommandDefinition("delete from dataset_services where dataset_id = @id", new { id }, cancellationToken: cancel)) == 0)
        {
            return Pipeline.NotFound();
        }

        await DatasetRoutes.TouchAsync(connection, id, cancel);
        await DatasetHistory.AddAsync(connection, id, dataset.PublishedVersion ?? dataset.LastVersion, "service_removed", caller, Roles.Officer, clock.Now(), cancel);
        return await DatasetRoutes.ShowAsync(connection, id, city, caller, http, cancel);
    }

    private static Faults Check(Body body)
    {
        var faults = new Faults();
        if (body.Service is null)
        {
            faults.Add("service", "required", "第22条", new("须说明接口。", "The service is missing."));
        }

        body.Service?.Check(faults);
        if (body.Credential is { } credential)
        {
            if (!DataService.IsHeader(credential.Header))
            {
                faults.Add("credential.header", "name", null, new("须为一个请求头的名称。", "It is the name of a request header."));
            }

            if (credential.Value is not { Length: > 0 and <= LongestCredential } value || value.Any(c => c is < ' ' or > '~'))
            {
                faults.Add("credential.value", "value", null, new($"须为 1 至 {LongestCredential} 个可见 ASCII 字符。", $"1 to {LongestCredential} visible ASCII characters."));
            }
        }

        return faults;
    }

    internal sealed record Body
    {
        public DataService? Service { get; init; }

        /// <summary>How the service knows the exchange, such as <c>Authorization</c> or <c>X-Api-Key</c> with its value. Named anew with each description, and never shown again.</summary>
        public ServiceCredential? Credential { get; init; }
    }

    internal sealed record ServiceCredential(string? Header, string? Value);

    /// <param name="Service">As described.</param>
    /// <param name="CredentialHeader">Where the credential is sent; null when there is none.</param>
    /// <param name="DescribedAt">Since when it is called so.</param>
    internal sealed record ServiceView(DataService Service, string? CredentialHeader, DateTimeOffset DescribedAt);
}
