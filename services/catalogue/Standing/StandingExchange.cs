using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Standing;

/// <summary>A standing exchange of this city as the receiver, as it stands.</summary>
internal sealed record StandingExchange
{
    public required Guid ExchangeId { get; init; }

    /// <summary>The asking department, whose machine client fetches.</summary>
    public required string Department { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>active, paused, ended or disposed.</summary>
    public required string State { get; init; }

    public required int Revision { get; init; }
    public required long Version { get; init; }
    public int? EveryMinutes { get; init; }
    public string? DailyAt { get; init; }

    /// <summary>The agreed purpose for which it was set up; each pull states it.</summary>
    public required string Purpose { get; init; }

    public required string SetByName { get; init; }
    public required DateTimeOffset SetAt { get; init; }
    public DateTimeOffset? NextRunAt { get; init; }
    public DateTimeOffset? UpToDateAt { get; init; }
    public string? LastPull { get; init; }
    public string? Running { get; init; }
    public required int Faults { get; init; }
    public DateTimeOffset? FaultySince { get; init; }
    public string? Reason { get; init; }
    public string? Said { get; init; }

    public StandingSchedule Schedule => new(EveryMinutes, DailyAt);

    public StandingPull? Pull => LastPull is null ? null : JsonSerializer.Deserialize<StandingPull>(LastPull, Json.Options);

    /// <summary>Null while the copy is as it should be: the last pull succeeded and the next is not due.</summary>
    public DateTimeOffset? BehindSince(DateTimeOffset now) =>
        State == "active" && Reason is null && UpToDateAt is not null && NextRunAt > now ? null : UpToDateAt ?? SetAt;

    public StandingExchangeProgressed Told(string askingCity, DateTimeOffset now) => new()
    {
        ExchangeId = ExchangeId,
        AskingCity = askingCity,
        OwningCity = OwningCity,
        Version = Version,
        State = State,
        EveryMinutes = EveryMinutes,
        DailyAt = DailyAt,
        NextRunAt = NextRunAt,
        UpToDateAt = UpToDateAt,
        LastPull = Pull,
        Faults = Faults,
        FaultySince = FaultySince,
        Reason = Reason,
        At = now,
    };

    public static async Task<StandingExchange?> FindAsync(NpgsqlConnection connection, Guid id, CancellationToken cancel, bool locked = false) =>
        await connection.QuerySingleOrDefaultAsync<StandingExchange>(new CommandDefinition(
            $"select {Columns} from standing_exchanges where exchange_id = @id{(locked ? " for update" : "")}", new { id }, cancellationToken: cancel));

    public const string Columns = """
        exchange_id, department, owning_city, state, revision, version, every_minutes, daily_at, purpose, set_by_name, set_at, next_run_at, up_to_date_at,
        last_pull::text as last_pull, running::text as running, faults, faulty_since, reason, said
        """;
}

/// <summary>The one writer of <c>standing_exchanges</c>: each change that matters to the owning city is told to it in the same transaction.</summary>
internal sealed class StandingStore(Transaction transaction, City city, TimeProvider clock)
{
    /// <summary>Writes what is given; answers the row as it is now, told to the owning city.</summary>
    /// <param name="id">The exchange.</param>
    /// <param name="set">SQL of the assignments.</param>
    /// <param name="values">Its parameters.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task<StandingExchange> ChangeAsync(Guid id, string set, object values, CancellationToken cancel)
    {
        var parameters = new DynamicParameters(values);
        parameters.Add("id", id);
        var changed = await transaction.Connection.QuerySingleAsync<StandingExchange>(new CommandDefinition(
            $"update standing_exchanges set {set}, version = version + 1 where exchange_id = @id returning {StandingExchange.Columns}", parameters, cancellationToken: cancel));
        await TellAsync(changed, cancel);
        return changed;
    }

    public Task TellAsync(StandingExchange standing, CancellationToken cancel) =>
        transaction.SendAsync(standing.Told(city.Id, clock.Now()), standing.OwningCity, standing.ExchangeId, cancel);

    /// <param name="type">Such as <c>standing.set</c>.</param>
    /// <param name="standing">As it is now.</param>
    /// <param name="dataset">What is pulled.</param>
    /// <param name="providing">The providing department.</param>
    /// <param name="officer">Who did it; null when a clock or the other side did.</param>
    /// <param name="cancel">Ends it.</param>
    public Task RecordAsync(string type, StandingExchange standing, Guid dataset, string? providing, string? officer, CancellationToken cancel)
    {
        var details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["schedule"] = standing.EveryMinutes is { } minutes ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"every {minutes} minutes") : $"daily at {standing.DailyAt}",
        };
        if (standing.Reason is { } reason)
        {
            details["reason"] = reason;
        }

        if (standing.Faults > 0)
        {
            details["faults"] = standing.Faults.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        return transaction.RecordAsync(new AuditRecord
        {
            Type = type,
            ExchangeId = standing.ExchangeId,
            Requesting = standing.Department,
            Providing = providing,
            Service = dataset,
            Result = standing.State,
            Details = details,
            Openings = officer is null ? new Dictionary<string, string>() : new Dictionary<string, string>(StringComparer.Ordinal) { ["officer"] = officer },
        }, cancel);
    }
}
