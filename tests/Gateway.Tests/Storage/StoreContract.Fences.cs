using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>How the store distinguishes attempts and executions with the same number.</summary>
public abstract partial class StoreContract
{
    /// <summary>
    /// A store that has lost a claim uses its number again. The attempt that had the number first can no longer change anything.
    /// </summary>
    [Fact]
    public async Task Attempt_WhoseNumberIsGivenOutAgain_ChangesNothing()
    {
        var run = await RunningAsync();
        await Store.StoreOutcomeAsync(run.Id, 1, Make.Outcome("before"), Plenty);
        Assert.Equal(2, (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd, nonce: 7))!.Attempt);
        var lost = new AttemptKey(run.Id, 2, Owner, 7);
        await ForgetClaimAsync(run);
        Assert.Equal(2, (await Store.ClaimAsync(run.Id, Owner, LeaseEnd, LeaseEnd.AddSeconds(10), nonce: 8))!.Attempt);
        var now = lost with { Nonce = 8 };

        Assert.False(await Store.RenewAsync(lost, LeaseEnd.AddDays(1)));
        Assert.Equal(StepVerdict.Superseded, (await Store.StoreOutcomeAsync(run.Id, lost.Fence, Make.Outcome("a"), Plenty)).Verdict);
        Assert.Equal(StepVerdict.Superseded, (await Store.ScheduleStepAsync(run.Id, lost.Fence, "a", Plenty, 0, Now)).Verdict);
        Assert.Equal(StepVerdict.Superseded, (await Store.StartStepAsync(run.Id, lost.Fence, Plenty, Make.Failure("a"))).Verdict);
        Assert.Equal(StepVerdict.Superseded, (await Store.WaitAsync(run.Id, lost.Fence, Make.Outcome("a"), Plenty, Now, Now)).Verdict);
        Assert.Equal(StepVerdict.Superseded,
            (await fixture.Node.WaitService.AwaitAsync(new Waiter(run.Id, "a"), lost.Fence, WaitKind.Callback, Plenty, null, null,
                Make.Failure("a"))).Step.Verdict);
        Assert.Equal(StreamVerdict.Lost,
            await fixture.Node.Streams.AppendAsync(lost, Make.Response(), [new StreamEvent("1", new byte[10])], 1000));
        Assert.Equal(ParkVerdict.Lost, (await Store.SuspendAsync(lost)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.FailAsync(lost, null, Now)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.EndAsync(lost, RunState.Completed, Make.Response(), run.Policy)).Verdict);
        Assert.Equal(StepVerdict.Created, (await Store.StoreOutcomeAsync(run.Id, now.Fence, Make.Outcome("a"), Plenty)).Verdict);
        Assert.True(await Store.RenewAsync(now, LeaseEnd.AddSeconds(20)));

        // The lost attempt is not told either that the action of the other attempt is what it requested.
        Assert.Equal(ParkVerdict.Done, (await Store.FailAsync(now, null, LeaseEnd.AddSeconds(20))).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.FailAsync(lost, null, Now)).Verdict);
        Assert.Equal(ParkVerdict.Lost, (await Store.SuspendAsync(lost)).Verdict);
        await Store.ClaimAsync(run.Id, Owner, LeaseEnd.AddSeconds(20), LeaseEnd.AddSeconds(30), nonce: 9);
        Assert.Equal(ParkVerdict.Done,
            (await Store.EndAsync(now with { Number = 3, Nonce = 9 }, RunState.Completed, Make.Response(), run.Policy)).Verdict);
        Assert.Equal(ParkVerdict.Lost,
            (await Store.EndAsync(now with { Number = 3, Nonce = 10 }, RunState.Completed, Make.Response(), run.Policy)).Verdict);
    }

    /// <summary>
    /// An intermediary between gateway and service may send one attempt twice. Both executions have the same token, and only one of them
    /// starts the step.
    /// </summary>
    [Fact]
    public async Task Start_OfAnotherExecutionOfTheAttempt_IsRefused()
    {
        var run = await RunningAsync();
        Assert.Equal(StepVerdict.Created, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("a"), "one")).Verdict);
        Assert.Equal(StepVerdict.Created, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("a"), "one")).Verdict);
        var other = await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("a", "{\"title\":\"interrupted\"}"), "two");
        Assert.Equal(StepVerdict.Stored, other.Verdict);
        Assert.True(other.Outcome!.Failed);
        Assert.Equal(StepVerdict.Stored, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("a"), "one")).Verdict);

        // All executions of a service that does not distinguish them count as one.
        Assert.Equal(StepVerdict.Created, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("b"))).Verdict);
        Assert.Equal(StepVerdict.Created, (await Store.StartStepAsync(run.Id, 1, Plenty, Make.Failure("b"))).Verdict);
    }

    /// <summary>Resets the run to the state of a replica that has not received the claim.</summary>
    private Task<bool> ForgetClaimAsync(NewRun run) => ExecuteAsync(async db =>
    {
        await db.HashSetAsync(KeysOf(run.Id).Run, [new("attempt", 1), new("nonce", 0)]);
        return await db.SortedSetAddAsync(KeysOf(run.Id).Due, run.Id.ToString(), LeaseEnd.ToUnixTimeMilliseconds());
    });
}
