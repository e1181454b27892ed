using DurableGateway.Runs;

namespace DurableGateway.Storage;

/// <summary>What became of the first attempt of a run that is written.</summary>
/// <param name="State">Running, where it is in flight.</param>
/// <param name="Owner">The node of the attempt.</param>
/// <param name="Due">When its lease ends, or when the next attempt is due.</param>
internal readonly record struct FirstAttempt(RunState State, string Owner, DateTimeOffset Due)
{
    /// <summary>0 where there was none yet.</summary>
    public int Number { get; init; } = 1;

    public int Failures { get; init; }

    /// <summary>For the run's history, where it failed.</summary>
    public AttemptNote Note { get; init; }

    /// <summary>Since when the service cannot be reached, where that is why it failed.</summary>
    public DateTimeOffset? UnreachableSince { get; init; }
}
