using System.Net;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Admin;

public sealed class EmbeddedAdminActionTests : AdminActionTests<OnEmbedded>;

public sealed class RedisAdminActionTests : AdminActionTests<OnRedis>;

/// <summary>What operators do to runs, and what a run's state forbids.</summary>
public abstract class AdminActionTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task Retry_SendsAParkedRunAtOnce_AndIsInItsHistory()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var id = await world.ParkedRunAsync();
        await world.DoAsync(id, "retry");
        var attempt = await world.NextAttemptAsync();
        (await world.ActAsync(id, "retry")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        (await world.ActAsync(id, "from-step", new { step = "a" })).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        attempt.Answer(200, "done");
        await EndedAsync(world, id, "completed");
        var detail = await world.GetJsonAsync($"runs/{id}");
        Assert.Equal(["failed", "completed"],
            detail.GetProperty("attempts").EnumerateArray().Select(entry => entry.GetProperty("outcome").GetString()!));
        Assert.Contains("retry by loopback", Operators(detail));
        (await world.ActAsync(id, "retry")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        (await world.ActAsync(id, "pause")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        Assert.Equal("done", (await world.CallAsync(HttpMethod.Get, $"runs/{id}/response/body")).Text);
        Assert.Equal("nosniff", (await world.CallAsync(HttpMethod.Get, $"runs/{id}/response/body"))["X-Content-Type-Options"]);
    }

    [Fact]
    public async Task PausedRun_IsNotTakenUp_UntilItIsResumed()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:Retry:Delay=00:00:00.300");
        var attempt = await world.BeginAsync();
        await attempt.PutAsync("one");
        var id = attempt.RunId;
        await world.DoAsync(id, "pause");
        (await world.ActAsync(id, "pause")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();

        // Another run that fails as it did is tried again: the paused one is not.
        (await world.BeginAsync()).Answer(503);
        var other = await world.NextAttemptAsync();
        Assert.NotEqual(id, other.RunId);
        other.Answer(200);
        var row = (await world.GetJsonAsync($"runs/{id}")).GetProperty("run");
        Assert.Equal(("waiting", true, 1),
            (row.GetProperty("state").GetString(), row.GetProperty("paused").GetBoolean(), row.GetProperty("attempt").GetInt32()));
        (await world.ActAsync(id, "retry")).AssertProblem(HttpStatusCode.Conflict, "action-refused");

        await world.DoAsync(id, "resume");
        var next = await world.NextAttemptAsync();
        Assert.Equal((id, "2"), (next.RunId, next.Request["Durable-Attempt"]));
        next.Answer(200);
        await EndedAsync(world, id, "completed");
    }

    [Fact]
    public async Task Cancel_ByEitherVerb_EndsTheRun()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var first = await world.ParkedRunAsync();
        await world.DoAsync(first, "cancel");
        var second = await world.ParkedRunAsync();
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Delete, $"runs/{second}")).Status);
        foreach (var id in new[] { first, second })
        {
            var detail = await world.GetJsonAsync($"runs/{id}");
            Assert.Equal("cancelled", detail.GetProperty("run").GetProperty("state").GetString());
            Assert.Contains(detail.GetProperty("history").EnumerateArray(),
                entry => entry.GetProperty("kind").GetString() == "Cancelled" && entry.GetProperty("text").GetString() == "loopback");
            Assert.Contains(id, await world.IdsAsync("state=cancelled&limit=200"));
        }
    }

    [Fact]
    public async Task Again_IsANewRunWithTheSameRequest()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var id = await world.ParkedRunAsync();
        var answer = await world.ActAsync(id, "again");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        var copy = answer.Json.GetProperty("newRun").GetString();
        var attempt = await world.NextAttemptAsync();
        Assert.Equal((copy, "1"), (attempt.RunId, attempt.Request["Durable-Attempt"]));
        attempt.Answer(200);
        await EndedAsync(world, copy!, "completed");
        Assert.Contains($"again by loopback, as {copy}", Operators(await world.GetJsonAsync($"runs/{id}")));
    }

    [Fact]
    public async Task Again_TakesItsTurnUnderTheLimitOfItsPolicy()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:Concurrency:Limit=1");
        var first = await world.BeginAsync();
        first.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        var second = await world.BeginAsync();

        var copy = (await world.ActAsync(first.RunId, "again")).Json.GetProperty("newRun").GetString()!;
        await Eventually.TrueAsync(async () =>
            (await world.Gateway.Store.GetQueueFiguresAsync(TimeProvider.System.GetUtcNow())).Queued == 1, "the copy waits for its turn");
        second.Answer(200);
        var attempt = await world.NextAttemptAsync();
        Assert.Equal(copy, attempt.RunId);
        attempt.Answer(200);
        await EndedAsync(world, copy, "completed");
    }

    [Fact]
    public async Task FromStep_DropsItsOutcomeAndLaterOnes_AndAnEndedRunGoesOn()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var (id, first) = await CompletedAsync(world);
        (await world.ActAsync(id, "from-step", new { step = "none" })).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        (await world.ActAsync(id, "from-step", new { })).AssertProblem(HttpStatusCode.BadRequest, "bad-request");
        await world.DoAsync(id, "from-step", new { step = "b" });
        var attempt = await world.NextAttemptAsync();
        Assert.Equal("1", attempt.Request["Durable-Step-Count"]);
        Assert.StartsWith("\"a\";ok=", attempt.Request["Durable-Steps"], StringComparison.Ordinal);
        (await first.PutAsync("b", "2")).AssertProblem(HttpStatusCode.Conflict, "attempt-superseded");
        Assert.Equal(HttpStatusCode.Created, (await attempt.PutAsync("b", "22")).Status);
        attempt.Answer(200, "second");
        await EndedAsync(world, id, "completed");
        Assert.Equal("second", (await world.CallAsync(HttpMethod.Get, $"runs/{id}/response/body")).Text);
        Assert.Equal("22", (await world.CallAsync(HttpMethod.Get, $"runs/{id}/steps/b/body")).Text);
        Assert.Contains(id, await world.IdsAsync("state=completed&limit=200"));
        Assert.DoesNotContain(id, await world.IdsAsync("state=waiting&limit=200"));
    }

    [Fact]
    public async Task EditStep_PutsAnotherOutcomeInItsPlace()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var (id, _) = await CompletedAsync(world);
        (await world.ActAsync(id, "edit-step", new { step = "a", body = "no base64!" })).AssertProblem(HttpStatusCode.BadRequest,
            "bad-request");
        await world.DoAsync(id, "edit-step", new { step = "a", body = Convert.ToBase64String("9"u8) });
        var attempt = await world.NextAttemptAsync();
        Assert.StartsWith("\"a\";ok=:OQ==:", attempt.Request["Durable-Steps"], StringComparison.Ordinal);
        Assert.Equal("3", attempt.Request["Durable-Step-Count"]);
        attempt.Answer(200);
        await EndedAsync(world, id, "completed");
        Assert.Contains("edit-step a by loopback", Operators(await world.GetJsonAsync($"runs/{id}")));
    }

    [Fact]
    public async Task SetAction_ActsOnEachRunOfTheFilter_AndTellsHowFarItIs()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:AttemptTimeout=00:01:39");
        string[] ids = [await world.ParkedRunAsync(), await world.ParkedRunAsync(), await world.ParkedRunAsync()];
        var begun = await world.CallAsync(HttpMethod.Post, "actions", new { action = "cancel", filter = new { state = "waiting" } });
        Assert.Equal(HttpStatusCode.Accepted, begun.Status);
        var path = begun["Location"]!["/_durable/v1/admin/".Length..];
        await Eventually.TrueAsync(async () => (await world.GetJsonAsync(path)).GetProperty("state").GetString() == "completed",
            "the set action completes");
        Assert.Equal(3, (await world.GetJsonAsync(path)).GetProperty("done").GetInt32());
        foreach (var id in ids)
            Assert.Equal("cancelled", (await world.GetJsonAsync($"runs/{id}")).GetProperty("run").GetProperty("state").GetString());
        Assert.Equal(HttpStatusCode.OK, (await world.CallAsync(HttpMethod.Delete, path)).Status);
        (await world.CallAsync(HttpMethod.Post, "actions", new { action = "explode", filter = new { } }))
            .AssertProblem(HttpStatusCode.BadRequest, "bad-request");
        (await world.CallAsync(HttpMethod.Post, "actions", new { action = "retry" })).AssertProblem(HttpStatusCode.BadRequest,
            "bad-request");
        (await world.CallAsync(HttpMethod.Get, $"actions/{Guid.NewGuid()}")).AssertProblem(HttpStatusCode.NotFound, "not-found");
    }

    private static async Task<(string Run, HeldAttempt Attempt)> CompletedAsync(World world)
    {
        var attempt = await world.BeginAsync();
        foreach (var step in new[] { "a", "b", "c" }) await attempt.PutAsync(step);
        attempt.Answer(200, "first");
        using var answer = await world.LiveAnswerAsync();
        await EndedAsync(world, attempt.RunId, "completed");
        return (attempt.RunId, attempt);
    }

    private static Task EndedAsync(World world, string id, string state) => Eventually.TrueAsync(
        async () => (await world.GetJsonAsync($"runs/{id}")).GetProperty("run").GetProperty("state").GetString() == state,
        $"run {id} is {state}");

    private static IEnumerable<string> Operators(JsonElement detail) => detail.GetProperty("history").EnumerateArray()
        .Where(entry => entry.GetProperty("kind").GetString() == "Operator").Select(entry => entry.GetProperty("text").GetString()!);
}
