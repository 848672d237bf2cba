using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Requests;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Approvals;

/// <summary>The asking side's later acts arrive: supplement, change of scope, repair, consultation, dispute, disposal. What comes twice or too late changes nothing.</summary>
internal sealed class ReceiveActs(SharingStore store, City city, WorkingDays days, PublishedEntries entries, TimeProvider clock)
    : IConsumer<RequestSupplemented>, IConsumer<ScopeChangeAsked>, IConsumer<RepairReported>, IConsumer<ConsultationAnswered>, IConsumer<DisputeRaised>, IConsumer<DisposalRecorded>
{
    public Task Consume(ConsumeContext<RequestSupplemented> context) => TakeAsync(context, context.Message.ExchangeId, context.Message.AskingCity, "request.supplemented", stored => new SharingEvent.SupplementReceived(
        context.Message.Note,
        stored.Texts with { LegalBasis = context.Message.LegalBasis, Scenario = context.Message.Scenario, Scope = context.Message.Scope },
        stored.Process.RunsOnTo(days, clock)));

    public async Task Consume(ConsumeContext<ScopeChangeAsked> context)
    {
        var (id, change) = (context.Message.ExchangeId, context.Message.Change);
        var limit = city.Limits.ReplyConditional;
        if (change.Fields is { } fields && await store.FindAsync(id, Side.Owning, context.CancellationToken) is { Process.Ask: var ask }
            && await entries.FindAsync(ask.DatasetId, ask.DatasetVersion, context.CancellationToken) is { } entry)
        {
            limit = DraftRequest.ClassOf(entry, fields) == SharingClass.Unconditional ? city.Limits.ReplyUnconditional : limit;
        }

        var due = days.Add(LegalDay.Of(change.AskedAt), limit);
        await TakeAsync(context, id, context.Message.AskingCity, "change.asked", _ => new SharingEvent.ChangeReceived(change, due));
    }

    public Task Consume(ConsumeContext<RepairReported> context) =>
        TakeAsync(context, context.Message.ExchangeId, context.Message.AskingCity, "repair.reported", _ => new SharingEvent.RepairReceived(context.Message.Note, context.Message.ReportedAt));

    public Task Consume(ConsumeContext<ConsultationAnswered> context) =>
        TakeAsync(context, context.Message.ExchangeId, context.Message.AskingCity, "service_change.answered", _ => new SharingEvent.ConsultationReceived(context.Message.Agreed, context.Message.Answer, context.Message.AnsweredAt));

    public Task Consume(ConsumeContext<DisputeRaised> context) =>
        TakeAsync(context, context.Message.ExchangeId, context.Message.AskingCity, "dispute.position", _ => new SharingEvent.DisputeReceived(context.Message.Position, context.Message.RaisedAt));

    public Task Consume(ConsumeContext<DisposalRecorded> context) =>
        TakeAsync(context, context.Message.ExchangeId, context.Message.AskingCity, "disposal.recorded", _ => new SharingEvent.DisposeReceived(context.Message.Disposal));

    private async Task TakeAsync(ConsumeContext context, Guid id, string askingCity, string record, Func<StoredRequest, SharingEvent> happened)
    {
        context.Require(askingCity);
        if (await store.FindAsync(id, Side.Owning, context.CancellationToken) is not { } stored)
        {
            throw new InvalidOperationException($"Request {id}, which {askingCity} acts on, was never received.");
        }

        if (stored.Process.Ask.AskingCity != askingCity)
        {
            throw new InvalidOperationException($"{askingCity} acts on request {id}, which is {stored.Process.Ask.AskingCity}'s.");
        }

        var act = happened(stored);
        switch (await store.ApplyAsync(stored, act, context.CancellationToken))
        {
            case SharingOutcome.Refused refused:
                throw new InvalidOperationException($"{act.Name.Word()} of request {id} does not fit: {refused.Rule.Title.En}");
            case SharingOutcome.Ignored:
                await store.RecordIgnoredAsync(stored, record, context.CancellationToken);
                break;
        }
    }
}
