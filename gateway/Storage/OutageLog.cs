namespace DurableGateway.Storage;

/// <summary>
/// Turns the failures of one thing into few log lines: one when it fails first, one a minute while it goes on failing, and one when
/// it works again. Callers that repeat a call every second report each failure here and log nothing themselves.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="failing">Logs a failure: for how long the thing has failed, how many calls failed, and the last error.</param>
/// <param name="working">Logs that it works again: for how long it failed, and how many calls failed.</param>
internal sealed class OutageLog(TimeProvider time, Action<TimeSpan, long, Exception> failing, Action<TimeSpan, long> working)
{
    /// <summary>The shortest time between two lines about failures, also where one outage follows another.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long nothing may fail before the outage counts as over: where only some calls fail, the log does not alternate.
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
