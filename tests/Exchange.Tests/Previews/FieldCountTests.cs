using Exchange.Catalogue.Previews;
using Xunit;

namespace Exchange.Tests.Previews;

/// <summary>Figures of one column: exact up to their limits, and said not to be beyond.</summary>
public sealed class FieldCountTests
{
    [Theory]
    [InlineData("number", "-3", "12.5", "12.5", "-3", "0")]
    [InlineData("number", "0.5", "1", "0.5", "1")]
    [InlineData(null, null, null, "007", "1")]
    [InlineData(null, null, null, "430102199001011234")]
    [InlineData(null, null, null, "1e5")]
    [InlineData(null, null, null, "1,000")]
    [InlineData(null, null, null, "=1")]
    [InlineData("date", "1999-12-31", "2026-03-05", "2026-03-05", "1999-12-31")]
    [InlineData("date", "2026-03-05T08:30:00+08:00", "2026-03-05T09:30:00+08:00", "2026-03-05T09:30:00+08:00", "2026-03-05T08:30:00+08:00")]
    [InlineData(null, null, null, "2026-03-05", "2026-03-05T09:30:00+08:00")]
    [InlineData(null, null, null, "2026-02-30")]
    [InlineData(null, null, null, "***", "12")]
    [InlineData(null, null, null, "2026-03")]
    [InlineData(null, null, null, "20000..30000")]
    public void Numbers_and_dates_are_told_when_every_value_is_one(string? kind, string? least, string? greatest, params string[] values)
    {
        var figures = Figures(FieldKind.Unknown, values);
        Assert.Equal((kind, least, greatest), (figures.Kind, figures.Least, figures.Greatest));
    }

    [Fact]
    public void A_declared_number_may_look_as_it_likes_and_a_declared_text_is_never_one()
    {
        Assert.Equal(("number", "007", "1E+3"), Range(Figures(FieldKind.Number, "007", "1E+3")));
        Assert.Equal((null, null, null), Range(Figures(FieldKind.Text, "1", "2")));
        Assert.Equal((null, null, null), Range(Figures(FieldKind.Date, "1", "2")));
        Assert.Equal((null, null, null), Range(Figures(FieldKind.Unknown)));

        static (string?, string?, string?) Range(FieldFigures f) => (f.Kind, f.Least, f.Greatest);
    }

    [Fact]
    public void Values_are_counted_and_the_frequent_ones_named_up_to_their_limits()
    {
        var figures = Figures(FieldKind.Unknown, "b", "a", "b", "长长长", "a", "c", "d", "d", "e", "e", "f", "f", "g", "g", "g");
        Assert.Equal((15, 5, 8, true, 1, 3), (figures.Values, figures.Empty, figures.Distinct, figures.DistinctExact, figures.Shortest, figures.Longest));
        Assert.Equal(["g3", "a2", "b2", "d2", "e2"], figures.Frequent!.Select(f => f.Value + f.Rows));
        Assert.Null(Figures(FieldKind.Unknown, "a", "b").Frequent);

        // Long values are told apart and not named.
        var (one, other) = (new string('x', 65), new string('x', 64) + "y");
        var longOnes = Figures(FieldKind.Unknown, one, other, one, other);
        Assert.Equal((2, true, null), (longOnes.Distinct, longOnes.DistinctExact, longOnes.Frequent));

        var exact = Figures(FieldKind.Text, [.. Enumerable.Range(0, 2000).Select(i => $"{i % 1000}")]);
        Assert.Equal((1000, true, 5), (exact.Distinct, exact.DistinctExact, exact.Frequent!.Count));
        var more = Figures(FieldKind.Text, [.. Enumerable.Range(0, 2002).Select(i => $"{i % 1001}")]);
        Assert.Equal((1000, false, null), (more.Distinct, more.DistinctExact, more.Frequent));
    }

    [Fact]
    public void All_columns_together_keep_no_more_than_there_is_room_for()
    {
        var room = new FieldCount.Room(3);
        var (first, second) = (new FieldCount(FieldKind.Text, room), new FieldCount(FieldKind.Text, room));
        first.Add("a");
        first.Add("b");
        second.Add("a");
        first.Add("c");
        // What the first gave back is the second's.
        second.Add("b");
        second.Add("c");
        Assert.Equal((2, false, 3, true), (first.Figures(3).Distinct, first.Figures(3).DistinctExact, second.Figures(3).Distinct, second.Figures(3).DistinctExact));
    }

    private static FieldFigures Figures(FieldKind kind, params string[] values)
    {
        var count = new FieldCount(kind, new FieldCount.Room());
        foreach (var value in values)
        {
            count.Add(value);
        }

        return count.Figures(values.Length == 0 ? 0 : Math.Max(20, values.Length));
    }
}
