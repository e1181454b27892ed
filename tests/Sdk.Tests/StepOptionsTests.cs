using DurableGateway.Client.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Client.Tests;

/// <summary>The options of a step.</summary>
public sealed class StepOptionsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly FakeRun _run = new();

    public static TheoryData<StepOptions, string?> Headers => new()
    {
        { new StepOptions(), null },
        { new StepOptions { Timeout = TimeSpan.FromSeconds(1) }, null },
        { new StepOptions { MaxAttempts = 3 }, "max-attempts=3" },
        { new StepOptions { RetryDelay = TimeSpan.FromSeconds(1.5) }, "delay=1.5" },
        { new StepOptions { RetryDelay = TimeSpan.Zero, MaxRetryDelay = TimeSpan.FromMilliseconds(1.4) }, "delay=0.0, max-delay=0.001" },
        { new StepOptions { Backoff = StepBackoff.Linear }, "backoff=linear" },
        { new StepOptions { Backoff = StepBackoff.Constant }, "backoff=constant" },
        {
            new StepOptions { MaxAttempts = 3, RetryDelay = TimeSpan.FromSeconds(1.5), MaxRetryDelay = TimeSpan.FromMinutes(1),
                Backoff = StepBackoff.Exponential },
            "max-attempts=3, delay=1.5, max-delay=60.0, backoff=exponential"
        },
    };

    [Theory]
    [MemberData(nameof(Headers), DisableDiscoveryEnumeration = true)]
    public async Task FailedTry_SaysHowTheStepIsTried(StepOptions options, string? header)
    {
        await _run.AttemptAsync(step => step.RunAsync("pay", _ => throw new TimeoutException(), options));

        Assert.Equal(header, Assert.Single(_run.Gateway.Puts)["Durable-Step-Retry"]);
    }

    [Fact]
    public async Task Result_SaysNothingOfRetries()
    {
        await _run.AttemptAsync(step => step.RunAsync("pay", _ => Task.FromResult(1), new StepOptions { MaxAttempts = 3 }));

        Assert.Null(Assert.Single(_run.Gateway.Puts)["Durable-Step-Retry"]);
    }

    [Fact]
    public async Task EachKindOfStep_TakesThem()
    {
        var options = new StepOptions { MaxAttempts = 7 };

        await _run.AttemptAsync(step => step.RunAsync<int>("a", _ => throw new TimeoutException(), options));
        await _run.AttemptAsync(step => step.RunAsync<Order>("b", _ => throw new TimeoutException(), PlainContext.Default.Order, options));
        await _run.AttemptAsync(step => step.FetchAsync("c", _ => throw new TimeoutException(), options));

        Assert.Equal(["max-attempts=7", "max-attempts=7", "max-attempts=7"], _run.Gateway.Puts.Select(call => call["Durable-Step-Retry"]));
    }

    [Fact]
    public async Task Timeout_CancelsTheBody_AndIsAFailedTry()
    {
        var options = new DurableStepsOptions { TimeProvider = _time };
        var attempt = _run.AttemptAsync(
            step => step.RunAsync(
                "slow",
                async token =>
                {
                    _time.Advance(TimeSpan.FromSeconds(5));
                    await new TaskCompletionSource().Task.WaitAsync(token);
                },
                new StepOptions { Timeout = TimeSpan.FromSeconds(5) }),
            options: options);
        await _run.Gateway.ReportOf("slow");
        await _time.AdvanceUntilAsync(attempt, options.SuspendAfter);

        (await attempt).AssertSuspended();
        var problem = StepProblem.Parse(Assert.Single(_run.Gateway.Puts).Body);
        Assert.Equal("System.TimeoutException", problem.ExceptionType);
        Assert.Contains("5 s", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timeout_OfABodyThatIsDoneAllTheSame_IsNone()
    {
        var verdict = await _run.AttemptAsync(
            async step => Assert.Equal(1, await step.RunAsync(
                "slow",
                _ =>
                {
                    _time.Advance(TimeSpan.FromSeconds(5));
                    return Task.FromResult(1);
                },
                new StepOptions { Timeout = TimeSpan.FromSeconds(5) })),
            options: new DurableStepsOptions { TimeProvider = _time });

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task Duration_IsMeasuredByTheTimeProvider()
    {
        await _run.AttemptAsync(
            step => step.RunAsync("slow", _ =>
            {
                _time.Advance(TimeSpan.FromSeconds(90));
                return Task.CompletedTask;
            }),
            options: new DurableStepsOptions { TimeProvider = _time });

        Assert.Equal("90", Assert.Single(_run.Gateway.Puts)["Durable-Step-Duration"]);
    }

    [Fact]
    public async Task SuspendAfter_IsMeasuredByTheTimeProvider()
    {
        var options = new DurableStepsOptions { TimeProvider = _time, SuspendAfter = TimeSpan.FromHours(1) };
        var attempt = _run.AttemptAsync(step => step.SleepAsync("nap", TimeSpan.FromDays(1)), options: options);
        await _run.Gateway.ReportOf("nap");

        await _time.AdvanceUntilAsync(attempt, options.SuspendAfter);

        (await attempt).AssertSuspended();
    }

    [Fact]
    public async Task Timeout_IsNotTheEndOfTheAttempt_AndTheEndIsNoTimeout()
    {
        using var patience = new CancellationTokenSource();

        await _run.AttemptAsync(step => Assert.ThrowsAnyAsync<OperationCanceledException>(() => step.RunAsync(
            "slow",
            async token =>
            {
                await patience.CancelAsync();
                await new TaskCompletionSource().Task.WaitAsync(token);
            },
            new StepOptions { Timeout = TimeSpan.FromSeconds(5) },
            patience.Token)));

        Assert.Empty(_run.Gateway.Calls);
    }

    [Fact]
    public async Task AtMostOnce_IsAnnouncedBeforeItIsExecuted()
    {
        var announced = 0;

        var verdict = await _run.AttemptAsync(async step => Assert.Equal(5, await step.RunAsync(
            "charge",
            _ =>
            {
                announced = _run.Gateway.Puts.Count();
                return Task.FromResult(5);
            },
            new StepOptions { AtMostOnce = true })));

        Assert.True(verdict.IsCompleted);
        Assert.Equal(1, announced);
        Assert.Equal([("run", "started"), (null, null)],
            _run.Gateway.Puts.Select(call => (call["Durable-Step-Type"], call["Durable-Step-Outcome"])));
        Assert.Empty(_run.Gateway.Puts.First().Body);
        Assert.Equal("5", _run["charge"].Text);
    }

    [Fact]
    public async Task AtMostOnce_BegunByAnEarlierAttempt_HasFailed()
    {
        var executed = 0;
        var crash = true;
        _run.Instead = call => crash && call["Durable-Step-Outcome"] is null ? Answer.Problem(400, "crash") : null;
        Task Handler(IStep step) => step.RunAsync("charge", _ => Task.FromResult(++executed), new StepOptions { AtMostOnce = true });

        (await _run.AttemptAsync(Handler)).AssertFailed("?1");
        crash = false;
        var verdict = await _run.AttemptAsync(Handler);

        verdict.AssertFailed("?0");
        Assert.Contains("/_durable/problems/step-interrupted", System.Text.Encoding.UTF8.GetString(verdict.Problem!),
            StringComparison.Ordinal);
        Assert.Equal(1, executed);
    }

    [Fact]
    public async Task AtMostOnce_WithAnOutcomeAlready_UsesIt()
    {
        var verdict = await FakeGateway.That(Answer.Already("7")).RunAsync(async step =>
            Assert.Equal(7, await step.RunAsync<int>("charge", _ => throw new InvalidOperationException("executed"),
                new StepOptions { AtMostOnce = true })));

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task AtMostOnce_Failure_IsFinalAtOnce()
    {
        var verdict = await _run.AttemptAsync(step => step.RunAsync(
            "charge", _ => throw new RetryAfterException(TimeSpan.FromSeconds(3)), new StepOptions { AtMostOnce = true, MaxAttempts = 5 }));

        verdict.AssertFailed("?0");
        Assert.Equal(("failed", "?0", null), (_run.Gateway.Puts.Last()["Durable-Step-Outcome"], _run.Gateway.Puts.Last()["Durable-Retry"],
            _run.Gateway.Puts.Last()["Retry-After"]));
    }

    [Fact]
    public async Task AtMostOnce_Superseded_IsNotExecuted()
    {
        var executed = false;

        var verdict = await FakeGateway.That(Answer.Problem(409, "attempt-superseded")).RunAsync(step => step.RunAsync(
            "charge", _ => Task.FromResult(executed = true), new StepOptions { AtMostOnce = true }));

        Assert.Equal(503, verdict.StatusCode);
        Assert.False(executed);
    }

    [Fact]
    public async Task AtMostOnce_InAReplayWithItsOutcome_AsksNothing()
    {
        _run.Complete("charge", "run", "5");

        await _run.AttemptAsync(async step =>
            Assert.Equal(5, await step.RunAsync("charge", _ => Task.FromResult(6), new StepOptions { AtMostOnce = true })));

        Assert.Empty(_run.Gateway.Calls);
    }

    [Fact]
    public void Misuse_SaysWhatToDo()
    {
        Assert.Contains("1 or more", Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { MaxAttempts = 0 }).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { RetryDelay = TimeSpan.FromSeconds(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { MaxRetryDelay = TimeSpan.FromSeconds(-1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { Backoff = (StepBackoff)9 });
        Assert.Contains("Omit it",
            Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { Timeout = TimeSpan.Zero }).Message,
            StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new StepOptions { Timeout = TimeSpan.FromDays(30) });
    }
}
