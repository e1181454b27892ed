using System.Globalization;
using System.Text.RegularExpressions;

namespace DurableGateway.Configuration;

/// <summary>
/// Spans of time as configuration has them: <c>[d.]hh:mm[:ss[.fff]]</c>. Less than what .NET takes, which reads <c>30</c> as thirty days
/// and <c>48:00:00</c> as forty-eight.
/// </summary>
internal static partial class TimeSpans
{
    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        return Form().IsMatch(text) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>What to add to the error of a text that .NET takes for days.</summary>
    public static string Remedy(string? text)
    {
        if (text is null || TooManyHours().Match(text) is not { Success: true } match) return "";
        var hours = long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture,
            $"; a day and more is written with days: {hours / 24}.{hours % 24:00}:{match.Groups[2].Value}");
    }

    [GeneratedRegex(@"^([0-9]+\.)?([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]{1,7})?)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex("^(2[4-9]|[3-9][0-9]|[1-9][0-9]{2,8}):([0-5][0-9](:[0-5][0-9])?)$", RegexOptions.CultureInvariant)]
    private static partial Regex TooManyHours();
}
