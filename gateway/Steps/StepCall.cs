using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>A <c>PUT …/steps/{step}</c> as its headers describe it (§3).</summary>
/// <param name="Id">The step.</param>
/// <param name="Type">Its <c>Durable-Step-Type</c>.</param>
internal abstract record StepCall(string Id, string Type);

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

/// <summary>A piece of the handler that is about to be executed, and must not be a second time.</summary>
/// <param name="Id">The step.</param>
/// <param name="Execution">The execution of the handler, where the service tells them apart; else empty.</param>
internal sealed record StartStepCall(string Id, string Execution) : StepCall(Id, "run");

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

/// <summary>The handler waits for an event.</summary>
internal sealed record WaitStepCall(string Id, Topic Topic, TimeSpan? Timeout, TimeSpan? Lookback) : StepCall(Id, "wait");

/// <summary>The handler waits for a third party's POST.</summary>
internal sealed record CallbackStepCall(string Id, TimeSpan? Timeout) : StepCall(Id, "callback");

/// <summary>The handler has another route's service called, as a run of its own.</summary>
internal sealed record InvokeStepCall(string Id, string Method, string Target, string? ContentType) : StepCall(Id, "invoke");
