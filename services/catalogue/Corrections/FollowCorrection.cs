using Dapper;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Sharing;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Corrections;

/// <summary>The asking city's row takes over the owning city's newest version: the date, then the result (art. 26). Older and repeated news change nothing.</summary>
internal sealed class FollowCorrection(Transaction transaction, Notices notices) : IConsumer<CorrectionReceived>, IConsumer<CorrectionAnswered>
{
    public async Task Consume(ConsumeContext<CorrectionReceived> context)
    {
        var (news, cancel) = (context.Message, context.CancellationToken);
        context.Require(news.OwningCity);
        await MirrorAsync(news.CorrectionId, news.OwningCity, cancel);
        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update corrections set state = 'received', version = @Version, due_on = @On, due_provisional = @Provisional
            where correction_id = @CorrectionId and side = 'asking' and version < @Version
            """, new { news.CorrectionId, news.Version, news.Due.On, news.Due.Provisional }, cancellationToken: cancel));
    }

    public async Task Consume(ConsumeContext<CorrectionAnswered> context)
    {
        var (news, cancel) = (context.Message, context.CancellationToken);
        context.Require(news.OwningCity);
        var mirror = await MirrorAsync(news.CorrectionId, news.OwningCity, cancel);
        if (await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            update corrections set state = 'answered', version = @Version, due_on = @On, due_provisional = @Provisional, result = @Result, explanation = @Explanation, error_from = @ErrorFrom, error_to = @ErrorTo, answered_at = @AnsweredAt
            where correction_id = @CorrectionId and side = 'asking' and version < @Version
            """, new { news.CorrectionId, news.Version, news.Due.On, news.Due.Provisional, news.Result, news.Explanation, news.ErrorFrom, news.ErrorTo, news.AnsweredAt }, cancellationToken: cancel)) == 0)
        {
            return;
        }

        mirror = mirror with { State = "answered", Result = news.Result };
        await notices.AddAsync(ReceiveCorrection.NoticeOf(mirror, "correction.answered", mirror.AskingDepartment, Roles.Officer), cancel);
        // The second of the two reports of an answer: the asking city's own.
        await transaction.RecordAsync(mirror.Record("correction.answer_received"), cancel);
    }

    private async Task<Correction> MirrorAsync(Guid id, string owningCity, CancellationToken cancel) =>
        await Correction.FindAsync(transaction.Connection, id, Side.Asking, cancel) is { } mirror && mirror.OwningCity == owningCity
            ? mirror
            : throw new InvalidOperationException($"{owningCity} tells of correction {id}, which this city never sent there.");
}
