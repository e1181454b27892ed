namespace DurableGateway.Runs;

/// <summary>Calculates the delays of retries.</summary>
internal static class RetrySchedule
{
    /// <summary>The longest delay while a service is unreachable. Its runs continue within this time after it is back.</summary>
    private static readonly TimeSpan MaxUnreachable = TimeSpan.FromSeconds(30);

    /// <summary>The shortest delay. It prevents a busy loop of failures that do not count.</summary>
    private static readonly TimeSpan ShortestUnreachable = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether a failure to reach the service does not count.</summary>
    /// <param name="policy">The policy, which limits the time of such failures.</param>
    /// <param name="since">When the service became unreachable;
    /// <see langword="null"/> if it was reached.</param>
    /// <param name="now">The time of this failure.</param>
    public static bool IsSpared(RunPolicy policy, DateTimeOffset? since, DateTimeOffset now) =>
        since is { } first && policy.MaxAttempts > 1 && now - first < policy.UnreachableFor;

    /// <summary>
    /// The delay before the next try of an unreachable service: an eighth of the time since it became unreachable. Its runs then continue
    /// soon after it is reachable again, and the tries become less frequent during a long outage.
    /// </summary>
    /// <param name="policy">The policy, which sets the first and the longest delay.</param>
    /// <param name="away">How long the service has been unreachable.</param>
    /// <param name="random">A number in [0, 1) for the jitter.</param>
    public static TimeSpan DelayWhileUnreachable(RunPolicy policy, TimeSpan away, double random)
    {
        var shortest = Math.Max(policy.RetryDelay.TotalMilliseconds, ShortestUnreachable.TotalMilliseconds);
        var longest = Math.Max(shortest, Math.Min(policy.MaxRetryDelay.TotalMilliseconds, MaxUnreachable.TotalMilliseconds));
        return Jittered(policy, Math.Clamp(away.TotalMilliseconds / 8, shortest, longest), random);
    }

    /// <summary>The delay before the next try.</summary>
    /// <param name="policy">The policy, which sets shape, base and cap of the delay.</param>
    /// <param name="failures">The number of failed tries; at least 1.</param>
    /// <param name="retryAfter">The shortest delay that the failure requested. It applies even beyond the cap.</param>
    /// <param name="random">A number in [0, 1) for the jitter.</param>
    public static TimeSpan Delay(RunPolicy policy, int failures, TimeSpan? retryAfter, double random)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(failures, 1);
        var factor = policy.Backoff switch
        {
            BackoffShape.Exponential => Math.Pow(2, Math.Min(failures - 1, 62)),
            BackoffShape.Linear => failures,
            _ => 1,
        };
        var delay = Math.Min(policy.RetryDelay.TotalMilliseconds * factor, policy.MaxRetryDelay.TotalMilliseconds);
        var drawn = Jittered(policy, delay, random);
        return retryAfter is { } named && named > drawn ? named : drawn;
    }

    /// <summary>
    /// Half of the delay is fixed and half is random. Runs that failed together are tried at different times, and none immediately.
    /// </summary>
    private static TimeSpan Jittered(RunPolicy policy, double milliseconds, double random) =>
        TimeSpan.FromMilliseconds(policy.Jitter ? (milliseconds / 2) + (milliseconds / 2 * random) : milliseconds);
}
