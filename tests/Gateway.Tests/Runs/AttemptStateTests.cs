using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Runs;

/// <summary>The state of an attempt, and who may change it at which time.</summary>
[Trait("Category", "Unit")]
public sealed class AttemptStateTests
{
    private static readonly TimeSpan RenewWithin = TimeSpan.FromSeconds(6);

    private readonly EngineBench _bench = new();

    [Fact]
    public void LiveAttempt_BeginsInMemory_AndAReplayUnderItsLease()
    {
        using var live = _bench.Live();
        using var replay = _bench.Replay();
        Assert.Equal((AttemptState.InMemory, false, false, false), (live.State, live.IsStored, live.MayBeStored, live.HoldsLease));
        Assert.Equal((AttemptState.Running, true, true, true), (replay.State, replay.IsStored, replay.MayBeStored, replay.HoldsLease));
    }

    [Fact]
    public void Lease_EndsByThisNodesClock_AndIsRenewed()
    {
        using var replay = _bench.Replay();
        _bench.Time.Advance(EngineBench.Lease);
        Assert.False(replay.HoldsLease);
        replay.Renew(_bench.Time.GetTimestamp() + 1);
        Assert.True(replay.HoldsLease);
    }

    [Fact]
    public void OneCallerAtATime_HasTheTurnToStore()
    {
        using var live = _bench.Live();
        var first = live.BeginStoring(asOwner: false);
        var second = live.BeginStoring(asOwner: false);
        Assert.NotNull(first.Turn);
        Assert.Null(second.Turn);
        Assert.Same(first.Outcome, second.Outcome);
        Assert.Equal((AttemptState.Storing, false), (live.State, live.MayBeStored));
    }

    [Fact]
    public async Task ConfirmedWrite_IsARunUnderALease()
    {
        using var live = _bench.Live();
        var ticket = live.BeginStoring(asOwner: false);
        live.ConfirmRunning(_bench.Time.GetTimestamp() + 10);
        Assert.True(await ticket.Outcome);
        Assert.Equal((AttemptState.Running, true), (live.State, live.HoldsLease));
        Assert.Null(live.BeginStoring(asOwner: false).Turn);
    }

