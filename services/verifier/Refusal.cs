namespace Exchange.Verifier;

/// <summary>A sentence for the person who checks, in both languages.</summary>
internal readonly record struct Text(string Zh, string En);

/// <summary>Why a file is not accepted. It travels as an exception because every level of the parsing can end the check; one place catches it.</summary>
internal sealed class Refusal(Text reason) : Exception(reason.En)
{
    public Refusal(string zh, string en)
        : this(new Text(zh, en))
    {
    }

    public Text Reason => reason;
}

/// <summary>The command cannot be carried out at all: wrong words, a file that cannot be read, an unusable trust file.</summary>
internal sealed class Unusable(Text reason) : Exception(reason.En)
{
    public Unusable(string zh, string en)
        : this(new Text(zh, en))
    {
    }

    public Text Reason => reason;
}
