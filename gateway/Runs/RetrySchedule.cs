namespace DurableGateway.Runs;

/// <summary>The arithmetic of retries.</summary>
internal static class RetrySchedule
{
    /// <summary>The longest delay while a service cannot be reached: so long after its return, at most, its runs go on.</summary>
    private static readonly TimeSpan MaxUnreachable = TimeSpan.FromSeconds(30);

    /// <summary>The shortest one: what does not count must not become a busy loop.</summary>
    private static readonly TimeSpan ShortestUnreachable = TimeSpan.FromMilliseconds(100);

    /// <summary>Whether a failure to reach the service is not counted.</summary>
    /// <param name="policy">Says for how long that is.</param>
    /// <param name="since">When the service could not be reached for the first time in a row;
    /// <see langword="null"/> where it was reached.</param>
    /// <param name="now">The time of this failure.</param>
    public static bool IsSpared(RunPolicy policy, DateTimeOffset? since, DateTimeOffset now) =>
        since is { } first && policy.MaxAttempts > 1 && now - first < policy.UnreachableFor;

    /// <summary>
    /// The delay before the next try of a service that could not be reached: an eighth of the time that it has been away, so that its
    /// runs go on soon after it is back, and a service that stays away is asked ever less often.
    /// </summary>
    /// <param name="policy">The first delay, and the longest.</param>
    /// <param name="away">For how long it has been away.</param>
    /// <param name="random">A number in [0, 1) for the jitter.</param>
    public static TimeSpan DelayWhileUnreachable(RunPolicy policy, TimeSpan away, double random)
    {
        var shortest = Math.Max(policy.RetryDelay.TotalMilliseconds, ShortestUnreachable.TotalMilliseconds);
        var longest = Math.Max(shortest, Math.Min(policy.MaxRetryDelay.TotalMilliseconds, MaxUnreachable.TotalMilliseconds));
        return Jittered(policy, Math.Clamp(away.TotalMilliseconds / 8, shortest, longest), random);
    }

    /// <summary>The delay before the next try.</summary>
    /// <param name="policy">Shape, base and cap of the delay.</param>
    /// <param name="failures">How many tries have failed by now; at least 1.</param>
    /// <param name="retryAfter">The earliest next try that the failure itself named. It is honoured beyond the cap.</param>
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
    /// Half of the delay is fixed and half is drawn, so that runs that failed together come back apart, but none at once.
    /// </summary>
    private static TimeSpan Jittered(RunPolicy policy, double milliseconds, double random) =>
        TimeSpan.FromMilliseconds(policy.Jitter ? (milliseconds / 2) + (milliseconds / 2 * random) : milliseconds);
}
