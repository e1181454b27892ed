using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Is told what becomes of runs and their attempts, at the place where it is decided. A method returns at once and throws nothing. Each
/// observer implements what it wants to hear of.
/// </summary>
internal interface IRunObserver
{
    /// <summary>A run begins, and its first attempt will come.</summary>
    /// <param name="run">The run.</param>
    /// <param name="due">When that attempt is due.</param>
    void RunAccepted(NewRun run, DateTimeOffset due)
    {
    }

    /// <summary>A run begins that has to wait for its turn: what its client asked for is no attempt yet.</summary>
    void RunQueued(Attempt attempt, DateTimeOffset due)
    {
    }

    /// <summary>A run begins with its live attempt.</summary>
    void LiveAttemptBegan(Attempt attempt)
    {
    }

    /// <summary>A due run was claimed.</summary>
    void RunClaimed(ClaimedRun run)
    {
    }

    /// <summary>The attempt failed, and its run waits for another.</summary>
    void AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due)
    {
    }

    /// <summary>The attempt ended with steps pending, and its run waits for them.</summary>
    void AttemptSuspended(Attempt attempt, DateTimeOffset due)
    {
    }

    /// <summary>The attempt was given up through no fault of the service, and its run waits for another.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="due">When its run is due.</param>
    /// <param name="forOthers">Whether another node is to take the run.</param>
    void AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers)
    {
    }

    /// <summary>Another attempt owns the run, or it has ended elsewhere.</summary>
    void AttemptLost(Attempt attempt)
    {
    }

    /// <summary>What became of the attempt could not be written, or it was no run after all.</summary>
    void AttemptDropped(Attempt attempt)
    {
    }

    /// <summary>The client was sent to the result URL.</summary>
    void ClientRedirected(Attempt attempt)
    {
    }

    /// <summary>The attempt is over and so is its run.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="state">How the run ended.</param>
    /// <param name="status">The status of its result.</param>
    /// <param name="isStored">Whether the result is in the store.</param>
    void RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
    }

    /// <summary>The run was cancelled by someone who may.</summary>
    /// <param name="run">The run.</param>
    /// <param name="origin">Where it comes from; <see langword="null"/> where that is not known.</param>
    void RunCancelled(RunId run, RunOrigin? origin)
    {
    }

    /// <summary>The run's record could not be read, and the run was ended.</summary>
    void RunUnreadable(RunId run)
    {
    }

    /// <summary>The end of a run is to be told to the run that invoked it, from a time on.</summary>
    void ResultIsDue(RunId run, DateTimeOffset due)
    {
    }
}
