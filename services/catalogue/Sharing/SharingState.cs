using System.Collections.Frozen;
using System.Text.Json;

namespace Exchange.Catalogue.Sharing;

/// <summary>
/// Where a request stands. Stored and sent as the word of <see cref="Words.Word(SharingState)"/>.
/// No states, but columns: an extension, a dispute, a provisional date, a pending act of the asking city.
/// </summary>
internal enum SharingState
{
    /// <summary>There is no row in this city; never stored.</summary>
    None,

    /// <summary>Being written by an officer of the asking department.</summary>
    Draft,

    /// <summary>Signed by the head of the asking department's sharing office (art. 20).</summary>
    SignedOff,

    /// <summary>Left the asking city: from here on the owning city owns the row and the asking city keeps a mirror.</summary>
    Submitted,

    /// <summary>Received by the owning city; the reply clock runs (art. 21).</summary>
    UnderReview,

    /// <summary>Everything missing was named, once (art. 21).</summary>
    SupplementAsked,

    /// <summary>A reviewer proposed to approve or to refuse; not an answer before the head has signed (art. 20).</summary>
    Decided,

    /// <summary>Agreed and signed; the delivery clock runs until the source answers (art. 22).</summary>
    Approved,

    /// <summary>Refused with reasons and signed (art. 21).</summary>
    Refused,

    /// <summary>The source answered under the grant: data may flow.</summary>
    Active,

    /// <summary>Access stopped until misuse is put right (art. 27).</summary>
    Suspended,

    /// <summary>Access ended because misuse was not put right (art. 27).</summary>
    Terminated,

    /// <summary>Access ended by term, because it is no longer needed, or by the provider after consultation and filing (art. 27).</summary>
    Ended,

    /// <summary>The asking side disposed of what it had received (art. 27).</summary>
    Disposed,

    /// <summary>Closed and kept at least three years (art. 29).</summary>
    Archived,

    /// <summary>Taken back before it was answered.</summary>
    Withdrawn,
}

/// <summary>The stable snake_case words of states, events and clocks: what SQL, messages and HTTP carry.</summary>
internal static class Words
{
    /// <summary>The states a row can be in: the CHECK of the state column.</summary>
    public static readonly IReadOnlyList<SharingState> Stored = [.. Enum.GetValues<SharingState>().Where(state => state != SharingState.None)];

    public static string Word(this SharingState state) => Of<SharingState>.Word[state];

    public static string Word(this SharingEventName name) => Of<SharingEventName>.Word[name];

    /// <summary>Told by a clock, which changes no state.</summary>
    public static bool IsClock(this SharingEventName name) => name >= SharingEventName.ReplyReminder;

    /// <summary>What the owning side decides and the asking side is told: each is recorded by both cities. A denied extension concerns the owning city alone.</summary>
    public static bool IsDecision(this SharingEventName name) => name is SharingEventName.AskSupplement or SharingEventName.AnswerExtension or SharingEventName.SignOffReply or SharingEventName.StandingReply
        or SharingEventName.SignOffChange or SharingEventName.Suspend or SharingEventName.Resume or SharingEventName.Terminate
        or SharingEventName.Consult or SharingEventName.FileChange or SharingEventName.EndService or SharingEventName.DisputeStep;

    public static string Word(this SharingClock clock) => Of<SharingClock>.Word[clock];

    public static string Word(this SharingDecision decision) => Of<SharingDecision>.Word[decision];

    /// <summary>The value behind a word that this release knows; anything else is a fault in the row or message.</summary>
    public static T Parse<T>(string word)
        where T : struct, Enum => Of<T>.Value.TryGetValue(word, out var value) ? value : throw new FormatException($"'{word}' is no word for {typeof(T).Name}.");

    private static class Of<T>
        where T : struct, Enum
    {
        public static readonly FrozenDictionary<T, string> Word = Enum.GetValues<T>().ToFrozenDictionary(value => value, value => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()));
        public static readonly FrozenDictionary<string, T> Value = Word.ToFrozenDictionary(pair => pair.Value, pair => pair.Key, StringComparer.Ordinal);
    }
}
