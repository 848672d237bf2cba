using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;

namespace Exchange.Hosting;

/// <summary>What every service is told at its start. Nothing here has a default that could be wrong in silence.</summary>
public sealed record ServiceSettings
{
    /// <summary>Name of this service in the broker, the databases and the log: a city, <c>gateway</c> or <c>audit</c>.</summary>
    [Required, RegularExpression("^[a-z][a-z0-9]{1,30}$")]
    public string Name { get; init; } = "";

    /// <summary>Folder that only this service may read; holds its private keys.</summary>
    [Required]
    public string KeyFolder { get; init; } = "";

    /// <summary>The gateway's public address without a slash at the end. IRIs and the log's origin come from it, never from a Host header.</summary>
    [Required, RegularExpression("^https?://[^/]+$")]
    public string PublicAddress { get; init; } = "";

    /// <summary>How old a record may grow that the audit log has not taken up before this service begins no exchange and passes no data any more.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan AuditLimit { get; init; } = TimeSpan.FromHours(4);

    /// <summary>How long the log may go without the agreed number of witnesses before this service begins no exchange and passes no data any more.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan WitnessLimit { get; init; } = TimeSpan.FromHours(4);

    /// <summary>Years after which what commitments were made of may be erased by the month. Records of provision are kept for three (网络数据安全管理条例 art. 12), so it is never less.</summary>
    [Range(3, 100)]
    public int OpeningYears { get; init; } = 3;

    /// <summary>How long a process that is told to stop goes on answering, so that those who send to it learn of it first. Zero where nobody shares its work.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:01:00")]
    public TimeSpan Drain { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>One party whose tokens are believed.</summary>
public sealed record IssuerSettings
{
    [Required]
    public string Name { get; init; } = "";

    /// <summary>The token's <c>iss</c>.</summary>
    [Required]
    public string Authority { get; init; } = "";

    /// <summary>Where the discovery document is fetched. Several addresses of one issuer, separated by commas: when one does not answer, document and keys are fetched from the next.</summary>
    [Required]
    public string Metadata { get; init; } = "";

    internal IReadOnlyList<Uri> MetadataAddresses => [.. Metadata.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(a => new Uri(a))];

    /// <summary>Cities whose people this issuer may speak for; <c>*</c> for all.</summary>
    [MinLength(1)]
    public IList<string> Cities { get; init; } = [];
}

/// <summary>Reads settings and collects every fault, so that one start tells them all.</summary>
public sealed class SettingsReader(IConfiguration configuration)
{
    private readonly List<string> faults = [];

    public T Section<T>(string name)
        where T : class, new()
    {
        var value = configuration.GetSection(name).Get<T>() ?? new T();
        Check(name, value);
        return value;
    }

    public IReadOnlyList<T> List<T>(string name)
        where T : class, new()
    {
        var values = configuration.GetSection(name).Get<List<T>>() ?? [];
        if (values.Count == 0)
        {
            Fault(name, "at least one entry is required");
        }

        for (var i = 0; i < values.Count; i++)
        {
            Check($"{name}:{i}", values[i]);
        }

        return values;
    }

    public string Text(string name)
    {
        var value = configuration[name];
        if (string.IsNullOrWhiteSpace(value))
        {
            Fault(name, "is required");
        }

        return value ?? "";
    }

    public void Fault(string name, string message) => faults.Add($"{name}: {message}");

    /// <summary>Throws when anything was wrong; values are never echoed, since some are secrets.</summary>
    public void ThrowOnFaults()
    {
        if (faults.Count > 0)
        {
            throw new InvalidSettingsException(faults);
        }
    }

    private void Check(string name, object value)
    {
        var results = new List<ValidationResult>();
        if (!Validator.TryValidateObject(value, new ValidationContext(value), results, validateAllProperties: true))
        {
            foreach (var result in results)
            {
                Fault($"{name}:{string.Join(',', result.MemberNames)}", result.ErrorMessage ?? "is wrong");
            }
        }
    }
}

/// <summary>The service cannot start with these settings; the message lists every fault.</summary>
public sealed class InvalidSettingsException(IReadOnlyList<string> faults)
    : Exception("The settings have faults:" + Environment.NewLine + string.Join(Environment.NewLine, faults.Select(f => "  - " + f)))
{
    public IReadOnlyList<string> Faults { get; } = faults;
}
