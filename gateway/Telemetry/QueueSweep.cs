using DurableGateway.Runs;

namespace DurableGateway.Telemetry;

/// <summary>Reads the queue figures from the store, at most every five seconds for all collectors.</summary>
internal sealed class QueueSweep(IRunStore store, TimeProvider time)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private QueueFigures? _latest;
    private long? _asked;

    /// <summary>
    /// Returns the figures. Instruments are observed synchronously, so the collector's thread waits for the store. The value of the
    /// previous collection would be as old as the collection interval, and missing in the first collection.
    /// </summary>
    public QueueFigures? Latest()
    {
        lock (_lock)
        {
            if (_asked is { } asked && time.GetElapsedTime(asked) < Fresh) return _latest;
            _latest = Ask();
            _asked = time.GetTimestamp();
            return _latest;
        }
    }

    private QueueFigures? Ask()
    {
        try
        {
            var answer = Task.Run(() => store.GetQueueFiguresAsync(time.GetUtcNow()));
            return answer.Wait(Patience) ? answer.Result : null;
        }
        catch (AggregateException e) when (e.InnerException is StoreUnavailableException)
        {
            return null;
        }
    }
}
