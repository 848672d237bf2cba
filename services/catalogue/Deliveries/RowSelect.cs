using System.Globalization;
using System.Text;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deadlines;
using Exchange.Catalogue.Grants;
using Npgsql;
using NpgsqlTypes;

namespace Exchange.Catalogue.Deliveries;

/// <summary>
/// The SQL for what is granted of a table and asked for of that. Names are generated or come from our own table of tables; every value is a parameter. A table is never changed once it is loaded, so a row's
/// place in it (ctid) stands for the order of the file: it ends every order, and a page begins at one.
/// </summary>
internal sealed class RowSelect
{
    private readonly RowTable table;
    private readonly IReadOnlyList<RowColumn> delivered;
    private readonly List<string> granted = [];
    private readonly List<string> asked = [];
    private readonly List<(string Column, bool Descending)> orders;
    private readonly List<(string Name, object Value, NpgsqlDbType Type)> parameters = [];
    private readonly int? limit;
    private readonly string prefix;

    private RowSelect(RowTable table, IReadOnlyList<RowColumn> delivered, RowQuery query, List<(string, bool)> orders, string prefix)
    {
        this.prefix = prefix;
        this.table = table;
        this.delivered = delivered;
        this.orders = orders;
        limit = query.Limit;
    }

    /// <summary>The fields that leave, in the order of the columns.</summary>
    public IReadOnlyList<GrantedField> Fields(GrantedScope scope) =>
        [.. delivered.Select(c => new GrantedField(c.Field.Name, scope.Of(c.Field.Name), FieldTypes.DbType(c.Field.Type) == NpgsqlDbType.Text))];

    /// <summary>Pages are asked for.</summary>
    public bool IsPaged => limit is not null;

    /// <summary>Null when the table has not all that the grant names, or holds what its rows are chosen by as another type: then nothing is delivered.</summary>
    /// <param name="table">What is read.</param>
    /// <param name="scope">What is granted.</param>
    /// <param name="query">What is asked for.</param>
    /// <param name="prefix">Of the parameters, where two of them stand in one statement.</param>
    public static RowSelect? Of(RowTable table, GrantedScope scope, RowQuery query, string prefix = "p")
    {
        var columns = scope.Fields.Select(table.Find).ToList();
        if (scope.Delivered.Count == 0 || columns.Contains(null) || query.Filters.Any(f => table.Find(f.Field) is null))
        {
            return null;
        }

        var select = new RowSelect(table, [.. scope.Delivered.Select(f => table.Find(f)!)], query, [.. query.Sort.Select(o => (table.Find(o.Field)!.Column, o.Descending))], prefix);
        if (!select.Area(scope.Rows?.Area) || !select.Time(scope.Rows?.Time))
        {
            return null;
        }

        foreach (var filter in query.Filters)
        {
            var column = table.Find(filter.Field)!.Column;
            select.asked.Add(filter switch
            {
                { Value: null } => $"t.{column} is null",
                { Operator: "prefix" } => $"starts_with(t.{column}, {select.Add(filter.Value, filter.Type)})",
                _ => $"t.{column} {RowQuery.Operators[filter.Operator]} {select.Add(filter.Value, filter.Type)}",
            });
        }

        return select;
    }

    /// <summary>The rows from a place on, as they are delivered.</summary>
    public NpgsqlCommand Rows(NpgsqlConnection connection, string? start) =>
        Command(connection, Text(string.Join(", ", delivered.Select(c => c.Delivered)), start) + (limit is null ? "" : " limit @limit"), start);

    /// <summary>The place where the page after this one begins; no row when this is the last.</summary>
    public NpgsqlCommand Next(NpgsqlConnection connection, string? start) => Command(connection, Text("t.ctid::text", start) + " offset @limit limit 1", start);

    /// <summary>True when the row at this place is granted: a cursor begins at no other.</summary>
    public NpgsqlCommand Holds(NpgsqlConnection connection, string start) =>
        Command(connection, $"select exists (select from {table.Table} t where {string.Join(" and ", [.. granted, "t.ctid = @start::tid"])})", start);

    /// <summary>
    /// Each row as it is now and as it was before, side by side, where that is not the same; a row that one of them has not is null there throughout. What no grant gives has no part in it, nor in the order:
    /// that of the file, those that are gone at the end.
    /// </summary>
    /// <param name="connection">The reader's.</param>
    /// <param name="before">The same of an earlier table with the same key.</param>
    /// <param name="key">Delivered fields that tell the rows apart in both.</param>
    public NpgsqlCommand Differences(NpgsqlConnection connection, RowSelect before, IReadOnlyList<string> key)
    {
        var same = string.Join(" and ", key.Select(k => delivered.Index().First(c => c.Item.Field.Name == k).Index).Select(i => $"n.f{i} = o.f{i}"));
        var command = Command(connection, $"""
            select {All("n")}, {All("o")}
            from ({Side()}) n full join ({before.Side()}) o on {same}
            where {(before.table.Table == table.Table ? "false" : $"({Compared("n")}) is distinct from ({Compared("o")})")}
            order by n.place nulls last, o.place
            """, start: null);
        foreach (var (name, value, type) in before.parameters)
        {
            command.Parameters.Add(new NpgsqlParameter(name, type) { Value = value });
        }

        return command;

        string All(string side) => string.Join(", ", delivered.Select((_, i) => $"{side}.f{i}"));

        // Numbers that are equal may be written otherwise, and go out as they are written.
        string Compared(string side) => string.Join(", ", delivered.Select((c, i) => c.Field.Type is "N" or "Y" or "B" or "F" ? $"{side}.f{i}::text" : $"{side}.f{i}"));
    }

