using Exchange.Gateway.Routing;

namespace Exchange.Tests.Routing;

public sealed class EdgeTests
{
    [Theory]
    [InlineData("/api/cities/changsha/datasets%2Fx")]
    [InlineData("/api/cities/changsha%2fdatasets")]
    [InlineData("/api/cities/changsha/%252F")]
    [InlineData("/api/cities/changsha/..;/datasets")]
    [InlineData("/api/cities/changsha/../audit")]
    [InlineData("/api/cities/changsha/%2e%2e/audit")]
    [InlineData("/api/cities/changsha/%00")]
    [InlineData("/api/cities/changsha/a%5Cb")]
    [InlineData("/api/cities/changsha/a\\b")]
    [InlineData("//api/cities")]
    [InlineData("http://host/api//cities")]
    public void An_address_that_can_be_read_in_two_ways_is_ambiguous(string target) => Assert.True(Edge.IsAmbiguous(target));

    [Theory]
    [InlineData("/")]
    [InlineData("/api/cities/changsha/datasets?q=%2F..%00//")]
    [InlineData("/api/catalogue/datasets?q=http://x/../y")]
    [InlineData("/.well-known/jwks.json")]
    [InlineData("/api/%E9%95%BF")]
    [InlineData("http://host/api/cities")]
    [InlineData("*")]
    public void Other_addresses_are_not(string target) => Assert.False(Edge.IsAmbiguous(target));
}
