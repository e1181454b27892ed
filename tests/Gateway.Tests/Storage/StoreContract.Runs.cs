using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Storage;

/// <summary>How a run starts, becomes due, and is claimed.</summary>
public abstract partial class StoreContract
{
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
        Assert.Equal(run.Request.Body.ToArray(), claimed.Request!.Body.ToArray());
    }

    [Fact]
    public async Task CreatedWithAStep_IsUnderItsLease_AndHasTheStep()
    {
        var run = Make.Run();
        var report = new StepReport.Ended(Make.Outcome("a"), Plenty, null, "");
        var (isOwn, answer) = await Store.CreateRunningAsync(run, Owner, LeaseEnd, report);
        Assert.Equal((true, StepVerdict.Created), (isOwn, answer!.Value.Verdict));
        Assert.Equal((1, 0), await CountsAsync(run.Id));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddMilliseconds(-1), LeaseEnd));
        var claimed = (await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10)))!;
        AssertSame(Make.Outcome("a"), Assert.Single(claimed.Steps));
        AssertSame(run.Request, claimed.Request!);
        Assert.Equal(["AttemptBegan", "StepCompleted", "AttemptBegan"],
            (await fixture.Node.History.GetAsync(run.Id)).Select(entry => entry.Kind.ToString()));
    }

    /// <summary>The answer to the first call was lost.</summary>
    [Fact]
    public async Task CreatedWithAStepAgain_HasTheFirstOutcome()
    {
        var run = Make.Run();
        await Store.CreateRunningAsync(run, Owner, LeaseEnd, new StepReport.Ended(Make.Outcome("a", "first"), Plenty, null, ""));
        var (isOwn, answer) = await Store.CreateRunningAsync(
            run, Owner, LeaseEnd.AddSeconds(5), new StepReport.Ended(Make.Outcome("a", "second"), Plenty, null, ""));
        Assert.Equal((true, StepVerdict.Stored), (isOwn, answer!.Value.Verdict));
        Assert.Equal("first", Text(answer.Value.Outcome!));
        Assert.Equal((1, 0), await CountsAsync(run.Id));
        Assert.Null(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddSeconds(4), LeaseEnd.AddDays(1)));
    }

    [Fact]
    public async Task CreatedWithAStep_AfterAnotherAttemptBegan_StoresNothing()
    {
        var run = await RunningAsync();
        await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10), nonce: 5);
        var (isOwn, answer) = await Store.CreateRunningAsync(
            run, Owner, LeaseEnd.AddDays(1), new StepReport.Ended(Make.Outcome("a"), Plenty, null, ""));
        Assert.Equal((false, StepVerdict.Superseded), (isOwn, answer!.Value.Verdict));
        Assert.Empty((await Store.GetStepsAsync(run.Id))!);

        // The lease of the other attempt is as long as it was.
        Assert.NotNull(await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd.AddSeconds(10), LeaseEnd.AddSeconds(20), nonce: 6));
    }

    [Fact]
    public async Task CreatedWithAStepThatBegins_IsExecutedOnce()
    {
        var run = Make.Run();
        var (isOwn, answer) = await Store.CreateRunningAsync(
            run, Owner, LeaseEnd, new StepReport.Begun(Make.Failure("a"), Plenty, "one"));
        Assert.Equal((true, StepVerdict.Created), (isOwn, answer!.Value.Verdict));
        Assert.Equal(StepVerdict.Stored, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("a"), "two")).Verdict);
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

        // Pending steps that are dropped and started again have a new key.
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd);
        await AssertEveryKeyExpiresAsync(run.Id, policy.Lifetime, keys: 3);
        await Store.ScheduleStepAsync(run.Id, 2, "try", Plenty, 1, Now);
        await AssertEveryKeyExpiresAsync(run.Id, policy.Lifetime, keys: 4);
    }

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
        Assert.Null(due.Rest);
        Assert.Equal(Now.AddSeconds(1), await Store.GetNextDueAsync(Shard));

        due = await Store.GetDueAsync(Shard, Now.AddSeconds(3), limit: 2, []);
        Assert.Equal([runs[1], runs[2]], due.Runs.Select(run => run.Id));
        Assert.Equal(new QueuePlace(Now.AddSeconds(3).ToUnixTimeMilliseconds(), 0), due.Rest);

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
        Assert.Equal([new DueRun(other.Id, "other", "")], due.Runs);
        Assert.Equal(["full"], due.Held);
        Assert.Null(due.Rest);
    }

    [Fact]
    public async Task Due_TellsRunsWhoseLeaseHasRunOut()
    {
        const int Shard = 9;
        await ExecuteAsync(db => db.KeyDeleteAsync(StoreKeys.DueOf(Shard)));
        var (running, waiting) = (InShard(Shard), InShard(Shard));
        await Store.CreateRunningAsync(running, Owner, LeaseEnd);
        await Store.CreateWaitingAsync(waiting, Owner, LeaseEnd.AddSeconds(1));
        var due = await Store.GetDueAsync(Shard, LeaseEnd.AddSeconds(1), Plenty, []);
        Assert.Equal([(running.Id, true), (waiting.Id, false)], due.Runs.Select(run => (run.Id, run.IsRunning)));
    }

    /// <summary>Many entries have the same time, and a scan ends among them.</summary>
    [Fact]
    public async Task Due_GoesOnWhereALookEnded_AndNamesOnlySoManyOfARoute()
    {
        const int Shard = 8;
        await ExecuteAsync(db => db.KeyDeleteAsync(StoreKeys.DueOf(Shard)));
        var runs = Enumerable.Range(0, 9).Select(i => InShard(Shard) with { Route = i == 8 ? "other" : "many" }).ToList();
        foreach (var run in runs) await Store.CreateWaitingAsync(run, Owner, run.Route == "many" ? Now : Now.AddSeconds(1));
        var seen = new List<RunId>();
        QueuePlace? from = default(QueuePlace);
        while (from is { } place)
        {
            var due = await Store.GetDueAsync(Shard, Now.AddSeconds(1), limit: 2, [], place);
            seen.AddRange(due.Runs.Select(run => run.Id));
            from = due.Rest;
        }

        Assert.Equal(9, seen.Distinct().Count());
        Assert.Equal(9, seen.Count);

        var some = await Store.GetDueAsync(Shard, Now.AddSeconds(1), Plenty, [], default, perRoute: 3);
        Assert.Equal(["many", "many", "many", "other"], some.Runs.Select(run => run.Route));
        Assert.Equal(["many"], some.Held);
        Assert.Null(some.Rest);
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

    [Fact]
    public async Task Claim_BringsEverythingBackByteForByte()
    {
        var policy = Make.ChangedPolicy();
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
        Assert.Equal(PolicyRecord.Encode(policy), PolicyRecord.Encode(claimed.Policy));
        Assert.Equal(policy with { RetryStatuses = claimed.Policy.RetryStatuses }, claimed.Policy);
        AssertSame(run.Request, claimed.Request!);
        Assert.Equal(3, claimed.Steps.Count);
        AssertSame(failure, claimed.Steps[0]);
        AssertSame(outcome, claimed.Steps[1]);
        AssertSame(Make.Outcome("a", ""), claimed.Steps[2]);
        Assert.Equal(PolicyRecord.Encode(policy), PolicyRecord.Encode((await Store.GetPolicyAsync(run.Id))!));
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

        // An owner that has the number but not the run cannot do it either: two nodes may believe that they have claimed the run.
        Assert.False(await Store.RenewAsync(new AttemptKey(run.Id, 2, Owner), LeaseEnd));
        Assert.Equal(ParkVerdict.Lost,
            (await Store.EndAsync(new AttemptKey(run.Id, 2, Owner), RunState.Completed, Make.Response(), run.Policy)).Verdict);
        Assert.Null(await Store.GetResultAsync(run.Id));
        Assert.Empty((await Store.GetStepsAsync(run.Id))!);
        Assert.True(await Store.RenewAsync(new AttemptKey(run.Id, 2, OtherOwner), LeaseEnd.AddSeconds(20)));
    }

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

    [Fact]
    public async Task SetBuild_OfARunThatIsGone_LeavesNothingBehind()
    {
        var run = Make.RunId();
        await Store.SetBuildAsync(run, "v7");
        Assert.Empty(await NamesAsync(run));
    }

    [Fact]
    public async Task SetBuild_TheFirstOneCounts()
    {
        var run = await RunningAsync();
        await Store.SetBuildAsync(run.Id, "v7");
        await Store.SetBuildAsync(run.Id, "v8");
        Assert.Equal("v7", (await Store.ClaimAsync(run.Id, OtherOwner, LeaseEnd, LeaseEnd.AddSeconds(10)))!.Build);
    }
}
