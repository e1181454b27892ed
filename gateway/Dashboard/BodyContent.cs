using System.Text;
using System.Text.Json;

namespace DurableGateway.Dashboard;

/// <summary>Decides how to show a body: by its content type, unless the content contradicts it.</summary>
/// <param name="Kind">The kind of presentation.</param>
/// <param name="Text">The text, cut at <see cref="MaxChars"/>, or the data URL of an image.</param>
/// <param name="Json">The value if the body is JSON.</param>
/// <param name="IsCut">Whether only the beginning is shown.</param>
internal sealed record BodyContent(BodyKind Kind, string Text, JsonElement Json, bool IsCut)
{
    /// <summary>The maximum text on a page, so that the browser lays it out quickly. The download has the whole body.</summary>
    public const int MaxChars = 64 * 1024;

    public const int MaxHexBytes = 1024;
    public const int MaxImageBytes = 1 << 20;

    private const int MaxJsonBytes = 256 * 1024;
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    // Without SVG, which is a document that can contain script. It is shown as text.
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

    /// <returns><see langword="null"/> if the body is not text.</returns>
    public static string? AsText(ReadOnlyMemory<byte> body)
    {
        try
        {
            // Cut between characters: half a character would make the text invalid UTF-8.
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
