using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Contracts;
using Exchange.Hosting;
using Npgsql;

namespace Exchange.Catalogue.Datasets;

/// <summary>A law, State Council decision or department duty changed and an entry has to follow: ten working days to update it and send it to review (art. 17).</summary>
internal sealed record DutyChange
{
    public required Guid DutyChangeId { get; init; }
    public required Guid DatasetId { get; init; }
    public required string What { get; init; }
    public required DateOnly ChangedOn { get; init; }
    public required string Reference { get; init; }
    public required string StatedByName { get; init; }
    public required DateTimeOffset StatedAt { get; init; }
    public required DateOnly DueOn { get; init; }
    public required bool DueProvisional { get; init; }
    public int? ExtensionDays { get; init; }
    public string? ExtensionReason { get; init; }
    public string? ExtensionAskedBy { get; init; }
    public string? ExtensionOutcome { get; init; }
    public string? ExtensionAnswer { get; init; }
    public DateTimeOffset? MetAt { get; init; }
    public int? MetVersion { get; init; }

    public const string Article = "第17条";

    /// <summary>What may change.</summary>
    public static readonly IReadOnlyList<string> Kinds = ["law", "state_council_decision", "department_duty"];

    public static readonly Rule NothingPublished = new("nothing-to-update", StatusCodes.Status409Conflict, Article,
        new("该目录尚未发布，没有需要随之更新的条目。", "The entry is not published; there is nothing to update."),
        new("请直接修改起草中的目录。", "Change the draft itself."));

    public static readonly Rule Met = new("update-sent", StatusCodes.Status409Conflict, Article,
        new("更新后的目录已经送审，期限已停止。", "The updated entry was sent to review; the clock has stopped."),
        new("无需再办理。", "Nothing is left to do."));

    public static readonly Rule ExtendedOnce = new("update-extended", StatusCodes.Status409Conflict, Article,
        new("目录更新只能延期一次，已有延期申请或已延期。", "An update is extended once; an extension was asked for or given already."),
        new("请等待数据主管部门答复，或在期限内更新送审。", "Wait for the data authority's answer, or send the update to review in time."));

    public static readonly Rule TooLate = new("update-late", StatusCodes.Status409Conflict, Article,
        new("更新期限已过，不能再延期。", "The update clock has run out and is no longer extended."),
        new("请立即更新送审；逾期情况已有记录。", "Send the update to review at once; that it is late is on record."));

    public static readonly Rule NotAsked = new("update-extension-not-asked", StatusCodes.Status409Conflict, Article,
        new("没有等待答复的延期申请。", "No extension waits for an answer."),
        new("须先由提供部门申请延期。", "The department asks for it first."));

    public static readonly Rule SamePerson = new("same-person-extends", StatusCodes.Status403Forbidden, Article,
        new("申请延期的人不得答复本人的申请。", "Whoever asked for an extension does not answer it."),
        new("请由本市数据主管部门的另一位工作人员答复。", "Have another person of the city's data authority answer it."));

    public const string Columns = """
        duty_change_id, dataset_id, what, changed_on, reference, stated_by_name, stated_at, due_on, due_provisional, extension_days, extension_reason, extension_asked_by, extension_outcome,
        extension_answer, met_at, met_version
        """;

    public static async Task<DutyChange?> LockAsync(NpgsqlConnection connection, Guid dataset, Guid id, CancellationToken cancel) =>
        await connection.QuerySingleOrDefaultAsync<DutyChange>(new CommandDefinition(
            $"select {Columns} from duty_changes where dataset_id = @dataset and duty_change_id = @id for update", new { dataset, id }, cancellationToken: cancel));

    public bool IsOverAt(DateTimeOffset now) => LegalDay.Of(now) > DueOn;

    public AuditRecord Record(string type, Dataset dataset, string? result, Dictionary<string, string>? openings = null) => new()
    {
        Type = type,
        Providing = dataset.DepartmentCode,
        Service = DatasetId,
        ServiceVersion = dataset.PublishedVersion,
        Result = result,
        Details = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["duty_change"] = DutyChangeId.ToString(),
            ["what"] = What,
            ["changed_on"] = CatalogueClocks.Day(ChangedOn),
            ["due"] = CatalogueClocks.Day(DueOn),
        },
        Openings = openings ?? [],
    };
}

/// <summary>A change of law or duty as it is shown.</summary>
internal sealed record DutyChangeView
{
    public required Guid Id { get; init; }

    /// <summary>law, state_council_decision or department_duty.</summary>
    public required string What { get; init; }

    public required DateOnly ChangedOn { get; init; }

    /// <summary>The document.</summary>
    public required string Reference { get; init; }

    public required string StatedBy { get; init; }

    public required DateTimeOffset StatedAt { get; init; }

    /// <summary>Last day to send the update to review.</summary>
    public required LegalDate Due { get; init; }

    public UpdateExtensionView? Extension { get; init; }

    /// <summary>When a newer text was sent to review, or the entry was withdrawn; null while the clock runs.</summary>
    public DateTimeOffset? MetAt { get; init; }

    public int? MetVersion { get; init; }

    public static DutyChangeView Of(DutyChange c) => new()
    {
        Id = c.DutyChangeId,
        What = c.What,
        ChangedOn = c.ChangedOn,
        Reference = c.Reference,
        StatedBy = c.StatedByName,
        StatedAt = c.StatedAt,
        Due = new LegalDate(c.DueOn, c.DueProvisional),
        Extension = c.ExtensionDays is { } more ? new(more, c.ExtensionReason!, c.ExtensionOutcome ?? "asked", c.ExtensionAnswer) : null,
        MetAt = c.MetAt,
        MetVersion = c.MetVersion,
    };
}

/// <param name="WorkingDays">How many more.</param>
/// <param name="Reason">Why.</param>
/// <param name="Outcome">asked, consented or denied.</param>
/// <param name="Answer">The authority's words.</param>
internal sealed record UpdateExtensionView(int WorkingDays, string Reason, string Outcome, string? Answer);
