using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Runs;

/// <summary>The transitions of a run, with a store that answers, refuses, or does not answer.</summary>
[Trait("Category", "Unit")]
public sealed class RunEngineTests
{
    private static readonly AttemptEvidence Failed = new() { Outcome = AttemptOutcome.Failed, Response = Arrival.Head };

    private readonly EngineBench _bench = new();

    private RunEngine Engine => _bench.Engine;
    private FakeRunStore Store => _bench.Store;

    [Fact]
    public async Task TwoTriggersAtOnce_ShareOneWrite()
    {
        var answer = new TaskCompletionSource<bool>();
        Store.CreateRunning = () => answer.Task;
        using var live = _bench.Live();
        var checkpoint = Engine.EnsureStoredAsync(live);
        var clock = Engine.EnsureStoredAsync(live);
        answer.SetResult(true);
        Assert.True(await checkpoint && await clock);
        Assert.Equal(["create running"], Store.Calls);
        Assert.Equal(AttemptState.Running, live.State);
    }

    [Fact]
    public async Task CheckpointDuringTheWriteOfAFailure_FindsTheRunStored()
    {
        var answer = new TaskCompletionSource<bool>();
        Store.CreateWaiting = () => answer.Task;
        using var live = _bench.Live();
        var failure = Engine.SettleAsync(live, Failed, EngineBench.Report());
        var checkpoint = Engine.EnsureStoredAsync(live);
        answer.SetResult(true);
        Assert.True(await checkpoint);
        Assert.Equal(AttemptState.Parked, (await failure).State);
        Assert.Equal(["create waiting"], Store.Calls);
        Assert.Equal(["failed"], _bench.Told);
    }

    /// <summary>In the opposite order, the run is stored as running, and is then parked like any other.</summary>
    [Fact]
    public async Task FailureDuringTheWriteOfACheckpoint_ParksTheStoredRun()
    {
        var answer = new TaskCompletionSource<bool>();
        Store.CreateRunning = () => answer.Task;
        using var live = _bench.Live();
        var checkpoint = Engine.EnsureStoredAsync(live);
        var failure = Engine.SettleAsync(live, Failed, EngineBench.Report());
        answer.SetResult(true);
        Assert.True(await checkpoint);
        Assert.Equal(AttemptState.Parked, (await failure).State);
        Assert.Equal(["create running", "fail expecting 0"], Store.Calls);
    }

    [Fact]
    public async Task RequestThatIsNotWhole_IsNotStored()
    {
        using var live = _bench.Live(draft: new EngineBench.Draft(Task.FromResult(false)));
        Assert.False(await Engine.EnsureStoredAsync(live));
        Assert.Equal(AttemptState.Unstorable, (await Engine.SettleAsync(live, Failed, EngineBench.Report())).State);
        Assert.Empty(Store.Calls);
    }

