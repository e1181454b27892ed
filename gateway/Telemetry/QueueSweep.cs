using DurableGateway.Runs;

namespace DurableGateway.Telemetry;

/// <summary>Asks the store how full its queues are, at most every five seconds however many collect.</summary>
internal sealed class QueueSweep(IRunStore store, TimeProvider time)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private QueueFigures? _latest;
    private long? _asked;

    /// <summary>
    /// The figures. Instruments are observed synchronously, so the collector's thread waits for the store: a value of the collection
    /// before would be as old as the pause between two, and missing in the first.
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
