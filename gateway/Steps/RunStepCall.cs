using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>A piece of the handler that has been executed.</summary>
/// <param name="Id">The step.</param>
/// <param name="Failed">Whether it failed.</param>
/// <param name="IsFinal">Whether no further try may help.</param>
/// <param name="RetryAfter">The delay that the failure names.</param>
/// <param name="Retry">How the step departs from the policy.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="ContentType">Of the outcome.</param>
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
