using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class EmbeddedFromStepTests : FromStepTests<OnEmbedded>;

public sealed class RedisFromStepTests : FromStepTests<OnRedis>;

/// <summary>Runs that an operator lets go on from a step which somebody else completed: it is executed again.</summary>
public abstract class FromStepTests<TStore> where TStore : IStoreChoice
{
    [Theory]
    [InlineData("call")]
    [InlineData("before")]
    public async Task InvokeStep_WhoseRunHasEnded_InvokesAnotherRun(string from)
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        await using var other = await World.StartAsync<TStore>(World.RetryMuchLater);
        var parent = await world.BeginAsync();
        await parent.PutAsync("before");
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path)).Status);
        parent.Suspend();
        var child = await other.NextAttemptAsync();
        child.Answer(409, "sold out");
        parent = await world.NextAttemptAsync();
        Assert.Equal("failed", (await InvokeAsync(parent, other.Path))["Durable-Step-Outcome"]);
        parent.Answer(200, "given up");
        await EndedAsync(world, parent.RunId);

        await world.DoAsync(parent.RunId, "from-step", new { step = from });
        parent = await world.NextAttemptAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path)).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path)).Status);
        parent.Suspend();
        var second = await other.NextAttemptAsync();
        Assert.NotEqual(child.RunId, second.RunId);
        second.Answer(200, "42");
        parent = await world.NextAttemptAsync();
        Assert.Equal("42", (await InvokeAsync(parent, other.Path)).Text);
        parent.Answer(200);
    }

    /// <summary>The run that it waits for is at work: there is one of it.</summary>
    [Fact]
    public async Task InvokeStep_WhoseRunIsUnderWay_GoesOnWaitingForIt()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        await using var other = await World.StartAsync<TStore>(World.RetryMuchLater);
        var parent = await world.BeginAsync();
        await parent.PutAsync("before");
        await InvokeAsync(parent, other.Path);
        parent.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        var child = await other.NextAttemptAsync();

        await world.DoAsync(parent.RunId, "from-step", new { step = "before" });
        parent = await world.NextAttemptAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path)).Status);
        parent.Suspend();
        child.Answer(200, "42");
        parent = await world.NextAttemptAsync();
        Assert.Equal("42", (await InvokeAsync(parent, other.Path)).Text);
        parent.Answer(200);
    }

    /// <summary>It ended when no step waited for it.</summary>
    [Fact]
    public async Task InvokeStep_WhoseRunEndedMeanwhile_IsToldWhenItAsks()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        await using var other = await World.StartAsync<TStore>(World.RetryMuchLater);
        var parent = await world.BeginAsync();
        await parent.PutAsync("before");
        await InvokeAsync(parent, other.Path);
        parent.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        var child = await other.NextAttemptAsync();
        await world.DoAsync(parent.RunId, "from-step", new { step = "before" });
        parent = await world.NextAttemptAsync();
        child.Answer(200, "42");
        await EndedAsync(world, child.RunId);
        await Eventually.TrueAsync(async () =>
        {
            var answer = await InvokeAsync(parent, other.Path);
            return answer.Status == HttpStatusCode.OK && answer.Text == "42";
        }, "the step has the result of the run that has ended");
        parent.Answer(200);
    }

    [Fact]
    public async Task CallbackStep_IsHandedOutAgain()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("before");
        var url = (await attempt.PutTypeAsync("callback", "signed"))["Durable-Callback-Url"]!;
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("signed%20handed%20out", "")).Status);
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();
        using var posted = await world.Gateway.Client.PostAsync(url, new StringContent("by Ann", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.NoContent, posted.StatusCode);
        attempt = await world.NextAttemptAsync();
        Assert.Equal("3", attempt.Request["Durable-Step-Count"]);
        attempt.Answer(200, "done");
        await EndedAsync(world, attempt.RunId);

        await world.DoAsync(attempt.RunId, "from-step", new { step = "signed" });
        attempt = await world.NextAttemptAsync();
        Assert.Equal("1", attempt.Request["Durable-Step-Count"]);
        Assert.Equal(HttpStatusCode.Accepted, (await attempt.PutTypeAsync("callback", "signed")).Status);
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("signed%20handed%20out", "")).Status);
        using var again = await world.Gateway.Client.PostAsync(url, new StringContent("by Bob", Encoding.UTF8, "text/plain"));
        Assert.Equal(HttpStatusCode.NoContent, again.StatusCode);
        Assert.Equal("by Bob", (await attempt.PutTypeAsync("callback", "signed")).Text);
        attempt.Answer(200);
    }

    private static Task EndedAsync(World world, string run) => Eventually.TrueAsync(
        async () =>
            (await world.GetJsonAsync($"runs/{run}")).GetProperty("run").GetProperty("state").GetString() is "completed" or "failed",
        "the run has ended");

    private static Task<CallAnswer> InvokeAsync(HeldAttempt attempt, string path) =>
        attempt.PutBytesAsync("call", "1"u8.ToArray(), ("Durable-Step-Type", "invoke"), ("Durable-Invoke-Path", path));
}
