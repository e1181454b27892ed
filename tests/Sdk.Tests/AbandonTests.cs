using System.Text;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>Abandoned attempts, addresses that do not know the run, and results that are too large.</summary>
public sealed class AbandonTests
{
    [Theory]
    [InlineData(409, "attempt-superseded")]
    [InlineData(410, "run-ended")]
    public async Task Superseded_CancelsTheBodiesOfOtherBranches(int status, string title)
    {
        var gateway = FakeGateway.With(call => call.Step == "charge" ? Answer.Problem(status, title) : null);
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var verdict = await gateway.RunAsync(step => Task.WhenAll(
            step.RunAsync("slow", async token =>
            {
                started.SetResult();
                await HangAsync(token);
            }),
            step.RunAsync("charge", _ => started.Task)));

        Assert.False(verdict.IsCompleted);
        Assert.NotEqual("?0", verdict.Header("Durable-Retry"));
        Assert.Null(verdict.Header("Durable-Suspended"));
        Assert.DoesNotContain(gateway.Puts, call => call.Step == "slow");
    }

    [Theory]
    [InlineData(409)]
    [InlineData(410)]
    public async Task Superseded_TheHandlersTokenIsCancelled_AndNoFurtherStepBegins(int status)
    {
        var gateway = FakeGateway.That(Answer.Problem(status, "over"));
        using var attempt = gateway.Begin();
        var executed = false;

        var verdict = await attempt.RunAsync(async token =>
        {
            await Assert.ThrowsAsync<RunAbandonedException>(() =>
                attempt.Step.RunAsync("charge", _ => Task.FromResult(1), CancellationToken.None));
            Assert.True(token.IsCancellationRequested);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
                attempt.Step.RunAsync("next", _ => Task.FromResult(executed = true), CancellationToken.None));
        });

