using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Runs;

public sealed class EmbeddedFlowTurnTests : FlowTurnTests<OnEmbedded>;

public sealed class RedisFlowTurnTests : FlowTurnTests<OnRedis>;

/// <summary>Turns of <c>Concurrency</c> and <c>RateLimit</c> are neither lost nor used twice.</summary>
public abstract class FlowTurnTests<TStore> where TStore : IStoreChoice
{
    private const string OneAtATime = "Durable:Policies:default:Concurrency:Limit=1";
    private const string ByTenant = "Durable:Policies:default:Concurrency:Key=header:X-Tenant";

    /// <summary>A lost place stays empty for longer than any test waits.</summary>
    private const string LongLease = "Durable:Lease=00:10:00";

    [Fact]
    public async Task HeldClient_ThatIsLetGo_DoesNotTakeThePlaceOfTheReplayWithIt()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant, "Durable:Policies:default:HoldClientFor=00:01:00");
        var first = await world.BeginAsync(("X-Tenant", world.Path), ("Prefer", "wait=1"));
        first.Answer(503);
        var replay = await world.NextAttemptAsync();
        using var letGo = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, letGo.StatusCode);

        using var request = new HttpRequestMessage(HttpMethod.Get, world.Path);
        request.Headers.Add("X-Tenant", world.Path);
        request.Headers.Add("Prefer", "wait=0");
        using var second = await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
        Assert.Equal(HttpStatusCode.SeeOther, second.StatusCode);
        Assert.False(replay.Answered.IsCompleted);
        replay.Answer(200, "first");
        var next = await world.NextAttemptAsync();
        Assert.NotEqual(replay.RunId, next.RunId);
        next.Answer(200);
    }

    [Fact]
    public async Task TwoAtOnce_OftenRepeated_NeitherWaitsForALease()
    {
        await using var service = await TestService.StartAsync(async (context, _) => await context.Response.WriteAsync("done"));
        string[] wanted = [OneAtATime, LongLease, "Durable:Policies:default:HoldClientFor=00:01:00"];
        await using var gateway = await GatewayHost.StartAsync(service.Url, [.. wanted, .. await TStore.SettingsAsync(wanted)]);
        for (var round = 0; round < 100; round++)
        {
            var answers = await Task.WhenAll(gateway.Follower.GetStringAsync("/a"), gateway.Follower.GetStringAsync("/b"),
                gateway.Follower.GetStringAsync("/c"))
                .WaitAsync(TimeSpan.FromSeconds(60));
            Assert.All(answers, answer => Assert.Equal("done", answer));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RepeatedIdempotencyKey_TakesNoTurnOfTheRate(bool respondAsync)
    {
        await using var service = await TestService.StartAsync(async (context, _) => await context.Response.WriteAsync("done"));
        string[] wanted = ["Durable:Policies:default:RateLimit:Permits=2",
            "Durable:Policies:default:RateLimit:Window=01:00:00", $"{respondAsync}"];
        await using var gateway = await GatewayHost.StartAsync(service.Url, [.. wanted[..2], .. await TStore.SettingsAsync(wanted)]);
        var key = Guid.NewGuid().ToString();
        for (var i = 0; i < 4; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/rated")
            {
                Content = new StringContent("order", Encoding.UTF8, "text/plain")
            };
            request.Headers.Add("Idempotency-Key", key);
            if (respondAsync) request.Headers.Add("Prefer", "respond-async");
            using var answer = await gateway.Follower.SendAsync(request).WaitAsync(World.Patience);
            Assert.Equal("done", await (respondAsync && i == 0
                ? gateway.Follower.GetStringAsync(answer.Headers.Location)
                : answer.Content.ReadAsStringAsync()));
        }

        // One turn is used. This request gets the second one.
        using var other = await gateway.Client.GetAsync("/rated").WaitAsync(World.Patience);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        using var late = await gateway.Client.GetAsync("/rated").WaitAsync(World.Patience);
        Assert.Equal(HttpStatusCode.SeeOther, late.StatusCode);
    }
}
