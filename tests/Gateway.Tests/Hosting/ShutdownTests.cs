using System.Net;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Hosting;

/// <summary>
/// SIGTERM: nothing new is begun, what is in flight may end and checkpoint, and what does not end goes to another node at once.
/// </summary>
public sealed class ShutdownTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task AttemptInFlight_MayCheckpointAndEnd_WhileNewConnectionsAreRefused()
    {
        var arrived = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            arrived.TrySetResult(SeenRequest.Of(context, []));
            await goOn.Task;
            Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(await arrived.Task, "charge", "1"));
            await context.Response.WriteAsync("done");
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, "Durable:ShutdownTimeout=00:02:00");

        var live = gateway.Client.GetAsync("/pay");
        await arrived.Task;
        var exit = gateway.TerminateAsync();
        await Eventually.TrueAsync(async () => !await AcceptsAsync(gateway.Public), "the public listener is closed");
        Assert.True(await AcceptsAsync(gateway.Control));

        goOn.SetResult();
        using var answer = await live.WaitAsync(Patience);
        Assert.Equal("done", await answer.Content.ReadAsStringAsync());
        Assert.Equal(0, await exit.WaitAsync(Patience));
    }

    [Fact]
    public async Task ClientThatWaitsForAResult_IsSentOnAtOnce()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        });
        await using var gateway = await GatewayProcess.StartAsync(service.Url, "Durable:Policies:default:Retry:Delay=00:04:00");
        using var redirect = await gateway.Client.GetAsync("/report");
        using var wait = new HttpRequestMessage(HttpMethod.Get, redirect.Headers.Location);
        wait.Headers.Add("Prefer", "wait=60");
        var waiting = gateway.Client.SendAsync(wait);
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/healthz")).IsSuccessStatusCode, "the gateway answers");

        var began = Environment.TickCount64;
        Assert.Equal(0, await gateway.TerminateAsync().WaitAsync(Patience));
        using var answer = await waiting.WaitAsync(Patience);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.InRange(Environment.TickCount64 - began, 0, 30_000);
    }

    [Fact]
    public async Task AttemptThatOutlastsTheTimeout_IsHandedBack_AndTakenUpAtOnceByAnotherNode()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync((context, count) =>
        {
            if (count > 1) return context.Response.WriteAsync("elsewhere");
            arrived.SetResult();
            return context.HangAsync();
        });

        // A lease so long that only a hand-over can explain what follows.
        string[] settings = [$"Durable:Store:ConnectionString={redis.ConnectionString}", "Durable:Lease=00:01:00",
            "Durable:ShutdownTimeout=00:00:00.200"];
        await using var leaving = await GatewayProcess.StartAsync(service.Url, settings);
        await using var staying = await GatewayProcess.StartAsync(service.Url, settings);

        var live = leaving.Client.GetAsync("/slow");
        await arrived.Task;
        var began = Environment.TickCount64;
        Assert.Equal(0, await leaving.TerminateAsync().WaitAsync(Patience));
        using var redirect = await live;
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        using var result = await staying.Follower.GetAsync(redirect.Headers.Location).WaitAsync(Patience);
        Assert.Equal("elsewhere", await result.Content.ReadAsStringAsync());
        Assert.InRange(Environment.TickCount64 - began, 0, 30_000);
    }

    private static async Task<bool> AcceptsAsync(Uri address)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(address.Host, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
