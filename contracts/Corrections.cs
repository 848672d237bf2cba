namespace Exchange.Contracts;

/// <summary>The asking side reports an error in data it received (校核, art. 26). Carries what may be personal data: it goes to the owning city only.</summary>
public sealed record CorrectionFiled
{
    /// <summary>UUIDv7 given by the asking city; the same in both.</summary>
    public required Guid CorrectionId { get; init; }

    public required Guid ExchangeId { get; init; }

    public required string AskingCity { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>A data item that was granted.</summary>
    public required string Field { get; init; }

    /// <summary>Key of the record that is wrong.</summary>
    public required string Record { get; init; }

    /// <summary>What stands there; null when something is missing.</summary>
    public string? Wrong { get; init; }

    /// <summary>What is right.</summary>
    public required string Right { get; init; }

    public required string Evidence { get; init; }

    /// <summary>Day, in Beijing, on which the error is believed to have begun.</summary>
    public DateOnly? Since { get; init; }

    public required DateTimeOffset FiledAt { get; init; }
}

/// <summary>The owning city has it, and until when it answers (art. 26); sent again when that date is counted anew. A state: the highest version counts.</summary>
public sealed record CorrectionReceived
{
    public required Guid CorrectionId { get; init; }

    public required Guid ExchangeId { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>Of the correction; the owning city counts.</summary>
    public required int Version { get; init; }

    public required LegalDate Due { get; init; }

    public required DateTimeOffset At { get; init; }
}

/// <summary>The providing department has verified and tells the result (art. 26).</summary>
public sealed record CorrectionAnswered
{
    public required Guid CorrectionId { get; init; }

    public required Guid ExchangeId { get; init; }

    public required string OwningCity { get; init; }

    /// <summary>Of the correction; the owning city counts.</summary>
    public required int Version { get; init; }

    /// <summary>The last day there was: the answer may overtake the news of it.</summary>
    public required LegalDate Due { get; init; }

    /// <summary><c>corrected</c> or <c>not_an_error</c>.</summary>
    public required string Result { get; init; }

    public required string Explanation { get; init; }

    /// <summary>First day on which the data was wrong, in Beijing; null when it was not.</summary>
    public DateOnly? ErrorFrom { get; init; }

    /// <summary>Last day on which it was.</summary>
    public DateOnly? ErrorTo { get; init; }

    public required DateTimeOffset AnsweredAt { get; init; }
}

/// <summary>Data that an exchange received was wrong and is corrected: told to everyone who received it since the error began, whoever reported it. One per exchange, without the record.</summary>
public sealed record DataCorrected
{
    public required Guid CorrectionId { get; init; }

    /// <summary>The exchange under which it was received.</summary>
    public required Guid ExchangeId { get; init; }

    public required string OwningCity { get; init; }

    public required Guid DatasetId { get; init; }

    public required string Field { get; init; }

    public required DateOnly ErrorFrom { get; init; }

    public required DateOnly ErrorTo { get; init; }

    public required DateTimeOffset CorrectedAt { get; init; }
}
