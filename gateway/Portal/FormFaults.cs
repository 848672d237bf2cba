using Exchange.Hosting;

namespace Exchange.Gateway.Portal;

/// <summary>What was wrong with a form: for the summary at its top, and for each field. The words are the API's, in the reader's language.</summary>
public sealed record FormFaults
{
    public static readonly FormFaults None = new() { All = [] };

    /// <summary>Id of the field on the page, or null where the whole form is meant, and what is wrong.</summary>
    public required IReadOnlyList<(string? Field, string Message)> All { get; init; }

    public bool Any => All.Count > 0;

    /// <summary>What is wrong with a field; null when nothing is.</summary>
    public string? At(string field)
    {
        var messages = All.Where(fault => fault.Field == field).Select(fault => fault.Message).ToList();
        return messages.Count == 0 ? null : string.Join(' ', messages);
    }

    /// <param name="problem">As the API told it.</param>
    /// <param name="idOf">The page's id of the API's field; null where the page has none.</param>
    public static FormFaults Of(Problem problem, Func<string, string?> idOf)
    {
        if (problem.Errors is { Count: > 0 } errors)
        {
            return new FormFaults { All = [.. errors.Select(error => idOf(error.Field) is { } field ? (field, error.Message) : ((string?)null, $"{error.Field}: {error.Message}"))] };
        }

        var sentences = new[] { problem.Title, problem.Detail, problem.WayOut }.Where(text => !string.IsNullOrWhiteSpace(text));
        return new FormFaults { All = [(null, string.Join(' ', sentences) + (problem.Article is { } article ? $" ({article})" : ""))] };
    }

    public static FormFaults Of(string? field, string message) => new() { All = [(field, message)] };
}
