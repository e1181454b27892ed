using DurableGateway.Configuration;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Egress;

/// <summary>The failed tries of one call, and the next one. The service sees only the last one.</summary>
/// <param name="retry">The rules of the route.</param>
/// <param name="attempt">The attempt that makes the call. No try begins after its time.</param>
/// <param name="over">Cancelled when the call is not to be made again.</param>
internal sealed class CallTries(StepRetry retry, Attempt attempt, CancellationToken over)
{
    private readonly HashSet<DestinationState> _failed = [];

    /// <summary>How many tries have failed and are followed by another one.</summary>
    public int Failed { get; private set; }

    /// <summary>The delay before the next try; <see langword="null"/> if none is planned.</summary>
    public TimeSpan? Next { get; private set; }

    /// <summary>Plans a try after one that has failed.</summary>
    /// <param name="retryAfter">What the called service asked for.</param>
    /// <returns><see langword="false"/> if the service is to see the failure.</returns>
    public bool TryPlan(TimeSpan? retryAfter)
    {
        if (Failed + 1 >= retry.MaxAttempts || over.IsCancellationRequested) return false;
        var delay = retry.DelayAfter(Failed + 1, retryAfter, Random.Shared.NextDouble());
        if (delay >= attempt.TimeLeft) return false;
        Failed++;
        Next = delay;
        return true;
    }

    /// <summary>The planned try begins, or is not made.</summary>
    public void Begin() => Next = null;

    /// <summary>Records the destination of a failed try.</summary>
    public void Note(DestinationState? destination)
    {
        if (destination is not null) _failed.Add(destination);
    }

    public bool HasFailed(DestinationState destination) => _failed.Contains(destination);

    /// <summary>All destinations have failed, so each may be tried again.</summary>
    public void ForgetDestinations() => _failed.Clear();
}
