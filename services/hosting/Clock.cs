using System.Globalization;
using Microsoft.Extensions.Hosting;

namespace Exchange.Hosting;

/// <summary>Business time. Leases and the age of outbox rows use the database's clock instead.</summary>
public static class Clock
{
    public const string TestVariable = "EXCHANGE_TEST_CLOCK";

    /// <summary>The system's clock; in environment <c>Test</c> moved by the offset in the file that <see cref="TestVariable"/> names. Anywhere else that variable stops the start.</summary>
    public static TimeProvider For(IHostEnvironment environment)
    {
        var file = Environment.GetEnvironmentVariable(TestVariable);
        if (string.IsNullOrEmpty(file))
        {
            return TimeProvider.System;
        }

        return environment.IsEnvironment("Test")
            ? new OffsetClock(file)
            : throw new InvalidSettingsException([$"{TestVariable}: is accepted only in environment Test"]);
    }

    /// <summary>Now, cut to the milliseconds that the wire, PostgreSQL and the log all keep.</summary>
    public static DateTimeOffset Now(this TimeProvider clock)
    {
        var now = clock.GetUtcNow();
        return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
    }

    private sealed class OffsetClock(string file) : TimeProvider
    {
        private readonly Lock gate = new();
        private TimeSpan offset;
        private long looked = long.MinValue;

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Offset();

        private TimeSpan Offset()
        {
            lock (gate)
            {
                if (looked == long.MinValue || GetElapsedTime(looked) > TimeSpan.FromMilliseconds(50))
                {
                    looked = GetTimestamp();
                    // Read each time: two writes within one tick of the file system have the same time stamp.
                    offset = TimeSpan.Parse(File.ReadAllText(file), CultureInfo.InvariantCulture);
                }

                return offset;
            }
        }
    }
}
