using System.Text;

namespace DurableGateway.Protocol;

/// <summary>Percent-encoded UTF-8, for text in the protocol's headers and path segments that is not printable ASCII.</summary>
internal static class PercentEncoding
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Decodes a text. Fails if it is too long, is not percent-encoded UTF-8, or has one of the forbidden characters.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, int maxBytes, ReadOnlySpan<char> refused, out string decoded)
    {
        decoded = "";
        Span<byte> bytes = maxBytes <= 1024 ? stackalloc byte[maxBytes] : new byte[maxBytes];
        var count = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (count == maxBytes) return false;
            var c = text[i];
            if (c == '%')
            {
                if (i + 2 >= text.Length || !char.IsAsciiHexDigit(text[i + 1]) || !char.IsAsciiHexDigit(text[i + 2])) return false;
                bytes[count++] = Convert.ToByte(text.Slice(i + 1, 2).ToString(), 16);
                i += 2;
            }
            else if (c is >= ' ' and <= '~' && !refused.Contains(c))
            {
                bytes[count++] = (byte)c;
            }
            else
            {
                return false;
            }
        }

        try
        {
            decoded = Strict.GetString(bytes[..count]);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }
}
