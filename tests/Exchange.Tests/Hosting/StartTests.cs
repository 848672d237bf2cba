using Exchange.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Xunit;

namespace Exchange.Tests.Hosting;

public sealed class StartTests
{
    [Theory]
    [InlineData("Production")]
    [InlineData("Development")]
    public void The_test_clock_stops_a_start_outside_of_tests(string environment)
    {
        var before = Environment.GetEnvironmentVariable(Clock.TestVariable);
        Environment.SetEnvironmentVariable(Clock.TestVariable, "/nowhere");
        try
        {
            var fault = Assert.Throws<InvalidSettingsException>(() => Clock.For(new HostingEnvironment { EnvironmentName = environment }));
            Assert.Contains(Clock.TestVariable, fault.Message, StringComparison.Ordinal);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Clock.TestVariable, before);
        }
    }

    [Fact]
    public void Every_fault_of_the_settings_is_told_at_once_and_no_value_is_echoed()
    {
        var reader = new SettingsReader(new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Service:Name"] = "Not A Name",
            ["Service:PublicAddress"] = "ftp://user:secret@host",
        }).Build());
        reader.Section<ServiceSettings>("Service");
        reader.List<IssuerSettings>("Issuers");
        reader.Text("ConnectionStrings:App");

        var fault = Assert.Throws<InvalidSettingsException>(reader.ThrowOnFaults);

        Assert.Equal(["Service:Name", "Service:KeyFolder", "Service:PublicAddress", "Issuers", "ConnectionStrings:App"], fault.Faults.Select(f => f.Split(": ")[0]));
        Assert.DoesNotContain("secret", fault.Message, StringComparison.Ordinal);
    }
}
