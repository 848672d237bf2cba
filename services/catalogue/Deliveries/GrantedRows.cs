using System.Globalization;
using System.Text.Json;
using Npgsql;

namespace Exchange.Catalogue.Deliveries;

/// <summary>The rows of a table as the reader role streams them: the granted columns in the grant's order, one row at a time.</summary>
internal sealed class GrantedRows(NpgsqlConnection connection, NpgsqlCommand command, NpgsqlDataReader reader, IReadOnlyList<string> fields) : IAsyncDisposable
{
    private bool ended;
    private bool disposed;

    public IReadOnlyList<string> Fields { get; } = fields;

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
    public string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetValue(column) switch
    {
        string text => text,
        bool truth => truth ? "true" : "false",
        DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime moment when reader.GetDataTypeName(column) == "date" => moment.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        DateTime moment => moment.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        var other => other.ToString(),
    };

    public void Write(Utf8JsonWriter json, int column)
    {
        var name = Fields[column];
        if (reader.IsDBNull(column))
        {
            json.WriteNull(name);
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
        if (!ended)
        {
            // A reader that is closed early would read on to the end: cancel the rest first. That costs the server a connection, so only then.
            command.Cancel();
        }

        await reader.DisposeAsync();
        await command.DisposeAsync();
        await connection.DisposeAsync();
    }
}
