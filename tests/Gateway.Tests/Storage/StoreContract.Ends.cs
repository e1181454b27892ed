using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>How attempts and runs end.</summary>
public abstract partial class StoreContract
{
    [Fact]
    public async Task Suspended_WaitsForTheEarliestPendingStep()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "late", Plenty, 0, Now.AddHours(2));
        await Store.ScheduleStepAsync(run.Id, 1, "early", Plenty, 0, Now.AddHours(1));
        Assert.Equal(new ParkAnswer(ParkVerdict.Done, Now.AddHours(1)), await Store.SuspendAsync(Key(run)));
        var snapshot = (await Store.GetSnapshotAsync(run.Id, countSteps: true))!;
        Assert.Equal((RunState.Waiting, Now.AddHours(1), 2), (snapshot.State, snapshot.NextAttemptAt, snapshot.PendingSteps));
        Assert.Null(await Store.ClaimAsync(run.Id, Owner, Now.AddHours(1).AddMilliseconds(-1), LeaseEnd));
        Assert.Equal(0, (await Store.ClaimAsync(run.Id, Owner, Now.AddHours(1), Now.AddHours(1).AddSeconds(10)))!.Failures);
    }

    [Fact]
    public async Task Suspended_WithNothingPending_IsRefused_AndTheRunStays()
    {
        var run = await RunningAsync();
        Assert.Equal(ParkVerdict.Nothing, (await Store.SuspendAsync(Key(run))).Verdict);
        Assert.True(await Store.RenewAsync(Key(run), LeaseEnd));
    }

    [Fact]
    public async Task Suspended_PendingStepsThatWereDue_AreDroppedByTheClaim()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "done with", Plenty, 0, Now.AddSeconds(1));
        await Store.ScheduleStepAsync(run.Id, 1, "sleeps", Plenty, 0, Now.AddHours(1));
        await Store.SuspendAsync(Key(run));
        await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(1), LeaseEnd);
        Assert.Equal(new ParkAnswer(ParkVerdict.Done, Now.AddHours(1)), await Store.SuspendAsync(new AttemptKey(run.Id, 2, Owner)));
        await Store.ClaimAsync(run.Id, Owner, Now.AddHours(1), Now.AddHours(2));
        Assert.Equal(ParkVerdict.Nothing, (await Store.SuspendAsync(new AttemptKey(run.Id, 3, Owner))).Verdict);
    }

    [Fact]
    public async Task Suspended_NeverBeyondTheDeadline()
    {
        var run = await RunningAsync(new RunPolicy { RunTimeout = TimeSpan.FromMinutes(1) });
        await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddDays(1));
        Assert.Equal(run.Deadline, (await Store.SuspendAsync(Key(run))).Due);
        Assert.NotNull(await Store.ClaimAsync(run.Id, Owner, run.Deadline, run.Deadline.AddSeconds(10)));
    }

    [Fact]
    public async Task Failed_CountsOnce_AndIsParked()
    {
        var run = await RunningAsync();
        Assert.Equal(new ParkAnswer(ParkVerdict.Done, Now.AddSeconds(4)), await Store.FailAsync(Key(run), 0, Now.AddSeconds(4)));

        // The call is repeated because the answer was lost: the failure counts once, and the due time stays the same.
        Assert.Equal(new ParkAnswer(ParkVerdict.Done, Now.AddSeconds(4)), await Store.FailAsync(Key(run), 1, Now.AddSeconds(9)));
        var claimed = (await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(4), LeaseEnd))!;
        Assert.Equal((2, 1), (claimed.Attempt, claimed.Failures));
    }

    [Fact]
    public async Task Failed_ReckonedWrong_IsToldTheCount_AndChangesNothing()
    {
        var run = await RunningAsync();
        Assert.Equal(new ParkAnswer(ParkVerdict.Recount, Failures: 0), await Store.FailAsync(Key(run), 3, Now.AddSeconds(4)));
        Assert.Equal(new ParkAnswer(ParkVerdict.Recount, Failures: 0),
            await Store.EndAsync(Key(run), RunState.Failed, Make.Response(), run.Policy, expectedFailures: 3));
        Assert.True(await Store.RenewAsync(Key(run), LeaseEnd));
        Assert.Null(await Store.GetResultAsync(run.Id));
    }

    [Fact]
    public async Task HandedBack_DoesNotCount()
    {
        var run = await RunningAsync();
        Assert.Equal(ParkVerdict.Done, (await Store.FailAsync(Key(run), null, Now)).Verdict);
        Assert.Equal(0, (await Store.ClaimAsync(run.Id, OtherOwner, Now, LeaseEnd))!.Failures);
    }

    [Fact]
    public async Task Unreachable_DoesNotCount_AndTheNextClaimKnowsSinceWhen_UntilAnAttemptEndsOtherwise()
    {
        var run = Make.Run();
        var since = Now.AddSeconds(-5);
        await Store.CreateWaitingAsync(run, Owner, Now, new("connection refused"), counts: false, since);
        var second = (await Store.ClaimAsync(run.Id, Owner, Now, LeaseEnd))!;
        Assert.Equal((2, 0, since), (second.Attempt, second.Failures, second.UnreachableSince));

        await Store.FailAsync(new AttemptKey(run.Id, 2, Owner), null, Now, new("connection refused"), since);
        var third = (await Store.ClaimAsync(run.Id, Owner, Now, LeaseEnd))!;
        Assert.Equal((0, since), (third.Failures, third.UnreachableSince));

        await Store.FailAsync(new AttemptKey(run.Id, 3, Owner), 0, Now, new("connection refused"), since);
        var fourth = (await Store.ClaimAsync(run.Id, Owner, Now, LeaseEnd))!;
        Assert.Equal((1, since), (fourth.Failures, fourth.UnreachableSince));

        await Store.FailAsync(new AttemptKey(run.Id, 4, Owner), 1, Now, new("status 503", 503));
        var fifth = (await Store.ClaimAsync(run.Id, Owner, Now, LeaseEnd))!;
        Assert.Equal((2, null), (fifth.Failures, fifth.UnreachableSince));
    }

    [Fact]
    public async Task NewOutcome_SetsTheFailuresBack_AKnownOneDoesNot()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.FailAsync(Key(run), 0, Now);
        Assert.Equal(1, (await Store.ClaimAsync(run.Id, Owner, Now, Now))!.Failures);
        await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome("a"), Plenty);
        await Store.ScheduleStepAsync(run.Id, 2, "b", Plenty, 0, Now);
        Assert.Equal(1, (await Store.FailAsync(new AttemptKey(run.Id, 2, Owner), 0, Now)).Failures);
        await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome("c"), Plenty);
        Assert.Equal(new ParkAnswer(ParkVerdict.Recount, Failures: 0), await Store.FailAsync(new AttemptKey(run.Id, 2, Owner), 1, Now));
    }

    [Fact]
    public async Task Failed_NeverParkedBeyondTheDeadline()
    {
        var run = Make.Run(new RunPolicy { RunTimeout = TimeSpan.FromMinutes(5) }) with { StartedAt = Today };
        await Store.CreateRunningAsync(run, Owner, Today.AddSeconds(10));
        var deadline = run.Deadline.ToUnixTimeMilliseconds();
        Assert.Equal(deadline, (await Store.FailAsync(Key(run), 0, Today.AddDays(30))).Due.ToUnixTimeMilliseconds());
        Assert.Equal(deadline, (await Store.GetSnapshotAsync(run.Id))!.NextAttemptAt!.Value.ToUnixTimeMilliseconds());
    }

    /// <summary>No node can end the run, for example because its key is missing. The run is not due again at once.</summary>
    [Fact]
    public async Task Failed_PastTheDeadline_IsDueWhenTheCallerSays()
    {
        var run = await RunningAsync(new RunPolicy { RunTimeout = TimeSpan.FromSeconds(1) });
        var due = Today.AddSeconds(30);
        Assert.Equal(due.ToUnixTimeMilliseconds(), (await Store.FailAsync(Key(run), null, due)).Due.ToUnixTimeMilliseconds());
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, Today, Today.AddSeconds(10)));
    }

    [Theory]
    [InlineData((int)RunState.Completed)]
    [InlineData((int)RunState.Failed)]
    public async Task Ended_ResultIsStoredWithTheState(int state)
    {
        var run = await RunningAsync();
        var result = Make.Response("bytes \0 \u00ff", 418) with { Trailers = [new("Grpc-Status", "0")] };
        Assert.Equal(ParkVerdict.Done, (await Store.EndAsync(Key(run), (RunState)state, result, run.Policy)).Verdict);
        Assert.Equal((RunState)state, (await Store.GetSnapshotAsync(run.Id))!.State);
        AssertSame(result, (await Store.GetResultAsync(run.Id))!);
    }

    [Fact]
    public async Task Ended_ASecondEndIsLost_AndTheResultStays()
    {
        var run = await RunningAsync();
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response("first"), run.Policy);
        Assert.Equal(ParkVerdict.Lost, (await Store.EndAsync(Key(run), RunState.Failed, Make.Response("second", 500), run.Policy)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.FailAsync(Key(run), null, Now)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.SuspendAsync(Key(run))).Verdict);
        Assert.False(await Store.CancelAsync(run.Id, run.Policy.Retention));
        Assert.Equal(RunState.Completed, (await Store.GetSnapshotAsync(run.Id))!.State);
        AssertSame(Make.Response("first"), (await Store.GetResultAsync(run.Id))!);
    }

    [Fact]
    public async Task Ended_OfManyConcurrentEndsOneCounts()
    {
        var nodes = await fixture.NodesAsync(6);
        for (var round = 0; round < 20; round++)
        {
            var run = await RunningAsync();
            var ends = await TogetherAsync(nodes,
                (store, i) => store.EndAsync(Key(run), RunState.Completed, Make.Response($"{i}"), run.Policy));

            // One attempt ends the run several times: each call is told that it has ended the run, and the first result is kept.
            Assert.All(ends, end => Assert.Equal(ParkVerdict.Done, end.Verdict));
            var first = (await Store.GetResultAsync(run.Id))!;
            Assert.Equal(ParkVerdict.Done, (await Store.EndAsync(Key(run), RunState.Completed, Make.Response("late"), run.Policy)).Verdict);
            AssertSame(first, (await Store.GetResultAsync(run.Id))!);
        }
    }

    [Fact]
    public async Task Ended_IsInNoQueue_AndEveryKeyExpires()
    {
        var policy = new RunPolicy { RunTimeout = TimeSpan.FromDays(30), Retention = TimeSpan.FromMinutes(10) };
        var run = await RunningAsync(policy);
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.ScheduleStepAsync(run.Id, 1, "b", Plenty, 0, Now.AddDays(1));
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), policy);
        Assert.False(await IsQueuedAsync(run.Id));
        Assert.Null(await Store.ClaimAsync(run.Id, Owner, Now.AddDays(100), LeaseEnd));
        await AssertEveryKeyExpiresAsync(run.Id, policy.Retention, keys: 4);
        Assert.Single((await Store.GetStepsAsync(run.Id))!);
    }

    [Fact]
    public async Task Cancelled_WhateverItsOwnerDoes()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now);
        Assert.True(await Store.CancelAsync(run.Id, TimeSpan.FromMinutes(10)));
        Assert.Equal(RunState.Cancelled, (await Store.GetSnapshotAsync(run.Id))!.State);
        Assert.False(await Store.RenewAsync(Key(run), LeaseEnd));
        Assert.Equal(StepVerdict.Ended, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), run.Policy)).Verdict);
        Assert.False(await IsQueuedAsync(run.Id));
        await AssertEveryKeyExpiresAsync(run.Id, TimeSpan.FromMinutes(10), keys: 3);
        Assert.False(await Store.CancelAsync(run.Id, TimeSpan.FromDays(1)));
        await AssertEveryKeyExpiresAsync(run.Id, TimeSpan.FromMinutes(10), keys: 3);
    }

    [Fact]
    public async Task Cancelled_WhileItWaits_IsNeverClaimed()
    {
        var run = Make.Run();
        await Store.CreateWaitingAsync(run, Owner, Now);
        Assert.True(await Store.CancelAsync(run.Id, TimeSpan.FromMinutes(10)));
        Assert.Null(await Store.ClaimAsync(run.Id, Owner, Now.AddDays(1), LeaseEnd));
    }

    [Fact]
    public async Task Cancel_OfUnknownRun_IsUnknown() => Assert.Null(await Store.CancelAsync(Make.RunId(), TimeSpan.FromMinutes(1)));
}
