using Exchange.Gateway.Identity;
using Exchange.Local.Accounts;

namespace Exchange.Tests.Identity;

public sealed class SecretHashTests
{
    [Fact]
    public void A_secret_matches_its_hash_and_no_other_does()
    {
        var hash = SecretHash.Parse(SecretHash.Of("正确的密钥", 1000).ToString())!;
        Assert.True(hash.Matches("正确的密钥"));
        Assert.False(hash.Matches("正确的密钥 "));
        Assert.False(hash.Matches(""));
    }

    [Fact]
    public void The_launcher_writes_what_the_gateway_reads() => Assert.True(SecretHash.Parse(GatewayAccounts.Hash("s3cret"))!.Matches("s3cret"));

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("pbkdf2-sha256$0$AAAAAAAAAAAAAAAAAAAAAA==$AAAA")]
    [InlineData("pbkdf2-sha1$1000$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("pbkdf2-sha256$1000$AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    [InlineData("pbkdf2-sha256$999999999$AAAAAAAAAAAAAAAAAAAAAA==$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public void Anything_else_is_no_hash(string text) => Assert.Null(SecretHash.Parse(text));
}
