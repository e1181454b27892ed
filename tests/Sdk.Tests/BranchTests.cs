using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>
/// Branches of a handler are independent: while one waits, the others continue, and the handler may end.
/// </summary>
public sealed class BranchTests
{
    private readonly FakeRun _run = new();

    /// <summary>With these options, an attempt ends only when the handler ends.</summary>
    private static DurableStepsOptions Patient => new() { SuspendAfter = TimeSpan.FromHours(1), ErrorDetails = true };

    [Fact]
    public async Task OneWaitsForAnEvent_TheOtherGoesOnToItsEnd_AndSendsIt()
    {
        var verdict = await _run.AttemptAsync(Handler);

        verdict.AssertSuspended();
        Assert.Equal(["reserve", "order", "tell"], _run.Stored);
        _run.Complete("ordered", "wait", "7");
        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);

        static async Task Handler(IStep step)
        {
            var waiting = step.WaitForEventAsync<int?>("ordered", "order.made");
            await step.RunAsync("reserve", _ => Task.CompletedTask);
            await step.RunAsync("order", _ => Task.CompletedTask);
            await step.SendEventAsync("tell", "order.made", "o-1", 7);
            Assert.Equal(7, await waiting);
        }
    }

    [Fact]
    public async Task OneSleeps_TheOthersGoOn_BetweenWorkThatIsNoStep()
    {
        var verdict = await _run.AttemptAsync(
            async step =>
            {
                var sleeping = step.SleepAsync("nap", TimeSpan.FromDays(7));
                for (var i = 1; i <= 3; i++)
                {
                    await Task.Yield();
                    await step.RunAsync("item", _ => Task.FromResult(i));
                }

                await sleeping;
            },
            options: new DurableStepsOptions { SuspendAfter = TimeSpan.FromSeconds(2) });

        verdict.AssertSuspended();
        Assert.Equal(["item", "item#2", "item#3"], _run.Stored);
    }

    [Fact]
    public async Task WorkThatIsNoStep_IsWaitedFor()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var work = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var running = _run.AttemptAsync(
            async step =>
            {
                var waiting = step.WaitForEventAsync<int?>("paid", "order.paid");
                await _run.Gateway.ReportOf("paid");
                reached.SetResult();
                await work.Task;
                await step.RunAsync("order", _ => Task.CompletedTask);
                throw new NonRetryableException("enough");
            },
            options: Patient);
        await reached.Task;
        work.SetResult();

        (await running).AssertFailed("?0");
        Assert.Equal(["order"], _run.Stored);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhenAny_TheEventThatIsThereWins_ThoughTheSleepIsNotOver(bool inlined)
    {
        _run.Complete("paid", "wait", "7");
        string? winner = null;

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                var paid = step.WaitForEventAsync<int?>("paid", "order.paid");
                winner = await Task.WhenAny(step.SleepAsync("patience", TimeSpan.FromDays(7)), paid) == paid
                    ? $"paid {await paid}"
                    : "too late";
            },
            inlined: inlined, options: Patient);

        Assert.True(verdict.IsCompleted);
        Assert.Equal("paid 7", winner);
    }

    [Fact]
    public async Task WhenAny_NobodyWinsWhileBothWait()
    {
        var ended = false;

        (await _run.AttemptAsync(async step =>
        {
            var first = await Task.WhenAny(step.WaitForEventAsync<int?>("paid", "order.paid"),
                step.SleepAsync("patience", TimeSpan.FromDays(7)));
            await first;
            ended = true;
        })).AssertSuspended();

        Assert.False(ended);
    }

    [Fact]
    public async Task FailureForGoodInOneBranch_EndsTheRun_AndUndoes_WhileAnotherWaits()
    {
        var undone = new List<string>();

        var verdict = await _run.AttemptAsync(Handler);

        verdict.AssertFailed("?0");
        Assert.Equal(["flight"], undone);
        Assert.Equal(["book flight", "pay", "rollback begun", "cancel flight"], _run.Stored);
        Assert.Contains("\"step\":\"pay\"", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);

        async Task Handler(IStep step)
        {
            await step.RunAsync("book flight", _ => Task.CompletedTask);
            step.OnRollback("cancel flight", _ =>
            {
                undone.Add("flight");
                return Task.CompletedTask;
            });
            await Task.WhenAll(step.WaitForEventAsync<int?>("paid", "order.paid"),
                step.RunAsync("pay", _ => throw new NonRetryableException("declined")));
        }
    }

    [Fact]
    public async Task RollbackBesideABranchThatWaited_GoesOn_ThoughTheBranchCouldByNow()
    {
        var busy = true;
        var executed = false;

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        busy = false;
        _run.Complete("paid", "wait", "7");
        var verdict = await _run.AttemptAsync(Handler);

        verdict.AssertFailed("?0");
        Assert.False(executed, "A branch went on in a run that is rolled back.");
        Assert.Contains("cancel", _run.Stored);
        Assert.Contains("\"step\":\"pay\"", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);

        async Task Handler(IStep step)
        {
            step.OnRollback("cancel", _ => busy ? throw new TimeoutException("busy") : Task.CompletedTask);
            await Task.WhenAll(ShipAsync(step), step.RunAsync("pay", _ => throw new NonRetryableException("declined")));
        }

        async Task ShipAsync(IStep step)
        {
            await step.WaitForEventAsync<int?>("paid", "order.paid");
            await step.RunAsync("ship", _ => Task.FromResult(executed = true));
        }
    }

    [Fact]
    public async Task FailureThatWhenAnySees_IsCaughtAtOnce_AndTheHandlersAnswerCounts()
    {
        var verdict = await _run.AttemptAsync(
            async step =>
            {
                var waiting = step.WaitForEventAsync<int?>("paid", "order.paid");
                try
                {
                    await await Task.WhenAny(waiting, step.RunAsync("pay", _ => throw new NonRetryableException("declined")));
                }
                catch (StepFailedException)
                {
                    await step.RunAsync("release", _ => Task.CompletedTask);
                }
            },
            options: Patient);

        Assert.True(verdict.IsCompleted);
        Assert.Equal(["pay", "release"], _run.Stored);
    }

    [Fact]
    public async Task HandlersOwnException_CountsThoughABranchWaits() =>
        await Assert.ThrowsAsync<InvalidOperationException>(() => _run.AttemptAsync(
            async step =>
            {
                _ = step.SleepAsync("nap", TimeSpan.FromDays(7));
                await _run.Gateway.ReportOf("nap");
                throw new InvalidOperationException("mine");
            },
            options: Patient));

    [Fact]
    public async Task Suspended_FinallyBlocksAreExecuted_AndBeginNoStep()
    {
        var left = false;

        (await _run.AttemptAsync(async step =>
        {
            try
            {
                await step.SleepAsync("nap", TimeSpan.FromDays(7));
            }
            finally
            {
                await Assert.ThrowsAsync<RunSuspendedException>(() => step.RunAsync("release", _ => Task.CompletedTask));
                left = true;
            }
        })).AssertSuspended();

        Assert.True(left);
        Assert.Empty(_run.Stored);
    }

    [Fact]
    public async Task Suspended_TheHandlersTokenIsCancelled_SoThatItsOtherWorkEnds()
    {
        using var attempt = _run.Gateway.Begin();
        var never = new TaskCompletionSource();

        var verdict = await attempt.RunAsync(token => Task.WhenAll(
            never.Task.WaitAsync(token), attempt.Step.SleepAsync("nap", TimeSpan.FromDays(7), CancellationToken.None)))
            .WaitAsync(TimeSpan.FromSeconds(60));

        verdict.AssertSuspended();
    }

    [Fact]
    public async Task EndedByAnotherBranch_TheOneThatWaitedIsLeft()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                _ = NapAsync(step);
                await _run.Gateway.ReportOf("nap");
            },
            options: Patient);

        Assert.True(verdict.IsCompleted);
        await left.Task.WaitAsync(TimeSpan.FromSeconds(60));

        async Task NapAsync(IStep step)
        {
            try
            {
                await step.SleepAsync("nap", TimeSpan.FromDays(7));
            }
            finally
            {
                left.SetResult();
            }
        }
    }

    [Fact]
    public async Task EndedByAnotherBranch_StepsThatWereNotReachedAreNoMismatch()
    {
        _run.Complete("of the branch that waits", "run", "1");

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                _ = step.SleepAsync("nap", TimeSpan.FromDays(7))
                    .ContinueWith(_ => step.RunAsync("of the branch that waits", _ => Task.FromResult(1)), TaskScheduler.Default);
                await _run.Gateway.ReportOf("nap");
                await step.RunAsync("last", _ => Task.CompletedTask);
            },
            options: Patient);

        Assert.True(verdict.IsCompleted);
        Assert.Null(verdict.Header("Durable-Mismatch"));
    }

    [Fact]
    public async Task WaitingWithAToken_IsGivenUpByIt()
    {
        using var patience = new CancellationTokenSource();

        var verdict = await _run.AttemptAsync(
            async step =>
            {
                var waiting = step.WaitForEventAsync<int?>("paid", "order.paid", cancellationToken: patience.Token);
                await _run.Gateway.ReportOf("paid");
                await patience.CancelAsync();
                var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
                Assert.Equal(patience.Token, e.CancellationToken);
            },
            options: Patient);

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task RetryOfOneBranch_DoesNotKeepTheOthersFromGoingOn()
    {
        var tries = 0;

        (await _run.AttemptAsync(Handler)).AssertSuspended();
        Assert.Equal(["hotel", "car"], _run.Stored);
        Assert.True((await _run.AttemptAsync(Handler)).IsCompleted);
        Assert.Equal(2, tries);

        Task Handler(IStep step) =>
            Task.WhenAll(step.RunAsync("flight", _ => ++tries < 2 ? throw new TimeoutException("busy") : Task.CompletedTask),
                OthersAsync(step));

        static async Task OthersAsync(IStep step)
        {
            await step.RunAsync("hotel", _ => Task.CompletedTask);
            await step.RunAsync("car", _ => Task.CompletedTask);
        }
    }

    [Fact]
    public async Task HandOutThatIsTriedAgain_DoesNotHoldTheAttempt()
    {
        (await _run.AttemptAsync(step => Task.WhenAll(
            step.CallbackAsync<int>("approve", (_, _) => throw new TimeoutException("mail")),
            step.RunAsync("other", _ => Task.CompletedTask)))).AssertSuspended();

        Assert.Equal(["other"], _run.Stored);
    }

    [Fact]
    public void SuspendAfter_IsMoreThanZero() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new DurableStepsOptions { SuspendAfter = TimeSpan.Zero });
}