    [Fact]
    public async Task WriteThatSurelyFailed_LeavesTheRunInMemory()
    {
        using var live = _bench.Live();
        var ticket = live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Refused, _bench.Time.GetTimestamp() + 10);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => ticket.Outcome);
        Assert.Equal((AttemptState.InMemory, false, false), (live.State, live.MayBeStored, live.HoldsLease));
    }

    [Fact]
    public void UnansweredWrite_MayBeThere_UntilOneIsConfirmed()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered, _bench.Time.GetTimestamp() + 10);
        Assert.Equal((AttemptState.Unconfirmed, true, false, true), (live.State, live.MayBeStored, live.IsStored, live.HoldsLease));
        live.BeginStoring(asOwner: false);
        Assert.Equal((AttemptState.Storing, true, true), (live.State, live.MayBeStored, live.HoldsLease));

        // That this write certainly did not happen says nothing about the previous one.
        live.FailStoring(EngineBench.Refused, _bench.Time.GetTimestamp() + 1000);
        Assert.Equal((AttemptState.Unconfirmed, true), (live.State, live.HoldsLease));
        live.BeginStoring(asOwner: false);
        live.ConfirmRunning(_bench.Time.GetTimestamp() + 10);
        Assert.Equal(AttemptState.Running, live.State);
    }

    /// <summary>Two writes got no answer, and the second may never arrive. Only the lease of the first is reliable.</summary>
    [Fact]
    public void UnansweredWrites_AreWorthTheLeaseOfTheFirst()
    {
        using var live = _bench.Live();
        var now = _bench.Time.GetTimestamp();
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered, now + 10);
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered, now + TimeSpan.TicksPerHour);
        _bench.Time.Advance(TimeSpan.FromTicks(11));
        Assert.False(live.HoldsLease);
    }

    [Fact]
    public void UnansweredWriteOfAParkedRun_IsWorthNoLease()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered);
        Assert.Equal((AttemptState.Unconfirmed, false), (live.State, live.HoldsLease));
    }

    [Fact]
    public void RunThatIsKeptOutOfTheStore_IsNotStoredAnyMore()
    {
        using var live = _bench.Live();
        Assert.True(live.TryKeepOutOfStore());
        Assert.Equal(AttemptState.Unstorable, live.State);
        Assert.Same(StoreTicket.Refused.Outcome, live.BeginStoring(asOwner: true).Outcome);
    }

    [Fact]
    public void RunThatIsOrMayBeStored_CannotBeKeptOut()
    {
        using var storing = _bench.Live();
        storing.BeginStoring(asOwner: false);
        Assert.False(storing.TryKeepOutOfStore());
        storing.FailStoring(EngineBench.Unanswered);
        Assert.False(storing.TryKeepOutOfStore());
        using var replay = _bench.Replay();
        Assert.False(replay.TryKeepOutOfStore());
    }

    [Fact]
    public async Task Closed_NobodyButItsOwnerStoresIt()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered);
        await live.CloseAsync();
        Assert.Null(live.BeginStoring(asOwner: false).Turn);
        Assert.NotNull(live.BeginStoring(asOwner: true).Turn);
    }

    [Fact]
    public async Task Close_WaitsForAWrite_ButNotForTheRestOfARequest()
    {
        using var live = _bench.Live();
        var ticket = live.BeginStoring(asOwner: false);
        var close = live.CloseAsync();
        Assert.True(ticket.Turn!.Preparing.IsCancellationRequested);
        Assert.False(close.IsCompleted);
        live.ConfirmRunning(_bench.Time.GetTimestamp() + 10);
        await close;
        Assert.Equal(AttemptState.Running, live.State);
    }

    [Fact]
    public void LostAttempt_IsAborted_AndStaysLostWhateverItsWriteComesTo()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: false);
        live.Lose();
        Assert.True(live.Aborted.IsCancellationRequested);
        live.ConfirmRunning(_bench.Time.GetTimestamp() + 10);
        Assert.Equal((AttemptState.Lost, false), (live.State, live.HoldsLease));
        live.Renew(_bench.Time.GetTimestamp() + 10);
        Assert.False(live.HoldsLease);
    }

    /// <summary>The store decides: an end whose first answer was lost may be confirmed after the lease has expired.</summary>
    [Fact]
    public void LostAttempt_MayTurnOutToHaveEnded()
    {
        using var replay = _bench.Replay();
        replay.Lose();
        Assert.Equal(AttemptState.Lost, replay.Settle(AttemptState.Ended));
        Assert.Equal((AttemptState.Ended, true), (replay.State, replay.IsOver));
    }

    [Fact]
    public void FinalState_IsFinal()
    {
        AttemptState[] finals = [AttemptState.Parked, AttemptState.Ended, AttemptState.Passed, AttemptState.Dropped];
        foreach (var final in finals)
        {
            using var replay = _bench.Replay();
            Assert.Equal(AttemptState.Running, replay.Settle(final));
            Assert.Null(replay.Settle(AttemptState.Ended));
            replay.Lose();
            Assert.Equal(final, replay.State);
            Assert.False(replay.Aborted.IsCancellationRequested);
            Assert.Equal(AttemptWork.None, replay.TakeWork(long.MaxValue - 1, RenewWithin));
        }
    }

    [Fact]
    public void OnlyTheFirstInterrupt_Counts()
    {
        using var replay = _bench.Replay();
        replay.Interrupt(AttemptInterrupt.TimedOut);
        replay.Interrupt(AttemptInterrupt.Shutdown);
        Assert.Equal(AttemptInterrupt.TimedOut, replay.Interrupted);
        Assert.True(replay.Aborted.IsCancellationRequested);
    }

    [Fact]
    public void Clock_StoresARunAfterAWhile_Once()
    {
        using var live = _bench.Live();
        Assert.Equal(AttemptWork.None, Work(live));
        _bench.Time.Advance(live.Policy.PersistAfter);
        Assert.Equal(AttemptWork.Store, Work(live));
        Assert.Equal(AttemptWork.None, Work(live));
        live.EndWork(pause: TimeSpan.FromSeconds(1));
        Assert.Equal(AttemptWork.None, Work(live));
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(AttemptWork.Store, Work(live));
    }

    [Fact]
    public void Clock_StoresNoRunWhoseResponsePasses()
    {
        using var live = _bench.Live();
        live.StopStoringByTime();
        _bench.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(AttemptWork.None, Work(live));
    }

    [Fact]
    public async Task Clock_StoresNoRunThatIsClosed()
    {
        using var live = _bench.Live();
        await live.CloseAsync();
        _bench.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(AttemptWork.None, Work(live));
    }

    [Fact]
    public void Clock_RenewsALease_BeforeItEnds()
    {
        using var replay = _bench.Replay();
        Assert.Equal(AttemptWork.None, Work(replay));
        _bench.Time.Advance(EngineBench.Lease - RenewWithin + TimeSpan.FromMilliseconds(1));
        Assert.Equal(AttemptWork.RenewLease, Work(replay));
        replay.Renew(_bench.Time.GetTimestamp() + EngineBench.Lease.Ticks);
        replay.EndWork();
        Assert.Equal(AttemptWork.None, Work(replay));
    }

    [Fact]
    public void Clock_RenewsNoLeaseThatIsLost()
    {
        using var replay = _bench.Replay();
        replay.Lose();
        _bench.Time.Advance(EngineBench.Lease);
        Assert.Equal(AttemptWork.None, Work(replay));
    }

    [Fact]
    public void ClientThatIsCutOffBecauseTheRunIsLost_HasNotLeft()
    {
        using var replay = _bench.Replay();
        replay.Lose();
        replay.Interrupt(AttemptInterrupt.ClientGone);
        Assert.Equal(AttemptInterrupt.None, replay.Interrupted);
        Assert.Equal(Disposition.LeaveToOther, replay.Look().Decide());
    }

    [Fact]
    public void ClientThatLeavesBeforeTheRunIsLost_HasLeft()
    {
        using var replay = _bench.Replay();
        replay.Interrupt(AttemptInterrupt.ClientGone);
        replay.Lose();
        Assert.Equal(AttemptInterrupt.ClientGone, replay.Interrupted);
    }

    [Fact]
    public void Clock_ConfirmsARunThatMayBeStored_AlsoWhenTheResponsePasses()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: false);
        live.FailStoring(EngineBench.Unanswered, _bench.Time.GetTimestamp() + EngineBench.Lease.Ticks);
        live.StopStoringByTime();
        Assert.Equal(AttemptWork.Store, Work(live));
    }

    [Fact]
    public void Clock_DoesNotWriteARunAsRunning_ThatMayBeParked()
    {
        using var live = _bench.Live();
        live.BeginStoring(asOwner: true);
        live.FailStoring(EngineBench.Unanswered);
        _bench.Time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(AttemptWork.None, Work(live));
    }

    private AttemptWork Work(Attempt attempt) => attempt.TakeWork(_bench.Time.GetTimestamp(), RenewWithin);
}