    /// <summary>True when both read the same fields as the same types, so that their values can be compared.</summary>
    public bool Compares(RowSelect before) => delivered.Select(c => (c.Field.Name, c.Field.Type)).SequenceEqual(before.delivered.Select(c => (c.Field.Name, c.Field.Type)));

    private string Side() =>
        $"select {string.Join(", ", delivered.Select((c, i) => $"{c.Delivered} as f{i}"))}, t.ctid as place from {table.Table} t{(granted.Count == 0 ? "" : $" where {string.Join(" and ", granted)}")}";

    private bool Area(Contracts.AreaFilter? area)
    {
        if (area is null)
        {
            return true;
        }

        if (table.Find(area.Field) is not { } column || FieldTypes.DbType(column.Field.Type) != NpgsqlDbType.Text)
        {
            return false;
        }

        granted.Add(area.Prefix is { } prefix
            ? $"starts_with(t.{column.Column}, {Add(prefix, NpgsqlDbType.Text)})"
            : $"t.{column.Column} = any({Add((area.Values ?? []).ToArray(), NpgsqlDbType.Array | NpgsqlDbType.Text)})");
        return true;
    }

    private bool Time(Contracts.TimeFilter? time)
    {
        if (time is null)
        {
            return true;
        }

        if (table.Find(time.Field) is not { Field.Type: "D" or "T" } column)
        {
            return false;
        }

        var day = column.Field.Type == "D";
        if (time.From is { } from)
        {
            granted.Add($"t.{column.Column} >= {(day ? Add(from, NpgsqlDbType.Date) : Add(LegalDay.EndOf(from.AddDays(-1)).UtcDateTime, NpgsqlDbType.TimestampTz))}");
        }

        if (time.Until is { } until)
        {
            granted.Add(day ? $"t.{column.Column} <= {Add(until, NpgsqlDbType.Date)}" : $"t.{column.Column} < {Add(LegalDay.EndOf(until).UtcDateTime, NpgsqlDbType.TimestampTz)}");
        }

        return true;
    }

    private string Text(string what, string? start)
    {
        var sql = new StringBuilder();
        var sorted = orders.Count > 0;
        var conditions = new List<string>([.. granted, .. asked]);
        if (start is not null && sorted)
        {
            sql.Append(CultureInfo.InvariantCulture, $"with s as (select {string.Join(", ", orders.Select((o, i) => $"t.{o.Column} as k{i}"))} from {table.Table} t where t.ctid = @start::tid) ");
            conditions.Add(From(0));
        }
        else if (start is not null)
        {
            conditions.Add("t.ctid >= @start::tid");
        }

        sql.Append(CultureInfo.InvariantCulture, $"select {what} from {table.Table} t{(start is not null && sorted ? ", s" : "")}");
        if (conditions.Count > 0)
        {
            sql.Append(" where ").AppendJoin(" and ", conditions);
        }

        // Without an order a scan gives the rows in the order of the file: the reader's sessions neither share nor split one.
        return sorted
            ? sql.Append(" order by ").AppendJoin(", ", orders.Select(o => $"t.{o.Column} {(o.Descending ? "desc" : "asc")} nulls last")).Append(", t.ctid").ToString()
            : sql.ToString();
    }

    /// <summary>Not before the row that the page begins with: level by level, rows without a value last.</summary>
    private string From(int level)
    {
        if (level == orders.Count)
        {
            return "t.ctid >= @start::tid";
        }

        var (column, descending) = orders[level];
        return $"((s.k{level} is not null and (t.{column} is null or t.{column} {(descending ? "<" : ">")} s.k{level})) or (t.{column} is not distinct from s.k{level} and {From(level + 1)}))";
    }

    private string Add(object value, NpgsqlDbType type)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{prefix}{parameters.Count}");
        parameters.Add((name, value, type));
        return $"@{name}";
    }

    private NpgsqlCommand Command(NpgsqlConnection connection, string sql, string? start)
    {
        // Every part is generated here or was read from our own table; nothing comes from the request.
#pragma warning disable CA2100
        var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var (name, value, type) in parameters)
        {
            command.Parameters.Add(new NpgsqlParameter(name, type) { Value = value });
        }

        if (start is not null)
        {
            command.Parameters.Add(new NpgsqlParameter("start", NpgsqlDbType.Text) { Value = start });
        }

        if (limit is { } size && sql.Contains("@limit", StringComparison.Ordinal))
        {
            command.Parameters.Add(new NpgsqlParameter("limit", NpgsqlDbType.Bigint) { Value = (long)size });
        }

        return command;
    }
}
