namespace DurableGateway.Runs;

/// <summary>Retry settings of a step that override the policy (<c>Durable-Step-Retry</c>). The policy supplies absent values.</summary>
internal readonly record struct RetryOverride(int? MaxAttempts, TimeSpan? Delay, TimeSpan? MaxDelay, BackoffShape? Backoff)
{
    public RunPolicy Over(RunPolicy policy) => this == default ? policy : policy with
    {
        MaxAttempts = MaxAttempts ?? policy.MaxAttempts,
        RetryDelay = Delay ?? policy.RetryDelay,
        MaxRetryDelay = MaxDelay ?? policy.MaxRetryDelay,
        Backoff = Backoff ?? policy.Backoff,
    };
}
