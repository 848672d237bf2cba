using System.Data;
using System.Text;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Deliveries;
using Exchange.Catalogue.Grants;
using Exchange.Catalogue.Previews;
using Exchange.Contracts;
using Exchange.Hosting;
using FsCheck;
using FsCheck.Fluent;
using NpgsqlTypes;
using Xunit;

namespace Exchange.Tests.Deliveries;

/// <summary>For random grants and rows: what is not granted has no influence on a single byte of any form. The database's part (fields, rows) is done here by the test; GrantedDataTests does it with a real one.</summary>
public sealed class NothingElseTests
{
    private static readonly byte[] Key = new byte[32];

    [Fact]
    public void Two_tables_that_differ_in_what_is_not_granted_are_the_same_to_the_receiver()
    {
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(400), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var secrets = new Secrets(seed);
            var scope = secrets.Scope();
            var (first, second) = secrets.Tables(scope);
            foreach (var form in new[] { "csv", "csv safe", "json", "ndjson", "preview" })
            {
                Assert.Equal(Write(first, scope, form), Write(second, scope, form));
            }

            return true;
        }));
    }

    [Fact]
    public void What_is_hashed_or_masked_is_nowhere_in_the_body()
    {
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            var random = new Random(seed);
            string[] originals = [.. Enumerable.Range(0, 6).Select(i => $"4301021990{random.Next(10_000_000, 99_999_999)}")];
            string[] words = ["hashed", "masked", "masked:id_number", "masked:phone", "masked:name", "dropped"];
            var scope = new GrantedScope(["person", "id_no", "phone"], new Dictionary<string, string> { ["person"] = words[random.Next(5)], ["id_no"] = words[random.Next(6)], ["phone"] = words[random.Next(6)] });
            List<string[]> rows = [.. originals.Chunk(3).Select(three => (string[])[.. three, .. Secrets.Fields.Skip(3).Select(_ => "")])];
            foreach (var form in new[] { "csv", "json", "ndjson", "preview" })
            {
                var body = Write(rows, scope, form);
                Assert.All(originals, original => Assert.DoesNotContain(original, body, StringComparison.Ordinal));
            }

            return true;
        }));
    }

    /// <summary>As a table is read: the granted columns, the rows inside the filter, each value as its type gives it.</summary>
    private static string Write(List<string[]> rows, GrantedScope scope, string form)
    {
        using var table = new DataTable();
        var fields = scope.Delivered.Select(name => Secrets.Fields.Single(f => f.Name == name)).ToList();
        foreach (var field in fields)
        {
            table.Columns.Add(field.Name, FieldTypes.DbType(field.Type!) switch
            {
                NpgsqlDbType.Bigint => typeof(long),
                NpgsqlDbType.Numeric => typeof(decimal),
                NpgsqlDbType.Boolean => typeof(bool),
                NpgsqlDbType.Date => typeof(DateOnly),
                _ => typeof(string),
            });
        }

        foreach (var row in rows.Where(r => scope.Rows is null || r[^1].StartsWith(Secrets.Area, StringComparison.Ordinal)))
        {
            table.Rows.Add([.. fields.Select(f => (object?)FieldTypes.Read(f.Type!, f.Length, row[Secrets.Fields.Index().First(i => i.Item == f).Index]).Value switch
            {
                null => DBNull.Value,
                DateTimeOffset moment => moment.ToOffset(TimeSpan.FromHours(8)).ToString("yyyy-MM-dd'T'HH:mm:sszzz", System.Globalization.CultureInfo.InvariantCulture),
                var value => value,
            })]);
        }

        using var reader = table.CreateDataReader();
        var granted = new GrantedRows(reader, [.. fields.Select(f => new GrantedField(f.Name!, scope.Of(f.Name!), FieldTypes.DbType(f.Type!) == NpgsqlDbType.Text))], Key, _ => ValueTask.CompletedTask);
        using var body = new MemoryStream();
        if (form == "preview")
        {
            // The figures are of all rows, and fewer are shown.
            List<RowColumn> columns = [.. Secrets.Fields.Select((f, i) => new RowColumn(f.ToField("conditional"), RowTables.Column(i)))];
            return System.Text.Json.JsonSerializer.Serialize(RowsPreview.ReadAsync(granted, columns, scope, 3, PreviewLimits.Default, CancellationToken.None).GetAwaiter().GetResult(), Json.Options);
        }

        // A table in memory does not wait.
        RowForms.WriteAsync(form.Split(' ')[0], form.EndsWith("safe", StringComparison.Ordinal), body, granted, CancellationToken.None).GetAwaiter().GetResult();
        return Encoding.UTF8.GetString(body.ToArray());
    }
}
