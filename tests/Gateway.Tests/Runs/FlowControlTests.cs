using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Runs;

public sealed class EmbeddedFlowControlTests : FlowControlTests<OnEmbedded>;

public sealed class RedisFlowControlTests : FlowControlTests<OnRedis>;

/// <summary><c>Concurrency</c>, <c>RateLimit</c> and <c>Priority</c> of a policy.</summary>
public abstract class FlowControlTests<TStore> where TStore : IStoreChoice
{
    private const string OneAtATime = "Durable:Policies:default:Concurrency:Limit=1";
    private const string ByTenant = "Durable:Policies:default:Concurrency:Key=header:X-Tenant";
    private const string ByPriority = "Durable:Policies:default:Priority=header:Priority";

    [Fact]
    public async Task Excess_IsRedirected_AndStartsInOrder_WhenThereIsRoom()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant);
        var first = await world.BeginAsync(("X-Tenant", world.Path));
        var second = await SendAsync(world, world.Path);
        var third = await SendAsync(world, world.Path);
        Assert.Equal([HttpStatusCode.SeeOther, HttpStatusCode.SeeOther], [second.StatusCode, third.StatusCode]);

        first.Answer(200, "first");
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal("first", await answer.Content.ReadAsStringAsync());
        var next = await world.NextAttemptAsync();
        Assert.Equal((RunOf(second), "1"), (next.RunId, next.Request["Durable-Attempt"]));
        next.Answer(200, "second");
        Assert.Equal("second", await world.Gateway.Follower.GetStringAsync(second.Headers.Location));
        var last = await world.NextAttemptAsync();
        Assert.Equal(RunOf(third), last.RunId);
        last.Answer(200);
    }

    [Fact]
    public async Task Keys_DoNotDelayEachOther()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant);
        var busy = await world.BeginAsync(("X-Tenant", world.Path + "a"));
        for (var i = 0; i < 50; i++) Assert.Equal(HttpStatusCode.SeeOther, (await SendAsync(world, world.Path + "a")).StatusCode);
        var other = await world.BeginAsync(("X-Tenant", world.Path + "b"));
        other.Answer(200, "at once");
        using var answer = await world.LiveAnswerAsync();
        Assert.Equal("at once", await answer.Content.ReadAsStringAsync());
        busy.Answer(200);
    }

    [Fact]
    public async Task Waiting_TheUrgentGoFirst()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant, ByPriority);
        var busy = await world.BeginAsync(("X-Tenant", world.Path));
        var runs = new List<string>();
        foreach (var priority in new[] { "u=7", "", "u=1, i", "0" })
            runs.Add(RunOf(await SendAsync(world, world.Path, ("Priority", priority))));
        busy.Answer(200);
        var order = new List<string>();
        for (var i = 0; i < runs.Count; i++)
        {
            var attempt = await world.NextAttemptAsync();
            order.Add(attempt.RunId);
            attempt.Answer(200);
        }

        Assert.Equal([runs[3], runs[2], runs[1], runs[0]], order);
    }

    [Fact]
    public async Task Suspended_FreesItsPlace_AndTakesItAgain()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant, World.RetryMuchLater);
        var first = await world.BeginAsync(("X-Tenant", world.Path));
        var second = await SendAsync(world, world.Path);
        var url = (await first.PutTypeAsync("callback", "signed"))["Durable-Callback-Url"]!;
        first.Suspend();
        var next = await world.NextAttemptAsync();
        Assert.Equal(RunOf(second), next.RunId);
        next.Answer(200);

        // The first run is older, so it must not request the place before the second run has it.
        using var delivered = await world.Gateway.Client.PostAsync(url, new StringContent("yes"));
        Assert.True(delivered.IsSuccessStatusCode);
        Assert.Equal(first.RunId, (await world.NextAttemptAsync()).RunId);
    }

    [Fact]
    public async Task Holder_ThatDied_FreesItsPlaceWithItsLease()
    {
        await using var world = await World.StartAsync<TStore>(OneAtATime, ByTenant, "Durable:Lease=00:00:00.400");
        var flow = world.Gateway.Services.GetRequiredService<IFlowStore>();
        var limit = ConcurrencyLimit.For(new RunPolicy { ConcurrencyLimit = 1, ConcurrencyKey = "header:X-Tenant" }, world.Path,
            ConcurrencyLimit.DefaultUrgency,
            TimeProvider.System.GetUtcNow());
        var now = world.Gateway.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        Assert.True((await flow.EnterAsync(limit, RunId.New(now), "a", now.AddSeconds(3), TimeSpan.FromMinutes(1))).IsIn);
        var waiting = await SendAsync(world, world.Path);
        Assert.Equal(HttpStatusCode.SeeOther, waiting.StatusCode);
        Assert.Equal(RunOf(waiting), (await world.NextAttemptAsync()).RunId);
    }

    [Fact]
    public async Task Place_ThatIsLeftWhileItIsToBeKept_IsFree()
    {
        await using var world = await World.StartAsync<TStore>();
        var (flow, store) = (world.Gateway.Services.GetRequiredService<FlowControl>(),
            world.Gateway.Services.GetRequiredService<IFlowStore>());
        var now = world.Gateway.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        var limit = ConcurrencyLimit.For(new RunPolicy { ConcurrencyLimit = 1, ConcurrencyKey = "header:X-Tenant" },
            world.Path, ConcurrencyLimit.DefaultUrgency, now);
        var (first, _) = await flow.EnterAsync(limit, RunId.New(now), TimeSpan.FromMinutes(1));
        Assert.NotNull(first);
        await first.KeepAsync(store, now.AddMinutes(1));
        Assert.Null((await flow.EnterAsync(limit, RunId.New(now), TimeSpan.FromMinutes(1))).Permit);

        // The keeper of permits has listed this permit before it was returned, and renews it too late.
        await first.DisposeAsync();
        await first.KeepAsync(store, now.AddMinutes(1));
        var (second, _) = await flow.EnterAsync(limit, RunId.New(now), TimeSpan.FromMinutes(1));
        Assert.NotNull(second);
        await second.DisposeAsync();
    }

    [Fact]
    public async Task Limit_IsNeverExceeded_AndEverybodyGetsTheirAnswer()
    {
        const int Limit = 3, Requests = 60;
        var (at, most) = (0, 0);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var now = Interlocked.Increment(ref at);
            InterlockedMax(ref most, now);
            await Task.Yield();
            if (count % 7 == 0) context.Response.StatusCode = 503;
            else await context.Response.WriteAsync("done");
            Interlocked.Decrement(ref at);
        });
        string[] wanted = [$"Durable:Policies:default:Concurrency:Limit={Limit}", "Durable:Policies:default:Retry:MaxAttempts=50"];
        await using var gateway = await GatewayHost.StartAsync(service.Url, [.. wanted, .. await TStore.SettingsAsync(wanted)]);
        var answers = await Task.WhenAll(Enumerable.Range(0, Requests).Select(async i =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/limited");
            if (i % 3 == 0) request.Headers.Add("Prefer", "respond-async");
            using var answer = await gateway.Client.SendAsync(request);
            return answer.Headers.Location is { } result
                ? await gateway.Follower.GetStringAsync(result)
                : await answer.Content.ReadAsStringAsync();
        })).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.All(answers, answer => Assert.Equal("done", answer));
        Assert.InRange(most, 1, Limit);
    }

    [Fact]
    public async Task Rate_PutsTheExcessOff_InOrder()
    {
        await using var world = await World.StartAsync<TStore>(
            "Durable:Policies:default:RateLimit:Permits=2", "Durable:Policies:default:RateLimit:Window=00:00:02",
            "Durable:Policies:default:RateLimit:Key=query:tenant");
        var began = Environment.TickCount64;
        var path = $"{world.Path}?tenant={world.Path}";
        var sent = new List<Task<HttpResponseMessage>>();
        var starts = new List<(string Run, long At)>();
        for (var i = 0; i < 2; i++)
        {
            sent.Add(world.Gateway.Client.GetAsync(path));
            var attempt = await world.NextAttemptAsync();
            attempt.Answer(200);
        }

        var later = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            using var answer = await world.Gateway.Client.GetAsync(path);
            Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
            later.Add(RunOf(answer));
        }

        for (var i = 0; i < 3; i++)
        {
            var attempt = await world.NextAttemptAsync();
            starts.Add((attempt.RunId, Environment.TickCount64 - began));
            attempt.Answer(200);
        }

        Assert.Equal(later.Order(), starts.Select(start => start.Run).Order());
        Assert.Equal(later[2], starts[2].Run);
        Assert.InRange(starts[0].At, 1990, 15_000);
        Assert.InRange(starts[2].At, 3990, 15_000);
    }

    private static string RunOf(HttpResponseMessage answer) => answer.Headers.GetValues("Durable-Run-Id").Single();

    private static async Task<HttpResponseMessage> SendAsync(World world, string tenant, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, world.Path);
        request.Headers.Add("X-Tenant", tenant);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
    }

    private static void InterlockedMax(ref int target, int value)
    {
        for (var seen = Volatile.Read(ref target); seen < value;)
        {
            var before = Interlocked.CompareExchange(ref target, value, seen);
            if (before == seen) return;
            seen = before;
        }
    }
}