        Assert.False(verdict.IsCompleted);
        Assert.False(executed);
    }

    [Fact]
    public async Task Superseded_OutweighsEverything()
    {
        var gateway = FakeGateway.With(call => call.Step switch
        {
            "a" => Answer.Later,
            "b" => Answer.Problem(409, "attempt-superseded"),
            _ => Answer.Problem(400, "bad"),
        });
        var others = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var verdict = await gateway.RunAsync(async step =>
        {
            var b = step.RunAsync("b", _ => others.Task);
            var rest = Task.WhenAll(
                step.RunAsync("c", _ => gateway.ReportOf("a").ContinueWith(_ => 1, TaskScheduler.Default)),
                step.RunAsync("a", _ => Task.FromException(new TimeoutException())));
            await Assert.ThrowsAnyAsync<Exception>(() => rest);
            others.SetResult();
            await b;
        });

        Assert.False(verdict.IsCompleted);
        Assert.Contains("superseded", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Unknown_TriesTheNextAddress_AndPrefersItFromThen()
    {
        var gateway = FakeGateway.With(call =>
            call.Url.StartsWith(FakeGateway.Url, StringComparison.Ordinal) ? Answer.Problem(404, "run-unknown") : null);

        var verdict = await gateway.RunAsync(
            async step =>
            {
                await step.RunAsync("a", _ => Task.FromResult(1));
                await step.RunAsync("b", _ => Task.FromResult(2));
            },
            callback: FakeGateway.Url + ", " + FakeGateway.OtherUrl);

        Assert.True(verdict.IsCompleted);
        Assert.Equal([FakeGateway.Url + "/steps/a", FakeGateway.OtherUrl + "/steps/a", FakeGateway.OtherUrl + "/steps/b"],
            gateway.Calls.Select(call => call.Url));
        Assert.Equal("1", gateway.Calls.ElementAt(1).Text);
    }

    [Fact]
    public async Task Unknown_ToThePreferredAddressLater_GoesBackToTheFirst()
    {
        var known = FakeGateway.OtherUrl;
        var gateway = FakeGateway.With(call =>
            call.Url.StartsWith(known, StringComparison.Ordinal) ? null : Answer.Problem(404, "run-unknown"));

        var verdict = await gateway.RunAsync(
            async step =>
            {
                await step.RunAsync("a", _ => Task.FromResult(1));
                known = FakeGateway.Url;
                await step.RunAsync("b", _ => Task.FromResult(2));
            },
            callback: FakeGateway.Url + "," + FakeGateway.OtherUrl);

        Assert.True(verdict.IsCompleted);
        Assert.Equal(FakeGateway.Url + "/steps/b", gateway.Calls.Last().Url);
    }

    [Fact]
    public async Task Unknown_Everywhere_FailsTheAttempt()
    {
        var gateway = FakeGateway.That(Answer.Problem(404, "run-unknown"));

        var verdict = await gateway.RunAsync(
            step => Assert.ThrowsAsync<CheckpointException>(() => step.RunAsync("a", _ => Task.FromResult(1))),
            callback: FakeGateway.Url + "," + FakeGateway.OtherUrl);

        verdict.AssertFailed("?1");
        Assert.Equal(2, gateway.Calls.Count);
    }

    [Fact]
    public async Task Unreachable_TriesTheNextAddress()
    {
        var gateway = FakeGateway.With(call =>
            call.Url.StartsWith(FakeGateway.Url, StringComparison.Ordinal) ? throw new HttpRequestException("refused") : null);

        var verdict = await gateway.RunAsync(step => step.RunAsync("a", _ => Task.FromResult(1)),
            callback: FakeGateway.Url + "," + FakeGateway.OtherUrl);

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task Unreachable_Everywhere_FailsTheAttempt_AndSaysWhere()
    {
        var gateway = FakeGateway.With(_ => throw new HttpRequestException("refused"));

        var verdict = await gateway.RunAsync(step => step.RunAsync("a", _ => Task.FromResult(1)));

        verdict.AssertFailed("?1");
        Assert.Contains("gw1:8081", Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TooLarge_FailsTheStepForGood()
    {
        var gateway = FakeGateway.With(call => call["Durable-Step-Outcome"] == "failed" ? null : Answer.Problem(413, "step-too-large"));

        var verdict = await gateway.RunAsync(async step => await step.RunAsync("big", _ => Task.FromResult(new string('x', 9000))));

        verdict.AssertFailed("?0");
        var report = gateway.Puts.Last();
        Assert.Equal(("failed", "?0", "application/problem+json"),
            (report["Durable-Step-Outcome"], report["Durable-Retry"], report["Content-Type"]));
        Assert.True(report.Body.Length < 1000);
    }

    [Fact]
    public async Task TooLarge_IsAFailureThatMayBeCaught()
    {
        var gateway = FakeGateway.With(call => call["Durable-Step-Outcome"] == "failed" ? null : Answer.Problem(413, "step-too-large"));

        var verdict = await gateway.RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("big", _ => Task.FromResult(new string('x', 9000))));
            Assert.Contains("9002 bytes", e.Message, StringComparison.Ordinal);
        });

        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task TooLarge_OfAFailure_IsStoredAsASmallProblem()
    {
        var gateway = FakeGateway.With(call => call.Body.Length > 5000 ? Answer.Problem(413, "step-too-large") : null);

        var verdict = await gateway.RunAsync(step =>
            Assert.ThrowsAsync<StepFailedException>(() =>
                step.RunAsync("a", _ => Task.FromException(new InvalidOperationException(new string('x', 9000))))));

        Assert.True(verdict.IsCompleted);
        Assert.Equal(("failed", "?0"), (gateway.Puts.Last()["Durable-Step-Outcome"], gateway.Puts.Last()["Durable-Retry"]));
    }

    [Fact]
    public async Task ClientGoesAway_ARunningStepIsCancelledAndNotReported()
    {
        var gateway = new FakeGateway();
        using var aborted = new CancellationTokenSource();
        using var attempt = gateway.Begin(aborted: aborted.Token);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => attempt.RunAsync(token => attempt.Step.RunAsync(
            "slow",
            async ended =>
            {
                await aborted.CancelAsync();
                await HangAsync(ended);
            },
            token)));

        Assert.Empty(gateway.Calls);
    }

    [Fact]
    public async Task ClientGoesAway_AnExecutedStepIsReportedAllTheSame()
    {
        var gateway = new FakeGateway();
        using var aborted = new CancellationTokenSource();
        using var attempt = gateway.Begin(aborted: aborted.Token);

        await attempt.RunAsync(token => attempt.Step.RunAsync(
            "charge",
            async _ =>
            {
                await aborted.CancelAsync();
                return 5;
            },
            token));

        Assert.Equal("5", Assert.Single(gateway.Puts).Text);
    }

    [Fact]
    public async Task TimeoutInsideABody_IsAFailureOfTheStep()
    {
        var gateway = FakeGateway.That(Answer.Later);

        var verdict = await gateway.RunAsync(step =>
            step.RunAsync("call", _ => Task.FromException(new TaskCanceledException("HttpClient.Timeout"))));

        verdict.AssertSuspended();
        Assert.Equal("failed", Assert.Single(gateway.Puts)["Durable-Step-Outcome"]);
    }

    [Fact]
    public async Task GivingUpWaiting_IsNoFailureOfTheStep()
    {
        var gateway = new FakeGateway();
        using var patience = new CancellationTokenSource();

        await gateway.RunAsync(step => Assert.ThrowsAnyAsync<OperationCanceledException>(() => step.RunAsync(
            "slow",
            async token =>
            {
                await patience.CancelAsync();
                await HangAsync(token);
            },
            patience.Token)));

        Assert.Empty(gateway.Calls);
    }

    private static async Task HangAsync(CancellationToken token)
    {
        var never = new TaskCompletionSource();
        await never.Task.WaitAsync(TimeSpan.FromSeconds(15), token);
    }
}
