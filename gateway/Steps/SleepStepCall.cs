using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>The handler sleeps until a time.</summary>
internal sealed record SleepStepCall(string Id, DateTimeOffset Until) : StepCall(Id, "sleep")
{
    public StepOutcome Awake(int attempt, DateTimeOffset now) => new()
    {
        Id = Id,
        Type = "sleep",
        Failed = false,
        ContentType = "application/json",
        Body = ReadOnlyMemory<byte>.Empty,
        Attempt = attempt,
        StartedAt = now,
        EndedAt = now,
    };
}
