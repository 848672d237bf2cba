namespace Exchange.Contracts;

/// <summary>What was agreed: it names the fields, the purpose and the term, and the owning city enforces it.</summary>
public sealed record GrantTerms
{
    /// <summary>The same id as the request: people and machines follow one id.</summary>
    public required Guid ExchangeId { get; init; }

    public required Guid DatasetId { get; init; }

    /// <summary>The entry version whose fields were agreed.</summary>
    public required int DatasetVersion { get; init; }

    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>
    /// How a field is treated before it leaves the owning city, by its name; a field that is not named goes plain. Words: <c>masked</c> (nothing of the value is seen), <c>masked:name</c>,
    /// <c>masked:id_number</c>, <c>masked:phone</c>, <c>masked:address</c>, <c>masked:bank_card</c>, <c>hashed</c> (HMAC-SHA256 with a key of this grant), <c>generalised:month</c>,
    /// <c>generalised:district</c>, <c>generalised:band:&lt;width&gt;</c>, <c>dropped</c>. Null: all plain.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Treatments { get; init; }

    /// <summary>Which rows are delivered; null: all of them.</summary>
    public RowFilter? Rows { get; init; }

    public required DateOnly ValidFrom { get; init; }

    /// <summary>Last day of use, in Beijing.</summary>
    public required DateOnly ValidUntil { get; init; }

    /// <summary>共享方式: rows, file or service; null in grants of before.</summary>
    public string? Method { get; init; }

    /// <summary>使用场景: the purpose that was agreed; null in grants of before.</summary>
    public string? Purpose { get; init; }

    /// <summary>To whom the data may be passed on (art. 25); empty: to nobody.</summary>
    public IReadOnlyList<string> ThirdParties { get; init; } = [];

    /// <summary>How the provider requires the data to be disposed of (art. 27): delete, return, seal or anonymise.</summary>
    public string? Disposal { get; init; }
}

/// <summary>Which rows a grant gives; a row is delivered when every part that is named holds.</summary>
public sealed record RowFilter
{
    public AreaFilter? Area { get; init; }

    public TimeFilter? Time { get; init; }
}

/// <summary>Rows of an area: by a field of the entry, granted or not, that holds its name or code. Rows without a value there are not delivered.</summary>
public sealed record AreaFilter
{
    public required string Field { get; init; }

    /// <summary>The field equals one of these; null when a prefix is named.</summary>
    public IReadOnlyList<string>? Values { get; init; }

    /// <summary>The field begins with this, such as the first six digits of a division code; null when values are named.</summary>
    public string? Prefix { get; init; }
}

/// <summary>Rows of a time: by a date or time field of the entry, granted or not. Rows without a value there are not delivered.</summary>
public sealed record TimeFilter
{
    public required string Field { get; init; }

    /// <summary>First day, in Beijing; null: from the beginning.</summary>
    public DateOnly? From { get; init; }

    /// <summary>Last day, in Beijing; null: without end.</summary>
    public DateOnly? Until { get; init; }
}
