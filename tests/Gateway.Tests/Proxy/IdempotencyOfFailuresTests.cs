using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy;

/// <summary>What an idempotency key refers to when its run has failed (§5).</summary>
public abstract class IdempotencyOfFailuresTests<TStore> where TStore : IStoreChoice
{
    private const string TwoTries = "Durable:Policies:default:Retry:MaxAttempts=2";
    private const string OneTry = "Durable:Policies:default:Retry:MaxAttempts=1";
    private const string AtOnce = "Durable:Policies:default:Retry:Delay=00:00:00";

    [Fact]
    public async Task RunThatUsedUpItsTries_ReleasesItsKey_AndItsResultStays()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, AtOnce);
        (await world.BeginAsync(("Idempotency-Key", "tries"))).Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        (await world.NextAttemptAsync()).Answer(503, "still down");
        var failure = await world.Gateway.Client.GetAsync(redirect.Headers.Location);
        Assert.Equal("still down", await failure.Content.ReadAsStringAsync());

        (await world.BeginAsync(("Idempotency-Key", "tries"))).Answer(200, "back");
        using var again = await world.LiveAnswerAsync();
        Assert.False(again.Headers.Contains("Idempotent-Replayed"));
        Assert.Equal("back", await again.Content.ReadAsStringAsync());

        // The new run has the key, and the old result is still at its URL.
        Assert.Equal("back", await RepeatAsync(world, "tries"));
        var old = await world.Gateway.Client.GetAsync(redirect.Headers.Location);
        Assert.Equal("still down", await old.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task OnlyTryThatFails_ReleasesItsKey()
    {
        await using var world = await World.StartAsync<TStore>(OneTry);
        (await world.BeginAsync(("Idempotency-Key", "only"))).Answer(503);
        using var failure = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.ServiceUnavailable, failure.StatusCode);
        (await world.BeginAsync(("Idempotency-Key", "only"))).Answer(200, "back");
        using var again = await world.LiveAnswerAsync();
        Assert.Equal("back", await again.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task FinalAnswerOfTheService_KeepsTheKey()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, AtOnce);
        (await world.BeginAsync(("Idempotency-Key", "final"))).Answer(500, "never", ("Durable-Retry", "?0"));
        using var failure = await world.LiveAnswerAsync();
        Assert.Equal("never", await failure.Content.ReadAsStringAsync());
        Assert.Equal("never", await RepeatAsync(world, "final"));
    }

    [Fact]
    public async Task FinalAnswerInAReplay_KeepsTheKey()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, AtOnce);
        (await world.BeginAsync(("Idempotency-Key", "final replay"))).Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        (await world.NextAttemptAsync()).Answer(500, "never", ("Durable-Retry", "?0"));
        using var failure = await world.Gateway.Client.GetAsync(redirect.Headers.Location);
        Assert.Equal("never", await failure.Content.ReadAsStringAsync());
        Assert.Equal("never", await RepeatAsync(world, "final replay"));
    }

    [Fact]
    public async Task PolicyThatKeepsFailures_KeepsTheKey()
    {
        await using var world = await World.StartAsync<TStore>(OneTry, "Durable:Policies:default:IdempotencyKeepsFailures=true");
        (await world.BeginAsync(("Idempotency-Key", "kept"))).Answer(503, "down");
        using var failure = await world.LiveAnswerAsync();
        Assert.Equal("down", await failure.Content.ReadAsStringAsync());
        Assert.Equal("down", await RepeatAsync(world, "kept"));
    }

    [Fact]
    public async Task OperatorReleasesTheKeyOfARunThatHasEnded_AndOfNoOther()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, World.RetryMuchLater);
        var first = await world.BeginAsync(("Idempotency-Key", "released"));
        (await world.ActAsync(first.RunId, "release-key")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        first.Answer(200, "first");
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal("first", await RepeatAsync(world, "released"));

        await world.DoAsync(first.RunId, "release-key");
        (await world.ActAsync(first.RunId, "release-key")).AssertProblem(HttpStatusCode.Conflict, "action-refused");
        (await world.BeginAsync(("Idempotency-Key", "released"))).Answer(200, "second");
        using var again = await world.LiveAnswerAsync();
        Assert.Equal("second", await again.Content.ReadAsStringAsync());
        Assert.Equal("second", await RepeatAsync(world, "released"));
    }

    [Fact]
    public async Task RunThatGoesOnAfterItReleasedItsKey_TakesItBack()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, AtOnce);
        var id = await FailAsync(world, "taken back");
        await world.DoAsync(id, "from-step", new { step = "a" });
        var attempt = await world.NextAttemptAsync();
        Assert.Equal(id, attempt.RunId);
        var repeated = RepeatAsync(world, "taken back");
        attempt.Answer(200, "revived");
        Assert.Equal("revived", await repeated);
    }

    [Fact]
    public async Task KeyThatStandsForAnotherRunByNow_StaysWithIt()
    {
        await using var world = await World.StartAsync<TStore>(TwoTries, AtOnce);
        var id = await FailAsync(world, "elsewhere");
        (await world.BeginAsync(("Idempotency-Key", "elsewhere"))).Answer(200, "the other");
        using var other = await world.LiveAnswerAsync();
        await world.DoAsync(id, "from-step", new { step = "a" });
        (await world.NextAttemptAsync()).Answer(200, "revived");
        await Eventually.TrueAsync(
            async () => (await world.GetJsonAsync($"runs/{id}")).GetProperty("run").GetProperty("state").GetString() == "completed",
            "the run completes");
        Assert.Equal("the other", await RepeatAsync(world, "elsewhere"));
    }

    /// <summary>A run with the step <c>a</c> whose tries are exhausted.</summary>
    private static async Task<string> FailAsync(World world, string key)
    {
        var attempt = await world.BeginAsync(("Idempotency-Key", key));
        await attempt.PutAsync("a", "1");
        attempt.Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        (await world.NextAttemptAsync()).Answer(503, "down");
        using var failure = await world.Gateway.Client.GetAsync(redirect.Headers.Location);
        Assert.Equal("down", await failure.Content.ReadAsStringAsync());
        return attempt.RunId;
    }

    /// <returns>The response for the key.</returns>
    private static async Task<string> RepeatAsync(World world, string key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, world.Path);
        request.Headers.Add("Idempotency-Key", key);
        using var answer = await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
        if (answer.StatusCode == HttpStatusCode.SeeOther) return await world.Gateway.Follower.GetStringAsync(answer.Headers.Location);
        Assert.Equal("true", answer.Headers.GetValues("Idempotent-Replayed").Single());
        return await answer.Content.ReadAsStringAsync();
    }
}

public sealed class RedisIdempotencyOfFailuresTests : IdempotencyOfFailuresTests<OnRedis>;

public sealed class EmbeddedIdempotencyOfFailuresTests : IdempotencyOfFailuresTests<OnEmbedded>;
