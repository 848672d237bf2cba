using Exchange.Hosting;

namespace Exchange.Catalogue.Deadlines;

/// <summary>What the city's data authority says to a longer clock (arts. 17, 21).</summary>
internal sealed record Consent
{
    /// <summary>True to consent.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("consent")]
    public bool? Given { get; init; }

    /// <summary>Why not; required to deny.</summary>
    public string? Reason { get; init; }

    /// <summary>Every fault at once.</summary>
    public Faults Check(string article, int longest)
    {
        var faults = new Faults();
        if (Given is null)
        {
            faults.Add("consent", "required", article, new("须为 true（同意）或 false（不同意）。", "It is true or false."));
        }

        if (Given == false)
        {
            faults.RequireText("reason", Reason, article, longest);
        }
        else
        {
            faults.CheckText("reason", Reason, article, longest);
        }

        return faults;
    }
}
