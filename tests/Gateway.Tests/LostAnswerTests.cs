using System.Net;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace DurableGateway.Tests;

/// <summary>A Redis that stands still for a while: what it was asked may have happened, and nobody knows yet.</summary>
public sealed class LostAnswerTests : IAsyncLifetime
{
    private RedisServer _redis = null!;
    private ConnectionMultiplexer _admin = null!;

    public async ValueTask InitializeAsync()
    {
        RedisServer.SkipIfMissing();
        _redis = await RedisServer.StartAsync();
        _admin = await ConnectionMultiplexer.ConnectAsync(_redis.ConnectionString + ",allowAdmin=true");
    }

    public async ValueTask DisposeAsync()
    {
        if (_redis is null) return;
        await _admin.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task StoringWasNotConfirmed_AndTheServiceSucceeds_TheRunEndsAndIsNotExecutedAgain()
    {
        var arrived = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            arrived.TrySetResult(SeenRequest.Of(context, []));
            await goOn.Task;
            await context.Response.WriteAsync("once");
        });
        await using var gateway = await StartAsync(service, "Durable:Policies:default:PersistAfter=00:00:00.300");

        var live = gateway.Client.GetAsync("/pay");
        var run = RunIdOf(await arrived.Task);
        await StandStillAsync(2500);
        await Eventually.TrueAsync(() => Attempt(gateway, run) is { MayBeStored: true }, "the answer to the write was lost");
        goOn.SetResult();
        using var answer = await live;
        Assert.Equal("once", await answer.Content.ReadAsStringAsync());

        await Eventually.TrueAsync(async () => await StateAsync(gateway, run) == RunState.Completed, "the run has ended");
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task ParkingWasNotConfirmed_TheClientIsRedirectedOnlyWhenItIs()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var goOn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            arrived.TrySetResult();
            await goOn.Task;
            context.Response.StatusCode = count == 1 ? 503 : 200;
            await context.Response.WriteAsync("home");
        });
        await using var gateway = await StartAsync(service);

        var live = gateway.Client.GetAsync("/pay");
        await arrived.Task;
        await StandStillAsync(1500);
        goOn.SetResult();
        using var redirect = await live;
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        Assert.Equal("home", await gateway.Follower.GetStringAsync(redirect.Headers.Location));
        Assert.Equal(2, service.Seen.Count);
    }

    [Fact]
    public async Task CheckpointRefusedForWantOfTheStore_DoesNotCountAsTheServicesFailure()
    {
        var statuses = new List<HttpStatusCode>();
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var request = SeenRequest.Of(context, []);
            if (count == 1) Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(request, "first", "1"));
            if (count == 1) await StandStillAsync(1500);
            statuses.Add(await Checkpoint.PutAsync(request, "second", "2"));

            // The refused write may have happened all the same: then it is stored already.
            context.Response.StatusCode = statuses[^1] is HttpStatusCode.Created or HttpStatusCode.OK ? 200 : 500;
            await context.Response.WriteAsync("done");
        });

        // With one attempt only, a failure of the service's own would be final.
        await using var gateway = await StartAsync(service, "Durable:Policies:default:Retry:MaxAttempts=1");
        Assert.Equal("done", await gateway.Follower.GetStringAsync("/pay"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, statuses[0]);
    }

    private Task<GatewayHost> StartAsync(TestService service, params string[] settings) => GatewayHost.StartAsync(
        service.Url, [$"Durable:Store:ConnectionString={_redis.ConnectionString}", "Durable:Lease=00:00:01", .. settings]);

    private async Task StandStillAsync(int milliseconds) => await _admin.GetDatabase().ExecuteAsync("CLIENT", "PAUSE", milliseconds, "ALL");

    private static RunId RunIdOf(SeenRequest request) =>
        RunId.TryParse(request["Durable-Run-Id"], out var run) ? run : throw new FormatException("no run id");

    private static Attempt? Attempt(GatewayHost gateway, RunId run) =>
        gateway.Services.GetRequiredService<AttemptRegistry>().TryGet(run, out var attempt) ? attempt : null;

    private static async Task<RunState?> StateAsync(GatewayHost gateway, RunId run)
    {
        try
        {
            return (await gateway.Store.GetSnapshotAsync(run))?.State;
        }
        catch (DurableGateway.Storage.StoreUnavailableException)
        {
            return null;
        }
    }
}
