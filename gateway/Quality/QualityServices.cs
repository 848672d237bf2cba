using System.Collections.Frozen;

namespace Exchange.Gateway.Quality;

internal static class QualityServices
{
    public static void AddQuality(this IServiceCollection services)
    {
        // No city tells yet when the data behind an entry was last updated: unknown for all of them.
        services.AddSingleton<DataUpdates>(static (_, _, _) => Task.FromResult<IReadOnlyDictionary<Guid, DateTimeOffset>>(FrozenDictionary<Guid, DateTimeOffset>.Empty));
        services.AddHostedService<FollowQuality>();
    }
}
