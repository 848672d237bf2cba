using Dapper;
using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.UseRecords;

/// <summary>Those who use data record scenario, process, result, storage and destruction (art. 29), in their own city; both sides may inspect. A record is never changed.</summary>
internal static class RecordUse
{
    private static readonly Rule NotGranted = new("nothing-granted", StatusCodes.Status409Conflict, "第29条",
        new("该申请尚未获准，没有可记录的使用情况。", "Nothing was granted under this request, so there is no use to record."),
        new("申请获准后再登记使用情况。", "Record the use once access is granted."));

    private static readonly Rule Archived = new("exchange-archived", StatusCodes.Status409Conflict, "第29条",
        new("该次共享已归档，不再登记使用情况。", "The exchange is archived; nothing is added to it."),
        new("如有遗漏，请联系本市数据主管部门。", "Tell your city's data authority of what is missing."));

    public static void Map(RouteGroupBuilder grants)
    {
        grants.MapPost("/{id:guid}/use-records", PostAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("The asking department records how it used the data (art. 29): in its own city, under the id of the exchange.");
        grants.MapGet("/{id:guid}/use-records", ListAsync).AllowCallers()
            .WithSummary("The records of use, oldest first: for the asking department and the provider, and the data authority of each.");
    }

    private static async Task<Results<Created<UseRecord>, Refused>> PostAsync(
        Guid id, Body body, Caller caller, City city, SharingStore store, UseRecordClock reminder, Transaction transaction, ServiceSettings service, TimeProvider clock, CancellationToken cancel)
    {
        var faults = new Faults();
        faults.RequireText("scenario", body.Scenario, "第29条");
        faults.RequireText("process", body.Process, "第29条");
        faults.RequireText("result", body.Result, "第29条");
        faults.RequireText("storage", body.Storage, "第29条");
        faults.CheckText("destruction", body.Destruction, "第29条");
        if (faults.Any)
        {
            return new Refused(faults);
        }

        if (await store.FindAsync(id, Side.Asking, cancel) is not { } stored || caller.City != city.Id || caller.Department != stored.Process.Ask.AskingDepartment)
        {
            return Pipeline.NotFound();
        }

        var request = stored.Process;
        if (request.Grant is null || request.State == SharingState.Archived)
        {
            return new Refused(request.Grant is null ? NotGranted : Archived);
        }

        var now = clock.Now();
        var record = new UseRecord
        {
            Id = Guid.CreateVersion7(now),
            Scenario = body.Scenario!.Trim(),
            Process = body.Process!.Trim(),
            Result = body.Result!.Trim(),
            Storage = body.Storage!.Trim(),
            Destruction = string.IsNullOrWhiteSpace(body.Destruction) ? null : body.Destruction.Trim(),
            By = caller.Name,
            At = now,
        };
        var openings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["officer"] = caller.Subject,
            ["scenario"] = record.Scenario,
            ["process"] = record.Process,
            ["result"] = record.Result,
            ["storage"] = record.Storage,
        };
        if (record.Destruction is { } destruction)
        {
            openings["destruction"] = destruction;
        }

        record = record with
        {
            AuditEvent = await transaction.RecordAsync(new AuditRecord
            {
                Type = "use.recorded",
                ExchangeId = id,
                Requesting = request.Ask.AskingDepartment,
                Providing = request.Ask.OwningDepartment,
                Service = request.Ask.DatasetId,
                ServiceVersion = request.Ask.DatasetVersion,
                Approval = stored.Reference,
                Details = new Dictionary<string, string>(StringComparer.Ordinal) { ["use_record"] = record.Id.ToString(), ["destruction"] = record.Destruction is null ? "no" : "yes" },
                Openings = openings,
            }, cancel),
        };
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into use_records (record_id, exchange_id, scenario, process, result, storage, destruction, by_subject, by_name, at, audit_event)
            values (@Id, @exchange, @Scenario, @Process, @Result, @Storage, @Destruction, @Subject, @By, @At, @AuditEvent)
            """, new { record.Id, exchange = id, record.Scenario, record.Process, record.Result, record.Storage, record.Destruction, caller.Subject, record.By, record.At, record.AuditEvent }, cancellationToken: cancel));
        await reminder.RestartAsync(id, request.Ask.AskingDepartment, cancel);
        return TypedResults.Created($"{service.PublicAddress}/api/cities/{city.Id}/grants/{id}/use-records", record);
    }

    private static async Task<Results<Ok<UseRecordList>, Refused>> ListAsync(Guid id, Caller caller, Database database, int? limit, string? cursor, CancellationToken cancel)
    {
        var faults = new Faults();
        var size = Pages.Limit(limit, faults);
        var after = Pages.After(cursor, faults);
        if (faults.Any)
        {
            return new Refused(faults);
        }

        await using var connection = await database.OpenAsync(cancel);
        var known = await connection.ExecuteScalarAsync<bool>(new CommandDefinition("""
            select exists (
                select from sharing_requests
                where exchange_id = @id and side = 'asking' and grant_terms is not null
                  and ((asking_city = @City and (@authority or asking_department = @Department)) or (owning_city = @City and (@authority or owning_department = @Department))))
            """, new { id, caller.City, caller.Department, authority = caller.Has(Roles.Authority) }, cancellationToken: cancel));
        if (!known)
        {
            return Pipeline.NotFound();
        }

        var rows = (await connection.QueryAsync<UseRecord>(new CommandDefinition("""
            select record_id as id, scenario, process, result, storage, destruction, by_name as by, at, audit_event
            from use_records
            where exchange_id = @id and (@after::uuid is null or record_id > @after)
            order by record_id
            limit @size
            """, new { id, after, size = size + 1 }, cancellationToken: cancel))).AsList();
        var page = rows.Take(size).ToList();
        return TypedResults.Ok(new UseRecordList(page, rows.Count > size ? Pages.Cursor(page[^1].Id) : null));
    }

    internal sealed record Body
    {
        /// <summary>使用场景.</summary>
        public string? Scenario { get; init; }

        /// <summary>使用过程.</summary>
        public string? Process { get; init; }

        /// <summary>使用结果.</summary>
        public string? Result { get; init; }

        /// <summary>存储情况.</summary>
        public string? Storage { get; init; }

        /// <summary>销毁情况, once something was destroyed.</summary>
        public string? Destruction { get; init; }
    }

    internal sealed record UseRecordList(IReadOnlyList<UseRecord> Items, string? Next);

    /// <summary>How the data was used (art. 29).</summary>
    internal sealed record UseRecord
    {
        public required Guid Id { get; init; }

        public required string Scenario { get; init; }

        public required string Process { get; init; }

        public required string Result { get; init; }

        public required string Storage { get; init; }

        public string? Destruction { get; init; }

        /// <summary>Name of the officer.</summary>
        public required string By { get; init; }

        public required DateTimeOffset At { get; init; }

        /// <summary>Event id in the audit log.</summary>
        public Guid AuditEvent { get; init; }
    }
}
