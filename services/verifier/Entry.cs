using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;

namespace Exchange.Verifier;

/// <summary>What the order of a log is judged by, read from one leaf without building a document.</summary>
internal readonly record struct Entry
{
    private const int TimeLength = 24;

    public required EntryKind Kind { get; init; }
    public required Guid Id { get; init; }
    public required string Source { get; init; }

    /// <summary>The record's number at its source; null where the log itself speaks.</summary>
    public long? Seq { get; init; }

    /// <summary>Digest of the source's previous event.</summary>
    public Digest? Prev { get; init; }

    /// <summary>Digest of this event, as the source's next record names it.</summary>
    public required Digest Digest { get; init; }

    public required DateTime ReceivedAt { get; init; }

    /// <summary>Null when the leaf has not the form <c>{"event":{…},"received_at":"…"}</c> with the fields that every record has.</summary>
    public static Entry? Read(ReadOnlySpan<byte> leaf)
    {
        var head = @"{""event"":"u8;
        var middle = @",""received_at"":"""u8;
        var end = @"""}"u8;
        var tail = middle.Length + TimeLength + end.Length;
        if (leaf.Length <= head.Length + tail || !leaf.StartsWith(head) || !leaf[^tail..].StartsWith(middle) || !leaf.EndsWith(end) || !Utf8.IsValid(leaf)
            || Time(leaf[^(TimeLength + end.Length)..^end.Length]) is not { } receivedAt)
        {
            return null;
        }
        try
        {
            return ReadEvent(leaf[head.Length..^tail], receivedAt);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    // yyyy-MM-ddTHH:mm:ss.fffZ, read as the round-trip format with its seven places.
    private static DateTime? Time(ReadOnlySpan<byte> text)
    {
        Span<byte> places = stackalloc byte[TimeLength + 4];
        text[..^1].CopyTo(places);
        "0000Z"u8.CopyTo(places[(TimeLength - 1)..]);
        return text[^1] == (byte)'Z' && Utf8Parser.TryParse(places, out DateTime at, out var read, 'O') && read == places.Length ? at : null;
    }

    private static Entry? ReadEvent(ReadOnlySpan<byte> json, DateTime receivedAt)
    {
        var reader = new Utf8JsonReader(json);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            return null;
        }
        var (seen, kind, id, source, seq, prev) = (Field.Other, EntryKind.Event, default(Guid), "", default(long?), default(Digest?));
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = FieldOf(ref reader);
            if ((seen & field) != Field.Other)
            {
                return null;
            }
            seen |= field;
            reader.Read();
            switch (field)
            {
                case Field.Version:
                    if (reader.GetInt32() != 1)
                    {
                        return null;
                    }
                    break;
                case Field.Type:
                    kind = KindOf(ref reader);
                    break;
                case Field.Id:
                    id = reader.GetGuid();
                    break;
                case Field.Source:
                    source = reader.GetString() ?? throw new FormatException();
                    break;
                case Field.Seq:
                    seq = reader.GetInt64();
                    break;
                case Field.Prev:
                    prev = Digest.Parse(reader.ValueSpan) ?? throw new FormatException();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        var complete = (seen & Field.Needed) == Field.Needed && !reader.Read();
        return complete ? new Entry { Kind = kind, Id = id, Source = source, Seq = seq, Prev = prev, Digest = Digest.Of(json), ReceivedAt = receivedAt } : null;
    }

    // RFC 8785 knows no escapes in these names; a name that has some could pass for another.
    private static Field FieldOf(ref Utf8JsonReader reader)
    {
        var name = reader.ValueSpan;
        return reader.ValueIsEscaped ? throw new FormatException()
            : name.SequenceEqual("v"u8) ? Field.Version
            : name.SequenceEqual("type"u8) ? Field.Type
            : name.SequenceEqual("id"u8) ? Field.Id
            : name.SequenceEqual("source"u8) ? Field.Source
            : name.SequenceEqual("seq"u8) ? Field.Seq
            : name.SequenceEqual("prev"u8) ? Field.Prev
            : Field.Other;
    }

    private static EntryKind KindOf(ref Utf8JsonReader type) => type switch
    {
        _ when type.ValueTextEquals("conflict"u8) => EntryKind.Conflict,
        _ when type.ValueTextEquals("log.opened"u8) => EntryKind.Opened,
        _ when type.ValueTextEquals("log.closed"u8) => EntryKind.Closed,
        _ => EntryKind.Event,
    };

    [Flags]
    private enum Field
    {
        Other = 0,
        Version = 1,
        Type = 2,
        Id = 4,
        Source = 8,
        Seq = 16,
        Prev = 32,
        Needed = Version | Type | Id | Source,
    }
}

internal enum EntryKind
{
    Event,

    /// <summary>One event id came with two contents; the log kept the first and told it.</summary>
    Conflict,

    /// <summary>First leaf of a log that follows the one of an earlier year.</summary>
    Opened,

    /// <summary>Last leaf of a year's log.</summary>
    Closed,
}

/// <summary>A SHA-256 that lies in place: millions are held and compared.</summary>
internal readonly record struct Digest(ulong A, ulong B, ulong C, ulong D)
{
    public static Digest Of(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Hashing.Size];
        Hashing.Sha256(bytes, hash);
        return MemoryMarshal.Read<Digest>(hash);
    }

    public static Digest? Parse(ReadOnlySpan<byte> base64)
    {
        Span<byte> hash = stackalloc byte[Hashing.Size + 1];
        return base64.Length == 44 && Base64.DecodeFromUtf8(base64, hash, out _, out var length) == System.Buffers.OperationStatus.Done && length == Hashing.Size
            ? MemoryMarshal.Read<Digest>(hash)
            : null;
    }
}
