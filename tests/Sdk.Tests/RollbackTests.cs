using System.Text.Json;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The rollback of a handler that fails finally.</summary>
public sealed class RollbackTests
{
    private readonly FakeRun _run = new();
    private readonly List<string> _undone = [];

    [Fact]
    public async Task FinalFailure_UndoesInReverseOrder_AndIsTheAnswer()
    {
        var verdict = await _run.AttemptAsync(step => TripAsync(step, _ => throw new NonRetryableException("declined")));

        Assert.Equal(["hotel", "flight"], _undone);
        Assert.Equal(["book flight", "book hotel", "pay", "cancel hotel", "cancel flight"], _run.Stored);
        verdict.AssertFailed("?0");
        Assert.Equal(("declined", "pay", false), (Problem(verdict, "detail"), Problem(verdict, "step"),
            JsonDocument.Parse(verdict.Problem!).RootElement.TryGetProperty("compensationFailures", out _)));
    }

    [Fact]
    public async Task Success_UndoesNothing()
    {
        Assert.True((await _run.AttemptAsync(step => TripAsync(step, _ => Task.CompletedTask))).IsCompleted);
        Assert.Empty(_undone);
    }

    [Fact]
    public async Task FailureThatIsCaught_UndoesNothing()
    {
        var verdict = await _run.AttemptAsync(step =>
            Assert.ThrowsAsync<StepFailedException>(() => TripAsync(step, _ => throw new NonRetryableException("declined"))));

        Assert.True(verdict.IsCompleted);
        Assert.Empty(_undone);
    }

    [Fact]
    public async Task FailureThatIsNotFinal_UndoesNothing()
    {
        (await _run.AttemptAsync(step => TripAsync(step, _ => throw new TimeoutException()))).AssertSuspended();
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _run.AttemptAsync(step => FailAsync(step, new InvalidOperationException("mine"))));

