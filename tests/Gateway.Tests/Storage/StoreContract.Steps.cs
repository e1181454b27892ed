using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The transitions of steps.</summary>
public abstract partial class StoreContract
{
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
        Assert.Equal(new StepAnswer(StepVerdict.Recount, Tries: 1),
            await Store.ScheduleStepAsync(run.Id, 2, "a", Plenty, 0, Now.AddSeconds(9)));
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
        Assert.Equal(new StepAnswer(StepVerdict.Scheduled, Due: Now.AddSeconds(1)),
            await Store.ScheduleStepAsync(run.Id, 1, "a", Plenty, 0, Now.AddSeconds(9)));
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
            var answers = await TogetherAsync(nodes,
                (store, _) => store.ScheduleStepAsync(run.Id, tries + 1, "a", Plenty, tries, Now.AddSeconds(1)));
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

    /// <summary>A run with many outcomes returns as many as fit, and not none.</summary>
    [Fact]
    public async Task Claim_OfMoreOutcomesThanFit_BringsSomeAlong_AndCountsAll()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("large", new string('1', 100_000)), Plenty);
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("small"), Plenty);
        for (var i = 0; i < 10; i++) await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome($"s{i}", new string('1', 10_000)), Plenty);
        await Store.ScheduleStepAsync(run.Id, 1, "pending", Plenty, 0, Now.AddDays(1));

        var claimed = (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd))!;

        Assert.Equal(12, claimed.StepCount);
        var ids = claimed.Steps.Select(step => step.Id).ToArray();
        Assert.Equal("small", ids[0]);
        Assert.DoesNotContain("large", ids);
        Assert.Equal(ids.Skip(1).Order(StringComparer.Ordinal), ids.Skip(1));
        Assert.InRange(claimed.Steps.Sum(step => step.Body.Length), 40_000, 64 * 1024);
    }

    [Fact]
    public async Task Claim_CompletesSleepsThatAreOver()
    {
        var run = await RunningAsync();
        Assert.Equal(StepVerdict.Scheduled,
            (await Store.WaitAsync(run.Id, 1, Make.Outcome("nap", "first"), Plenty, Now.AddSeconds(5), Now)).Verdict);
        Assert.Equal(StepVerdict.Scheduled, (await Store.WaitAsync(run.Id, 1, Make.Outcome("nap", "second"), Plenty, Now, Now)).Verdict);
        await Store.WaitAsync(run.Id, 1, Make.Outcome("long"), Plenty, Now.AddDays(1), Now);
        await Store.ScheduleStepAsync(run.Id, 1, "retry", Plenty, 0, Now.AddSeconds(5));
        await Store.FailAsync(Key(run), 0, Now.AddSeconds(5));

        var claimed = (await Store.ClaimAsync(run.Id, Owner, Now.AddSeconds(5), LeaseEnd))!;

        Assert.Equal((1, 0), (claimed.StepCount, claimed.Failures));
        Assert.Equal(("nap", "first"), (claimed.Steps.Single().Id, Text(claimed.Steps.Single())));
        Assert.Equal((1, 0), await CountsAsync(run.Id));
        Assert.Equal(2, (await Store.GetSnapshotAsync(run.Id, countSteps: true))!.PendingSteps);
        Assert.Equal(StepVerdict.Stored, (await Store.WaitAsync(run.Id, 2, Make.Outcome("nap"), Plenty, Now.AddDays(9), Now)).Verdict);
        Assert.Equal(StepVerdict.Scheduled, (await Store.WaitAsync(run.Id, 2, Make.Outcome("long"), Plenty, Now, Now)).Verdict);
        Assert.Equal(1, (await Store.ScheduleStepAsync(run.Id, 2, "retry", Plenty, 0, Now)).Tries);
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
}
