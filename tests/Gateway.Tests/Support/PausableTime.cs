namespace DurableGateway.Tests.Support;

/// <summary>
/// The clock of a node that is suspended as a whole, like a stopped process or a migrated machine. No timer fires until it resumes.
/// </summary>
internal sealed class PausableTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<Action> _overdue = [];
    private (DateTimeOffset Now, long Timestamp)? _paused;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock) return _paused?.Now ?? System.GetUtcNow();
    }

    public override long GetTimestamp()
    {
        lock (_lock) return _paused?.Timestamp ?? System.GetTimestamp();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => System.CreateTimer(_ =>
    {
        lock (_lock)
        {
            if (_paused is not null)
            {
                _overdue.Add(() => callback(state));
                return;
            }
        }

        callback(state);
    }, null, dueTime, period);

    public void Pause()
    {
        lock (_lock) _paused = (System.GetUtcNow(), System.GetTimestamp());
    }

    public void GoOn()
    {
        Action[] overdue;
        lock (_lock)
        {
            _paused = null;
            overdue = [.. _overdue];
            _overdue.Clear();
        }

        foreach (var callback in overdue) callback();
    }
}
