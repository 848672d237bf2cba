using Exchange.Local;
using Exchange.Local.Services;
using Npgsql;
using RabbitMQ.Client;
using Xunit;

namespace Exchange.Tests.Local;

[Trait("needs", "server")]
public sealed class PrivateServersTests
{
    private static readonly StackOptions ServersOnly = StackOptions.ForTests() with { Services = [] };

    [Trait("length", "long")]
    [Fact]
    public async Task Servers_that_were_stopped_and_started_have_kept_everything()
    {
        await using var stack = await Stack.StartAsync(ServersOnly, TestContext.Current.CancellationToken);
        await ExecuteAsync(stack.Databases.ConnectionString("changsha", "owner"), "create table kept (id int primary key); insert into kept values (7)");
        await PublishAsync(stack, "changsha", "zhuzhou");

        await stack.StopBrokerAsync();
        await stack.StopPostgresAsync();
        Assert.Null(stack.Rabbit!.Process);
        Assert.Null(stack.Postgres!.Process);
        await stack.StartPostgresAsync(TestContext.Current.CancellationToken);
        await stack.StartBrokerAsync(TestContext.Current.CancellationToken);

        Assert.Equal(7, await ScalarAsync(stack.Databases.ConnectionString("changsha", "app"), "select id from kept"));
        Assert.Equal("hello", await FetchAsync(stack, "zhuzhou"));
    }

    [Trait("length", "long")]
    [Fact]
    public async Task A_throw_away_folder_is_gone_at_the_end_and_so_are_its_processes()
    {
        var stack = await Stack.StartAsync(ServersOnly, TestContext.Current.CancellationToken);
        var data = stack.Data;
        var processes = new RunFile(data).Read()!.Alive.Where(p => p.Name != RunFile.Launcher).ToList();
        Assert.Equal([RunFile.Names, RunFile.Postgres, RunFile.Broker], processes.Select(p => p.Name).Order(StringComparer.Ordinal));

        await stack.DisposeAsync();

        Assert.False(Directory.Exists(data));
        Assert.DoesNotContain(processes, p => p.Id.IsAlive);
    }

    [Trait("length", "long")]
    [Fact]
    public async Task What_a_killed_launcher_left_behind_is_found_and_stopped()
    {
        var stack = await Stack.StartAsync(ServersOnly, TestContext.Current.CancellationToken);
        var left = new RunFile(stack.Data).Read()!.Alive.Where(p => p.Name != RunFile.Launcher).ToList();

        await ThrowAway.SweepAsync(stack.Data);

        Assert.DoesNotContain(left, p => p.Id.IsAlive);
        Assert.False(Directory.Exists(stack.Data));
    }

    [Theory]
    [InlineData("app", "create table service.mine (id int)")]
    [InlineData("app", "select * from data.rows")]
    [InlineData("reader", "insert into data.rows values (2)")]
    [InlineData("reader", "select * from service.secret")]
    [InlineData("loader", "select * from service.secret")]
    [InlineData("owner", "select * from data.rows")]
    public async Task A_role_can_do_its_own_work_only(string role, string sql)
    {
        var stack = await SharedServers.GetAsync();
        await ExecuteAsync(stack.Databases.ConnectionString("zhuzhou", "owner"), "create table if not exists secret (id int)");
        await ExecuteAsync(stack.Databases.ConnectionString("zhuzhou", "loader"), "create table if not exists rows (id int)");
        await ExecuteAsync(stack.Databases.ConnectionString("zhuzhou", "app"), "insert into secret values (1)");
        Assert.Null(await ScalarAsync(stack.Databases.ConnectionString("zhuzhou", "reader"), "select max(id) from rows"));

        var fault = await Assert.ThrowsAsync<PostgresException>(() => ExecuteAsync(stack.Databases.ConnectionString("zhuzhou", role), sql));

        Assert.Contains(fault.SqlState, (string[])[PostgresErrorCodes.InsufficientPrivilege, PostgresErrorCodes.ReadOnlySqlTransaction]);
    }

    [Theory]
    [InlineData("audit", "zhuzhou_app")]
    [InlineData("postgres", "zhuzhou_app")]
    [InlineData("zhuzhou", "gateway_owner")]
    public async Task A_role_connects_to_its_own_database_only(string database, string role)
    {
        var stack = await SharedServers.GetAsync();
        var at = role.LastIndexOf('_');

        var fault = await Assert.ThrowsAsync<PostgresException>(() => ScalarAsync(stack.Databases.ConnectionString(role[..at], role[(at + 1)..], database), "select 1"));

        Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, fault.SqlState);
    }

    [Fact]
    public async Task The_broker_knows_no_guest()
    {
        var stack = await SharedServers.GetAsync();

        await Assert.ThrowsAnyAsync<RabbitMQ.Client.Exceptions.BrokerUnreachableException>(() =>
            new ConnectionFactory { Uri = new Uri($"amqp://guest:guest@127.0.0.1:{stack.Rabbit!.Port}/exchange") }.CreateConnectionAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_fresh_database_can_be_copied_from_another()
    {
        var stack = await SharedServers.GetAsync();
        await stack.Databases.CreateAsync("audit", isCity: false, "template_of_a_test", null, TestContext.Current.CancellationToken);
        await ExecuteAsync(WithoutPool(stack.Databases.ConnectionString("audit", "owner", "template_of_a_test")), "create table entries (id int); insert into entries values (3)");

        await stack.Databases.CreateAsync("audit", isCity: false, "copy_of_a_test", "template_of_a_test", TestContext.Current.CancellationToken);

        Assert.Equal(3, await ScalarAsync(stack.Databases.ConnectionString("audit", "app", "copy_of_a_test"), "select id from entries"));
    }

    private static string WithoutPool(string connectionString) => new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString;

    private static async Task ExecuteAsync(string connectionString, string sql) => await ScalarAsync(connectionString, sql);

    private static async Task<object?> ScalarAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(WithoutPool(connectionString));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken) is { } value and not DBNull ? value : null;
    }

    private static async Task PublishAsync(Stack stack, string from, string to)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(stack.BrokerUri(from)) }.CreateConnectionAsync(TestContext.Current.CancellationToken);
        await using var channel = await connection.CreateChannelAsync(new CreateChannelOptions(true, true), TestContext.Current.CancellationToken);
        await channel.BasicPublishAsync("exchange.addressed", $"{from}.{to}", mandatory: true,
            new BasicProperties { Persistent = true }, "hello"u8.ToArray(), TestContext.Current.CancellationToken);
    }

    private static async Task<string?> FetchAsync(Stack stack, string city)
    {
        await using var connection = await new ConnectionFactory { Uri = new Uri(stack.BrokerUri(city)) }.CreateConnectionAsync(TestContext.Current.CancellationToken);
        await using var channel = await connection.CreateChannelAsync(cancellationToken: TestContext.Current.CancellationToken);
        var message = await channel.BasicGetAsync($"{city}.addressed", autoAck: true, TestContext.Current.CancellationToken);
        return message is null ? null : System.Text.Encoding.UTF8.GetString(message.Body.Span);
    }
}
