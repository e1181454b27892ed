using DurableGateway.Protocol;

namespace DurableGateway.Runs;

/// <summary>Calls all observers, in the order of their registration.</summary>
internal sealed class RunEvents(IEnumerable<IRunObserver> observers)
{
    private readonly IRunObserver[] _observers = [.. observers];

    public void RunAccepted(NewRun run, DateTimeOffset due)
    {
        foreach (var observer in _observers) observer.RunAccepted(run, due);
    }

    public void RunQueued(Attempt attempt, DateTimeOffset due)
    {
        foreach (var observer in _observers) observer.RunQueued(attempt, due);
    }

    public void LiveAttemptBegan(Attempt attempt)
    {
        foreach (var observer in _observers) observer.LiveAttemptBegan(attempt);
    }

    public void RunClaimed(ClaimedRun run)
    {
        foreach (var observer in _observers) observer.RunClaimed(run);
    }

    public void AttemptFailed(Attempt attempt, AttemptFailure failure, DateTimeOffset due)
    {
        foreach (var observer in _observers) observer.AttemptFailed(attempt, failure, due);
    }

    public void AttemptSuspended(Attempt attempt, DateTimeOffset due)
    {
        foreach (var observer in _observers) observer.AttemptSuspended(attempt, due);
    }

    public void AttemptHandedBack(Attempt attempt, DateTimeOffset due, bool forOthers)
    {
        foreach (var observer in _observers) observer.AttemptHandedBack(attempt, due, forOthers);
    }

    public void AttemptLost(Attempt attempt)
    {
        foreach (var observer in _observers) observer.AttemptLost(attempt);
    }

    public void AttemptDropped(Attempt attempt)
    {
        foreach (var observer in _observers) observer.AttemptDropped(attempt);
    }

    public void ClientRedirected(Attempt attempt)
    {
        foreach (var observer in _observers) observer.ClientRedirected(attempt);
    }

    public void RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        foreach (var observer in _observers) observer.RunEnded(attempt, state, status, isStored);
    }

    public void RunCancelled(RunId run, RunOrigin? origin)
    {
        foreach (var observer in _observers) observer.RunCancelled(run, origin);
    }

    public void RunUnreadable(RunId run)
    {
        foreach (var observer in _observers) observer.RunUnreadable(run);
    }

    public void ResultIsDue(RunId run, DateTimeOffset due)
    {
        foreach (var observer in _observers) observer.ResultIsDue(run, due);
    }
}
