using System.Security.Cryptography;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Stores;

/// <summary>What every store must do, whatever server is behind it.</summary>
public abstract class StoreContract(StoreFixture fixture)
{
    private const string Owner = "node-a";
    private const string OtherOwner = "node-b";
    private const int Plenty = 100;

    private static readonly DateTimeOffset Now = Make.Start;
    private static readonly DateTimeOffset LeaseEnd = Now.AddSeconds(10);

    private IRunStore Store => fixture.Store;

    // Create

    [Fact]
    public async Task CreatedRunning_IsUnderItsLease()
    {
        var run = await RunningAsync();
        var snapshot = (await Store.GetSnapshotAsync(run.Id, countSteps: true))!;
        Assert.Equal((RunState.Running, 1, Now, null), (snapshot.State, snapshot.Attempt, snapshot.StartedAt, snapshot.NextAttemptAt));
        Assert.Equal((0, 0, 0), (snapshot.CompletedSteps, snapshot.FailedSteps, snapshot.PendingSteps));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddMilliseconds(-1), LeaseEnd));
        Assert.NotNull(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10)));
    }

    [Fact]
    public async Task CreatedWaiting_IsDueAtItsTime_WithOneFailure()
    {
        var run = Make.Run();
        await Store.CreateWaitingAsync(run, Owner, Now.AddSeconds(2));
        var snapshot = (await Store.GetSnapshotAsync(run.Id))!;
        Assert.Equal((RunState.Waiting, 1, Now.AddSeconds(2)), (snapshot.State, snapshot.Attempt, snapshot.NextAttemptAt));
        Assert.Null(await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(1), LeaseEnd));
        var claimed = (await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(2), LeaseEnd))!;
        Assert.Equal((2, 1), (claimed.Attempt, claimed.Failures));
    }

    [Fact]
    public async Task CreatedAgain_ChangesNothing()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.CreateRunningAsync(run with { Request = Make.Request("other"u8.ToArray()) }, OtherOwner, LeaseEnd.AddDays(1));
        await Store.CreateWaitingAsync(run, OtherOwner, Now);
        Assert.True(await Store.RenewAsync(Key(run), LeaseEnd));
        var claimed = (await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd))!;
        Assert.Equal((2, 0, 1), (claimed.Attempt, claimed.Failures, claimed.Steps.Count));
        Assert.Equal(run.Request.Body.ToArray(), claimed.Request.Body.ToArray());
    }

    [Fact]
    public async Task CreatedWaiting_NeverLaterThanItsDeadline()
    {
        var run = Make.Run(new RunPolicy { RunTimeout = TimeSpan.FromSeconds(5) });
        await Store.CreateWaitingAsync(run, Owner, Now.AddDays(1));
        Assert.Equal(run.Deadline, (await Store.GetSnapshotAsync(run.Id))!.NextAttemptAt);
    }

    [Fact]
    public async Task Created_EveryKeyExpires()
    {
        var policy = new RunPolicy { RunTimeout = TimeSpan.FromHours(2), Retention = TimeSpan.FromHours(1) };
        var run = await RunningAsync(policy);
        await Store.ScheduleStepAsync(run.Id, 1, "try", Plenty, 0, Now);
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await AssertEveryKeyExpiresAsync(run.Id, policy.Lifetime, keys: 4);

        // Pending steps that are dropped and come again have a new key.
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        await AssertEveryKeyExpiresAsync(run.Id, policy.Lifetime, keys: 3);
        await Store.ScheduleStepAsync(run.Id, 2, "try", Plenty, 1, Now);
        await AssertEveryKeyExpiresAsync(run.Id, policy.Lifetime, keys: 4);
    }

    // Due

    [Fact]
    public async Task Due_NamesWhatIsDue_InOrder_AndWhenTheNextIs()
    {
        const int Shard = 5;
        await ExecuteAsync(db => db.KeyDeleteAsync(StoreKeys.DueOf(Shard)));
        var runs = new List<RunId>();
        foreach (var seconds in new[] { 3, 1, 2, 9 })
        {
            var run = InShard(Shard);
            await Store.CreateWaitingAsync(run, Owner, Now.AddSeconds(seconds));
            runs.Add(run.Id);
        }

        var due = await Store.GetDueAsync(Shard, Now.AddSeconds(3), Plenty, []);
        Assert.Equal([runs[1], runs[2], runs[0]], due.Runs.Select(run => run.Id));
        Assert.Equal(Now.AddSeconds(9), due.Next);
        Assert.False(due.More);
        Assert.Equal(Now.AddSeconds(1), await Store.GetNextDueAsync(Shard));

        due = await Store.GetDueAsync(Shard, Now.AddSeconds(3), limit: 2, []);
        Assert.Equal([runs[1], runs[2]], due.Runs.Select(run => run.Id));
        Assert.True(due.More);

        due = await Store.GetDueAsync(Shard, Now, Plenty, []);
        Assert.Empty(due.Runs);
        Assert.Equal(Now.AddSeconds(1), due.Next);

        due = await Store.GetDueAsync(Shard, Now.AddSeconds(9), Plenty, []);
        Assert.Equal(4, due.Runs.Count);
        Assert.Null(due.Next);
    }

    [Fact]
    public async Task Due_RoutesWithoutRoom_ArePassedOver_AndNamed()
    {
        const int Shard = 7;
        await ExecuteAsync(db => db.KeyDeleteAsync(StoreKeys.DueOf(Shard)));
        var full = InShard(Shard) with { Route = "full" };
        var other = InShard(Shard) with { Route = "other" };
        await Store.CreateWaitingAsync(full, Owner, Now);
        await Store.CreateWaitingAsync(InShard(Shard) with { Route = "full" }, Owner, Now);
        await Store.CreateWaitingAsync(other, Owner, Now.AddSeconds(1));

        var due = await Store.GetDueAsync(Shard, Now.AddSeconds(1), Plenty, ["full", "empty"]);
        Assert.Equal([new DueRun(other.Id, "other")], due.Runs);
        Assert.Equal(["full"], due.Held);
        Assert.False(due.More);
    }

    [Fact]
    public async Task Due_NothingThere_IsNothing()
    {
        await ExecuteAsync(db => db.KeyDeleteAsync(StoreKeys.DueOf(6)));
        var due = await Store.GetDueAsync(6, Now, Plenty, []);
        Assert.Empty(due.Runs);
        Assert.Null(due.Next);
        Assert.Null(await Store.GetNextDueAsync(6));
    }

    [Fact]
    public async Task Due_RunThatIsGone_LeavesTheQueueWhenClaimed()
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(run.Id).Run));
        Assert.True(await IsQueuedAsync(run.Id));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd));
        Assert.False(await IsQueuedAsync(run.Id));
    }

    // Claim

    [Fact]
    public async Task Claim_BringsEverythingBackByteForByte()
    {
        var policy = new RunPolicy
        {
            Name = "größe",
            Persist = PersistMode.OnStart,
            PersistAfter = TimeSpan.FromMilliseconds(51),
            HoldClientFor = TimeSpan.FromSeconds(3),
            AttemptTimeout = TimeSpan.FromSeconds(4),
            RunTimeout = TimeSpan.FromHours(5),
            Retention = TimeSpan.FromHours(6),
            MaxAttempts = 7,
            RetryDelay = TimeSpan.FromSeconds(8),
            MaxRetryDelay = TimeSpan.FromSeconds(9),
            Backoff = BackoffShape.Linear,
            Jitter = false,
            RetryStatuses = new StatusRanges("429, 500-599"),
            MaxRequestBytes = 10,
            MaxResponseBytes = 11,
            MaxStepBytes = 12,
            OversizedRequests = OversizedRequests.Refuse,
            MaxSteps = 13,
            InlineStepBytes = 14,
            IdempotencyScope = "X-Tenant",
            SendIdempotencyKey = true,
        };
        var allBytes = Enumerable.Range(0, 256).Select(value => (byte)value).ToArray();
        var run = await RunningAsync(policy, Make.Request(allBytes));
        var failure = Make.Failure("größe/2 \"x\"", "{}") with { Type = "sleep", Attempt = 1, EndedAt = Now.AddSeconds(7) };
        var outcome = Make.Outcome("b") with { ContentType = "text/plain; charset=\"ü\"", Body = allBytes };
        await Store.StoreOutcomeAsync(run.Id, 1, failure, Plenty);
        await Store.StoreOutcomeAsync(run.Id, 1, outcome, Plenty);
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", ""), Plenty);
        await Store.ScheduleStepAsync(run.Id, 1, "pending", Plenty, 0, Now.AddDays(1));

        var claimed = (await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd))!;
        Assert.Equal((run.Id, 2, 0, "orders", Now, run.Deadline),
            (claimed.Id, claimed.Attempt, claimed.Failures, claimed.Route, claimed.StartedAt, claimed.Deadline));
        Assert.Equal(RecordCodec.Encode(policy), RecordCodec.Encode(claimed.Policy));
        Assert.Equal(policy with { RetryStatuses = claimed.Policy.RetryStatuses }, claimed.Policy);
        AssertSame(run.Request, claimed.Request);
        Assert.Equal(3, claimed.Steps.Count);
        AssertSame(failure, claimed.Steps[0]);
        AssertSame(outcome, claimed.Steps[1]);
        AssertSame(Make.Outcome("a", ""), claimed.Steps[2]);
        Assert.Equal(RecordCodec.Encode(policy), RecordCodec.Encode((await Store.GetPolicyAsync(run.Id))!));
    }

    [Fact]
    public async Task Claim_StepsAreInTheOrderOfTheirStoring()
    {
        var run = await RunningAsync();
        var names = Enumerable.Range(0, 40).Select(i => $"step-{(i * 7) % 40}").ToArray();
        foreach (var name in names) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome(name), Plenty);
        Assert.Equal(names, (await Store.GetStepsAsync(run.Id))!.Select(step => step.Id));
        Assert.Equal(names, (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd))!.Steps.Select(step => step.Id));
    }

    [Fact]
    public async Task Claim_OneOfManyConcurrentClaimersWins()
    {
        var nodes = await fixture.NodesAsync(6);
        for (var round = 0; round < 20; round++)
        {
            var run = await RunningAsync();
            var claims = await TogetherAsync(nodes, (store, i) => store.ClaimAsync(run.Id, $"node-{i}", LeaseEnd, LeaseEnd.AddSeconds(10)));
            Assert.Equal(2, Assert.Single(claims, claim => claim is not null)!.Attempt);
        }
    }

    [Fact]
    public async Task Claim_FencesOffTheEarlierAttempt()
    {
        var run = await RunningAsync();
        await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10));
        Assert.False(await Store.RenewAsync(Key(run), LeaseEnd.AddDays(1)));
        Assert.Equal(StepVerdict.Superseded, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(StepVerdict.Superseded, (await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.SuspendAsync(Key(run))).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.FailAsync(Key(run), 0, Now)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), run.Policy)).Verdict);

        // Nor can one that has the number but not the run: two nodes may believe that they have claimed it.
        Assert.False(await Store.RenewAsync(new AttemptKey(run.Id, 2, Owner), LeaseEnd));
        Assert.Equal(ParkVerdict.Lost, (await Store.EndAsync(new AttemptKey(run.Id, 2, Owner), RunState.Completed, Make.Response(), run.Policy)).Verdict);
        Assert.Null(await Store.GetResultAsync(run.Id));
        Assert.Empty((await Store.GetStepsAsync(run.Id))!);
        Assert.True(await Store.RenewAsync(new AttemptKey(run.Id, 2, OtherOwner), LeaseEnd.AddSeconds(20)));
    }

    // Renew

    [Fact]
    public async Task Renewed_CannotBeClaimedUntilTheNewEnd()
    {
        var run = await RunningAsync();
        Assert.True(await Store.RenewAsync(Key(run), LeaseEnd.AddSeconds(5)));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddSeconds(4), LeaseEnd));
        Assert.NotNull(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddSeconds(5), LeaseEnd));
    }

    [Fact]
    public async Task Renew_OfWhatDoesNotRun_IsRefused()
    {
        var parked = await RunningAsync();
        await Store.FailAsync(Key(parked), 0, Now.AddSeconds(1));
        Assert.False(await Store.RenewAsync(Key(parked), LeaseEnd));
        var ended = await RunningAsync();
        await Store.EndAsync(Key(ended), RunState.Completed, Make.Response(), ended.Policy);
        Assert.False(await Store.RenewAsync(Key(ended), LeaseEnd));
        Assert.False(await IsQueuedAsync(ended.Id));
        var unknown = Make.Run();
        Assert.False(await Store.RenewAsync(Key(unknown), LeaseEnd));
        Assert.False(await IsQueuedAsync(unknown.Id));
    }

    // Steps

    [Fact]
    public async Task Outcome_FirstWriteWins()
    {
        var run = await RunningAsync();
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", "first"), Plenty)).Verdict);
        var second = await Store.StoreOutcomeAsync(run.Id, 1, Make.Failure("a", "second"), Plenty);
        Assert.Equal(StepVerdict.Stored, second.Verdict);
        AssertSame(Make.Outcome("a", "first"), second.Outcome!);
        var tried = await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now);
        Assert.Equal(StepVerdict.Stored, tried.Verdict);
        AssertSame(Make.Outcome("a", "first"), tried.Outcome!);
        Assert.Equal(ParkVerdict.Nothing, (await Store.SuspendAsync(Key(run))).Verdict);
    }

    [Fact]
    public async Task Outcome_StoredFailure_ComesBackAsOne()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Failure("a", """{"title":"no"}"""), Plenty);
        var again = await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        AssertSame(Make.Failure("a", """{"title":"no"}"""), again.Outcome!);
        Assert.Equal((0, 1), await CountsAsync(run.Id));
    }

    [Fact]
    public async Task Outcome_OfManyConcurrentWritersOneWins_AndAllAreToldTheSame()
    {
        var nodes = await fixture.NodesAsync(6);
        for (var round = 0; round < 20; round++)
        {
            var run = await RunningAsync();
            var answers = await TogetherAsync(nodes, (store, i) => store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", $"{i}"), Plenty));
            Assert.Single(answers, answer => answer.Verdict == StepVerdict.Created);
            var told = answers.Where(answer => answer.Verdict == StepVerdict.Stored).Select(answer => Text(answer.Outcome!)).ToArray();
            Assert.Equal(nodes.Count - 1, told.Length);
            Assert.Equal(Text(Assert.Single((await Store.GetStepsAsync(run.Id))!)), Assert.Single(told.Distinct()));
        }
    }

    [Fact]
    public async Task Tries_AreCountedOnce_ByWhoReckonedRight()
    {
        var run = await RunningAsync();
        Assert.Equal(StepVerdict.Scheduled, (await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(1))).Verdict);
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        Assert.Equal(new StepAnswer(StepVerdict.Recount, Tries: 1), await Store.ScheduleStepAsync(run.Id, 2, "a", Plenty, 0, Now.AddSeconds(9)));
        Assert.Equal(new StepAnswer(StepVerdict.Recount, Tries: 1), await Store.StoreOutcomeAsync(run.Id, 2, Make.Failure("a"), Plenty, 0));
        Assert.Equal(StepVerdict.Scheduled, (await Store.ScheduleStepAsync(run.Id, 2, "a", Plenty, 1, Now.AddSeconds(2))).Verdict);
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 3, Make.Failure("a"), Plenty, 2)).Verdict);
    }

    [Fact]
    public async Task Try_ReportedAgainByItsAttempt_IsCountedOnce()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(1));
        Assert.Equal(new StepAnswer(StepVerdict.Scheduled, Due: Now.AddSeconds(1)), await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(9)));
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        Assert.Equal(1, (await Store.ScheduleStepAsync(run.Id, 2, "a", Plenty, 0, Now)).Tries);
    }

    [Fact]
    public async Task Tries_OfOneAttemptReportedTogether_AreCountedOnce()
    {
        var nodes = await fixture.NodesAsync(6);
        var run = await RunningAsync();
        for (var tries = 0; tries < 10; tries++)
        {
            var answers = await TogetherAsync(nodes, (store, _) => store.ScheduleStepAsync(run.Id, tries + 1, "a", Plenty, tries, Now.AddSeconds(1)));
            Assert.All(answers, answer => Assert.Equal(new StepAnswer(StepVerdict.Scheduled, Due: Now.AddSeconds(1)), answer));
            await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        }
    }

    [Fact]
    public async Task Tries_OutliveAReplay()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(1));
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        Assert.Equal(1, (await Store.ScheduleStepAsync(run.Id, 2, "a", Plenty, 0, Now)).Tries);
    }

    [Fact]
    public async Task Success_EndsTheTriesOfAStep_WhateverTheyWere()
    {
        var run = await RunningAsync();
        await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(1));
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(ParkVerdict.Nothing, (await Store.SuspendAsync(Key(run))).Verdict);
        Assert.Equal(0, (await Store.GetSnapshotAsync(run.Id, countSteps: true))!.PendingSteps);
    }

    [Fact]
    public async Task Steps_BeyondTheMost_AreRefused_KnownOnesAreNot()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), 2);
        await Store.ScheduleStepAsync(run.Id, 1, "b", 2, 0, Now);
        Assert.Equal(StepVerdict.TooMany, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("c"), 2)).Verdict);
        Assert.Equal(StepVerdict.TooMany, (await Store.ScheduleStepAsync(run.Id, 1, "c", 2, 0, Now)).Verdict);
        Assert.Equal(StepVerdict.Stored, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), 2)).Verdict);
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("b"), 2)).Verdict);
    }

    [Fact]
    public async Task Step_OfUnknownOrEndedRun_IsRefused()
    {
        Assert.Equal(StepVerdict.Unknown, (await Store.StoreOutcomeAsync(Make.RunId(), 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(StepVerdict.Unknown, (await Store.ScheduleStepAsync(Make.RunId(), 1, "a", Plenty, 0, Now)).Verdict);
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), run.Policy);
        Assert.Equal(StepVerdict.Ended, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(StepVerdict.Ended, (await Store.ScheduleStepAsync(run.Id, 1, "b", Plenty, 0, Now)).Verdict);
    }

    [Fact]
    public async Task Superseded_EvenWhereAnOutcomeIsStored()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        Assert.Equal(StepVerdict.Superseded, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(StepVerdict.Stored, (await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome("a"), Plenty)).Verdict);
    }

    [Fact]
    public async Task AttemptThatEnded_MayCheckpointUntilALaterOneBegins()
    {
        var run = await RunningAsync();
        await Store.FailAsync(Key(run), 0, Now.AddSeconds(5));
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty)).Verdict);
        var claimed = (await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(5), LeaseEnd))!;
        Assert.Equal("a", Assert.Single(claimed.Steps).Id);
        Assert.Equal(StepVerdict.Superseded, (await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("b"), Plenty)).Verdict);
    }

    [Fact]
    public async Task Steps_OfUnknownRun_AreNoneAtAll()
    {
        Assert.Null(await Store.GetStepsAsync(Make.RunId()));
        Assert.Null(await Store.GetSnapshotAsync(Make.RunId()));
        Assert.Null(await Store.GetPolicyAsync(Make.RunId()));
        Assert.Null(await Store.GetResultAsync(Make.RunId()));
        Assert.Null(await Store.ClaimAsync(Make.RunId(), Owner, Now, LeaseEnd));
        Assert.Empty((await Store.GetStepsAsync((await RunningAsync()).Id))!);
    }

    // Suspend

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

    // Fail

    [Fact]
    public async Task Failed_CountsOnce_AndIsParked()
    {
        var run = await RunningAsync();
        Assert.Equal(new ParkAnswer(ParkVerdict.Done, Now.AddSeconds(4)), await Store.FailAsync(Key(run), 0, Now.AddSeconds(4)));

        // Said again, because the answer was lost: it counts once, and stays where it was.
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
        var run = await RunningAsync(new RunPolicy { RunTimeout = TimeSpan.FromMinutes(1) });
        Assert.Equal(run.Deadline, (await Store.FailAsync(Key(run), 0, Now.AddDays(30))).Due);
        Assert.Equal(run.Deadline, (await Store.GetSnapshotAsync(run.Id))!.NextAttemptAt);
    }

    // End

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
            var ends = await TogetherAsync(nodes, (store, i) => store.EndAsync(Key(run), RunState.Completed, Make.Response($"{i}"), run.Policy));

            // One attempt said it several times: it is told each time that it has ended the run, and the first one is the result.
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

    // Cancel

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

    // Sizes

    [Fact]
    public async Task LargestRequestAndResult_RoundTrip()
    {
        var body = RandomNumberGenerator.GetBytes(4 << 20);
        var run = await RunningAsync(request: Make.Request(body));
        var step = Make.Outcome("big") with { Body = body };
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, 1, step, Plenty)).Verdict);
        var claimed = (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd.AddSeconds(10)))!;
        Assert.True(body.AsSpan().SequenceEqual(claimed.Request.Body.Span));

        // Too large to come along with the claim: counted, and read by itself.
        Assert.Empty(claimed.Steps);
        Assert.Equal(1, claimed.StepCount);
        var steps = (await Store.GetStepsAsync(run.Id))!;
        Assert.True(body.AsSpan().SequenceEqual(Assert.Single(steps).Body.Span));
        var result = Make.Response() with { Body = RandomNumberGenerator.GetBytes(16 << 20) };
        Assert.Equal(ParkVerdict.Done, (await Store.EndAsync(new AttemptKey(run.Id, 2, Owner), RunState.Completed, result, run.Policy)).Verdict);
        var stored = (await Store.GetResultAsync(run.Id))!;
        Assert.True(result.Body.Span.SequenceEqual(stored.Body.Span));
    }

    [Fact]
    public async Task ManySteps_RoundTrip()
    {
        const int Count = 2000;
        var run = await RunningAsync();
        await Task.WhenAll(Enumerable.Range(0, Count).Select(i => Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}"), Count)));
        var claimed = (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd))!;
        Assert.Equal(Count, claimed.StepCount);
        Assert.Equal(Count, (await Store.GetStepsAsync(run.Id))!.Select(step => step.Id).Distinct().Count());
        Assert.Equal(StepVerdict.TooMany, (await Store.StoreOutcomeAsync(run.Id, 2, Make.Outcome("more"), Count)).Verdict);
    }

    [Fact]
    public async Task Stored_ShowsNothingInTheClear()
    {
        const string Card = "4111 1111 1111 1111";
        var run = await RunningAsync(request: Make.Request(Encoding.ASCII.GetBytes(Card)));
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", Card), Plenty);
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(Card), run.Policy);
        var keys = KeysOf(run.Id);
        byte[] all =
        [
            .. (byte[])(await ExecuteAsync(db => db.StringGetAsync(keys.Request)))!,
            .. (byte[])(await ExecuteAsync(db => db.HashGetAsync(keys.Steps, "a")))!,
            .. (byte[])(await ExecuteAsync(db => db.StringGetAsync(keys.Result)))!,
        ];
        Assert.DoesNotContain(Card, Encoding.Latin1.GetString(all), StringComparison.Ordinal);
    }

    // Records that cannot be read

    [Fact]
    public async Task CorruptRequest_IsUnreadable_UnderTheClaimedAttempt_AndCanBeEnded()
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Request, "garbage"));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task MissingRequest_IsUnreadable()
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.KeyDeleteAsync(KeysOf(run.Id).Request));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task RequestOfAnotherRun_IsUnreadable()
    {
        var (run, other) = (await RunningAsync(), await RunningAsync());
        var foreign = await ExecuteAsync(db => db.StringGetAsync(KeysOf(other.Id).Request));
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Request, foreign));
        await AssertUnreadableAsync(run);
    }

    [Theory]
    [InlineData("v", "99")]
    [InlineData("v", "")]
    [InlineData("v", "one")]
    [InlineData("started", "noon")]
    [InlineData("policy", "{")]
    [InlineData("policy", """{"RetryStatuses":{"Text":"x"}}""")]
    public async Task UnknownVersionOrField_IsUnreadable(string field, string value)
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Run, field, value));
        await AssertUnreadableAsync(run);
    }

    [Theory]
    [InlineData("")]
    [InlineData("C")]
    [InlineData("C1")]
    [InlineData("C1:")]
    [InlineData("X1:record")]
    [InlineData("C1:garbage that is long enough to be a record of some kind")]
    public async Task CorruptStep_IsUnreadable(string value)
    {
        var run = await RunningAsync();
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Steps, "a", value));
        await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.GetStepsAsync(run.Id));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task StepMovedToAnotherName_IsUnreadable()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        var record = await ExecuteAsync(db => db.HashGetAsync(KeysOf(run.Id).Steps, "a"));
        await ExecuteAsync(db => db.HashSetAsync(KeysOf(run.Id).Steps, "b", record));
        await AssertUnreadableAsync(run);
    }

    [Fact]
    public async Task CorruptResult_IsUnreadable()
    {
        var run = await RunningAsync();
        await Store.EndAsync(Key(run), RunState.Completed, Make.Response(), run.Policy);
        await ExecuteAsync(db => db.StringSetAsync(KeysOf(run.Id).Result, new byte[200]));
        await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.GetResultAsync(run.Id));
    }

    // The store as a whole

    [Fact]
    public async Task OtherShards_AreRefused_NamingThoseOfTheStore()
    {
        var error = await Assert.ThrowsAsync<ConfigurationException>(async () =>
        {
            await using var other = await StoreNode.OpenAsync(StoreFixture.Settings(fixture.ConnectionString, shards: 32));
        });
        var wrong = Assert.Single(error.Errors);
        Assert.Equal(("Durable:Store:Shards", "32"), (wrong.Key, wrong.Value));
        Assert.Contains("64", wrong.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GeneratedKey_IsTheSameOnEveryNode()
    {
        var nodes = await fixture.NodesAsync(2);
        var run = await RunningAsync();
        await nodes[1].Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a", "from the other"), Plenty);
        Assert.Equal("from the other", Text(Assert.Single((await Store.GetStepsAsync(run.Id))!)));
    }

    [Fact]
    public async Task KeysOfOneRun_ShareAHashTag()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("a"), Plenty);
        await Store.ScheduleStepAsync(run.Id, 1, "b", Plenty, 0, Now);
        var names = await NamesAsync(run.Id);
        Assert.Equal(4, names.Length);
        Assert.All(names, name => Assert.StartsWith($"dg1:{{s{run.Id.Shard(StoreFixture.Shards)}}}:", name, StringComparison.Ordinal));
    }

    // Helpers

    private static AttemptKey Key(NewRun run) => new(run.Id, 1, Owner);

    private static StoreKeys KeysOf(RunId run) => new(run, StoreFixture.Shards);

    private static string Text(StepOutcome step) => Encoding.UTF8.GetString(step.Body.Span);

    private static NewRun InShard(int shard)
    {
        var run = Make.Run();
        while (run.Id.Shard(StoreFixture.Shards) != shard) run = run with { Id = Make.RunId() };
        return run;
    }

    private async Task<NewRun> RunningAsync(RunPolicy? policy = null, StoredRequest? request = null)
    {
        var run = Make.Run(policy, request);
        await Store.CreateRunningAsync(run, Owner, LeaseEnd);
        return run;
    }

    private Task<T> ExecuteAsync<T>(Func<IDatabase, Task<T>> command) => fixture.Node.Connection.ExecuteAsync(command);

    private async Task<bool> IsQueuedAsync(RunId run) =>
        await ExecuteAsync(db => db.SortedSetScoreAsync(KeysOf(run).Due, run.ToString())) is not null;

    private async Task<(int Completed, int Failed)> CountsAsync(RunId run)
    {
        var snapshot = (await Store.GetSnapshotAsync(run, countSteps: true))!;
        return (snapshot.CompletedSteps, snapshot.FailedSteps);
    }

    private async Task<string[]> NamesAsync(RunId run) =>
        (string[])((RedisResult[])(await ExecuteAsync(db =>
            db.Multiplexer.GetServer(KeysOf(run).Run).ExecuteAsync("SCAN", "0", "MATCH", $"*{run}*", "COUNT", "1000000")))!)[1]!;

    private async Task AssertEveryKeyExpiresAsync(RunId run, TimeSpan within, int keys)
    {
        var names = await NamesAsync(run);
        Assert.Equal(keys, names.Length);
        foreach (var name in names)
        {
            var left = await ExecuteAsync(db => db.KeyTimeToLiveAsync(name));
            Assert.True(left is not null, $"{name} never expires.");
            Assert.InRange(left.Value, within - TimeSpan.FromMinutes(1), within);
        }
    }

    private async Task AssertUnreadableAsync(NewRun run)
    {
        var error = await Assert.ThrowsAsync<UnreadableRecordException>(() => Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10)));
        Assert.Equal(2, error.Attempt);
        var end = await Store.EndAsync(new AttemptKey(run.Id, error.Attempt, OtherOwner), RunState.Failed, Make.Response("unreadable", 502), new RunPolicy());
        Assert.Equal(ParkVerdict.Done, end.Verdict);
        Assert.Equal(502, (await Store.GetResultAsync(run.Id))!.Status);
    }

    private static async Task<T[]> TogetherAsync<T>(IReadOnlyList<StoreNode> nodes, Func<IRunStore, int, Task<T>> call)
    {
        using var start = new Barrier(nodes.Count);
        return await Task.WhenAll(nodes.Select((node, i) => Task.Factory.StartNew(
            () =>
            {
                start.SignalAndWait();
                return call(node.Store, i);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
    }

    private static void AssertSame(StoredRequest expected, StoredRequest actual)
    {
        static StoredRequest Plain(StoredRequest request) => request with { Headers = [], RouteValues = [], Body = default };
        Assert.Equal(Plain(expected), Plain(actual));
        Assert.Equal(expected.Headers, actual.Headers);
        Assert.Equal(expected.RouteValues, actual.RouteValues);
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }

    private static void AssertSame(StepOutcome expected, StepOutcome actual)
    {
        Assert.Equal(expected with { Body = default }, actual with { Body = default });
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }

    private static void AssertSame(StoredResponse expected, StoredResponse actual)
    {
        Assert.Equal(expected.Status, actual.Status);
        Assert.Equal(expected.Headers, actual.Headers);
        Assert.Equal(expected.Trailers ?? [], actual.Trailers ?? []);
        Assert.Equal(expected.Body.ToArray(), actual.Body.ToArray());
    }
}
