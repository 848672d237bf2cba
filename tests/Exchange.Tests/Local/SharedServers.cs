using Exchange.Local;
using Xunit;

[assembly: AssemblyFixture(typeof(Exchange.Tests.Local.SharedServers))]

namespace Exchange.Tests.Local;

/// <summary>One PostgreSQL and one RabbitMQ for all tests that only add to them; stopped when the run ends.</summary>
public sealed class SharedServers : IAsyncLifetime
{
    private static readonly Lazy<Task<Stack>> Started = new(() => Stack.StartAsync(StackOptions.ForTests() with { Services = [] }));

    internal static Task<Stack> GetAsync() => Started.Value;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (Started.IsValueCreated)
            await (await Started.Value).DisposeAsync();
    }
}
