using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using Exchange.Catalogue.Grants;

namespace Exchange.Catalogue.Deliveries;

/// <summary>One field on its way out.</summary>
/// <param name="Name">The field.</param>
/// <param name="Treatment">What is done to its values.</param>
/// <param name="IsText">A text in the table: what a spreadsheet could take for a formula.</param>
internal sealed record GrantedField(string Name, Treatment Treatment, bool IsText);

/// <summary>
/// The rows of a table as the reader role streams them: the granted columns in the grant's order, one row at a time, each value as its treatment leaves it. No other way leads from here to a value.
/// </summary>
/// <param name="reader">Its columns are the fields, in their order.</param>
/// <param name="fields">Those that leave; none is dropped.</param>
/// <param name="key">The grant's key for hashes.</param>
/// <param name="end">Called once at the end, told whether everything was read.</param>
internal sealed class GrantedRows(DbDataReader reader, IReadOnlyList<GrantedField> fields, byte[] key, Func<bool, ValueTask> end) : IAsyncDisposable
{
    private bool ended;
    private bool disposed;

    public IReadOnlyList<string> Fields { get; } = [.. fields.Select(f => f.Name)];

    /// <summary>Where the page after this one begins; null when there is none.</summary>
    public string? Next { get; init; }

    /// <summary>Rows read so far.</summary>
    public long Read { get; private set; }

    public async ValueTask<bool> NextAsync(CancellationToken cancel)
    {
        if (!await reader.ReadAsync(cancel))
        {
            ended = true;
            return false;
        }

        Read++;
        return true;
    }

    /// <summary>The value as CSV writes it: empty for null, dates and numbers in their ISO forms.</summary>
    public string? Text(int column) => Treatments.Apply(fields[column].Treatment, Original(column), key);

    /// <summary>The same where a spreadsheet is to take nothing for a formula; a number is none.</summary>
    public string? SafeText(int column) => fields[column] is { IsText: false, Treatment.Kind: TreatmentKind.Plain } ? Text(column) : Hosting.CsvCells.Text(Text(column));

    public void Write(Utf8JsonWriter json, int column)
    {
        var name = Fields[column];
        if (reader.IsDBNull(column))
        {
            json.WriteNull(name);
            return;
        }

        if (fields[column].Treatment.Kind != TreatmentKind.Plain)
        {
            json.WriteString(name, Text(column));
            return;
        }

        switch (reader.GetValue(column))
        {
            case bool truth:
                json.WriteBoolean(name, truth);
                break;
            case decimal number:
                json.WriteNumber(name, number);
                break;
            case long number:
                json.WriteNumber(name, number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumber(name, number);
                break;
            case float number when float.IsFinite(number):
                json.WriteNumber(name, number);
                break;
            default:
                json.WriteString(name, Text(column));
                break;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }

        disposed = true;
        await end(ended);
    }

    private string? Original(int column) => reader.IsDBNull(column) ? null : reader.GetValue(column) switch
    {
        string text => text,
        bool truth => truth ? "true" : "false",
        DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime moment when reader.GetDataTypeName(column) == "date" => moment.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime moment => moment.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        var other => other.ToString(),
    };
}
