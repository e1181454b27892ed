using DurableGateway.Protocol;

namespace DurableGateway.Admin;

/// <summary>An action on a run.</summary>
internal abstract record RunAction
{
    /// <summary>Makes a waiting run due immediately.</summary>
    public sealed record Retry : RunAction;

    public sealed record Cancel : RunAction;

    /// <summary>Allows no further attempt until <see cref="Resume"/>.</summary>
    public sealed record Pause : RunAction;

    public sealed record Resume : RunAction;

    /// <summary>Starts a new run with the same request.</summary>
    /// <param name="As">The id of the new run, if the call may be repeated; <see langword="null"/> for a generated id.</param>
    public sealed record RunAgain(RunId? As = null) : RunAction;

    /// <summary>Releases the idempotency key of an ended run: the next request with the key starts a new run.</summary>
    public sealed record ReleaseKey : RunAction;

    /// <summary>Continues an ended or waiting run from a step: the outcomes of the step and of later steps are deleted.</summary>
    public sealed record RunFromStep(string Step) : RunAction;

    /// <summary>Continues an ended or waiting run with another outcome of a step.</summary>
    public sealed record EditStep(string Step, bool Failed, string ContentType, ReadOnlyMemory<byte> Body) : RunAction;
}
