using System.Text;
using System.Text.Json;

namespace DurableGateway.Dashboard;

/// <summary>Looks at a body and says how to show it: by its content type, unless what is in it contradicts.</summary>
/// <param name="Kind">How it is shown.</param>
/// <param name="Text">As text, cut at <see cref="MaxChars"/>.</param>
/// <param name="Json">Where it is JSON.</param>
/// <param name="IsCut">Whether there is more than is shown.</param>
internal sealed record BodyContent(BodyKind Kind, string Text, JsonElement Json, bool IsCut)
{
    /// <summary>What a browser lays out without a pause; what is beyond can be downloaded.</summary>
    public const int MaxChars = 64 * 1024;

    public const int MaxHexBytes = 1024;
    public const int MaxImageBytes = 1 << 20;

    private const int MaxJsonBytes = 256 * 1024;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    // SVG is not among them: it is a document with a language of its own, and shown as what it is, text.
    private static readonly string[] Images = ["image/png", "image/jpeg", "image/gif", "image/webp"];

    public static BodyContent Of(string? contentType, ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty) return new BodyContent(BodyKind.Empty, "", default, false);
        var type = (contentType ?? "").Split(';', 2)[0].Trim().ToLowerInvariant();
        if (Images.Contains(type) && body.Length <= MaxImageBytes)
            return new BodyContent(BodyKind.Image, $"data:{type};base64,{Convert.ToBase64String(body.Span)}", default, false);
        if (IsJson(type, body) && body.Length <= MaxJsonBytes && Parse(body) is { } json)
            return new BodyContent(BodyKind.Json, "", json, false);
        if (AsText(body) is { } text)
            return new BodyContent(BodyKind.Text, text, default, text.Length < body.Length && body.Length > MaxChars);
        return new BodyContent(BodyKind.Bytes, "", default, body.Length > MaxHexBytes);
    }

    /// <summary>Offset, bytes and characters, sixteen to a line.</summary>
    public static string Hex(ReadOnlySpan<byte> body)
    {
        var text = new StringBuilder();
        for (var offset = 0; offset < Math.Min(body.Length, MaxHexBytes); offset += 16)
        {
            var line = body.Slice(offset, Math.Min(16, body.Length - offset));
            text.Append(offset.ToString("x6", null)).Append("  ");
            for (var i = 0; i < 16; i++) text.Append(i < line.Length ? line[i].ToString("x2", null) : "  ").Append(i == 7 ? "  " : " ");
            text.Append(' ');
            foreach (var one in line) text.Append(one is >= 0x20 and < 0x7f ? (char)one : '.');
            text.Append('\n');
        }

        return text.ToString();
    }

    /// <returns><see langword="null"/> where it is not text.</returns>
    public static string? AsText(ReadOnlyMemory<byte> body)
    {
        try
        {
            // A cut may fall into a character; what is left of it then is no reason to call the whole no text.
            var length = Math.Min(body.Length, MaxChars);
            while (length < body.Length && length > 0 && (body.Span[length] & 0xC0) == 0x80) length--;
            var text = Strict.GetString(body.Span[..length]);
            return text.Any(c => c < ' ' && c is not ('\n' or '\r' or '\t' or '\f')) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static bool IsJson(string type, ReadOnlyMemory<byte> body) =>
        type is "application/json" or "text/json" || type.EndsWith("+json", StringComparison.Ordinal)
        || (type.Length == 0 && body.Span[0] is (byte)'{' or (byte)'[');

    private static JsonElement? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
