using Exchange.Hosting;

namespace Exchange.Gateway.Federation;

/// <summary>The parameter <c>city</c> of whatever lists or streams the catalogue: cities and harvested sources.</summary>
internal static class AskedCities
{
    /// <summary>The one asked for, or null for all of them.</summary>
    public static string? ReadOne(string? asked, GatewaySettings settings, Faults faults) => Read(asked is null ? null : [asked], settings, faults)?[0];

    /// <summary>Those asked for, or null for all of them.</summary>
    public static string[]? Read(string[]? asked, GatewaySettings settings, Faults faults)
    {
        var given = asked?.Where(city => city.Length > 0).Distinct(StringComparer.Ordinal).ToArray() ?? [];
        if (given.Except(settings.Publishers, StringComparer.Ordinal).Any())
        {
            faults.Add("city", "unknown-value", null, new($"已接入：{string.Join("、", settings.Publishers)}。", $"Connected: {string.Join(", ", settings.Publishers)}."));
        }

        return given.Length == 0 ? null : given;
    }
}
