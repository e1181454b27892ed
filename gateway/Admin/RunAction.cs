using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <summary>What can be done to a run.</summary>
internal abstract record RunAction
{
    /// <summary>A parked run is due at once.</summary>
    public sealed record Retry : RunAction;

    public sealed record Cancel : RunAction;

    /// <summary>It is not taken up again until <see cref="Resume"/>.</summary>
    public sealed record Pause : RunAction;

    public sealed record Resume : RunAction;

    /// <summary>The same request as a new run.</summary>
    /// <param name="As">Its id, where the call may be repeated; <see langword="null"/>: a new one.</param>
    public sealed record RunAgain(RunId? As = null) : RunAction;

    /// <summary>The idempotency key of an ended run stands for it no longer: the next request with the key begins a new run.</summary>
    public sealed record ReleaseKey : RunAction;

    /// <summary>An ended or parked run goes on from a step: its outcome and the later ones are dropped.</summary>
    public sealed record RunFromStep(string Step) : RunAction;

    /// <summary>An ended or parked run goes on with another outcome of a step.</summary>
    public sealed record EditStep(string Step, bool Failed, string ContentType, ReadOnlyMemory<byte> Body) : RunAction;
}
