using System.Buffers;
using System.Text.Json;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// What a receiver lacks, row by row: the granted rows as they are now beside those it was given before. Whether a row has changed is decided on what leaves, after treatment: a change of what is hidden is none, and tells nothing.
/// </summary>
/// <param name="now">As it is; reads on and is disposed for both.</param>
/// <param name="before">As it was; null for a receiver that has nothing.</param>
/// <param name="key">The places of the key among the fields.</param>
internal sealed class GrantedChanges(GrantedRows now, GrantedRows? before, IReadOnlyList<int> key) : IAsyncDisposable
{
    private const int FlushAt = 32 * 1024;

    /// <summary>Where the next part begins, when this is not all.</summary>
    public string? Next => now.Next;

    /// <summary>Lines of rows written so far.</summary>
    public long Written { get; private set; }

    /// <summary>
    /// NDJSON, each line whole for itself: first <c>begin</c> with the key, the columns and whether everything follows or changes only, then <c>upsert</c> (key and row) and <c>delete</c> (key), at last <c>end</c> with the next
    /// cursor, the number of lines in between and whether more parts follow. Without that last line a stream was cut.
    /// </summary>
    /// <param name="body">Where to.</param>
    /// <param name="types">Type letters of the fields.</param>
    /// <param name="continued">Parts were sent before.</param>
    /// <param name="cursor">What the receiver asks with the next time.</param>
    /// <param name="cancel">Ends it.</param>
    public async Task WriteAsync(Stream body, IReadOnlyDictionary<string, string> types, bool continued, string cursor, CancellationToken cancel)
    {
        var waiting = new ArrayBufferWriter<byte>(FlushAt * 2);
        await using var json = new Utf8JsonWriter(waiting, new JsonWriterOptions { Encoder = Hosting.Json.Options.Encoder });
        Begin(json, types, continued);
        EndLine(json, waiting);
        while (await now.NextAsync(cancel))
        {
            Compare(json, waiting);
            if (waiting.WrittenCount > FlushAt)
            {
                await body.WriteAsync(waiting.WrittenMemory, cancel);
                waiting.ResetWrittenCount();
            }
        }

        json.WriteStartObject();
        json.WriteString("op", "end");
        json.WriteString("cursor", cursor);
        json.WriteNumber("changes", Written);
        json.WriteBoolean("more", Next is not null);
        json.WriteEndObject();
        EndLine(json, waiting);
        await body.WriteAsync(waiting.WrittenMemory, cancel);
    }

    public ValueTask DisposeAsync() => now.DisposeAsync();

    private void Begin(Utf8JsonWriter json, IReadOnlyDictionary<string, string> types, bool continued)
    {
        json.WriteStartObject();
        json.WriteString("op", "begin");
        json.WriteBoolean("whole", before is null);
        json.WriteBoolean("continued", continued);
        json.WriteStartArray("key");
        foreach (var place in key)
        {
            json.WriteStringValue(now.Fields[place]);
        }

        json.WriteEndArray();
        json.WriteStartArray("fields");
        foreach (var (name, type) in now.Columns(types))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("type", type);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private void Compare(Utf8JsonWriter json, ArrayBufferWriter<byte> waiting)
    {
        // A key is never empty: where it is, there is no row.
        var (isNow, wasBefore) = (!now.IsNull(key[0]), before is not null && !before.IsNull(key[0]));
        if (isNow && wasBefore && Enumerable.Range(0, now.Fields.Count).All(i => now.Text(i) == before!.Text(i)))
        {
            return;
        }

        Written++;
        json.WriteStartObject();
        json.WriteString("op", isNow ? "upsert" : "delete");
        json.WriteStartObject("key");
        foreach (var place in key)
        {
            (isNow ? now : before!).Write(json, place);
        }

        json.WriteEndObject();
        if (isNow)
        {
            json.WriteStartObject("row");
            for (var i = 0; i < now.Fields.Count; i++)
            {
                now.Write(json, i);
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        EndLine(json, waiting);
    }

    /// <summary>The writer keeps what it has not flushed at a place of the buffer: nothing of a line is left there when the buffer is emptied.</summary>
    private static void EndLine(Utf8JsonWriter json, ArrayBufferWriter<byte> waiting)
    {
        json.Flush();
        json.Reset();
        waiting.Write("\n"u8);
    }
}
