using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

public sealed class EmbeddedStepOptionTests : StepOptionTests<OnEmbedded>;

public sealed class RedisStepOptionTests : StepOptionTests<OnRedis>;

/// <summary>Options of a single step (§3): its own retries, and execution at most once.</summary>
public abstract class StepOptionTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task StepRetry_ReplacesThePolicysTries()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var scheduled = await attempt.FailAsync("a", ("Durable-Step-Retry", "max-attempts=2, delay=0.1, backoff=constant"));
        Assert.Equal((HttpStatusCode.Accepted, "1"), (scheduled.Status, scheduled["Retry-After"]));
        attempt.Suspend();
        var next = await world.NextAttemptAsync();
        Assert.Equal(HttpStatusCode.Created, (await next.FailAsync("a", ("Durable-Step-Retry", "max-attempts=2"))).Status);
    }

    [Theory]
    [InlineData("max-attempts=0")]
    [InlineData("max-attempts=many")]
    [InlineData("delay=-1")]
    [InlineData("max-delay=x")]
    [InlineData("backoff=fibonacci")]
    public async Task StepRetry_Malformed_Is400(string field)
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        (await attempt.FailAsync("a", ("Durable-Step-Retry", field))).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Fact]
    public async Task AtMostOnce_IsBegunByOneAttempt_AndHasFailedForTheNext()
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Created, (await StartAsync(attempt)).Status);
        Assert.Equal(HttpStatusCode.Created, (await StartAsync(attempt)).Status);
        attempt.Answer(503);
        var next = await world.NextAttemptAsync();
        var failed = await StartAsync(next);
        Assert.Equal((HttpStatusCode.OK, "failed"), (failed.Status, failed["Durable-Step-Outcome"]));
        Assert.Equal("/_durable/problems/step-interrupted", failed.Json.GetProperty("type").GetString());
        Assert.Equal("failed", (await StartAsync(next))["Durable-Step-Outcome"]);
    }

    [Fact]
    public async Task AtMostOnce_ThatEnded_HasItsOutcome()
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        await StartAsync(attempt);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("once", "7")).Status);
        attempt.Answer(503);
        var next = await world.NextAttemptAsync();
        var stored = await StartAsync(next);
        Assert.Equal((HttpStatusCode.OK, "completed", "7"), (stored.Status, stored["Durable-Step-Outcome"], stored.Text));
    }

    /// <summary>
    /// An intermediary between gateway and service sends the attempt again. The second execution of the handler must not start the step.
    /// </summary>
    [Fact]
    public async Task StepOnceAtMost_IsNotBegunByASecondExecutionOfTheAttempt()
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        Task<CallAnswer> BeginAsync(string execution) =>
            attempt.PutAsync("once", "", ("Durable-Step-Outcome", "started"), ("Durable-Execution", $"\"{execution}\""));

        Assert.Equal(HttpStatusCode.Created, (await BeginAsync("one")).Status);
        Assert.Equal(HttpStatusCode.Created, (await BeginAsync("one")).Status);
        var second = await BeginAsync("two");

        Assert.Equal((HttpStatusCode.OK, "failed"), (second.Status, second["Durable-Step-Outcome"]));
        Assert.Contains("step-interrupted", second.Text, StringComparison.Ordinal);
        (await BeginAsync(new string('x', 65))).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Fact]
    public async Task LastAttempt_IsToldThatItIsTheLast()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:Retry:MaxAttempts=2");
        var attempt = await world.BeginAsync();
        Assert.Null(attempt.Request["Durable-Final-Attempt"]);
        attempt.Answer(503);
        Assert.Equal("?1", (await world.NextAttemptAsync()).Request["Durable-Final-Attempt"]);
    }

    private static Task<CallAnswer> StartAsync(HeldAttempt attempt) => attempt.PutAsync("once", "", ("Durable-Step-Outcome", "started"));
}
