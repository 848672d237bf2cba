using System.Globalization;
using Exchange.Catalogue.Files;
using Exchange.Contracts;
using Exchange.Hosting;

namespace Exchange.Catalogue.Grants;

/// <summary>What a decision may say about treatments and rows, checked against the entry that was asked for. Pure; all faults at once.</summary>
internal static class ScopeRules
{
    private const int MostValues = 100;
    private const int LongestValue = 200;

    private const string Art20 = "第20条";

    /// <summary>The row filter as a reviewer writes it: everything may be missing.</summary>
    public sealed record RowsBody
    {
        /// <summary>Rows of an area; all areas when left out.</summary>
        public AreaBody? Area { get; init; }

        /// <summary>Rows of a time; all times when left out.</summary>
        public TimeBody? Time { get; init; }

        /// <summary>Null when nothing is named: all rows. The body must be without faults.</summary>
        public RowFilter ToFilter() => new()
        {
            Area = Area is null ? null : new AreaFilter { Field = Area.Field!, Values = Area.Values, Prefix = Area.Prefix },
            Time = Time is null ? null : new TimeFilter { Field = Time.Field!, From = Time.From, Until = Time.Until },
        };
    }

    public sealed record AreaBody
    {
        /// <summary>A text field of the entry, granted or not.</summary>
        public string? Field { get; init; }

        /// <summary>The field equals one of these.</summary>
        public IReadOnlyList<string>? Values { get; init; }

        /// <summary>The field begins with this. Values or a prefix, not both.</summary>
        public string? Prefix { get; init; }
    }

    public sealed record TimeBody
    {
        /// <summary>A date or time field of the entry, granted or not.</summary>
        public string? Field { get; init; }

        /// <summary>First day, in Beijing.</summary>
        public DateOnly? From { get; init; }

        /// <summary>Last day, in Beijing.</summary>
        public DateOnly? Until { get; init; }
    }

    /// <summary>What the entry's form cannot do: a file goes out whole and as it is, and of a service's answers nobody knows which rows they come from.</summary>
    /// <param name="format">The entry's.</param>
    /// <param name="treatments">As sent.</param>
    /// <param name="rows">As sent.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="granted">Those that the decision grants.</param>
    /// <param name="faults">Collects.</param>
    public static void CheckForm(string format, IReadOnlyDictionary<string, string>? treatments, RowsBody? rows, IReadOnlyList<DatasetField> fields, IReadOnlyCollection<string> granted, Faults faults)
    {
        var file = FileFormat.IsFile(format);
        foreach (var (name, _) in treatments?.Where(t => file && t.Value != Treatments.Plain) ?? [])
        {
            faults.Add($"treatments.{name}", "file-whole", Art20, new("该条目以文件提供，文件内的数据项不能处理。", "The entry is provided as a file; what stands in it is not treated."));
        }

        if (file && fields.Select(f => f.Name).Except(granted, StringComparer.Ordinal).Any())
        {
            faults.Add("fields", "file-whole", Art20, new("该条目以文件提供，文件不能拆分：须同意全部数据项，或不同意。", "The entry is provided as a file, which is not cut: grant all its data items, or refuse."));
        }

        if (rows is not null && format != "table")
        {
            faults.Add("rows", "rows-only", Art20, new("只有以数据表提供的条目可以限定数据范围。", "Only entries that are provided as rows have a choice of rows."));
        }
    }

