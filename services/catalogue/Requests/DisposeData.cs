using Exchange.Catalogue.Sharing;
using Exchange.Hosting;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Exchange.Catalogue.Requests;

/// <summary>
/// Once access is over the asking side disposes of what it has received, as the provider requires, and records it (处置, arts. 27, 29).
/// Personal and important data: a second person confirms before it counts (GB/T 45396-2025, 7.2 h).
/// </summary>
internal static class DisposeData
{
    public sealed record Body
    {
        /// <summary>delete, return, seal or anonymise; what the grant requires.</summary>
        public string? Method { get; init; }

        /// <summary>What was disposed of, where, copies and derived data included, and how it was checked.</summary>
        public string? Note { get; init; }
    }

    private static readonly Rule OtherMethod = new("other-disposal", 422, "第27条",
        new("须按提供方的要求处置数据。", "The data is disposed of as the provider requires."),
        new("请按授权写明的方式处置；需要其他方式的，先申请变更。", "Dispose of it in the way the grant names."));

    public static void Map(RouteGroupBuilder requests)
    {
        requests.MapPost("/{id:guid}/dispose", DisposeAsync).AllowPersons(Roles.Officer).WritesOnce()
            .WithSummary("Records that received data was disposed of; personal or important data waits for a second person (arts. 27, 29). Needs If-Match.");
        requests.MapPost("/{id:guid}/confirm-disposal", ConfirmAsync).AllowPersons(Roles.Officer, Roles.SharingHead).WritesOnce()
            .WithSummary("Confirms a disposal that another person has recorded. Needs If-Match.");
    }

    private static async Task<Results<Ok<RequestView>, Refused>> DisposeAsync(
        Guid id, Body body, Caller caller, ActOnRequest act, Transaction transaction, SharingStore store, HttpContext http, CancellationToken cancel)
    {
        var faults = new Faults();
        if (!Disposals.All.Contains(body.Method, StringComparer.Ordinal))
        {
            faults.Add("method", "one-of", "第27条", new($"须为 {string.Join("、", Disposals.All)} 之一。", $"It is one of {string.Join(", ", Disposals.All)}."));
        }

        faults.RequireText("note", body.Note, "第27条");
        if (faults.Any)
        {
            return new Refused(faults);
        }

        var stored = await store.FindAsync(id, Side.Asking, cancel);
        var sensitive = stored is null || await KnownDatasets.IsSensitiveAsync(transaction, stored.Process.Ask.DatasetId, cancel);
        return await act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.Dispose(caller, body.Method!, body.Note!, sensitive), cancel,
            request => request.Process.Grant?.Disposal is { } required && required != body.Method
                ? new Refused(OtherMethod, new($"要求的处置方式：{required}。", $"Required: {required}."))
                : null);
    }

    private static Task<Results<Ok<RequestView>, Refused>> ConfirmAsync(Guid id, Caller caller, ActOnRequest act, HttpContext http, CancellationToken cancel) =>
        act.RunAsync(id, Side.Asking, caller, http, _ => new SharingEvent.ConfirmDisposal(caller), cancel);
}
