using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// Where this process sits. A machine's port has one living listener, so once this process listens, whatever another process had under way in the same seat was cut by its end.
/// </summary>
internal sealed class Seat(IConfiguration configuration, ServiceSettings service)
{
    public string Name { get; } = $"{Environment.MachineName} {configuration["urls"] ?? service.Name}";

    public Guid Process { get; } = Guid.NewGuid();
}
