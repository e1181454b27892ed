using System.Globalization;
using System.Text;

namespace DurableGateway.Protocol;

/// <summary>The part of Structured Field Values (RFC 9651) that the protocol uses.</summary>
internal static class StructuredFields
{
    private static readonly TimeSpan MaxSpan = TimeSpan.FromDays(3650);

    /// <summary>Whether <paramref name="value"/> can be written as a String (§3.3.3): printable ASCII only.</summary>
    public static bool IsString(ReadOnlySpan<char> value) => !value.ContainsAnyExceptInRange(' ', '~');

    /// <summary>Appends a String item (§4.1.6). The value must pass <see cref="IsString"/>.</summary>
    public static StringBuilder AppendString(this StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            if (c is '"' or '\\') text.Append('\\');
            text.Append(c);
        }

        return text.Append('"');
    }

    /// <summary>Appends a Byte Sequence (§4.1.8).</summary>
    public static StringBuilder AppendBytes(this StringBuilder text, ReadOnlySpan<byte> value) =>
        text.Append(':').Append(Convert.ToBase64String(value)).Append(':');

    /// <summary>Reads a Boolean item (§4.2.8). Ignores its parameters, as the RFC requires.</summary>
    /// <returns><see langword="null"/> if the field is absent or not a Boolean.</returns>
    public static bool? ParseBoolean(string? field)
    {
        var item = field.AsSpan().Trim(' ');
        if (item.Length > 2 && item[2] is not (';' or ' ')) return null;
        return item switch
        {
            ['?', '1', ..] => true,
            ['?', '0', ..] => false,
            _ => null,
        };
    }

    /// <summary>Reads a String item (§4.2.5). Returns any other text, such as a token, unchanged.</summary>
    public static string? ParseText(string? field)
    {
        var item = field?.Trim(' ');
        if (item is not ['"', ..]) return string.IsNullOrEmpty(item) ? null : item;
        var text = new StringBuilder();
        for (var i = 1; i < item.Length && item[i] != '"'; i++)
        {
            if (item[i] == '\\' && i + 1 < item.Length) i++;
            text.Append(item[i]);
        }

        return text.Length == 0 ? null : text.ToString();
    }

    /// <summary>Counts the members of a List (§3.1).</summary>
    public static int CountMembers(string list)
    {
        var (count, quoted) = (1, false);
        for (var i = 0; i < list.Length; i++)
        {
            if (quoted && list[i] == '\\') i++;
            else if (list[i] == '"') quoted = !quoted;
            else if (list[i] == ',' && !quoted) count++;
        }

        return count;
    }

    /// <summary>
    /// Reads a duration: a non-negative decimal number of seconds (§3.3.2). The maximum is ten years, so that it can be added to any time.
    /// </summary>
    public static bool TryParseSeconds(string? field, out TimeSpan span)
    {
        // .NET accepts the word 'Infinity', which is not valid, and returns infinity for numbers that are too large, which are valid.
        var valid = double.TryParse(field, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
            && seconds >= 0 && char.IsAsciiDigit(field![^1]);
        span = valid ? TimeSpan.FromSeconds(Math.Min(seconds, MaxSpan.TotalSeconds)) : default;
        return valid;
    }
}
