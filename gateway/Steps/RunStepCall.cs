using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>The handler has executed a step.</summary>
/// <param name="Id">The id of the step.</param>
/// <param name="Failed">Whether the step failed.</param>
/// <param name="IsFinal">Whether the failure is final, so that the step is not retried.</param>
/// <param name="RetryAfter">The delay that the failure requests.</param>
/// <param name="Retry">The step's overrides of the policy.</param>
/// <param name="Duration">The duration of the execution.</param>
/// <param name="ContentType">The content type of the outcome.</param>
internal sealed record RunStepCall(
    string Id, bool Failed, bool IsFinal, TimeSpan? RetryAfter, RetryOverride Retry, TimeSpan? Duration, string ContentType)
    : StepCall(Id, "run")
{
    public StepOutcome ToOutcome(int attempt, byte[] body, DateTimeOffset now) => new()
    {
        Id = Id,
        Failed = Failed,
        ContentType = ContentType,
        Body = body,
        Attempt = attempt,
        StartedAt = Duration is { } duration ? now - duration : now,
        EndedAt = now,
    };
}
