using System;

namespace DurableGateway.Client.Http;

/// <summary>An entry of the history of a run, for its client.</summary>
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

    /// <summary><c>attempt</c>: an attempt has started; <c>step</c>: a step has a new state; <c>suspended</c>: the run waits.</summary>
    public string Kind { get; }

    /// <summary>The number of the attempt.</summary>
    public int Attempt { get; }

    /// <summary>The id of the step; <see langword="null"/> if the entry is not about a step.</summary>
    public string? Step { get; }

    /// <summary>The state of the step: <c>completed</c>, <c>failed</c>, <c>retrying</c>, <c>running</c>, <c>sleeping</c> or
    /// <c>waiting</c>.</summary>
    public string? State { get; }

    /// <summary>The time at which the run or step continues; <see langword="null"/> if unknown.</summary>
    public DateTimeOffset? Until { get; }
}
