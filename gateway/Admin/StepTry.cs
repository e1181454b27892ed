using DurableGateway.Runs;

namespace DurableGateway.Admin;

/// <summary>A try of a step that failed, and after which another one was to come.</summary>
/// <param name="Time">When it was reported.</param>
/// <param name="Attempt">The attempt that made it.</param>
/// <param name="Next">When the next try was due.</param>
/// <param name="Failure">What the service said, and how long the try took.</param>
internal sealed record StepTry(DateTimeOffset Time, int Attempt, DateTimeOffset? Next, FailureText Failure);
