using System.Buffers;

namespace Exchange.Catalogue.Departments;

/// <summary>Unified social credit code, GB 32100-2015: 17 characters and a check character, modulus 31, weights 3^i.</summary>
internal static class CreditCode
{
    public const int Length = 18;

    /// <summary>Digits and letters without I, O, S, V, Z; a character's value is its place.</summary>
    private const string Alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";

    private static readonly SearchValues<char> Characters = SearchValues.Create(Alphabet);

    public static bool IsValid(string? code) =>
        code is { Length: Length } && !code.AsSpan().ContainsAnyExcept(Characters) && code[^1] == CheckCharacter(code.AsSpan(0, Length - 1));

    /// <summary>The 18th character for the first 17, which must be of the alphabet.</summary>
    public static char CheckCharacter(ReadOnlySpan<char> first17)
    {
        var sum = 0;
        var weight = 1;
        foreach (var character in first17)
        {
            sum += Alphabet.IndexOf(character, StringComparison.Ordinal) * weight;
            weight = weight * 3 % 31;
        }

        return Alphabet[(31 - (sum % 31)) % 31];
    }
}
