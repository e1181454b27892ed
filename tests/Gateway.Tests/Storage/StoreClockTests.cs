using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

[Trait("Category", "Unit")]
public sealed class StoreClockTests
{
    private readonly SettableClock _local = new();
    private readonly StoreClock _clock;

    public StoreClockTests() => _clock = new StoreClock(_local);

    [Fact]
    public void BeforeTheStoreIsAsked_TheLocalTimeIsUsed() => Assert.Equal(Make.Start, _clock.GetUtcNow());

    [Fact]
    public void TheStoresTime_IsReckonedForward()
    {
        _clock.Set(Make.Start.AddHours(1), _local.GetTimestamp());
        _local.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(Make.Start.AddHours(1).AddSeconds(3), _clock.GetUtcNow());
        Assert.Equal(TimeSpan.FromHours(-1), _clock.Ahead);
    }

    [Fact]
    public void TheLocalClockIsSet_TheStoresTimeGoesOn()
    {
        _clock.Set(Make.Start, _local.GetTimestamp());
        _local.SetBy = TimeSpan.FromDays(2);
        Assert.Equal(Make.Start, _clock.GetUtcNow());
    }

    [Fact]
    public void HalfOfTheRoundTrip_IsTakenForTheWayBack()
    {
        var asked = _local.GetTimestamp();
        _local.Advance(TimeSpan.FromMilliseconds(10));
        _clock.Set(Make.Start.AddHours(1), asked);
        Assert.Equal(Make.Start.AddHours(1).AddMilliseconds(5), _clock.GetUtcNow());
    }

    [Fact]
    public void SlowAnswer_DoesNotReplaceAnExactOne_UnlessItContradictsIt()
    {
        _clock.Set(Make.Start, _local.GetTimestamp());
        SetAfter(TimeSpan.FromSeconds(2), Make.Start.AddSeconds(1.9));
        Assert.Equal(Make.Start.AddSeconds(2), _clock.GetUtcNow());

        SetAfter(TimeSpan.FromSeconds(2), Make.Start.AddHours(1));
        Assert.Equal(Make.Start.AddHours(1).AddSeconds(1), _clock.GetUtcNow());
    }

    /// <summary>The time jumps as after a failover to a host whose clock is ahead. Earlier leases do not expire early.</summary>
    [Fact]
    public void StoresTime_ThatJumpsAhead_IsNoticed_ForAWhile()
    {
        var lease = TimeSpan.FromSeconds(10);
        _clock.Set(Make.Start, _local.GetTimestamp());
        Assert.False(_clock.HasJumpedWithin(lease));
        SetAfter(TimeSpan.FromSeconds(2), Make.Start.AddSeconds(1.1));
        _local.Advance(TimeSpan.FromSeconds(5));
        _clock.Set(Make.Start.AddSeconds(7.2), _local.GetTimestamp());
        Assert.False(_clock.HasJumpedWithin(lease));

        _clock.Set(Make.Start.AddMinutes(1), _local.GetTimestamp());
        Assert.True(_clock.HasJumpedWithin(lease));
        Assert.Equal(Make.Start.AddMinutes(1), _clock.GetUtcNow());
        _local.Advance(lease);
        Assert.False(_clock.HasJumpedWithin(lease));
    }

    [Fact]
    public void StoresTime_ThatJumpsBack_HoldsNothingUp()
    {
        _clock.Set(Make.Start, _local.GetTimestamp());
        _clock.Set(Make.Start.AddMinutes(-1), _local.GetTimestamp());
        Assert.False(_clock.HasJumpedWithin(TimeSpan.FromSeconds(10)));
    }

    private void SetAfter(TimeSpan roundTrip, DateTimeOffset time)
    {
        var asked = _local.GetTimestamp();
        _local.Advance(roundTrip);
        _clock.Set(time, asked);
    }

    /// <summary>A machine whose clock is set while its timestamps continue.</summary>
    private sealed class SettableClock : TimeProvider
    {
        private TimeSpan _passed;

        public TimeSpan SetBy { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _passed.Ticks;

        public override DateTimeOffset GetUtcNow() => Make.Start + _passed + SetBy;

        public void Advance(TimeSpan time) => _passed += time;
    }
}
