using System.Text;

namespace DurableGateway.Protocol;

/// <summary>The id of a step as it stands, percent-encoded, in the raw request target (§3).</summary>
internal static class StepId
{
    public const int MaxBytes = 256;

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes the segment; refuses what is empty, too long, a dot segment, or not percent-encoded UTF-8.</summary>
    public static bool TryDecode(ReadOnlySpan<char> segment, out string id)
    {
        id = "";
        Span<byte> bytes = stackalloc byte[MaxBytes];
        var count = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (count == MaxBytes) return false;
            var c = segment[i];
            if (c == '%')
            {
                if (i + 2 >= segment.Length || !char.IsAsciiHexDigit(segment[i + 1]) || !char.IsAsciiHexDigit(segment[i + 2])) return false;
                bytes[count++] = Convert.ToByte(segment.Slice(i + 1, 2).ToString(), 16);
                i += 2;
            }
            else if (c is > ' ' and <= '~' and not '/')
            {
                bytes[count++] = (byte)c;
            }
            else
            {
                return false;
            }
        }

        if (count == 0) return false;
        try
        {
            id = Strict.GetString(bytes[..count]);
        }
        catch (ArgumentException)
        {
            return false;
        }

        return id is not ("." or "..");
    }
}
