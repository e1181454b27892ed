using System.Globalization;
using Microsoft.Net.Http.Headers;

namespace DurableGateway.Protocol;

/// <summary>The <c>Retry-After</c> header (RFC 9110 §10.2.3): whole seconds or an HTTP date.</summary>
internal static class RetryAfter
{
    /// <summary>The maximum delay. Longer delays count as this one, because no service can predict them.</summary>
    public static readonly TimeSpan Maximum = TimeSpan.FromDays(1);

    /// <returns><see langword="null"/> if the header is absent, or neither a number of seconds nor a date.</returns>
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

    /// <summary>Whole seconds, rounded up, at least one, so that clients do not retry too early.</summary>
    public static string Format(TimeSpan delay) =>
        Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
