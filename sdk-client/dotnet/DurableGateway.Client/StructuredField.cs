using System;
using System.Globalization;
using System.Linq;
using System.Text;

namespace DurableGateway.Client;

/// <summary>Writes header values: Structured Fields (RFC 9651), time spans, and non-ASCII text.</summary>
internal static class StructuredField
{
    private const string TokenMarks = "!#$%&'*+-.^_`|~:/";

    /// <summary>A String. Text that a String cannot hold is percent-encoded first.</summary>
    public static string String(string text)
    {
        if (!text.All(IsPrintable)) text = Uri.EscapeDataString(text);
        return "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
    }

    /// <summary>A Decimal: at most three digits after the point, and at least one.</summary>
    public static string Decimal(TimeSpan span) => span.TotalSeconds.ToString("0.0##", CultureInfo.InvariantCulture);

    /// <summary>A time span outside Structured Fields, in plain decimal seconds.</summary>
    public static string Seconds(TimeSpan span) => span.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture);

    public static bool IsToken(string? text) =>
        text is { Length: > 0 } && (IsLetter(text[0]) || text[0] == '*')
            && text.All(c => IsLetter(c) || c is >= '0' and <= '9' || TokenMarks.IndexOf(c) >= 0);

    /// <summary>
    /// Free text for a header. Characters other than visible ASCII, and the percent sign, are percent-encoded, so that it can be decoded.
    /// </summary>
    public static string Text(string text) => Encode(text, c => c is > ' ' and <= '~' and not '%');

    /// <summary>
    /// A request target for a header. It is already percent-encoded, so only invalid characters are encoded.
    /// </summary>
    public static string Target(string target) =>
        Encode(target, c => c is > ' ' and <= '~' and not ('"' or '<' or '>' or '\\' or '^' or '`' or '{' or '|' or '}'));

    private static string Encode(string text, Func<char, bool> stands)
    {
        if (text.All(stands)) return text;
        var result = new StringBuilder();
        foreach (var b in Encoding.UTF8.GetBytes(text))
        {
            if (stands((char)b)) result.Append((char)b);
            else result.Append('%').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        return result.ToString();
    }

    private static bool IsPrintable(char c) => c is >= ' ' and <= '~';

    private static bool IsLetter(char c) => c is (>= 'a' and <= 'z') or (>= 'A' and <= 'Z');
}
