namespace DurableGateway.Storage;

/// <summary>
/// Limits the log lines of an outage: one at the first failure, one a minute during the outage, and one when calls succeed again. Callers
/// report each failure here and log nothing themselves.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="failing">Logs a failure: the duration of the outage, the number of failed calls, and the last error.</param>
/// <param name="working">Logs the recovery: the duration of the outage, and the number of failed calls.</param>
internal sealed class OutageLog(TimeProvider time, Action<TimeSpan, long, Exception> failing, Action<TimeSpan, long> working)
{
    /// <summary>The shortest time between two lines about failures, also of different outages.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The time without failures after which the outage is over. So the log does not alternate if only some calls fail.
    /// </summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private volatile bool _isOut;
    private long _began;
    private long _lastFailure;
    private long? _recovered;
    private long? _logged;
    private long _failures;
    private bool _isLogged;

    public void Failed(Exception error)
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            if (!_isOut) (_began, _failures, _isLogged, _isOut) = (now, 0, false, true);
            _failures++;
            (_lastFailure, _recovered) = (now, null);
            if (_logged is { } before && time.GetElapsedTime(before, now) < Interval) return;
            (_logged, _isLogged) = (now, true);
            failing(time.GetElapsedTime(_began, now), _failures, error);
        }
    }

    public void Succeeded()
    {
        if (!_isOut) return;
        lock (_lock)
        {
            if (!_isOut) return;
            var now = time.GetTimestamp();
            _recovered ??= now;
            if (time.GetElapsedTime(_lastFailure, now) < Quiet) return;
            _isOut = false;
            if (_isLogged) working(time.GetElapsedTime(_began, _recovered.Value), _failures);
        }
    }
}
