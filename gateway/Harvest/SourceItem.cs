using Exchange.Hosting;

namespace Exchange.Gateway.Harvest;

/// <summary>One entry in the words of its source, whatever dialect it came in. What was no text there is null here and stands among the faults.</summary>
internal sealed class SourceItem
{
    public string? Identifier { get; set; }
    public string? Title { get; set; }
    public string? Description { get; set; }

    /// <summary>Everything by which the settings may know the publisher: id, name, title, IRI.</summary>
    public List<string> Organization { get; } = [];

    /// <summary>Everything by which the settings may know the theme.</summary>
    public List<string> Themes { get; } = [];

    public string? Licence { get; set; }
    public string? LandingPage { get; set; }
    public string? Issued { get; set; }
    public string? Modified { get; set; }
    public string? Frequency { get; set; }

    /// <summary>Public, restricted, not public: in the source's words.</summary>
    public string? Access { get; set; }

    public List<SourceDistribution> Distributions { get; } = [];

    public Faults Faults { get; } = new();
}

internal sealed record SourceDistribution(string? Title, string? Address, string? Format);

/// <summary>What one run has read of a source.</summary>
internal sealed class Picture(SourceLimits limits)
{
    /// <summary>How many entries the source says it has; null when it does not say.</summary>
    public int? Stated { get; set; }

    public List<SourceItem> Items { get; } = [];

    public void Add(SourceItem item)
    {
        if (Items.Count >= limits.Entries)
        {
            throw new RunRefusedException("too-many-entries", new($"来源的条目超过上限 {limits.Entries}。", $"The source has more entries than the limit of {limits.Entries}."));
        }

        Items.Add(item);
    }
}

/// <summary>Ends a run: what was there before stays. The rule is a stable word, the text is for operators.</summary>
internal sealed class RunRefusedException(string rule, Text message, TimeSpan? after = null) : Exception($"{rule}: {message.En}")
{
    public string Rule { get; } = rule;

    public Text Text { get; } = message;

    /// <summary>When the source asked to be called again.</summary>
    public TimeSpan? After { get; } = after;
}
