using Exchange.Catalogue.Departments;
using Xunit;

namespace Exchange.Tests.Departments;

public sealed class CreditCodeTests
{
    [Theory]
    [InlineData("91350100M000100Y43")] // the example of GB 32100-2015
    [InlineData("11430100EXAMPL0714")]
    [InlineData("11430200EXAMPL004B")]
    public void A_code_with_the_right_check_character_is_valid(string code) => Assert.True(CreditCode.IsValid(code));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("91350100M000100Y4")]
    [InlineData("91350100M000100Y433")]
    [InlineData("91350100m000100Y43")]
    [InlineData("91350100I000100Y43")]
    [InlineData("９1350100M000100Y43")]
    public void What_has_another_length_or_alphabet_is_not(string? code) => Assert.False(CreditCode.IsValid(code));

    [Fact]
    public void Every_single_changed_character_is_caught()
    {
        const string alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        const string code = "91350100M000100Y43";
        for (var place = 0; place < code.Length; place++)
        {
            foreach (var other in alphabet.Where(c => c != code[place]))
            {
                Assert.False(CreditCode.IsValid(code[..place] + other + code[(place + 1)..]), $"{other} at {place}");
            }
        }
    }

    [Fact]
    public void Every_swap_of_two_neighbours_is_caught()
    {
        const string code = "91350100M000100Y43";
        for (var place = 0; place < code.Length - 1; place++)
        {
            if (code[place] != code[place + 1])
            {
                Assert.False(CreditCode.IsValid(code[..place] + code[place + 1] + code[place] + code[(place + 2)..]), $"at {place}");
            }
        }
    }
}
