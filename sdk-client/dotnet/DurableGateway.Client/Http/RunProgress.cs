using System;

namespace DurableGateway.Client.Http;

/// <summary>What has happened in a run, as its client may know it.</summary>
public sealed class RunProgress
{
    internal RunProgress(string kind, int attempt, string? step, string? state, DateTimeOffset? until)
    {
        Kind = kind;
        Attempt = attempt;
        Step = step;
        State = state;
        Until = until;
    }

    /// <summary><c>attempt</c>: one has begun; <c>step</c>: a step is in another state; <c>suspended</c>: the run waits.</summary>
    public string Kind { get; }

    /// <summary>The number of the attempt.</summary>
    public int Attempt { get; }

    /// <summary>The step's id; <see langword="null"/> where it is not about a step.</summary>
    public string? Step { get; }

    /// <summary>Of a step: <c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>running</c>, <c>sleeping</c> or <c>waiting</c>.</summary>
    public string? State { get; }

    /// <summary>When it goes on; <see langword="null"/> where that is not known.</summary>
    public DateTimeOffset? Until { get; }
}
