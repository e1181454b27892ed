using System.Globalization;
using System.Text.RegularExpressions;

namespace DurableGateway.Configuration;

/// <summary>
/// Reads time spans of the configuration: <c>[d.]hh:mm[:ss[.fff]]</c>. .NET accepts more, and reads <c>30</c> as 30 days and
/// <c>48:00:00</c> as 48 days.
/// </summary>
internal static partial class TimeSpans
{
    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        return Form().IsMatch(text) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out value);
    }

    /// <summary>An addition to the error message for a text that .NET reads as days.</summary>
    public static string Remedy(string? text)
    {
        if (text is null || TooManyHours().Match(text) is not { Success: true } match) return "";
        var hours = long.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
        return string.Create(CultureInfo.InvariantCulture,
            $"; write 24 hours or more with days: {hours / 24}.{hours % 24:00}:{match.Groups[2].Value}");
    }

    [GeneratedRegex(@"^([0-9]+\.)?([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9](\.[0-9]{1,7})?)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    [GeneratedRegex("^(2[4-9]|[3-9][0-9]|[1-9][0-9]{2,8}):([0-5][0-9](:[0-5][0-9])?)$", RegexOptions.CultureInvariant)]
    private static partial Regex TooManyHours();
}
