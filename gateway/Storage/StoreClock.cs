namespace DurableGateway.Storage;

/// <summary>
/// The time of the store. All nodes use it to decide what is due and which leases are valid, because the clock of a node can be wrong or be
/// adjusted. The time is the last answer of the store plus the elapsed time of a monotonic clock.
/// </summary>
internal sealed class StoreClock(TimeProvider local) : TimeProvider
{
    /// <summary>How long an exact answer is preferred to a newer one. After that, clock drift outweighs its precision.</summary>
    private static readonly TimeSpan Trusted = TimeSpan.FromMinutes(1);

    /// <summary>
    /// If the store's time is ahead of the expected time by more than this plus the errors of both answers, it comes from another clock.
    /// </summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(1);

    private volatile Anchor? _anchor;
    private long _jumped = long.MinValue;

    public override TimeZoneInfo LocalTimeZone => local.LocalTimeZone;
    public override long TimestampFrequency => local.TimestampFrequency;

    /// <summary>How far this machine's clock is ahead of the store's.</summary>
    public TimeSpan Ahead => local.GetUtcNow() - GetUtcNow();

    public override DateTimeOffset GetUtcNow() => _anchor is { } anchor ? anchor.Time + local.GetElapsedTime(anchor.At) : local.GetUtcNow();

    public override long GetTimestamp() => local.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        local.CreateTimer(callback, state, dueTime, period);

    /// <summary>
    /// Whether the store's time has recently jumped ahead, for example after a failover to a host with another clock. Leases from before
    /// the jump appear to have expired.
    /// </summary>
    public bool HasJumpedWithin(TimeSpan span)
    {
        var jumped = Volatile.Read(ref _jumped);
        return jumped != long.MinValue && local.GetElapsedTime(jumped) < span;
    }

    /// <summary>Uses an answer of the store if it is more exact than the current one.</summary>
    /// <param name="time">The store's time.</param>
    /// <param name="asked">The timestamp before the request. The answer counts as the time halfway between the request and now.</param>
    public void Set(DateTimeOffset time, long asked)
    {
        var now = local.GetTimestamp();
        var error = local.GetElapsedTime(asked, now) / 2;
        var said = time + error;
        if (_anchor is { } known && error > known.Error && local.GetElapsedTime(known.At, now) < Trusted
            && (said - GetUtcNow()).Duration() <= error + known.Error)
            return;
        if (_anchor is { } before && said - GetUtcNow() > Tolerance + error + before.Error) Volatile.Write(ref _jumped, now);
        _anchor = new Anchor(said, now, error);
    }

    private sealed record Anchor(DateTimeOffset Time, long At, TimeSpan Error);
}
