using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Steps;

public sealed class EmbeddedInvokeTests : InvokeTests<OnEmbedded>;

public sealed class RedisInvokeTests : InvokeTests<OnRedis>;

/// <summary>Steps of type <c>invoke</c> (§3) call another route as a separate run.</summary>
public abstract class InvokeTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task Invoke_RunsTheChildOnItsRoute_AndItsResponseCompletesTheStep()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        await using var other = await World.StartAsync<TStore>(World.RetryMuchLater);
        var parent = await world.BeginAsync();
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path + "?q=a%2Fb", "{\"n\":1}")).Status);
        Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(parent, other.Path + "?q=a%2Fb", "{\"n\":1}")).Status);
        parent.Suspend();

        var child = await other.NextAttemptAsync();
        Assert.Equal(("POST", other.Path + "?q=a%2Fb", "application/json"),
            (child.Request.Method, child.Request.Target, child.Request["Content-Type"]));
        Assert.Equal(parent.Request["Host"], child.Request["Host"]);
        Assert.NotEqual(parent.RunId, child.RunId);
        child.Answer(200, "42", ("Content-Type", "text/plain"));

        var next = await world.NextAttemptAsync();
        var over = await InvokeAsync(next, other.Path, "");
        Assert.Equal((HttpStatusCode.OK, "completed", "42", "text/plain"),
            (over.Status, over["Durable-Step-Outcome"], over.Text, over["Content-Type"]));
    }

    [Fact]
    public async Task Child_ThatFails_FailsTheStep_WithAProblem()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        await using var other = await World.StartAsync<TStore>(World.RetryMuchLater);
        var parent = await world.BeginAsync();
        await InvokeAsync(parent, other.Path, "1");
        (await other.NextAttemptAsync()).Answer(409, "sold out");
        await Eventually.TrueAsync(async () => (await InvokeAsync(parent, other.Path, "1")).Status == HttpStatusCode.OK,
            "the child's end has been told");
        var over = await InvokeAsync(parent, other.Path, "1");
        Assert.Equal("failed", over["Durable-Step-Outcome"]);
        Assert.Equal(("/_durable/problems/invoke-failed", 409, "sold out"),
            (over.Json.GetProperty("type").GetString(), over.Json.GetProperty("status").GetInt32(),
                over.Json.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task Child_OutlivesItsParent_AndIsRetriedOnItsOwn()
    {
        await using var world = await World.StartAsync<TStore>();
        await using var other = await World.StartAsync<TStore>();
        var parent = await world.BeginAsync();
        await InvokeAsync(parent, other.Path, "1");
        parent.Answer(200, "not waiting");
        (await other.NextAttemptAsync()).Answer(503);
        var again = await other.NextAttemptAsync();
        Assert.Equal("2", again.Request["Durable-Attempt"]);
        again.Answer(200);
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("//evil.example/")]
    [InlineData("http://evil.example/")]
    [InlineData("/a b")]
    [InlineData("/ü")]
    [InlineData("/%zz")]
    [InlineData("")]
    public async Task Path_ThatIsNone_Is400(string path)
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        (await InvokeAsync(attempt, path, "1")).AssertProblem(HttpStatusCode.BadRequest, "step-malformed");
    }

    [Theory]
    [InlineData("/_durable/v1/results/x")]
    [InlineData("/%5Fdurable/v1/results/x")]
    public async Task Path_ThatIsNoDurableRoute_Is422_AndTheRunGoesOn(string path)
    {
        await using var world = await World.StartAsync<TStore>();
        var attempt = await world.BeginAsync();
        (await InvokeAsync(attempt, path, "1")).AssertProblem(HttpStatusCode.UnprocessableEntity, "invoke-no-route");
        attempt.Answer(200, "done");
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Body_LargerThanTheRouteTakes_Is413()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:MaxRequestBytes=10");
        var attempt = await world.BeginAsync();
        (await InvokeAsync(attempt, world.Path, "eleven bytes")).AssertProblem(HttpStatusCode.RequestEntityTooLarge, "request-too-large");
    }

    [Fact]
    public async Task Run_ThatInvokesItselfWithoutEnd_ComesToAnEnd()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        for (var depth = 1; depth < 16; depth++)
        {
            Assert.Equal(HttpStatusCode.Accepted, (await InvokeAsync(attempt, world.Path, "1")).Status);
            attempt.Suspend();
            attempt = await world.NextAttemptAsync();
        }

        (await InvokeAsync(attempt, world.Path, "1")).AssertProblem(HttpStatusCode.UnprocessableEntity, "invoke-too-deep");
    }

    private static Task<CallAnswer> InvokeAsync(HeldAttempt attempt, string path, string body) =>
        attempt.PutBytesAsync("call", Encoding.UTF8.GetBytes(body), ("Durable-Step-Type", "invoke"), ("Durable-Invoke-Path", path));
}
