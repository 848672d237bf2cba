using Exchange.Hosting;

namespace Exchange.Gateway.Identity;

/// <summary>Has keys and accounts ready before the first request is taken, and looks once a minute whether a key needs its successor.</summary>
internal sealed class IdentityStart(IServiceScopeFactory scopes, SigningKeys keys, Accounts accounts, GatewaySettings settings, TimeProvider clock, ILogger<IdentityStart> log) : BackgroundService
{
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await keys.RefreshAsync(scopes, cancellationToken);
        if (settings.AccountsFile is { } file)
        {
            await accounts.ImportAsync(file, cancellationToken);
        }

        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await keys.RefreshAsync(scopes, stoppingToken);
            }
            catch (Exception fault) when (fault is not OperationCanceledException)
            {
                log.LogError(fault, "The signing keys could not be refreshed; the ones in use stay");
            }
        }
    }
}

internal static class IdentityServices
{
    public static void AddIssuer(this IServiceCollection services)
    {
        services.AddSingleton<SigningKeys>();
        services.AddSingleton<AccessTokens>();
        services.AddSingleton<Accounts>();
        services.AddHostedService<IdentityStart>();
    }
}
