using DurableGateway.Configuration;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Egress;

/// <summary>
/// The attempts that have ended their run on this node in the last minute. Services may make calls after their response, which no replay
/// repeats, so these calls pass.
/// </summary>
internal sealed class EndedAttempts(GatewaySettings settings, TimeProvider time) : IRunObserver
{
    private const int Max = 50_000;
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private HashSet<(RunId, Fence)> _current = [];
    private HashSet<(RunId, Fence)> _former = [];
    private long _began = time.GetTimestamp();

    public void RunEnded(Attempt attempt, RunState state, int status, bool isStored)
    {
        if (settings.Egress is null) return;
        lock (_lock)
        {
            Age();
            if (_current.Count < Max) _current.Add((attempt.Run, attempt.Key.Fence));
        }
    }

    public bool Contains(CallBinding call)
    {
        lock (_lock)
        {
            Age();
            return _current.Contains((call.Run, call.Attempt)) || _former.Contains((call.Run, call.Attempt));
        }
    }

    private void Age()
    {
        var age = time.GetElapsedTime(_began);
        if (age < Period) return;
        _former = age < 2 * Period ? _current : [];
        (_current, _began) = ([], time.GetTimestamp());
    }
}