    /// <param name="treatments">As sent.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="granted">Those that the decision grants, or may grant.</param>
    /// <param name="faults">Collects.</param>
    public static void CheckTreatments(IReadOnlyDictionary<string, string>? treatments, IReadOnlyList<DatasetField> fields, IReadOnlyCollection<string> granted, Faults faults)
    {
        foreach (var (name, word) in treatments ?? new Dictionary<string, string>(StringComparer.Ordinal))
        {
            var at = $"treatments.{name}";
            var field = fields.FirstOrDefault(f => f.Name == name);
            if (field is null)
            {
                faults.Add(at, "unknown-field", "第13条", new($"该条目没有数据项“{name}”。", $"The entry has no data item '{name}'."));
            }
            else if (!granted.Contains(name, StringComparer.Ordinal))
            {
                faults.Add(at, "not-granted", Art20, new($"数据项“{field.Title}”不在此次同意的范围内。", $"The data item '{field.Title}' is not among those to be granted."));
            }

            if (Treatments.Parse(word) is not { } treatment)
            {
                faults.Add(at, "one-of", null, new($"处理方式须为：{string.Join("、", Treatments.All)}。", $"A treatment is one of {string.Join(", ", Treatments.All)}."));
            }
            else if (field is not null && !Treatments.Fits(treatment, field.Type))
            {
                faults.Add(at, "treatment-type", null, new($"“{word}”不适用于类型为 {field.Type} 的数据项“{field.Title}”。", $"'{word}' does not fit the data item '{field.Title}' of type {field.Type}."));
            }
        }
    }

    /// <param name="rows">As sent.</param>
    /// <param name="fields">The entry's.</param>
    /// <param name="faults">Collects.</param>
    public static void CheckRows(RowsBody? rows, IReadOnlyList<DatasetField> fields, Faults faults)
    {
        if (rows?.Area is { } area)
        {
            CheckField("rows.area.field", area.Field, fields, ["C", "M", "G"], new("须为文本型数据项。", "It is a text item."), faults);
            if (area.Values is null == area.Prefix is null)
            {
                faults.Add("rows.area", "values-or-prefix", null, new("填写 values（等于其中之一）或 prefix（以此开头），二者取一。", "Name values (equal to one of them) or a prefix, one of the two."));
            }

            if (area.Values is { Count: 0 or > MostValues })
            {
                faults.Add("rows.area.values", "count", null, new($"1 至 {MostValues} 个值。", $"1 to {MostValues} values."));
            }

            foreach (var (value, i) in (area.Values ?? []).Select((value, i) => (value, i)))
            {
                faults.RequireText($"rows.area.values[{i.ToString(CultureInfo.InvariantCulture)}]", value, null, LongestValue);
            }

            if (area.Prefix is not null)
            {
                faults.RequireText("rows.area.prefix", area.Prefix, null, LongestValue);
            }
        }

        if (rows?.Time is { } time)
        {
            CheckField("rows.time.field", time.Field, fields, ["D", "T"], new("须为日期型或日期时间型数据项。", "It is a date or a time item."), faults);
            if (time is { From: null, Until: null })
            {
                faults.Add("rows.time", "required", null, new("填写 from、until 或二者。", "Name from, until or both."));
            }

            foreach (var (at, day) in new[] { ("from", time.From), ("until", time.Until) }.Where(d => d.Item2 is { Year: < 1800 or > 2200 }))
            {
                faults.Add($"rows.time.{at}", "range", null, new("须在 1800 年至 2200 年之间。", "It is between 1800 and 2200."));
            }

            if (time.From > time.Until)
            {
                faults.Add("rows.time.until", "upside-down", null, new("止日早于起日。", "The last day is before the first."));
            }
        }
    }

    private static void CheckField(string at, string? name, IReadOnlyList<DatasetField> fields, string[] types, Text ofType, Faults faults)
    {
        if (string.IsNullOrWhiteSpace(name))
        {
            faults.Add(at, "required", null, new("此项必填。", "This field is required."));
        }
        else if (fields.FirstOrDefault(f => f.Name == name) is not { } field)
        {
            faults.Add(at, "unknown-field", "第13条", new($"该条目没有数据项“{name}”。", $"The entry has no data item '{name}'."));
        }
        else if (!types.Contains(field.Type, StringComparer.Ordinal))
        {
            faults.Add(at, "filter-type", null, ofType);
        }
    }
}
