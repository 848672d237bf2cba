namespace Exchange.Gateway.Federation;

/// <summary>What is going on around a dataset, as its city counted it.</summary>
public sealed record DatasetFigures
{
    /// <summary>Errors that were reported in its data and are not answered yet (art. 26).</summary>
    public required int OpenCorrections { get; init; }

    /// <summary>Grants that are running, suspended ones and those whose data is still awaited included.</summary>
    public required int RunningGrants { get; init; }

    /// <summary>Grants ever given.</summary>
    public required int Grants { get; init; }

    /// <summary>Transfers begun under its grants, whatever became of them.</summary>
    public required long Deliveries { get; init; }

    /// <summary>When its rows were last loaded; absent for what the exchange does not hold.</summary>
    public DateTimeOffset? DataUpdatedAt { get; init; }

    /// <summary>As of when this is true.</summary>
    public required DateTimeOffset AsOf { get; init; }

    /// <summary>A dataset without a row has nothing to show: that is known too.</summary>
    internal static DatasetFigures Of(FiguresRow? row, DateTimeOffset asOf) => new()
    {
        OpenCorrections = row?.OpenCorrections ?? 0,
        RunningGrants = row?.RunningGrants ?? 0,
        Grants = row?.Grants ?? 0,
        Deliveries = row?.Deliveries ?? 0,
        DataUpdatedAt = row?.DataUpdatedAt,
        AsOf = asOf,
    };
}

/// <summary>A row of <c>dataset_figures</c>.</summary>
internal sealed record FiguresRow
{
    public required Guid DatasetId { get; init; }
    public required int OpenCorrections { get; init; }
    public required int RunningGrants { get; init; }
    public required int Grants { get; init; }
    public required long Deliveries { get; init; }
    public DateTimeOffset? DataUpdatedAt { get; init; }
    public required long Change { get; init; }

    public const string Columns = "dataset_id, open_corrections, running_grants, grants, deliveries, data_updated_at, change";
}
