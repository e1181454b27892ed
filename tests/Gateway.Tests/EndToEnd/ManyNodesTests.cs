using System.Net;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.EndToEnd;

/// <summary>Several gateways over one Redis, which have nothing else to do with each other.</summary>
public sealed class ManyNodesTests : IAsyncLifetime
{
    /// <summary>A lease has to run out first, and the machine may be busy.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private RedisServer _redis = null!;

    public async ValueTask InitializeAsync()
    {
        RedisServer.SkipIfMissing();
        _redis = await RedisServer.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is not null) await _redis.DisposeAsync();
    }

    [Fact]
    public async Task NodeDies_ItsRunIsTakenUpByAnother_AndTheResultUrlWorksThere()
    {
        var checkpointed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string? run = null;
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var request = SeenRequest.Of(context, []);
            run ??= request["Durable-Run-Id"];
            if (count == 1)
            {
                Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(request, "charge", "1"));
                checkpointed.SetResult();
                await context.HangAsync();
            }

            await context.Response.WriteAsync($"{request["Durable-Steps"]}");
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);

        using var accept = new HttpRequestMessage(HttpMethod.Post, "/pay");
        accept.Headers.Add("Prefer", "respond-async");
        using var accepted = await first.Client.SendAsync(accept);
        await checkpointed.Task;
        await first.KillAsync();
        using var result = await second.Follower.GetAsync(accepted.Headers.Location).WaitAsync(Patience);
        Assert.Equal("\"charge\";ok=:MQ==:", await result.Content.ReadAsStringAsync());
        Assert.Equal(run, result.Headers.GetValues("Durable-Run-Id").Single());
    }

    [Fact]
    public async Task NodeDies_AndTheResultAtTheOriginalPathIsGivenByAnother()
    {
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            return count == 1 ? Task.CompletedTask : context.Response.WriteAsync("done");
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/shop/pay?now");
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        using var redirect = await first.Client.SendAsync(request);
        Assert.StartsWith("./pay?now&durable-result=", redirect.Headers.Location!.OriginalString, StringComparison.Ordinal);
        await first.KillAsync();
        Assert.Equal("done", await second.Follower.GetStringAsync(new Uri(new Uri(second.Public, "/shop/pay?now"),
            redirect.Headers.Location)).WaitAsync(Patience));
        Assert.All(service.Seen, seen => Assert.Equal(("POST", "/shop/pay?now"), (seen.Method, seen.Target)));
    }

    [Fact]
    public async Task CheckpointThroughAnotherNode_ReachesTheRun_OnceItIsStored()
    {
        var statuses = new List<HttpStatusCode>();
        Uri? other = null;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            var request = SeenRequest.Of(context, []);
            var elsewhere = request with
            {
                Headers = [.. request.Headers.Select(line => line.Key == "Durable-Callback"
                    ? KeyValuePair.Create(line.Key, line.Value.Replace(new Uri(line.Value).GetLeftPart(UriPartial.Authority),
                        other!.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal))
                    : line)],
            };
            statuses.Add(await Checkpoint.PutAsync(elsewhere, "early", "1"));
            statuses.Add(await Checkpoint.PutAsync(request, "stored", "1"));
            statuses.Add(await Checkpoint.PutAsync(elsewhere, "late", "1"));
            await context.Response.WriteAsync("done");
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);
        other = second.Control;

        Assert.Equal("done", await first.Client.GetStringAsync("/pay"));
        Assert.Equal([HttpStatusCode.NotFound, HttpStatusCode.Created, HttpStatusCode.Created], statuses);
    }

    [Fact]
    public async Task ClientThatWaitsOnAnotherNode_IsWokenByTheEnd()
    {
        var replayed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count == 1)
            {
                context.Response.StatusCode = 503;
                return;
            }

            replayed.SetResult();
            await goOn.Task;
            await context.Response.WriteAsync("woken");
        });
        await using var first = await StartAsync(service);
        await using var second = await StartAsync(service);

        using var redirect = await first.Client.GetAsync("/report");
        await replayed.Task;
        var waiting = second.Follower.GetStringAsync(redirect.Headers.Location);
        using var snapshot = new HttpRequestMessage(HttpMethod.Get, redirect.Headers.Location);
        snapshot.Headers.Add("Prefer", "wait=0");
        using var running = await second.Client.SendAsync(snapshot);
        Assert.Equal("running", running.Headers.GetValues("Durable-Status").Single());

        var began = Environment.TickCount64;
        goOn.SetResult();
        Assert.Equal("woken", await waiting.WaitAsync(Patience));

        // Who polls the store does so every five seconds.
        Assert.InRange(Environment.TickCount64 - began, 0, 2000);
    }

    [Fact]
    public async Task NodeThatStoodStill_FindsItsRunTaken_AndWritesNothing()
    {
        var first = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count == 1)
            {
                var request = SeenRequest.Of(context, []);
                Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(request, "stored", "1"));
                first.SetResult(request);
                await goOn.Task;
            }

            await context.Response.WriteAsync(count == 1 ? "too late" : "in time");
        });
        await using var sleeper = await StartAsync(service);
        await using var other = await StartAsync(service);

        using var accept = new HttpRequestMessage(HttpMethod.Post, "/pay");
        accept.Headers.Add("Prefer", "respond-async");
        using var accepted = await sleeper.Client.SendAsync(accept);
        var attempt = await first.Task;
        sleeper.Stop();
        Assert.Equal("in time", await other.Follower.GetStringAsync(accepted.Headers.Location).WaitAsync(Patience));

        sleeper.Continue();
        goOn.SetResult();
        await Eventually.TrueAsync(async () => await Checkpoint.PutAsync(attempt, "late", "1") == HttpStatusCode.Gone,
            "the late attempt is refused");
        Assert.Equal("in time", await sleeper.Follower.GetStringAsync(accepted.Headers.Location));
        Assert.Equal("in time", await other.Follower.GetStringAsync(accepted.Headers.Location));
    }

    private Task<GatewayProcess> StartAsync(TestService service) =>
        GatewayProcess.StartAsync(service.Url, $"Durable:Store:ConnectionString={_redis.ConnectionString}");
}
