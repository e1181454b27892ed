using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>The first attempt of a run, when the run is first stored.</summary>
/// <param name="State">Running if the attempt is in flight.</param>
/// <param name="Owner">The node of the attempt.</param>
/// <param name="Due">When its lease ends, or when the next attempt is due.</param>
internal readonly record struct FirstAttempt(RunState State, string Owner, DateTimeOffset Due)
{
    /// <summary>The number of the attempt; 0 if there is none yet.</summary>
    public int Number { get; init; } = 1;

    public int Failures { get; init; }

    /// <summary>A note for the run's history, if the attempt failed.</summary>
    public AttemptNote Note { get; init; }

    /// <summary>When the service became unreachable, if that is why the attempt failed.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }
}
