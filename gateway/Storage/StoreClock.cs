namespace DurableGateway.Storage;

/// <summary>
/// The time of the store, by which all nodes agree on what is due and whose lease holds: a node's own clock may be wrong, or be set
/// while it runs. Reckoned forward from the last answer of the store by a clock that only ticks.
/// </summary>
internal sealed class StoreClock(TimeProvider local) : TimeProvider
{
    /// <summary>How long an exact answer is better than a fresh one: quartz drifts.</summary>
    private static readonly TimeSpan Trusted = TimeSpan.FromMinutes(1);

    /// <summary>
    /// Beyond this, and the errors of both answers, a store's time that is ahead of what was reckoned with is another clock's.
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
    /// Whether the store's time has jumped ahead not long ago, as after a failover to a host whose clock is ahead of the one before. Leases
    /// that were given before it look as if they had run out.
    /// </summary>
    public bool HasJumpedWithin(TimeSpan span)
    {
        var jumped = Volatile.Read(ref _jumped);
        return jumped != long.MinValue && local.GetElapsedTime(jumped) < span;
    }

    /// <summary>Takes over what the store said, where that is more exact than what is known.</summary>
    /// <param name="time">The store's time.</param>
    /// <param name="asked">The timestamp before it was asked. Its answer is taken to be of half-way between then and now.</param>
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
