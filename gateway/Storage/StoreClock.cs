namespace DurableGateway.Storage;

/// <summary>
/// The time of the store, by which all nodes agree on what is due and whose lease holds: a node's own clock may be wrong, or be set
/// while it runs. Reckoned forward from the last answer of the store by a clock that only ticks.
/// </summary>
internal sealed class StoreClock(TimeProvider local) : TimeProvider
{
    private volatile Anchor? _anchor;

    public override TimeZoneInfo LocalTimeZone => local.LocalTimeZone;
    public override long TimestampFrequency => local.TimestampFrequency;

    /// <summary>How far this machine's clock is ahead of the store's.</summary>
    public TimeSpan Ahead => local.GetUtcNow() - GetUtcNow();

    public override DateTimeOffset GetUtcNow() => _anchor is { } anchor ? anchor.Time + local.GetElapsedTime(anchor.At) : local.GetUtcNow();

    public override long GetTimestamp() => local.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        local.CreateTimer(callback, state, dueTime, period);

    /// <summary>Takes over what the store said.</summary>
    /// <param name="time">The store's time.</param>
    /// <param name="asked">The timestamp before it was asked. Its answer is taken to be of half-way between then and now.</param>
    public void Set(DateTimeOffset time, long asked)
    {
        var now = local.GetTimestamp();
        _anchor = new Anchor(time + (local.GetElapsedTime(asked, now) / 2), now);
    }

    private sealed record Anchor(DateTimeOffset Time, long At);
}