    [Fact]
    public async Task Close_WhileARequestStillArrives_DoesNotWaitForIt()
    {
        using var live = _bench.Live(draft: new EngineBench.Draft(new TaskCompletionSource<bool>().Task));
        var storing = Engine.EnsureStoredAsync(live);
        await live.CloseAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => storing);
        Assert.Equal(AttemptState.InMemory, live.State);
        Assert.False(await Engine.EnsureStoredAsync(live));
        Assert.Empty(Store.Calls);
    }

    [Fact]
    public async Task Close_DuringAWrite_WaitsForIt_AndKnowsThenWhetherTheRunMayBeStored()
    {
        var answer = new TaskCompletionSource<bool>();
        Store.CreateRunning = () => answer.Task;
        using var live = _bench.Live();
        var storing = Engine.EnsureStoredAsync(live);
        await Eventually.TrueAsync(() => Store.Calls.Count == 1, "the write is under way");
        var close = live.CloseAsync();
        Assert.False(close.IsCompleted);
        answer.SetException(EngineBench.Unanswered);
        await close;
        Assert.True(live.MayBeStored);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => storing);
    }

    [Fact]
    public async Task UnansweredWrite_IsRepeated_AndTheRunEnds()
    {
        Store.CreateRunning = () => throw EngineBench.Unanswered;
        using var live = _bench.Live();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Engine.EnsureStoredAsync(live));
        await live.CloseAsync();
        Assert.False(await Engine.EnsureStoredAsync(live));
        Store.CreateRunning = () => Task.FromResult(true);
        Assert.True(await Engine.RepeatStoreAsync(live));
        var end = await Engine.SettleAsync(
            live, new() { Outcome = AttemptOutcome.Completed, Response = Arrival.Whole }, EngineBench.Report());
        Assert.Equal(AttemptState.Ended, end.State);
        Assert.Equal(["create running", "create running", "end Completed 200 expecting any"], Store.Calls);
    }

    /// <summary>A repeated write reports that the first write has happened, and that another attempt now owns the run.</summary>
    [Fact]
    public async Task UnansweredWrite_OfARunThatWasTakenUpSince_IsLost()
    {
        Store.CreateRunning = () => throw EngineBench.Unanswered;
        using var live = _bench.Live();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Engine.EnsureStoredAsync(live));
        Store.CreateRunning = () => Task.FromResult(false);
        Assert.True(await Engine.EnsureStoredAsync(live));
        Assert.Equal(AttemptState.Lost, live.State);
        Assert.True(live.Aborted.IsCancellationRequested);
        Store.Fail = (_, _) => Task.FromResult(new ParkAnswer(ParkVerdict.Lost));
        Assert.Equal(AttemptState.Lost, (await Engine.FailAsync(live, EngineBench.Failure())).State);
        Assert.Equal(["lost"], _bench.Told);
    }

    [Fact]
    public async Task RunThatItsOwnUnansweredWriteHasParked_IsParked_ThoughTheLeaseCouldNotBeRenewed()
    {
        using var replay = _bench.Replay();
        Store.Fail = (_, _) => throw EngineBench.Unanswered;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Engine.FailAsync(replay, EngineBench.Failure()));
        replay.Lose();
        Store.Fail = (due, _) => Task.FromResult(new ParkAnswer(ParkVerdict.Done, due));
        Assert.Equal(AttemptState.Parked, (await Engine.FailAsync(replay, EngineBench.Failure())).State);
        Assert.Equal(["failed"], _bench.Told);
    }

    [Fact]
    public async Task IdempotencyKeyOfAnotherRun_IsToldToEverybodyWhoWaits()
    {
        var taken = new IdempotencyKeyTakenException(new TakenKey(Make.RunId(), "f", Make.Start));
        var answer = new TaskCompletionSource<bool>();
        Store.CreateRunning = () => answer.Task;
        using var live = _bench.Live();
        var (first, second) = (Engine.EnsureStoredAsync(live), Engine.EnsureStoredAsync(live));
        answer.SetException(taken);
        Assert.Same(taken, await Assert.ThrowsAsync<IdempotencyKeyTakenException>(() => first));
        Assert.Same(taken, await Assert.ThrowsAsync<IdempotencyKeyTakenException>(() => second));
        Assert.False(live.MayBeStored);
    }

    [Fact]
    public async Task RunThatWaitsForItsTurn_IsParked()
    {
        using var live = _bench.Live();
        Assert.True(await Engine.StoreForLaterAsync(live, Make.Start.AddMinutes(1)));
        Assert.Equal(AttemptState.Parked, live.State);
        Engine.Leave(live);
        Assert.Equal(["queued"], _bench.Told);
    }

    [Fact]
    public async Task LeaseThatIsGone_AbortsTheAttempt()
    {
        Store.Renew = () => Task.FromResult(false);
        using var replay = _bench.Replay();
        await Engine.RenewAsync(replay);
        Assert.Equal(AttemptState.Lost, replay.State);
        Assert.True(replay.Aborted.IsCancellationRequested);
        Engine.Leave(replay);
        Engine.Leave(replay);
        Assert.Equal(["lost"], _bench.Told);
    }

    /// <summary>The end was written but its answer was lost, so the renewal was refused. This attempt has ended the run anyway.</summary>
    [Fact]
    public async Task EndThatIsConfirmedAfterTheLease_Counts()
    {
        Store.End = _ => throw EngineBench.Unanswered;
        Store.Renew = () => Task.FromResult(false);
        using var replay = _bench.Replay();
        var evidence = new AttemptEvidence { Outcome = AttemptOutcome.Completed, Response = Arrival.Whole };
        await Assert.ThrowsAsync<StoreUnavailableException>(() => Engine.SettleAsync(replay, evidence, EngineBench.Report()));
        await Engine.RenewAsync(replay);
        Store.End = _ => Task.FromResult(new ParkAnswer(ParkVerdict.Done));
        Assert.Equal(AttemptState.Ended, (await Engine.SettleAsync(replay, evidence, EngineBench.Report())).State);
        Engine.Leave(replay);
        Assert.Equal(["ended Completed 200"], _bench.Told);
    }

    [Fact]
    public async Task Failure_IsReckonedAgain_WhereTheStoreCountsOtherwise()
    {
        Store.Fail = (due, expected) => Task.FromResult(
            expected == 2 ? new ParkAnswer(ParkVerdict.Done, due) : new ParkAnswer(ParkVerdict.Recount, Failures: 2));
        using var replay = _bench.Replay(new RunPolicy { MaxAttempts = 5 });
        await Engine.FailAsync(replay, EngineBench.Failure());
        Assert.Equal(["fail expecting 0", "fail expecting 2"], Store.Calls);
        Assert.Equal(new AttemptNote("status 503", 503), Store.Note);
    }

    [Fact]
    public async Task LastFailure_EndsTheRun()
    {
        using var replay = _bench.Replay(new RunPolicy { MaxAttempts = 3 }, failures: 2);
        Assert.Equal(AttemptState.Ended, (await Engine.FailAsync(replay, EngineBench.Failure())).State);
        Assert.Equal(["end Failed 503 expecting 2"], Store.Calls);
        Assert.Equal(["ended Failed 503"], _bench.Told);
    }

    [Fact]
    public async Task LastFailureOfARunInMemory_IsStoredFirst()
    {
        using var live = _bench.Live();
        await Engine.FailAsync(live, EngineBench.Failure(final: true));
        Assert.Equal(["create running", "end Failed 503 expecting any"], Store.Calls);
    }

    [Fact]
    public async Task FailureAfterTheDeadline_IsARunThatTookTooLong()
    {
        using var replay = _bench.Replay();
        _bench.Time.Advance(replay.Policy.RunTimeout);
        await Engine.FailAsync(replay, EngineBench.Failure());
        Assert.Equal(504, Store.Result!.Status);
    }

    [Fact]
    public async Task FailureThatTheStoreRefuses_IsALostRun()
    {
        Store.Fail = (_, _) => Task.FromResult(new ParkAnswer(ParkVerdict.Lost));
        using var replay = _bench.Replay();
        Assert.Equal(AttemptState.Lost, (await Engine.FailAsync(replay, EngineBench.Failure())).State);
        Engine.Leave(replay);
        Assert.Equal(["lost"], _bench.Told);
    }

    [Fact]
    public async Task Suspended_ParksTheRun()
    {
        using var replay = _bench.Replay();
        var evidence = new AttemptEvidence { Outcome = AttemptOutcome.Suspended, Response = Arrival.Whole };
        Assert.Equal(new AttemptEnd(AttemptState.Parked, Make.Start), await Engine.SettleAsync(replay, evidence, EngineBench.Report()));
        Assert.Equal(["suspended"], _bench.Told);
    }

    [Fact]
    public async Task SuspendedWithNothingPending_IsAFailure()
    {
        Store.Suspend = () => Task.FromResult(new ParkAnswer(ParkVerdict.Nothing));
        using var replay = _bench.Replay();
        var evidence = new AttemptEvidence { Outcome = AttemptOutcome.Suspended, Response = Arrival.Whole };
        await Engine.SettleAsync(replay, evidence, EngineBench.Report());
        Assert.Equal(["suspend", "fail expecting 0"], Store.Calls);
        Assert.Equal("suspended with nothing pending", Store.Note.Reason);
    }

    [Fact]
    public async Task HandedBack_CountsAsNoFailure()
    {
        using var replay = _bench.Replay();
        await Engine.SettleAsync(replay, new() { Interrupted = AttemptInterrupt.Shutdown }, EngineBench.Report());
        Assert.Equal(["fail expecting any"], Store.Calls);
        Assert.Equal(["handed back"], _bench.Told);
    }

    [Fact]
    public async Task RefusedSteps_AreLeftOutFromThenOn()
    {
        using var replay = _bench.Replay();
        var evidence = new AttemptEvidence { Outcome = AttemptOutcome.Completed, Response = Arrival.Whole, RefusesSteps = true };
        await Engine.SettleAsync(replay, evidence, EngineBench.Report());
        Assert.Equal(["stop inlining", "fail expecting any"], Store.Calls);
        Assert.Equal(["sent again"], _bench.Told);
    }

    [Fact]
    public void RunThatNeverNeededTheStore_Passes()
    {
        using var live = _bench.Live();
        Engine.EndUnstored(live, RunState.Completed, 200);
        Engine.Leave(live);
        Assert.Equal(AttemptState.Passed, live.State);
        Assert.Equal(["ended Completed 200 unstored"], _bench.Told);
        Assert.Empty(Store.Calls);
    }

    [Fact]
    public void AttemptOfWhichNothingWasWritten_IsDropped()
    {
        using var replay = _bench.Replay();
        Engine.Leave(replay);
        Assert.Equal(AttemptState.Dropped, replay.State);
        Assert.Equal(["dropped"], _bench.Told);
    }
}