        Assert.Empty(_undone);
    }

    [Fact]
    public async Task OnlyWhatWasRegisteredBefore_IsUndone()
    {
        await _run.AttemptAsync(async step =>
        {
            await step.RunAsync("book flight", _ => Task.CompletedTask);
            step.OnRollback("cancel flight", Undo("flight"));
            await step.RunAsync("pay", _ => throw new NonRetryableException("declined"));
            step.OnRollback("refund", Undo("payment"));
        });

        Assert.Equal(["flight"], _undone);
    }

    [Fact]
    public async Task NonRetryable_OfTheHandlerItself_IsFinal()
    {
        var verdict = await _run.AttemptAsync(step => FailAsync(step, new NonRetryableException("closed")));

        verdict.AssertFailed("?0");
        Assert.Equal("closed", Problem(verdict, "detail"));
        Assert.Equal(["flight"], _undone);
    }

    [Fact]
    public async Task NonRetryable_WithoutCompensations_IsFinalToo_AndStoresNothing()
    {
        var verdict = await _run.AttemptAsync(_ => throw new NonRetryableException("closed"));

        verdict.AssertFailed("?0");
        Assert.Empty(_run.Gateway.Calls);
    }

    [Fact]
    public async Task AnyException_InTheLastAttempt_IsFinal()
    {
        var verdict = await _run.AttemptAsync(step => FailAsync(step, new InvalidOperationException("mine")), isLast: true);

        verdict.AssertFailed("?0");
        Assert.Equal("mine", Problem(verdict, "detail"));
        Assert.DoesNotContain("stackTrace", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
        Assert.Equal(["flight"], _undone);
    }

    [Fact]
    public async Task AnyException_InTheLastAttempt_WithoutCompensations_PassesToTheHost() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            _run.AttemptAsync(_ => throw new InvalidOperationException("mine"), isLast: true));

    [Fact]
    public async Task Misuse_IsFinal_AndUndoes()
    {
        var verdict = await _run.AttemptAsync(async step =>
        {
            step.OnRollback("cancel flight", Undo("flight"));
            await step.RunAsync("", _ => Task.CompletedTask);
        });

        verdict.AssertFailed("?0");
        Assert.Equal(["flight"], _undone);
    }

    [Fact]
    public async Task Suspension_IsNotAFailure_EvenInTheLastAttempt()
    {
        (await _run.AttemptAsync(
            async step =>
            {
                step.OnRollback("cancel flight", Undo("flight"));
                await step.SleepAsync("nap", TimeSpan.FromDays(1));
            },
            isLast: true)).AssertSuspended();

        Assert.Empty(_undone);
    }

    [Fact]
    public async Task CheckpointThatFails_IsNotAFailureForGood()
    {
        _run.Instead = call => call.Step == "pay" ? Answer.Problem(400, "bad") : null;

        (await _run.AttemptAsync(step => TripAsync(step, _ => Task.CompletedTask), isLast: true)).AssertFailed("?1");

        Assert.Empty(_undone);
    }

    [Fact]
    public async Task CompensationThatFails_IsTriedAgain_AndTheOthersGoOnFromThere()
    {
        var tries = 0;
        Task Handler(IStep step) => TripAsync(step, _ => throw new NonRetryableException("declined"),
            () => ++tries < 3 ? throw new TimeoutException("busy") : Task.CompletedTask);

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        (await _run.AttemptAsync(Handler)).AssertSuspended();
        Assert.Empty(_undone);
        (await _run.AttemptAsync(Handler)).AssertFailed("?0");

        Assert.Equal((3, "flight"), (tries, Assert.Single(_undone)));
    }

    [Fact]
    public async Task CompensationThatIsDone_IsNotDoneAgain()
    {
        Task Handler(IStep step) => TripAsync(step, _ => throw new NonRetryableException("declined"));
        await _run.AttemptAsync(Handler);

        var again = await _run.AttemptAsync(Handler, inlined: false);

        again.AssertFailed("?0");
        Assert.Equal(2, _undone.Count);
    }

    [Fact]
    public async Task CompensationThatFailsForGood_DoesNotStopTheOthers_AndIsListed()
    {
        var verdict = await _run.AttemptAsync(step =>
            TripAsync(step, _ => throw new NonRetryableException("declined"), () => throw new NonRetryableException("no refund")));

        verdict.AssertFailed("?0");
        Assert.Equal(["flight"], _undone);
        Assert.Equal(("declined", "pay"), (Problem(verdict, "detail"), Problem(verdict, "step")));
        var failure = Assert.Single(JsonDocument.Parse(verdict.Problem!).RootElement.GetProperty("compensationFailures").EnumerateArray());
        Assert.Equal(("cancel hotel", "no refund"), (failure.GetProperty("step").GetString(), failure.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task CompensationWithOptions_IsTriedSo()
    {
        await _run.AttemptAsync(async step =>
        {
            step.OnRollback("cancel", _ => throw new TimeoutException(), new StepOptions { MaxAttempts = 9 });
            await step.RunAsync("pay", _ => throw new NonRetryableException("declined"));
        });

        Assert.Equal("max-attempts=9", _run.Gateway.Puts.Last()["Durable-Step-Retry"]);
    }

    [Fact]
    public async Task StepInACompensation_IsListedAsMisuse_AndTheOthersGoOn()
    {
        var verdict = await _run.AttemptAsync(async step =>
        {
            step.OnRollback("first", Undo("first"));
            step.OnRollback("second", token => step.RunAsync("inner", _ => Task.CompletedTask, token));
            await step.RunAsync("pay", _ => throw new NonRetryableException("declined"));
        });

        Assert.Equal(["first"], _undone);
        Assert.Contains("do not nest", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task NameUsedAgain_IsCounted_AndUndoneInReverse()
    {
        await _run.AttemptAsync(async step =>
        {
            for (var i = 1; i <= 3; i++) step.OnRollback("release", Undo($"{i}"));
            await step.RunAsync("pay", _ => throw new NonRetryableException("declined"));
        });

        Assert.Equal(["3", "2", "1"], _undone);
        Assert.Equal(["pay", "release#3", "release#2", "release"], _run.Stored);
    }

    [Fact]
    public async Task RollbackThatHasBegun_GoesOn_ThoughTheHandlerWouldSucceedNow()
    {
        var busy = true;
        var executed = false;

        (await _run.AttemptAsync(step => Handler(step, new InvalidOperationException("mine")), isLast: true)).AssertSuspended();
        busy = false;

        // The checkpoints have reset the count of attempts, so this is not the last one. Nothing fails any more.
        var verdict = await _run.AttemptAsync(step => Handler(step, null));

        verdict.AssertFailed("?0");
        Assert.Equal("mine", Problem(verdict, "detail"));
        Assert.Equal(["hotel", "flight"], _undone);
        Assert.False(executed, "A step was executed in a run that is rolled back.");
        Assert.Equal(["rollback begun", "cancel hotel", "cancel flight"], _run.Stored);

        async Task Handler(IStep step, Exception? failure)
        {
            step.OnRollback("cancel flight", token => busy ? throw new TimeoutException("busy") : Undo("flight")(token));
            step.OnRollback("cancel hotel", Undo("hotel"));
            if (failure is not null) throw failure;
            await step.RunAsync("ship", _ => Task.FromResult(executed = true));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RollbackThatHasBegun_GoesOn_ThoughTheHandlerReturns(bool inlined)
    {
        _run.Fail("rollback begun", "run", """{"title":"no","detail":"mine"}""");

        var verdict = await _run.AttemptAsync(
            step =>
            {
                step.OnRollback("cancel flight", Undo("flight"));
                return Task.CompletedTask;
            },
            inlined: inlined);

        verdict.AssertFailed("?0");
        Assert.Equal(("mine", "flight"), (Problem(verdict, "detail"), Assert.Single(_undone)));
    }

    [Fact]
    public async Task RollbackThatCannotBeStored_UndoesNothing()
    {
        _run.Instead = call => call.Step == "rollback%20begun" ? Answer.Problem(503, "store-unavailable") : null;

        (await _run.AttemptAsync(step => FailAsync(step, new InvalidOperationException("mine")), isLast: true)).AssertFailed("?1");

        Assert.Empty(_undone);
    }

    [Fact]
    public async Task Superseded_WhileItRollsBack_StopsThere()
    {
        _run.Instead = call => call.Step == "cancel%20hotel" ? Answer.Problem(409, "attempt-superseded") : null;

        var verdict = await _run.AttemptAsync(step => TripAsync(step, _ => throw new NonRetryableException("declined")));

        Assert.Equal(503, verdict.StatusCode);
        Assert.Equal(["hotel"], _undone);
    }

    [Fact]
    public async Task Registration_IsRefusedWhereItCannotWork()
    {
        IStep? kept = null;
        await _run.AttemptAsync(async step =>
        {
            kept = step;
            Assert.Throws<ArgumentNullException>(() => step.OnRollback("cancel", null!));
            Assert.Throws<StepUsageException>(() => step.OnRollback("", Undo("x")));
            Assert.Throws<StepUsageException>(() => step.OnRollback("rollback begun", Undo("x")));
            var inside = await Assert.ThrowsAsync<StepUsageException>(() => step.RunAsync("book", _ =>
            {
                step.OnRollback("cancel", Undo("x"));
                return Task.CompletedTask;
            }));
            Assert.Contains("after the step", inside.Message, StringComparison.Ordinal);
        });
        Assert.Throws<StepUsageException>(() => kept!.OnRollback("cancel", Undo("x")));
    }

    private static string? Problem(AttemptVerdict verdict, string member) =>
        JsonDocument.Parse(verdict.Problem!).RootElement.GetProperty(member).GetString();

    private Func<CancellationToken, Task> Undo(string what) => _ =>
    {
        _undone.Add(what);
        return Task.CompletedTask;
    };

    private Task FailAsync(IStep step, Exception failure)
    {
        step.OnRollback("cancel flight", Undo("flight"));
        throw failure;
    }

    private async Task TripAsync(IStep step, Func<CancellationToken, Task> pay, Func<Task>? cancelHotel = null)
    {
        await step.RunAsync("book flight", _ => Task.CompletedTask);
        step.OnRollback("cancel flight", Undo("flight"));
        await step.RunAsync("book hotel", _ => Task.CompletedTask);
        step.OnRollback("cancel hotel", cancelHotel is null ? Undo("hotel") : _ => cancelHotel());
        await step.RunAsync("pay", pay);
    }
}
