namespace DurableGateway.Runs;

/// <summary>The arithmetic of retries.</summary>
internal static class RetrySchedule
{
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

        // Half of the delay is fixed and half is drawn, so that runs that failed together come back apart, but none at once.
        if (policy.Jitter) delay = (delay / 2) + (delay / 2 * random);
        return retryAfter is { } named && named.TotalMilliseconds > delay ? named : TimeSpan.FromMilliseconds(delay);
    }
}
