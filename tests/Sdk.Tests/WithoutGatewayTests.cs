using System.Net;
using DurableGateway.Client.Tests.Support;
using Microsoft.Extensions.Time.Testing;

namespace DurableGateway.Client.Tests;

/// <summary>A handler that is called directly, without a gateway.</summary>
public sealed class WithoutGatewayTests
{
    private readonly FakeTimeProvider _time = new();

    public static TheoryData<string, Func<IStep, Task>> Impossible => new()
    {
        { "wait", step => step.WaitForEventAsync<int>("s", "order.paid") },
        { "callback", step => step.CallbackAsync<int>("s", (_, _) => throw new InvalidOperationException("handed out")) },
        { "invoke", step => step.InvokeAsync<int>("s", "/invoices") },
        { "event", step => step.SendEventAsync("s", "order.paid", null, 1) },
    };

    [Theory]
    [MemberData(nameof(Impossible), DisableDiscoveryEnumeration = true)]
    public async Task WhatOnlyAGatewayCanDo_SaysSo(string _, Func<IStep, Task> handler)
    {
        var verdict = await RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<StepUsageException>(() => handler(step));
            Assert.IsAssignableFrom<InvalidOperationException>(e);
            Assert.Contains("'s'", e.Message, StringComparison.Ordinal);
            Assert.Contains("through the gateway", e.Message, StringComparison.Ordinal);
        });

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task Fetch_SimplyFetches()
    {
        var verdict = await RunAsync(async step =>
        {
            using var response = await step.FetchAsync("s",
                _ => Task.FromResult(new HttpResponseMessage(HttpStatusCode.NotFound) { Content = new StringContent("none") }));
            Assert.Equal((HttpStatusCode.NotFound, "none"), (response.StatusCode, await response.Content.ReadAsStringAsync()));
            var failure = await Assert.ThrowsAsync<StepFailedException>(() =>
                step.FetchAsync("s", _ => Task.FromResult(new HttpResponseMessage(HttpStatusCode.BadGateway))));
            Assert.Equal(502, failure.Problem.Status);
        });

        Assert.True(verdict.IsCompleted);
        Assert.Empty(verdict.Headers);
    }

    [Fact]
    public async Task Tries_AreMadeInTheHandler_WithTheirDelays()
    {
        var tries = 0;
        var running = RunAsync(async step => Assert.Equal(3, await step.RunAsync(
            "busy", _ => ++tries < 3 ? throw new TimeoutException("busy") : Task.FromResult(tries), new StepOptions { MaxAttempts = 3 })));

        // Only the delays are asynchronous, so each try has ended when Advance returns.
        Assert.Equal(1, tries);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(2, tries);
        _time.Advance(TimeSpan.FromSeconds(1.9));
        Assert.Equal(2, tries);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        Assert.True((await running).IsCompleted);
        Assert.Equal(3, tries);
    }

    [Theory]
    [InlineData(1, null, 1.0)]
    [InlineData(3, null, 4.0)]
    [InlineData(3, StepBackoff.Linear, 3.0)]
    [InlineData(3, StepBackoff.Constant, 1.0)]
    [InlineData(50, StepBackoff.Exponential, 60.0)]
    public void Delay_GrowsUpToItsMaximum(int tries, StepBackoff? backoff, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), new StepOptions { Backoff = backoff }.LocalDelayAfter(tries, null));

    [Fact]
    public void Delay_IsNotShorterThanRetryAfter() =>
        Assert.Equal(TimeSpan.FromMinutes(5),
            new StepOptions { MaxRetryDelay = TimeSpan.FromSeconds(3) }.LocalDelayAfter(2, TimeSpan.FromMinutes(5)));

    [Fact]
    public async Task TriesUsedUp_AreAFailure()
    {
        var tries = 0;

        await RunAsync(step => Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync(
            "busy", _ => ++tries < 9 ? throw new TimeoutException("busy") : Task.CompletedTask,
            new StepOptions { MaxAttempts = 3, RetryDelay = TimeSpan.Zero })));

        Assert.Equal(3, tries);
    }

    [Fact]
    public async Task NoFurtherTry_WhereNoneMayHelp()
    {
        var tries = 0;
        var options = new StepOptions { MaxAttempts = 3, RetryDelay = TimeSpan.Zero };

        await RunAsync(async step =>
        {
            await Assert.ThrowsAsync<StepFailedException>(() =>
                step.RunAsync("a", _ => throw new NonRetryableException($"{++tries}"), options));
            options.AtMostOnce = true;
            await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("b", _ => throw new TimeoutException($"{++tries}"), options));
        });

        Assert.Equal(2, tries);
    }

    [Fact]
    public async Task Timeout_IsKeptTo()
    {
        await RunAsync(async step =>
        {
            var failure = await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync(
                "slow",
                async token =>
                {
                    _time.Advance(TimeSpan.FromSeconds(5));
                    await new TaskCompletionSource().Task.WaitAsync(token);
                },
                new StepOptions { Timeout = TimeSpan.FromSeconds(5) }));
            Assert.IsType<TimeoutException>(failure.InnerException);
        });
    }

    [Fact]
    public async Task Sleep_WaitsByTheClock()
    {
        var running = RunAsync(async step =>
        {
            await step.SleepAsync("a", TimeSpan.FromDays(1));
            await step.SleepUntilAsync("b", _time.GetUtcNow().AddDays(1));
            await step.SleepUntilAsync("c", _time.GetUtcNow().AddDays(-1));
        });
        Assert.False(running.IsCompleted);

        _time.Advance(TimeSpan.FromDays(1));
        Assert.False(running.IsCompleted);
        _time.Advance(TimeSpan.FromDays(1));

        Assert.True((await running).IsCompleted);
    }

    [Fact]
    public async Task Rollback_OfAStepsFailure_IsExecuted_AndListsWhatFailed()
    {
        var undone = new List<string>();

        var verdict = await RunAsync(async step =>
        {
            step.OnRollback("a", _ => Undo(undone));
            step.OnRollback("b", _ => throw new TimeoutException("busy"));
            await step.RunAsync("pay", _ => throw new TimeoutException("slow"));
        });

        verdict.AssertFailed("?0");
        Assert.Equal(["a"], undone);
        Assert.Contains("compensationFailures", System.Text.Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rollback_OfAnyException_IsExecuted_AndTheExceptionPassesToTheHost()
    {
        var undone = new List<string>();
        var own = new InvalidOperationException("mine");

        Assert.Same(own, await Assert.ThrowsAsync<InvalidOperationException>(() => RunAsync(step =>
        {
            step.OnRollback("a", _ => Undo(undone));
            throw own;
        })));

        Assert.Equal(["a"], undone);
    }

    [Fact]
    public async Task Rollback_ThatFailsToo_TellsTheHostOfBoth()
    {
        var own = new InvalidOperationException("mine");

        var both = await Assert.ThrowsAsync<AggregateException>(() => RunAsync(step =>
        {
            step.OnRollback("a", _ => throw new TimeoutException("busy"));
            throw own;
        }));

        Assert.Same(own, both.InnerExceptions[0]);
        Assert.IsType<StepFailedException>(both.InnerExceptions[1]);
    }

    private static Task Undo(List<string> undone)
    {
        undone.Add("a");
        return Task.CompletedTask;
    }

    private async Task<AttemptVerdict> RunAsync(Func<IStep, Task> handler)
    {
        var gateway = new FakeGateway();
        using var attempt = gateway.Begin([], new DurableStepsOptions { TimeProvider = _time });
        var verdict = await attempt.RunAsync(_ => handler(attempt.Step)).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Empty(gateway.Calls);
        return verdict;
    }
}
