using System.Globalization;
using Exchange.Catalogue.Datasets;
using Exchange.Catalogue.Grants;

namespace Exchange.Tests.Deliveries;

/// <summary>
/// Random grants and pairs of tables that differ only in what the grant does not give: values of fields that are not granted, the hidden part of treated ones, and rows outside the filter.
/// Whoever receives the same bytes from both has learned nothing of it.
/// </summary>
internal sealed class Secrets(int seed)
{
    public const string Area = "4301";

    /// <summary>Of every type that a treatment fits, by the name of what they usually hold.</summary>
    public static readonly IReadOnlyList<FieldDraft> Fields =
    [
        new() { Name = "person", Title = "姓名", Type = "C", Length = 200, Personal = true },
        new() { Name = "id_no", Title = "公民身份号码", Type = "C", Length = 200, Personal = true },
        new() { Name = "phone", Title = "手机号", Type = "C", Length = 200, Personal = true },
        new() { Name = "address", Title = "住址", Type = "M", Personal = true },
        new() { Name = "born", Title = "出生日期", Type = "D", Personal = true },
        new() { Name = "seen", Title = "登记时间", Type = "T" },
        new() { Name = "income", Title = "收入", Type = "Y", Personal = true },
        new() { Name = "months", Title = "缴费月数", Type = "I" },
        new() { Name = "married", Title = "婚否", Type = "L", Personal = true },
        new() { Name = "area", Title = "行政区划", Type = "C", Length = 6 },
    ];

    private static readonly string[] Words =
    [
        "plain", "masked", "masked:name", "masked:id_number", "masked:phone", "masked:address", "masked:bank_card", "hashed", "generalised:month", "generalised:district", "generalised:band:1000", "dropped",
    ];

    private readonly Random random = new(seed);

    /// <summary>Some fields in some order, each with a treatment that fits; at least one leaves.</summary>
    public GrantedScope Scope()
    {
        var fields = Fields.OrderBy(_ => random.Next()).Take(random.Next(1, Fields.Count + 1)).ToList();
        var treatments = fields.ToDictionary(f => f.Name!, f => Pick([.. Words.Where(w => Treatments.Fits(Treatments.Parse(w)!.Value, f.Type!))]), StringComparer.Ordinal);
        if (treatments.Values.All(w => w == Treatments.Dropped))
        {
            treatments[fields[0].Name!] = "plain";
        }

        return new GrantedScope([.. fields.Select(f => f.Name!)], treatments, random.Next(2) == 0 ? null : new() { Area = new() { Field = "area", Prefix = Area } });
    }

    /// <summary>Rows as cells of CSV in the order of <see cref="Fields"/>, twice: equal in what the grant gives and in nothing else.</summary>
    public (List<string[]> First, List<string[]> Second) Tables(GrantedScope scope)
    {
        List<string[]> first = [], second = [];
        for (var row = random.Next(1, 12); row > 0; row--)
        {
            var cells = Fields.Select(f => Cells(f, scope)).ToList();
            first.Add([.. cells.Select(c => c.First)]);
            second.Add([.. cells.Select(c => c.Second)]);
            if (scope.Rows is not null)
            {
                // Outside the filter anything may stand, and any number of it.
                Outside(first);
                Outside(second);
            }
        }

        return (first, second);

        void Outside(List<string[]> table)
        {
            for (var more = random.Next(3); more > 0; more--)
            {
                table.Add([.. Fields.Select(f => f.Name == "area" ? Pick("430201", "4299", "") : Anything(f.Type!))]);
            }
        }
    }

