using System.IO.Compression;
using System.Text;
using System.Text.Json;
using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>
/// Reads why a try of a step or an attempt failed: in one line for the log, lists and the CLI, and the beginning of the body. The text
/// comes from the service, so it is masked like a body and truncated. Clients never get it.
/// </summary>
internal sealed class FailureReader(BodyMasker masking) : IFailureReader
{
    private const int MaxChars = 400;

    /// <summary>The most that is read of a compressed body.</summary>
    private const int MaxDecodedBytes = 64 * 1024;

    public FailureText Read(string? contentType, string? encoding, ReadOnlyMemory<byte> body, bool isWhole)
    {
        try
        {
            return ReadText(contentType, encoding, body, isWhole);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // The body comes from outside. What cannot be read must not disturb the end of an attempt.
            return Describe(contentType, body, isWhole);
        }
    }

    private FailureText ReadText(string? contentType, string? encoding, ReadOnlyMemory<byte> body, bool isWhole)
    {
        if (body.IsEmpty) return default;
        if (!string.IsNullOrEmpty(encoding) && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            if (Decode(encoding, body) is not { } decoded)
                return $"{Size(body, isWhole)} of {OneLine(contentType ?? "")}, {OneLine(encoding)}";
            (body, isWhole) = (decoded.Body, isWhole && decoded.IsWhole);
        }

        // A document that is cut off cannot be parsed, and so not be masked.
        if (!isWhole && masking.MayHide(body)) return Describe(contentType, body, isWhole);
        var masked = masking.Body(body, contentType);
        var reason = FromProblem(masked);
        if (Text(masked) is not { } text) return Describe(contentType, body, isWhole);
        var line = OneLine(reason ?? (IsMarkup(contentType) ? TitleOf(text) : text));

        // A body that the line repeats is not kept twice.
        var isCut = !isWhole || masked.Length > FailureText.MaxBodyBytes;
        return text.Trim() == line ? line : new FailureText(line, contentType ?? "", text, isCut);
    }

    private static string Describe(string? contentType, ReadOnlyMemory<byte> body, bool isWhole) =>
        $"{Size(body, isWhole)} of {(string.IsNullOrEmpty(contentType) ? "no content type" : OneLine(contentType))}";

    private static string Size(ReadOnlyMemory<byte> body, bool isWhole) => $"{(isWhole ? "" : "more than ")}{body.Length} bytes";

    /// <summary>The beginning as text; <see langword="null"/> if it is not text.</summary>
    private static string? Text(ReadOnlyMemory<byte> body)
    {
        var length = Math.Min(body.Length, FailureText.MaxBodyBytes);
        while (length < body.Length && length > 0 && (body.Span[length] & 0xC0) == 0x80) length--;
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(body.Span[..length]);
            return text.Contains('\0', StringComparison.Ordinal) ? null : text;
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }

    private static (ReadOnlyMemory<byte> Body, bool IsWhole)? Decode(string encoding, ReadOnlyMemory<byte> body)
    {
        using var encoded = new MemoryStream(body.ToArray(), writable: false);
        using Stream? decoder = encoding.ToLowerInvariant() switch
        {
            "gzip" => new GZipStream(encoded, CompressionMode.Decompress),
            "deflate" => new ZLibStream(encoded, CompressionMode.Decompress),
            "br" => new BrotliStream(encoded, CompressionMode.Decompress),
            _ => null,
        };
        if (decoder is null) return null;
        var (buffer, length) = (new byte[MaxDecodedBytes], 0);
        try
        {
            while (length < buffer.Length && decoder.Read(buffer, length, buffer.Length - length) is > 0 and var count) length += count;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or InvalidOperationException)
        {
            // The body was cut off, or is not what its header says. What was decoded counts.
            return length == 0 ? null : (buffer.AsMemory(0, length), false);
        }

        return (buffer.AsMemory(0, length), length < buffer.Length);
    }

    private static bool IsMarkup(string? contentType) => contentType?.Contains("html", StringComparison.OrdinalIgnoreCase) is true;

    /// <summary>The title of a page, which says more than its markup.</summary>
    private static string TitleOf(string text)
    {
        var start = text.IndexOf("<title>", StringComparison.OrdinalIgnoreCase);
        var end = start < 0 ? -1 : text.IndexOf("</title>", start, StringComparison.OrdinalIgnoreCase);
        return end < 0 ? text : System.Net.WebUtility.HtmlDecode(text[(start + "<title>".Length)..end]);
    }

    private static string? FromProblem(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } problem) return null;
            var (title, detail, exception) = (Text(problem, "title"), Text(problem, "detail"), Text(problem, "exceptionType"));
            var words = (title, detail) switch
            {
                (null, null) => null,
                (null, _) => detail,
                (_, null) => title,
                _ => detail.Contains(title, StringComparison.Ordinal) ? detail : $"{title}: {detail}",
            };
            return words is null || exception is null || words.Contains(exception, StringComparison.Ordinal)
                ? words
                : $"{words} ({exception})";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, or a text that is not valid UTF-8 or UTF-16.
            return null;
        }
    }

    private static string? Text(JsonElement problem, string name) =>
        problem.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : null;

    /// <summary>Replaces control characters, so that the text cannot add lines to the log or control a terminal.</summary>
    private static string OneLine(string text)
    {
        var line = new StringBuilder(Math.Min(text.Length, MaxChars) + 1);
        foreach (var letter in text)
        {
            if (line.Length == MaxChars) return line.Append('…').ToString();
            if (!char.IsControl(letter)) line.Append(letter);
            else if (line is not [.., ' ']) line.Append(' ');
        }

        return line.ToString().Trim();
    }
}
