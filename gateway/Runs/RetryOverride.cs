namespace DurableGateway.Runs;

/// <summary>How a step's retries depart from the policy (<c>Durable-Step-Retry</c>); what is absent is the policy's.</summary>
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