    private (string First, string Second) Cells(FieldDraft field, GrantedScope scope)
    {
        if (field.Name == "area")
        {
            var inside = Area + Pick("02", "03", "11");
            // The filter tells that much of it; the rest only when it is granted.
            return scope.Fields.Contains("area") && scope.Of("area").Kind != TreatmentKind.Dropped ? (inside, inside) : (Area + "02", Area + Pick("03", "04"));
        }

        if (!scope.Fields.Contains(field.Name!))
        {
            return (Anything(field.Type!), Anything(field.Type!));
        }

        // A value or none is the same in both; no form hides that.
        if (random.Next(8) == 0)
        {
            return scope.Of(field.Name!).Kind == TreatmentKind.Dropped ? ("", Anything(field.Type!)) : ("", "");
        }

        var misfit = random.Next(4) == 0;
        var (kind, shown) = (scope.Of(field.Name!).Kind, "");
        switch (kind)
        {
            case TreatmentKind.Plain or TreatmentKind.Hashed:
                shown = Anything(field.Type!);
                return (shown, shown);
            case TreatmentKind.Dropped or TreatmentKind.Masked:
                return (Some(field.Type!), Some(field.Type!));
            case TreatmentKind.Month:
                var month = new DateTime(random.Next(1950, 2026), random.Next(1, 13), 1);
                return (Day(month, field.Type!), Day(month, field.Type!));
            case TreatmentKind.Band:
                var lower = random.Next(-50, 50) * 1000;
                return ((lower + random.Next(1000)).ToString(CultureInfo.InvariantCulture), (lower + random.Next(1000)).ToString(CultureInfo.InvariantCulture));
        }

        if (misfit)
        {
            return field.Type is "I" ? (Digits(random.Next(1, 9)), Digits(random.Next(1, 9))) : (Misfit(), Misfit());
        }

        switch (kind)
        {
            case TreatmentKind.Name:
                var (family, given, middle) = (Pick("张", "欧", "𠮷"), Pick("三", "娜", "强"), random.Next(0, 3));
                return (family + Han(middle) + given, family + Han(middle) + given) is var names && middle > 0 ? names : (family + Han(1), family + Han(1));
            case TreatmentKind.IdNumber:
                var (six, four) = ("43010" + Digits(1), field.Type is "I" ? Digits(4) : Digits(3) + Pick("X", "7"));
                return (six + Digits(8) + four, six + Digits(8) + four);
            case TreatmentKind.Phone:
                var (three, last) = ("13" + Digits(1), Digits(4));
                return (three + Digits(4) + last, three + Digits(4) + last);
            case TreatmentKind.BankCard:
                var end = Digits(4);
                return ("6" + Digits(random.Next(8, 12)) + end, "6" + Digits(random.Next(8, 12)) + end);
            default:
                shown = Pick("湖南省长沙市岳麓区", "株洲市天元区", "湖南省湘潭市湘乡市", "北京市海淀区");
                return ($"{shown}{Han(2)}路{Digits(3)}号", $"{shown}{Han(2)}街{Digits(2)}号");
        }
    }

    /// <summary>Not empty.</summary>
    private string Some(string type)
    {
        string value;
        do
        {
            value = Anything(type);
        }
        while (value.Length == 0);
        return value;
    }

    /// <summary>A cell of a type; for texts of all kinds that there are treatments for, and what is dangerous in files.</summary>
    private string Anything(string type) => type switch
    {
        "D" => Day(new DateTime(random.Next(1950, 2026), random.Next(1, 13), 1), type),
        "T" => Day(new DateTime(random.Next(1950, 2026), random.Next(1, 13), 1), type),
        "Y" or "I" => random.Next(-1_000_000, 1_000_000).ToString(CultureInfo.InvariantCulture),
        "L" => Pick("是", "否", ""),
        _ => random.Next(6) switch
        {
            0 => Han(random.Next(1, 5)),
            1 => "43010" + Digits(13),
            2 => "13" + Digits(9),
            3 => $"湖南省长沙市岳麓区{Han(2)}路{Digits(2)}号",
            4 => $"=cmd|' /C calc'!A{Digits(2)}",
            _ => $"引\"号,\n换行{Digits(3)}",
        },
    };

    private string Misfit() => random.Next(4) switch { 0 => Digits(random.Next(1, 9)), 1 => $"护照E{Digits(8)}", 2 => $"{Han(3)}，{Digits(2)}", _ => $"?{Digits(30)}" };

    private string Day(DateTime month, string type)
    {
        var day = month.AddDays(random.Next(28));
        return type == "D" ? day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) : day.AddSeconds(random.Next(86_400)).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
    }

    private string Digits(int count) => string.Concat(Enumerable.Range(0, count).Select(_ => (char)('0' + random.Next(10))));

    private string Han(int count) => string.Concat(Enumerable.Range(0, count).Select(_ => "赵钱孙李周吴郑王冯陈褚卫"[random.Next(12)]));

    private string Pick(params string[] from) => from[random.Next(from.Length)];
}
