using Microsoft.Extensions.Primitives;

namespace DurableGateway.Protocol;

/// <summary>The <c>Idempotency-Key</c> header: a String (RFC 9651), or the same without quotes.</summary>
internal static class IdempotencyKeyHeader
{
    public const int MaxLength = 256;

    /// <returns>The key; <see langword="null"/> if it is absent or malformed.</returns>
    public static string? Read(StringValues field, out string? wrong)
    {
        wrong = null;
        if (field.Count == 0) return null;
        var text = field.Count == 1 ? (field[0] ?? "").Trim() : "";
        var key = text.StartsWith('"') ? Unquote(text) : text;
        if (key is { Length: > 0 and <= MaxLength } && StructuredFields.IsString(key)) return key;
        wrong = $"Send one String of 1 to {MaxLength} printable ASCII characters, with or without quotes.";
        return null;
    }

    private static string? Unquote(string text)
    {
        var key = new System.Text.StringBuilder();
        for (var i = 1; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '"': return i == text.Length - 1 ? key.ToString() : null;
                case '\\' when i + 1 < text.Length && text[i + 1] is '"' or '\\': key.Append(text[++i]); break;
                case '\\': return null;
                default: key.Append(text[i]); break;
            }
        }

        return null;
    }
}
