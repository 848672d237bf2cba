using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Approvals;

/// <summary>A reviewer names everything that is missing, once (补正, art. 21). Whether the reply clock waits meanwhile is the city's setting.</summary>
internal static class AskSupplement
{
    private static readonly string[] Items = ["legal_basis", "scenario", "scope", "fields", "use_until", "material"];

    public sealed record Body
    {
        /// <summary>All that is missing; there is no second notice.</summary>
        public IReadOnlyList<MissingItem>? Missing { get; init; }
    }

    public static void Map(RouteGroupBuilder approvals) => approvals.MapPost("/{id:guid}/ask-supplement", HandleAsync)
        .AllowPersons(Roles.Reviewer)
        .WritesOnce()
        .WithSummary("Tells the asking side everything that is missing, in one notice (art. 21). Needs If-Match.");

    private static async Task<Results<Ok<RequestView>, Refused>> HandleAsync(
        Guid id, Body body, Caller caller, ActOnRequest act, City city, WorkingDays days, TimeProvider clock, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (body.Missing is not { Count: > 0 and <= 50 } missing)
        {
            faults.Add("missing", "required", "第21条", new("请一次性列出全部需要补正的内容，一至五十项。", "Name everything that is missing, one to fifty things."));
            return new Refused(faults);
        }

        for (var i = 0; i < missing.Count; i++)
        {
            if (!Items.Contains(missing[i].Item, StringComparer.Ordinal))
            {
                faults.Add($"missing[{i}].item", "one-of", "第20条", new($"须为 {string.Join("、", Items)} 之一。", $"It is one of {string.Join(", ", Items)}."));
            }

            faults.RequireText($"missing[{i}].what", missing[i].What, "第21条");
        }

        return faults.Any
            ? new Refused(faults)
            : await act.RunAsync(id, Side.Owning, caller, http, stored => new SharingEvent.AskSupplement(caller, missing, DaysLeft(stored.Process)), cancel);

        int? DaysLeft(SharingRequest request) => city.Limits.PauseForSupplement && request.ReplyDue is { } due ? days.Left(LegalDay.Of(clock.GetUtcNow()), due.On) : null;
    }

    /// <summary>The day to which a clock that waits for a supplement runs from today; null when it does not wait. At least the next working day.</summary>
    public static LegalDate? RunsOnTo(this SharingRequest request, WorkingDays days, TimeProvider clock) =>
        request is { ReplyDue: null, Supplement.DaysLeft: { } left } ? days.Add(LegalDay.Of(clock.GetUtcNow()), Math.Max(1, left)) : null;
}
