using Exchange.Audit.Checkpoints;
using Exchange.Audit.Log;
using Npgsql;

namespace Exchange.Audit.Search;

/// <summary>How far the logs' checkpoints reach: what they cover can be proven.</summary>
internal sealed class Coverage
{
    private readonly Dictionary<int, ReadCheckpoints.Newest?> signed = [];
    private readonly Dictionary<int, ReadCheckpoints.Newest?> witnessed = [];

    private Coverage()
    {
    }

    public static async Task<Coverage> OfAsync(NpgsqlConnection connection, IEnumerable<int> years, Witnesses witnesses, Origins origins, CancellationToken cancel)
    {
        var coverage = new Coverage();
        foreach (var year in years.Distinct().Order())
        {
            coverage.signed[year] = await ReadCheckpoints.NewestAsync(connection, year, cancel);
            if (witnesses.AgreedOn(origins.Of(year)) is { } agreed)
            {
                coverage.witnessed[year] = await ReadCheckpoints.WitnessedAsync(connection, year, agreed, cancel);
            }
        }
        return coverage;
    }

    public bool IsSigned(int year, long index) => signed.GetValueOrDefault(year)?.Size > index;

    /// <summary>Null where nobody has agreed on witnesses of that log.</summary>
    public bool? IsWitnessed(int year, long index) => witnessed.TryGetValue(year, out var newest) ? newest?.Size > index : null;

    /// <summary>What a proof is made with: a checkpoint that the agreed witnesses vouch for; without an agreement the log's own word is all there is.</summary>
    public IReadOnlyDictionary<int, ReadCheckpoints.Newest> Provable => signed.Keys
        .Select(year => (Year: year, Newest: witnessed.TryGetValue(year, out var newest) ? newest : signed[year]))
        .Where(checkpoint => checkpoint.Newest is not null)
        .ToDictionary(checkpoint => checkpoint.Year, checkpoint => checkpoint.Newest!);
}
