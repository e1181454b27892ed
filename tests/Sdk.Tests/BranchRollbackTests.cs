using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>When a handler fails finally, the rollback includes the steps of the branches that it does not await.</summary>
public sealed class BranchRollbackTests : IDisposable
{
    private readonly FakeRun _run = new();
    private readonly List<string> _undone = [];
    private readonly ManualResetEventSlim _undoing = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task StepThatWasExecuting_WhenTheHandlerFailed_IsUndone(bool itself)
    {
        var verdict = await LeaveAsync(step => TripAsync(step, HotelAsync, itself));

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel", "train"], _undone);
        Assert.Equal(["hotel", "rollback begun", "cancel hotel", "cancel train"], _run.Stored.Where(step => step != "flight"));
    }

    [Fact]
    public async Task NothingElse_HasBeenRegistered_IsUndone()
    {
        var verdict = await LeaveAsync(async step =>
        {
            var flight = step.RunAsync("flight", Decline);
            var hotel = HotelAsync(step);
            await flight;
            await hotel;
        });

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel"], _undone);
    }

    [Fact]
    public async Task BranchThatTakesItsTime_BetweenItsStepAndTheRegistration_IsWaitedFor()
    {
        var verdict = await LeaveAsync(step => TripAsync(step, async inner =>
        {
            await inner.RunAsync("hotel", _ => _released.Task);

            // A rollback that does not wait would start now.
            _undoing.Wait(TimeSpan.FromSeconds(1));
            inner.OnRollback("cancel hotel", Undo("hotel"));
        }));

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel", "train"], _undone);
    }

    [Fact]
    public async Task BranchThatWaits_BetweenItsStepAndTheRegistration_IsWaitedForAsLongAsForAnyStep()
    {
        var verdict = await LeaveAsync(
            step => TripAsync(step, async inner =>
            {
                await inner.RunAsync("hotel", _ => _released.Task);
                await Task.Yield();
                inner.OnRollback("cancel hotel", Undo("hotel"));
            }),
            new DurableStepsOptions { SuspendAfter = TimeSpan.FromSeconds(3) });

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel", "train"], _undone);
    }

    [Fact]
    public async Task BranchThatIsLeftBehind_BeginsNoFurtherStep()
    {
        var executed = false;
        Exception? thrown = null;

        await LeaveAsync(step => TripAsync(step, async inner =>
        {
            await HotelAsync(inner);
            thrown = await Record.ExceptionAsync(() => inner.RunAsync("breakfast", _ => Task.FromResult(executed = true)));
        }));

        Assert.IsType<StepUsageException>(thrown);
        Assert.False(executed);
        Assert.Equal(["hotel", "train"], _undone);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task Replay_ReachesEveryRegistration_BeforeItUndoes(bool inlined, bool late)
    {
        _run.Fail("flight", "run", """{"title":"no","detail":"declined"}""");
        _run.Complete("hotel", "run", "");
        var script = _run.Gateway.Script;
        _run.Gateway.Script = async call =>
        {
            if (call.Method == "GET") await Task.Yield();
            return await script(call);
        };

        var verdict = await LeaveAsync(
            step => TripAsync(step, async inner =>
            {
                if (late) await Task.Yield();
                await HotelAsync(inner);
            }),
            new DurableStepsOptions { SuspendAfter = TimeSpan.FromSeconds(late ? 3 : 1) }, inlined);

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel", "train"], _undone);
    }

    [Fact]
    public async Task CompensationThatIsTriedAgain_KnowsTheBranchInTheNextAttempt()
    {
        var tries = 0;
        Task Handler(IStep step) => TripAsync(step, async inner =>
        {
            await inner.RunAsync("hotel", _ => _released.Task);
            inner.OnRollback("cancel hotel", token => ++tries < 2 ? throw new TimeoutException("busy") : Undo("hotel")(token));
        });

        (await LeaveAsync(Handler)).AssertSuspended();
        (await LeaveAsync(Handler)).AssertFailed("?0");

        Assert.Equal(["hotel", "train"], _undone);
    }

    [Fact]
    public async Task AnyFailure_OfTheLastAttempt_UndoesIt()
    {
        var verdict = await LeaveAsync(
            async step =>
            {
                _ = HotelAsync(step);
                await Task.FromException(new InvalidOperationException("mine"));
            },
            isLast: true);

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel"], _undone);
    }

    [Fact]
    public async Task WithoutAGateway_ItIsUndoneToo()
    {
        using var http = new HttpClient();
        using var attempt = DurableAttempt.Begin(_ => null, http, FakeGateway.Options());

        await Assert.ThrowsAsync<InvalidOperationException>(() => Task.Run(async () =>
        {
            var running = attempt.RunAsync(async _ =>
            {
                var hotel = HotelAsync(attempt.Step);
                await Task.FromException(new InvalidOperationException("mine"));
                await hotel;
            });
            _released.SetResult();
            await running.WaitAsync(TimeSpan.FromSeconds(60));
        }));

        Assert.Equal(["hotel"], _undone);
    }

    [Fact]
    public async Task BranchThatBlocksOnAStepThatWaits_DoesNotHoldTheRollback()
    {
        var verdict = await LeaveAsync(step => TripAsync(step, async inner =>
        {
            var nap = inner.SleepAsync("nap", TimeSpan.FromDays(7));
            await HotelAsync(inner);
            ((IAsyncResult)nap).AsyncWaitHandle.WaitOne();
        }));

        verdict.AssertFailed("?0");
        Assert.Equal(["hotel", "train"], _undone);
    }

    public void Dispose() => _undoing.Dispose();

    private static Task Decline(CancellationToken cancellationToken) => throw new NonRetryableException("declined");

    /// <summary>The form in the documentation.</summary>
    private async Task HotelAsync(IStep step)
    {
        await step.RunAsync("hotel", _ => _released.Task);
        step.OnRollback("cancel hotel", Undo("hotel"));
    }

    private async Task TripAsync(IStep step, Func<IStep, Task> bookHotelAsync, bool itself = false)
    {
        step.OnRollback("cancel train", Undo("train"));
        var flight = itself ? DeclineAsync(step) : step.RunAsync("flight", Decline);
        var hotel = bookHotelAsync(step);
        await flight;
        await hotel;
    }

    private static async Task DeclineAsync(IStep step)
    {
        await Task.CompletedTask;
        throw new NonRetryableException($"declined in attempt {step.Run.Attempt}");
    }

    /// <summary>Executes the handler, which ends while the hotel is being booked. Then the booking continues.</summary>
    /// <remarks>It runs outside the context of the test, so that the handler continues where a step is completed, as in a host.</remarks>
    private Task<AttemptVerdict> LeaveAsync(
        Func<IStep, Task> handler, DurableStepsOptions? options = null, bool inlined = true, bool isLast = false) => Task.Run(() =>
        {
            var running = _run.AttemptAsync(handler, isLast, inlined, options);
            _released.TrySetResult();
            return running;
        });

    private Func<CancellationToken, Task> Undo(string what) => _ =>
    {
        _undoing.Set();
        _undone.Add(what);
        return Task.CompletedTask;
    };
}
