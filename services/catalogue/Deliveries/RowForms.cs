using System.Buffers;
using System.Text.Json;
using CsvHelper;
using Exchange.Hosting;

namespace Exchange.Catalogue.Deliveries;

/// <summary>The forms in which rows leave. Each writes what <see cref="GrantedRows"/> gives, row by row, in constant memory.</summary>
internal static class RowForms
{
    public const string Csv = "csv";
    public const string Json = "json";
    public const string NdJson = "ndjson";

    private const int FlushAt = 64 * 1024;

    public static readonly IReadOnlyList<string> All = [Csv, Json, NdJson];

    public static string MediaType(string form) => form switch
    {
        Csv => "text/csv; charset=utf-8",
        Json => "application/json; charset=utf-8",
        _ => "application/x-ndjson; charset=utf-8",
    };

    /// <param name="form">One of <see cref="All"/>.</param>
    /// <param name="formulaSafe">CSV for spreadsheets: a text that would run as a formula is shown as text.</param>
    /// <param name="body">Where to.</param>
    /// <param name="rows">What.</param>
    /// <param name="cancel">Ends it.</param>
    public static Task WriteAsync(string form, bool formulaSafe, Stream body, GrantedRows rows, CancellationToken cancel) =>
        form == Csv ? WriteCsvAsync(formulaSafe, body, rows, cancel) : WriteJsonAsync(form == NdJson, body, rows, cancel);

    /// <summary>RFC 4180, with a heading.</summary>
    private static async Task WriteCsvAsync(bool formulaSafe, Stream body, GrantedRows rows, CancellationToken cancel)
    {
        await using var csv = CsvWriter.Create(body, CsvWriterOptions.Default with { BufferSize = FlushAt }, leaveOpen: true);
        foreach (var field in rows.Fields)
        {
            csv.WriteField(field);
        }

        await csv.EndRecordAsync(cancel);
        while (await rows.NextAsync(cancel))
        {
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                rows.Write(csv, i, formulaSafe);
            }

            await csv.EndRecordAsync(cancel);
        }

        await csv.FlushAsync(cancel);
    }

    /// <summary>One array of objects; or an object a line, each line whole for itself.</summary>
    private static async Task WriteJsonAsync(bool lines, Stream body, GrantedRows rows, CancellationToken cancel)
    {
        var waiting = new ArrayBufferWriter<byte>(FlushAt * 2);
        await using var json = new Utf8JsonWriter(waiting, new JsonWriterOptions { Encoder = Hosting.Json.Options.Encoder });
        var first = true;
        if (!lines)
        {
            waiting.Write("["u8);
        }

        while (await rows.NextAsync(cancel))
        {
            if (!lines && !first)
            {
                waiting.Write(","u8);
            }

            first = false;
            json.WriteStartObject();
            for (var i = 0; i < rows.Fields.Count; i++)
            {
                rows.Write(json, i);
            }

            json.WriteEndObject();
            json.Flush();
            json.Reset();
            if (lines)
            {
                waiting.Write("\n"u8);
            }

            if (waiting.WrittenCount > FlushAt)
            {
                await body.WriteAsync(waiting.WrittenMemory, cancel);
                waiting.ResetWrittenCount();
            }
        }

        if (!lines)
        {
            waiting.Write("]"u8);
        }

        await body.WriteAsync(waiting.WrittenMemory, cancel);
    }
}
