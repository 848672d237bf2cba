using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using NpgsqlTypes;

namespace Exchange.Catalogue.Previews;

/// <summary>A preview of rows: of what <see cref="GrantedRows"/> gives, which is all that it can see.</summary>
internal static class RowsPreview
{
    /// <param name="rows">As they are delivered; limited to what is read.</param>
    /// <param name="fields">The table's, for titles and types.</param>
    /// <param name="scope">How each leaves.</param>
    /// <param name="show">Rows in the answer.</param>
    /// <param name="limits">Rows and characters that are read.</param>
    /// <param name="cancel">Ends it.</param>
    public static async Task<Preview> ReadAsync(GrantedRows rows, IReadOnlyList<RowColumn> fields, GrantedScope scope, int show, PreviewLimits limits, CancellationToken cancel)
    {
        var table = new PreviewTable(limits, show);
        foreach (var name in rows.Fields)
        {
            var field = fields.First(f => f.Field.Name == name).Field;
            var plain = scope.IsPlain(name);
            table.AddColumn(
                new PreviewColumn { Name = name, Title = field.Title, Type = field.Type, Treatment = plain ? null : scope.Treatments?.GetValueOrDefault(name), Figures = null! },
                plain ? KindOf(field.Type) : FieldKind.Text);
        }

        var values = new string?[rows.Fields.Count];
        long characters = 0;
        var within = true;
        while (within && await rows.NextAsync(cancel))
        {
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = rows.Text(i);
                characters += values[i]?.Length ?? 0;
            }

            table.Add(values);
            within = characters < limits.Window;
        }

        return table.Finish(new PreviewRead { Form = "rows", Rows = table.Count, Whole = within && rows.Next is null });
    }

    private static FieldKind KindOf(string type) => FieldTypes.DbType(type) switch
    {
        NpgsqlDbType.Numeric or NpgsqlDbType.Bigint or NpgsqlDbType.Double => FieldKind.Number,
        NpgsqlDbType.Date or NpgsqlDbType.TimestampTz => FieldKind.Date,
        _ => FieldKind.Text,
    };
}
