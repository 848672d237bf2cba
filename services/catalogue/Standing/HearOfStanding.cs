using System.Text.Json;
using Dapper;
using Exchange.Contracts;
using Exchange.Hosting;
using Exchange.Hosting.Messaging;
using MassTransit;

namespace Exchange.Catalogue.Standing;

/// <summary>The owning city takes over how its receiver says that it goes. Older and repeated news change nothing.</summary>
internal sealed class HearOfStanding(Transaction transaction, TimeProvider clock) : IConsumer<StandingExchangeProgressed>
{
    public async Task Consume(ConsumeContext<StandingExchangeProgressed> context)
    {
        var (news, cancel) = (context.Message, context.CancellationToken);
        context.Require(news.AskingCity);
        if (!await transaction.Connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "select exists (select from grants where exchange_id = @ExchangeId and asking_city = @AskingCity)", new { news.ExchangeId, news.AskingCity }, cancellationToken: cancel)))
        {
            throw new InvalidOperationException($"{news.AskingCity} tells of a standing exchange under {news.ExchangeId}, which was never granted to it here.");
        }

        await transaction.Connection.ExecuteAsync(new CommandDefinition("""
            insert into standing_receivers as r (exchange_id, version, told, heard_at) values (@ExchangeId, @Version, @told::jsonb, @now)
            on conflict (exchange_id) do update set version = excluded.version, told = excluded.told, heard_at = excluded.heard_at where r.version < excluded.version
            """, new { news.ExchangeId, news.Version, told = JsonSerializer.Serialize(news, Json.Options), now = clock.Now() }, cancellationToken: cancel));
    }
}
