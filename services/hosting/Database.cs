using System.Collections.Concurrent;
using System.Data;
using System.Globalization;
using Dapper;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Hosting;

/// <summary>The service's own database through its two roles: the owner migrates, the app role runs and has no DDL.</summary>
public sealed class Database : IAsyncDisposable
{
    private readonly ConcurrentBag<NpgsqlDataSource> pools = [];

    static Database()
    {
        DefaultTypeMap.MatchNamesWithUnderscores = true;
        SqlMapper.AddTypeHandler(new UtcHandler());
        SqlMapper.AddTypeHandler(new DateHandler());
    }

    /// <summary>Shorter than the gateway waits for an answer: of a database that hangs the caller is told by this service, with a time to come again.</summary>
    private static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(20);

    public Database(IConfiguration configuration, ServiceSettings service, ILoggerFactory logs)
    {
        Owner = configuration.GetConnectionString("Owner")!;
        var app = new NpgsqlConnectionStringBuilder(configuration.GetConnectionString("App"));
        if (!app.ShouldSerialize("Command Timeout"))
        {
            app.CommandTimeout = (int)AnswerWithin.TotalSeconds;
        }

        App = Source(app.ConnectionString, service, logs);
        pools.Add(App);
    }

    /// <summary>Connection string of the role that migrates.</summary>
    internal string Owner { get; }

    /// <summary>Pool of the role that runs.</summary>
    public NpgsqlDataSource App { get; }

    /// <summary>Further pools of this service on the same server.</summary>
    public void Include(NpgsqlDataSource pool) => pools.Add(pool);

    /// <summary>Drops idle connections: after one has failed the others are most likely dead too, and each would cost a caller a refusal.</summary>
    public void Forget()
    {
        foreach (var pool in pools)
        {
            pool.Clear();
        }
    }

    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancel) => await App.OpenConnectionAsync(cancel);

    /// <summary>A pool for one of a service's roles, named in the server's activity view.</summary>
    public static NpgsqlDataSource Source(string connectionString, ServiceSettings service, ILoggerFactory logs)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString)
        {
            ApplicationName = service.Name,
            MaxAutoPrepare = 40,
            AutoPrepareMinUsages = 2,
            Timezone = "UTC",
            // Statements here are short; compiling one costs more than running it.
            Options = $"{new NpgsqlConnectionStringBuilder(connectionString).Options} -c jit=off",
        };
        if (!settings.ShouldSerialize("Timeout"))
        {
            settings.Timeout = 5;
        }

        if (settings.SearchPath is null)
        {
            settings.SearchPath = "service";
        }

        return new NpgsqlDataSourceBuilder(settings.ConnectionString).UseLoggerFactory(logs).Build();
    }

    public ValueTask DisposeAsync() => App.DisposeAsync();

    private sealed class UtcHandler : SqlMapper.TypeHandler<DateTimeOffset>
    {
        public override DateTimeOffset Parse(object value) => value switch
        {
            DateTimeOffset moment => moment,
            DateTime moment => new DateTimeOffset(DateTime.SpecifyKind(moment, DateTimeKind.Utc)),
            _ => throw new InvalidCastException($"{value.GetType()} is no moment."),
        };

        public override void SetValue(IDbDataParameter parameter, DateTimeOffset value)
        {
            ((NpgsqlParameter)parameter).NpgsqlDbType = NpgsqlDbType.TimestampTz;
            parameter.Value = value.UtcDateTime;
        }
    }

    private sealed class DateHandler : SqlMapper.TypeHandler<DateOnly>
    {
        public override DateOnly Parse(object value) => value switch
        {
            DateOnly date => date,
            DateTime moment => DateOnly.FromDateTime(moment),
            _ => DateOnly.Parse(Convert.ToString(value, CultureInfo.InvariantCulture)!, CultureInfo.InvariantCulture),
        };

        public override void SetValue(IDbDataParameter parameter, DateOnly value)
        {
            ((NpgsqlParameter)parameter).NpgsqlDbType = NpgsqlDbType.Date;
            parameter.Value = value;
        }
    }
}
