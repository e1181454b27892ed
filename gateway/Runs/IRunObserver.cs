using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>
/// Observes the transitions of runs and attempts on this node. A method must return immediately and must not throw. An observer implements
/// only the methods that it needs.
/// </summary>
internal interface IRunObserver
{
    /// <summary>A run begins without an attempt.</summary>
    /// <param name="run">The run.</param>
    /// <param name="due">When its first attempt is due.</param>
    void RunAccepted(NewRun run, DateTimeOffset due)
    {
    }

    /// <summary>A run begins that has to wait for its place. It has no attempt yet.</summary>
    void RunQueued(Attempt attempt, DateTimeOffset due)
    {
    }

    /// <summary>A run begins with a live attempt.</summary>
    void LiveAttemptBegan(Attempt attempt)
    {
    }

    /// <summary>A due run was claimed.</summary>
    void RunClaimed(ClaimedRun run)
    {
    }

    /// <summary>An attempt failed, and its run waits for the next one.</summary>
    void AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due)
    {
    }

    /// <summary>An attempt ended with pending steps, and its run waits for them.</summary>
    void AttemptSuspended(Attempt attempt, DateTimeOffset due)
    {
    }

    /// <summary>An attempt ended without a failure of the service, and its run waits for the next one.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="due">When its run is due.</param>
    /// <param name="forOthers">Whether another node should take the run.</param>
    void AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers)
    {
    }

    /// <summary>Another attempt owns the run, or the run has ended elsewhere.</summary>
    void AttemptLost(Attempt attempt)
    {
    }

    /// <summary>The end of the attempt could not be written, or there was no run.</summary>
    void AttemptDropped(Attempt attempt)
    {
    }

    /// <summary>The client was redirected to the result URL.</summary>
    void ClientRedirected(Attempt attempt)
    {
    }

    /// <summary>An attempt ended its run.</summary>
    /// <param name="attempt">The attempt.</param>
    /// <param name="state">The final state of the run.</param>
    /// <param name="status">The status of its result.</param>
    /// <param name="isStored">Whether the result is in the store.</param>
    void RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
    }

    /// <summary>A client or an operator cancelled the run.</summary>
    /// <param name="run">The run.</param>
    /// <param name="origin">The origin of the run; <see langword="null"/> if it is not known.</param>
    void RunCancelled(RunId run, RunOrigin? origin)
    {
    }

    /// <summary>The run ended because its record is unreadable.</summary>
    void RunUnreadable(RunId run)
    {
    }

    /// <summary>The result of a run is due for delivery to the run that invoked it.</summary>
    void ResultIsDue(RunId run, DateTimeOffset due)
    {
    }
}
