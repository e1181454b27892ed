using System.Globalization;

namespace DurableGateway.Protocol;

/// <summary>The <c>Retry-After</c> field (RFC 9110 §10.2.3): whole seconds or an HTTP date.</summary>
internal static class RetryAfter
{
    public static TimeSpan? Parse(string? field, DateTimeOffset now)
    {
        if (string.IsNullOrWhiteSpace(field)) return null;
        if (StructuredFields.TryParseSeconds(field.Trim(), out var delay)) return delay;
        if (!DateTimeOffset.TryParseExact(field.Trim(), "r", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date))
            return null;
        return date > now ? date - now : TimeSpan.Zero;
    }

    /// <summary>Whole seconds, rounded up, at least one: a client that comes back early only has to wait again.</summary>
    public static string Format(TimeSpan delay) =>
        Math.Max(1, (long)Math.Ceiling(delay.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
}
