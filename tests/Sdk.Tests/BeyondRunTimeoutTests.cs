using DurableGateway.Client.Tests.Support;

namespace DurableGateway.Client.Tests;

/// <summary>
/// A sleep or a wait that exceeds the run's timeout (<c>422</c>, <c>beyond-run-timeout</c>). A retry cannot help.
/// </summary>
public sealed class BeyondRunTimeoutTests
{
    private const string Problem =
        """
        {"type":"/_durable/problems/beyond-run-timeout","title":"The run may not take that long","status":422,
         "detail":"RunTimeout is 7 days."}
        """;

    private readonly FakeRun _run = new()
    {
        Instead = call => call["Durable-Step-Type"] is "sleep" or "wait" or "callback"
            ? new Answer(422, Problem, "application/problem+json")
            : null,
    };

    [Fact]
    public async Task Sleep_FailsTheHandlerForGood()
    {
        StepFailedException? failure = null;
        var verdict = await _run.AttemptAsync(async step =>
        {
            failure = await Assert.ThrowsAsync<StepFailedException>(() => step.SleepAsync("nap", TimeSpan.FromDays(400)));
        });
        Assert.Equal(("nap", "/_durable/problems/beyond-run-timeout", "RunTimeout is 7 days."),
            (failure!.Step, failure.Problem.Type, failure.Problem.Detail));
        Assert.True(verdict.IsCompleted);
    }

    [Fact]
    public async Task WaitForEvent_FailsTheHandlerForGood()
    {
        var failed = false;
        await _run.AttemptAsync(async step =>
        {
            await Assert.ThrowsAsync<StepFailedException>(() =>
                step.WaitForEventAsync<Order>("paid", "order.paid", timeout: TimeSpan.FromDays(400)));
            failed = true;
        });
        Assert.True(failed);
    }
}
