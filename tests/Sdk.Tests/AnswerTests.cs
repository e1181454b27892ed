using System.Text;
using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>The effect of each answer to a checkpoint on the step and the attempt (§3 of the contract).</summary>
public sealed class AnswerTests
{
    [Fact]
    public async Task Stored_GoesOnWithItsOwnResult()
    {
        var gateway = new FakeGateway();
        var result = new Order(1, "mine");

        var verdict = await gateway.RunAsync(async step =>
            Assert.Equal(result, await step.RunAsync("charge", _ => Task.FromResult(result))));

        Assert.True(verdict.IsCompleted);
        Assert.Equal("Durable-Build", Assert.Single(verdict.Headers).Key);
        Assert.Single(gateway.Calls);
    }

    [Fact]
    public async Task Stored_OfAFinalFailure_ThrowsItWithItsCause()
    {
        var cause = new NonRetryableException("card declined");
        await new FakeGateway().RunAsync(async step =>
        {
            var failure = await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("charge", _ => Task.FromException<int>(cause)));
            Assert.Equal("charge", failure.Step);
            Assert.Same(cause, failure.InnerException);
            Assert.Equal("card declined", failure.Problem.Detail);
        });
    }

    [Fact]
    public async Task Already_Completed_ItsResultIsUsedInsteadOfTheOwn() =>
        await FakeGateway.That(Answer.Already("""{"id":7,"name":"first"}""")).RunAsync(async step =>
            Assert.Equal(new Order(7, "first"), await step.RunAsync("charge", _ => Task.FromResult(new Order(8, "second")))));

    [Fact]
    public async Task Already_Failed_ItIsThrownThoughTheStepSucceeded() =>
        await FakeGateway.That(Answer.AlreadyFailed("""{"title":"no","detail":"sold out","status":409}""")).RunAsync(async step =>
        {
            var failure = await Assert.ThrowsAsync<StepFailedException>(() => step.RunAsync("charge", _ => Task.FromResult(1)));
            Assert.Equal(("no", "sold out", 409), (failure.Problem.Title, failure.Problem.Detail, failure.Problem.Status));
        });

    [Fact]
    public async Task Already_Completed_ItsResultIsUsedThoughTheStepFailed() =>
        await FakeGateway.That(Answer.Already("7")).RunAsync(async step =>
            Assert.Equal(7, await step.RunAsync("charge", _ => Task.FromException<int>(new InvalidOperationException("late")))));

    [Fact]
    public async Task Later_Suspends()
    {
        var after = false;

        var verdict = await FakeGateway.That(Answer.Later).RunAsync(async step =>
        {
            await step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer")));
            after = true;
        });

        verdict.AssertSuspended();
        Assert.False(after);
    }

    [Fact]
    public async Task Later_IsACancellationThatTheHandlerMaySwallow_AndTheVerdictStays()
    {
        var verdict = await FakeGateway.That(Answer.Later).RunAsync(async step =>
        {
            var suspended = await Assert.ThrowsAsync<RunSuspendedException>(() =>
                step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer"))));
            Assert.IsAssignableFrom<OperationCanceledException>(suspended);
        });

        verdict.AssertSuspended();
    }

    [Fact]
    public async Task Later_OtherBranchesFinishAndCheckpointBeforeTheAttemptEnds()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : null);
        var slow = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var attempt = gateway.Begin();

        var running = attempt.RunAsync(token => Task.WhenAll(
            attempt.Step.RunAsync("slow", _ => slow.Task, token),
            attempt.Step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer")), token)));
        await gateway.ReportOf("label");
        Assert.False(running.IsCompleted);
        slow.SetResult(5);

        (await running).AssertSuspended();
        Assert.Equal("5", gateway.Puts.Single(call => call.Step == "slow").Text);
    }

    [Fact]
    public async Task Later_TheTokenOfOtherBranchesIsNotCancelled()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : null);
        var cancelled = false;

        await gateway.RunAsync(step => Task.WhenAll(
            step.RunAsync("slow", async token =>
            {
                await gateway.ReportOf("label");
                cancelled = token.IsCancellationRequested;
            }),
            step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer")))));

        Assert.False(cancelled);
    }

    [Fact]
    public async Task Later_NoFurtherStepBegins()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : null);
        var refunded = false;

        var verdict = await gateway.RunAsync(async step =>
        {
            try
            {
                await step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer")));
            }
            catch (Exception)
            {
                await step.RunAsync("refund", _ => Task.FromResult(refunded = true));
            }
        });

        verdict.AssertSuspended();
        Assert.False(refunded, "A compensation was executed because a step is retried later.");
        Assert.DoesNotContain(gateway.Puts, call => call.Step == "refund");
    }

    [Fact]
    public async Task Later_ASecondBranchStillGetsItsStoredOutcomesButBeginsNothingNew()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : null);
        var executed = false;

        var verdict = await gateway.RunAsync(
            async step =>
            {
                await Assert.ThrowsAsync<RunSuspendedException>(() =>
                    step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer"))));
                Assert.Equal(3, await step.RunAsync("stored", _ => Task.FromResult(4)));
                await Assert.ThrowsAsync<RunSuspendedException>(() => step.RunAsync("new", _ => Task.FromResult(executed = true)));
            },
            steps: "\"stored\";ok=:Mw==:");

        verdict.AssertSuspended();
        Assert.False(executed);
    }

    [Theory]
    [InlineData(400, "step-malformed")]
    [InlineData(401, "token-invalid")]
    [InlineData(422, "too-many-steps")]
    [InlineData(502, "record-unreadable")]
    public async Task Refused_FailsTheAttempt_ThoughTheHandlerSwallowsIt(int status, string title)
    {
        var verdict = await FakeGateway.That(Answer.Problem(status, title)).RunAsync(async step =>
        {
            var e = await Assert.ThrowsAsync<CheckpointException>(() => step.RunAsync("charge", _ => Task.FromResult(1)));
            Assert.Contains(title, e.Message, StringComparison.Ordinal);
        });

        verdict.AssertFailed("?1");
        Assert.Contains(title, Encoding.UTF8.GetString(verdict.Problem!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Refused_NoFurtherStepBegins()
    {
        var gateway = FakeGateway.With(call => call.Step == "charge" ? Answer.Problem(401, "token-invalid") : null);
        var refunded = false;

        var verdict = await gateway.RunAsync(async step =>
        {
            try
            {
                await step.RunAsync("charge", _ => Task.FromResult(1));
            }
            catch (Exception)
            {
                await step.RunAsync("refund", _ => Task.FromResult(refunded = true));
            }
        });

        verdict.AssertFailed("?1");
        Assert.False(refunded, "A compensation was executed because a checkpoint failed.");
    }

    [Fact]
    public async Task Refused_OutweighsASuspension()
    {
        var gateway = FakeGateway.With(call => call.Step == "label" ? Answer.Later : Answer.Problem(400, "step-malformed"));

        var verdict = await gateway.RunAsync(step => Task.WhenAll(
            step.RunAsync("charge", _ => gateway.ReportOf("label").ContinueWith(_ => 1, TaskScheduler.Default)),
            step.RunAsync("label", _ => Task.FromException(new TimeoutException("printer")))));

        verdict.AssertFailed("?1");
    }
}
