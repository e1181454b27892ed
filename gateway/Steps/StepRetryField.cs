using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>
/// Parses <c>Durable-Step-Retry</c> (§3): a Dictionary (RFC 9651) with the step's overrides of the policy's retries, such as
/// <c>max-attempts=3, delay=1.5, max-delay=60, backoff=linear</c>. Unknown members are ignored.
/// </summary>
internal static class StepRetryField
{
    private const int MaxRetryAttempts = 1_000_000;

    /// <exception cref="FormatException">A member has an invalid value.</exception>
    public static RetryOverride Parse(string? field)
    {
        var retry = default(RetryOverride);
        if (string.IsNullOrWhiteSpace(field)) return retry;
        foreach (var member in field.Split(',', StringSplitOptions.TrimEntries))
        {
            var (key, value) = member.Split(';', 2)[0].Split('=', 2) is [var name, var given] ? (name, given) : (member, "?1");
            retry = key switch
            {
                "max-attempts" => retry with { MaxAttempts = Attempts(value) },
                "delay" => retry with { Delay = Seconds(key, value) },
                "max-delay" => retry with { MaxDelay = Seconds(key, value) },
                "backoff" => retry with { Backoff = Shape(value) },
                _ => retry,
            };
        }

        return retry;
    }

    private static int Attempts(string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count is >= 1 and <= MaxRetryAttempts
            ? count
            : throw new FormatException($"{DurableHeaders.StepRetry}: max-attempts={value} is not between 1 and {MaxRetryAttempts}.");

    private static TimeSpan Seconds(string key, string value) =>
        StructuredFields.TryParseSeconds(value, out var span)
            ? span
            : throw new FormatException($"{DurableHeaders.StepRetry}: {key}={value} is not a number of seconds.");

    private static BackoffShape Shape(string value) => value switch
    {
        "exponential" => BackoffShape.Exponential,
        "linear" => BackoffShape.Linear,
        "constant" => BackoffShape.Constant,
        _ => throw new FormatException($"{DurableHeaders.StepRetry}: backoff={value} is none of exponential, linear and constant."),
    };
}
