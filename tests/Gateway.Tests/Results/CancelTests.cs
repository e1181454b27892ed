using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary><c>DELETE</c> of the run behind a result URL (§5) ends the run in every state.</summary>
public sealed class CancelTests
{
    private const string Allowed = "Durable:Policies:default:AllowCancel=true";

    [Fact]
    public async Task RunningAttempt_IsAborted_ItsCheckpointsGet410_AndSoDoesTheClient()
    {
        await using var world = await World.StartAsync(Allowed, "Durable:Policies:default:PersistAfter=00:00:00.050");
        var url = await world.ParkAsync();
        var attempt = await world.NextAttemptAsync();
        var waiting = world.Gateway.Follower.GetAsync(url);
        using var cancelled = await world.Gateway.Client.DeleteAsync(World.RunUrl(url));
        Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);

        using var result = await waiting;
        Assert.Equal(HttpStatusCode.Gone, result.StatusCode);
        Assert.Equal("cancelled", result.Headers.GetValues("Durable-Status").Single());
        (await attempt.PutAsync("late")).AssertProblem(HttpStatusCode.Gone, "run-ended");
        await attempt.Aborted.WaitAsync(World.Patience);
    }

    [Fact]
    public async Task ParkedRun_IsNotTriedAgain_AndMayBeCancelledTwice()
    {
        await using var world = await World.StartAsync(Allowed, World.RetryMuchLater);
        var url = await world.ParkAsync();
        for (var i = 0; i < 2; i++)
        {
            using var cancelled = await world.Gateway.Client.DeleteAsync(World.RunUrl(url));
            Assert.Equal(HttpStatusCode.NoContent, cancelled.StatusCode);
        }

        using var result = await world.Gateway.Client.GetAsync(url);
        Assert.Equal(HttpStatusCode.Gone, result.StatusCode);
    }

    [Fact]
    public async Task EndedRun_Is409_AndItsResultStays()
    {
        await using var world = await World.StartAsync(Allowed);
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done");
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(url));
        using var tooLate = await world.Gateway.Client.DeleteAsync(World.RunUrl(url));
        Assert.Equal(HttpStatusCode.Conflict, tooLate.StatusCode);
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(url));
    }

    [Fact]
    public async Task WithoutThePolicysWord_Is403()
    {
        await using var world = await World.StartAsync(World.RetryMuchLater);
        var url = await world.ParkAsync();
        using var refused = await world.Gateway.Client.DeleteAsync(World.RunUrl(url));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        using var other = await world.Gateway.Client.DeleteAsync(World.RunUrl(url[..^1]));
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
    }
}
