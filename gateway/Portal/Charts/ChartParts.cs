using System.Globalization;

namespace Exchange.Gateway.Portal.Charts;

/// <summary>A bar, whole or in parts.</summary>
/// <param name="Label">What it is of.</param>
/// <param name="Text">What stands at its end: the value, as the table beside the chart says it.</param>
/// <param name="Parts">From the left; none where there is no value.</param>
public sealed record ChartBar(string Label, string Text, IReadOnlyList<ChartPart> Parts);

/// <summary>A part of a bar.</summary>
/// <param name="Share">Of the whole width, 0 to 1.</param>
/// <param name="Look">a plain, b hatched, c dotted, d pale: told apart without colour.</param>
/// <param name="Label">What it is of and how much.</param>
public sealed record ChartPart(double Share, string Look, string Label);

/// <summary>A line over steps.</summary>
/// <param name="Name">What it is of.</param>
/// <param name="Values">One per step; null where there is none, and the line has a gap.</param>
public sealed record ChartLine(string Name, IReadOnlyList<double?> Values);

/// <summary>
/// How charts are measured: across in percent of their width, down in pixels. So they fit every screen and their letters never shrink.
/// </summary>
internal static class ChartMath
{
    /// <summary>Series by their place: line style and mark differ as well as the colour.</summary>
    public static readonly IReadOnlyList<string> Series = ["a", "b", "c", "d"];

    public static string Percent(double share) => (Math.Clamp(share, 0, 1) * 100).ToString("0.##", CultureInfo.InvariantCulture) + "%";

    public static string Pixels(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    /// <summary>Where a step stands across.</summary>
    public static double Step(int index, int count) => count == 1 ? 0.5 : 0.04 + (0.92 * index / (count - 1));

    /// <summary>A round number not below the largest value, so that the scale is readable.</summary>
    public static double Ceiling(double largest)
    {
        if (largest <= 4)
        {
            return 4;
        }

        var power = Math.Pow(10, Math.Floor(Math.Log10(largest)));
        return ((double[])[1, 2, 4, 5, 10]).Select(step => step * power).First(round => round >= largest);
    }
}
