using System;
using System.Collections.Generic;
using System.Globalization;

namespace DurableGateway.Client;

/// <summary>Options for the tries of a step. The route's policy sets the default of each.</summary>
/// <remarks>
/// The gateway applies the options and schedules retries in later attempts. Without a gateway, the SDK retries in the handler, with the
/// delays in between.
/// </remarks>
public sealed class StepOptions
{
    private static readonly TimeSpan LocalDelay = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LocalMaxDelay = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LongestTimeout = TimeSpan.FromMilliseconds(int.MaxValue);

    private int? _maxAttempts;
    private TimeSpan? _retryDelay;
    private TimeSpan? _maxRetryDelay;
    private StepBackoff? _backoff;
    private TimeSpan? _timeout;

    /// <summary>The maximum number of tries.</summary>
    /// <value>1 or more; 1 means no retry. The default is the policy's <c>Retry:MaxAttempts</c>; without a gateway, 1.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is less than 1.</exception>
    public int? MaxAttempts
    {
        get => _maxAttempts;
        set => _maxAttempts = value is < 1
            ? throw new ArgumentOutOfRangeException(nameof(value), value, "MaxAttempts must be 1 or more.")
            : value;
    }

    /// <summary>The delay before the second try.</summary>
    /// <value>Zero or more, with millisecond precision. The default is the policy's; without a gateway, one second.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public TimeSpan? RetryDelay
    {
        get => _retryDelay;
        set => _retryDelay = NotNegative(value, nameof(RetryDelay));
    }

    /// <summary>The maximum delay before a try. A <c>Retry-After</c> of the failure may be longer.</summary>
    /// <value>Zero or more, with millisecond precision. The default is the policy's; without a gateway, one minute.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is negative.</exception>
    public TimeSpan? MaxRetryDelay
    {
        get => _maxRetryDelay;
        set => _maxRetryDelay = NotNegative(value, nameof(MaxRetryDelay));
    }

    /// <summary>The growth of the delay from try to try.</summary>
    /// <value>The default is the policy's; without a gateway, <see cref="StepBackoff.Exponential"/>.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is not a member of the enumeration.</exception>
    public StepBackoff? Backoff
    {
        get => _backoff;
        set => _backoff = value is null or StepBackoff.Exponential or StepBackoff.Linear or StepBackoff.Constant
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "Backoff must be exponential, linear or constant.");
    }

    /// <summary>
    /// The timeout of one try. When it elapses, the token of the body is cancelled. If the body ends because of it, the try fails with a
    /// <see cref="TimeoutException"/>. The SDK waits for a body that ignores its token.
    /// </summary>
    /// <value>More than zero, at most 24 days. By default, a try has no timeout.</value>
    /// <exception cref="ArgumentOutOfRangeException">The value is zero, negative or too long.</exception>
    public TimeSpan? Timeout
    {
        get => _timeout;
        set => _timeout = value is { } time && (time <= TimeSpan.Zero || time > LongestTimeout)
            ? throw new ArgumentOutOfRangeException(nameof(value), value,
                "The timeout of a step must be more than zero and at most 24 days. Omit it for no timeout.")
            : value;
    }

    /// <summary>
    /// Whether the body is executed at most once, for effects that cannot be made idempotent. The gateway stores the start of the step
    /// first. If the outcome is unknown, for example after a crash or a lost connection, the step fails with the problem
    /// <c>/_durable/problems/step-interrupted</c>. A failure of the body is final, regardless of the other options.
    /// </summary>
    /// <value>The default is <see langword="false"/>: a step is executed at least once.</value>
    public bool AtMostOnce { get; set; }

    /// <summary>The Dictionary of <c>Durable-Step-Retry</c>; <see langword="null"/> if no option is set.</summary>
    internal string? ToHeader()
    {
        var members = new List<string>();
        if (MaxAttempts is { } attempts) members.Add("max-attempts=" + attempts.ToString(CultureInfo.InvariantCulture));
        if (RetryDelay is { } delay) members.Add("delay=" + StructuredField.Decimal(delay));
        if (MaxRetryDelay is { } max) members.Add("max-delay=" + StructuredField.Decimal(max));
        if (Backoff is { } backoff)
            members.Add("backoff=" + backoff switch
            {
                StepBackoff.Linear => "linear",
                StepBackoff.Constant => "constant",
                _ => "exponential",
            });
        return members.Count == 0 ? null : string.Join(", ", members);
    }

    /// <summary>The number of tries without a gateway.</summary>
    internal int LocalAttempts => AtMostOnce ? 1 : MaxAttempts ?? 1;

    /// <summary>The delay after a failed try without a gateway.</summary>
    internal TimeSpan LocalDelayAfter(int tries, TimeSpan? atLeast)
    {
        var first = (RetryDelay ?? LocalDelay).TotalSeconds;
        var seconds = Backoff switch
        {
            StepBackoff.Constant => first,
            StepBackoff.Linear => first * tries,
            _ => first * Math.Pow(2, Math.Min(tries - 1, 30)),
        };
        var delay = TimeSpan.FromSeconds(Math.Min(seconds, (MaxRetryDelay ?? LocalMaxDelay).TotalSeconds));
        return atLeast > delay ? atLeast.Value : delay;
    }

    private static TimeSpan? NotNegative(TimeSpan? value, string name) => value < TimeSpan.Zero
        ? throw new ArgumentOutOfRangeException(nameof(value), value, $"{name} must not be negative.")
        : value;
}
