using System.Text;
using System.Text.Json;
using DurableGateway.Admin;

namespace DurableGateway.Steps;

/// <summary>
/// Reads why a try of a step failed, in one line: for the log, the history, the dashboard and the CLI. The text comes from the service, so
/// it is masked like a body and truncated. Clients never get it.
/// </summary>
internal sealed class FailureReasonReader(BodyMasker masking)
{
    private const int MaxChars = 400;

    /// <param name="contentType">The content type of the failure.</param>
    /// <param name="body">Problem details (RFC 9457), or any other body.</param>
    public string Of(string contentType, ReadOnlyMemory<byte> body)
    {
        if (body.IsEmpty) return "no message";
        var masked = masking.Body(body, contentType);
        if (FromProblem(masked) is { } problem) return OneLine(problem);
        try
        {
            // Four bytes per character are enough for the line.
            return OneLine(new UTF8Encoding(false,
                throwOnInvalidBytes: masked.Length <= MaxChars).GetString(masked.Span[..Math.Min(masked.Length, 4 * MaxChars)]));
        }
        catch (DecoderFallbackException)
        {
            return $"{body.Length} bytes of {OneLine(contentType)}";
        }
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
        catch (JsonException)
        {
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
