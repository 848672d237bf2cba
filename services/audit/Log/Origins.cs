using Exchange.Hosting;

namespace Exchange.Audit.Log;

/// <summary>Names of the logs: the public host and the path under which a year's log is served.</summary>
internal sealed class Origins(ServiceSettings service)
{
    private readonly Uri address = new(service.PublicAddress);

    public string Of(int year) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{address.Authority}/api/audit/log/{year}");

    /// <summary>The log's address for a reader outside.</summary>
    public string AddressOf(int year) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{service.PublicAddress}/api/audit/log/{year}");
}
