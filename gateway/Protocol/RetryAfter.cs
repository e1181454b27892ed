using System.Globalization;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Protocol;

/// <summary>The <c>Retry-After</c> field (RFC 9110 §10.2.3): whole seconds or an HTTP date.</summary>
internal static class RetryAfter
{
    /// <summary>What is named beyond this is taken for this much: no service knows that far ahead when it is back.</summary>
    public static readonly TimeSpan Maximum = TimeSpan.FromDays(1);

    /// <returns><see langword="null"/> where the field is absent, or neither a number of seconds nor a date.</returns>
    public static TimeSpan? Parse(string? field, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(field)) return null;
        if (!StructuredFields.TryParseSeconds(field.Trim(), out var delay))
        {
            if (!HeaderUtilities.TryParseDate(field.Trim(), out var date)) return null;
            delay = date > now ? date - now : TimeSpan.Zero;
        }

        return delay < Maximum ? delay : Maximum;
    }

    /// <summary>Whole seconds, rounded up, at least one: a client that comes back early only has to wait again.</summary>
    public static string Format(TimeSpan delay) =>
        Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
