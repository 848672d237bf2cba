using System.Text.Json;
using Exchange.Contracts;

namespace Exchange.Gateway.Portal.Authority;

/// <summary>What <c>/authority/clocks</c> answers.</summary>
public sealed record ClockAnswer
{
    public required DateOnly Today { get; init; }
    public required IReadOnlyList<ClockKind> Counts { get; init; }
    public required IReadOnlyList<ClockLine> Items { get; init; }
    public string? Next { get; init; }
}

/// <summary>How many clocks of a kind run.</summary>
public sealed record ClockKind(string Clock, int Running, int Today, int Overdue);

/// <summary>A running clock.</summary>
public sealed record ClockLine
{
    public required string Clock { get; init; }
    public required Guid Subject { get; init; }
    public string? Reference { get; init; }
    public Guid? DatasetId { get; init; }
    public string? Name { get; init; }
    public required string Department { get; init; }
    public string? DepartmentName { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required LegalDate Due { get; init; }
    public required int WorkingDaysLeft { get; init; }
    public required bool Overdue { get; init; }
    public string? Side { get; init; }
}

/// <summary>What <c>/authority/consents</c> answers.</summary>
public sealed record ConsentAnswer
{
    public required IReadOnlyList<RequestView> Replies { get; init; }
    public required IReadOnlyList<UpdateLine> Updates { get; init; }
}

/// <summary>An entry whose update is to take longer.</summary>
public sealed record UpdateLine(Guid DatasetId, string Name, string Department, string DepartmentName, DutyLine Change);

/// <summary>A change of law or duty that an entry has to follow.</summary>
public sealed record DutyLine
{
    public required Guid Id { get; init; }

    /// <summary>law, state_council_decision or department_duty.</summary>
    public required string What { get; init; }

    public required DateOnly ChangedOn { get; init; }
    public required string Reference { get; init; }
    public required string StatedBy { get; init; }
    public required LegalDate Due { get; init; }
    public UpdateExtensionLine? Extension { get; init; }
}

public sealed record UpdateExtensionLine(int WorkingDays, string Reason, string Outcome, string? Answer);

/// <summary>What <c>/notices</c> answers.</summary>
public sealed record NoticeAnswer
{
    public IReadOnlyList<NoticeLine> Items { get; init; } = [];
    public string? Next { get; init; }
}

public sealed record NoticeLine
{
    public required Guid Id { get; init; }
    public required string Type { get; init; }
    public required string Title { get; init; }
    public required string For { get; init; }
    public Guid? ExchangeId { get; init; }
    public Guid? DatasetId { get; init; }
    public string? Reference { get; init; }
    public required DateTimeOffset At { get; init; }
}

/// <summary>What <c>/calendar</c> answers.</summary>
public sealed record CalendarAnswer(IReadOnlyList<CalendarLine> Years);

public sealed record CalendarLine
{
    public required int Year { get; init; }
    public required string Origin { get; init; }
    public required IReadOnlyList<DateOnly> Off { get; init; }
    public required IReadOnlyList<DateOnly> Work { get; init; }
    public required string Source { get; init; }
    public DateTimeOffset? LoadedAt { get; init; }
}

/// <summary>Answers of which only the success matters.</summary>
public sealed record Done
{
    public JsonElement? Id { get; init; }
}
