using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.EndToEnd;

/// <summary>The promises of §7 for one gateway process that is killed with SIGKILL and started again on the same data directory.</summary>
public sealed class EmbeddedCrashTests : CrashTests
{
    private protected override Task<IAsyncDisposable?> StartStoreAsync() => Task.FromResult<IAsyncDisposable?>(null);
}

/// <summary>The same, on the same Redis.</summary>
public sealed class RedisCrashTests : CrashTests
{
    private protected override async Task<IAsyncDisposable?> StartStoreAsync()
    {
        RedisServer.SkipIfMissing();
        return await RedisServer.StartAsync();
    }
}

public abstract class CrashTests : IAsyncLifetime
{
    private IAsyncDisposable? _store;

    public async ValueTask InitializeAsync() => _store = await StartStoreAsync();

    public async ValueTask DisposeAsync()
    {
        if (_store is not null) await _store.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected abstract Task<IAsyncDisposable?> StartStoreAsync();

    private Task<GatewayProcess> StartGatewayAsync(string upstream, params string[] settings) => GatewayProcess.StartAsync(upstream,
        _store is RedisServer redis ? [$"Durable:Store:ConnectionString={redis.ConnectionString}", .. settings] : settings);

    [Fact]
    public async Task KilledInMidAttempt_AfterACheckpoint_ReplaysWithTheStepAndCompletes()
    {
        var checkpointed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var replayed = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count == 1)
            {
                Assert.Equal(HttpStatusCode.Created, await Checkpoint.PutAsync(SeenRequest.Of(context, []), "charge", "\"paid\""));
                checkpointed.SetResult();
                await context.HangAsync();
            }

            await context.Response.WriteAsync("booked");
            replayed.TrySetResult(SeenRequest.Of(context, []));
        });
        await using var gateway = await StartGatewayAsync(service.Url);

        var live = gateway.Client.PostAsync("/booking", new StringContent("order"));
        await checkpointed.Task;
        await gateway.KillAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => live);
        await gateway.StartAgainAsync();

        var replay = await replayed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal("2", replay["Durable-Attempt"]);
        Assert.Equal("\"charge\";ok=:InBhaWQi:", replay["Durable-Steps"]);
        Assert.Equal("order", Encoding.UTF8.GetString(service.Seen.Last().Body));
    }

    [Fact]
    public async Task KilledWhileParked_ResultComesAtTheUrlAlreadyGiven()
    {
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            return context.Response.WriteAsync(count == 1 ? "" : "late");
        });
        await using var gateway = await StartGatewayAsync(service.Url, "Durable:Policies:default:Retry:Delay=00:00:02");

        using var redirect = await gateway.Client.GetAsync("/report");
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        await gateway.KillAsync();
        await gateway.StartAgainAsync();

        using var result = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal("late", await result.Content.ReadAsStringAsync());
        Assert.Equal(2, service.Seen.Count);
    }

    [Fact]
    public async Task KilledBetweenCheckpointAndAnswer_WhatWasAnsweredIsStored()
    {
        const int Steps = 200;
        var answered = 0;
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var replayed = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            var request = SeenRequest.Of(context, []);
            if (count > 1)
            {
                replayed.TrySetResult(request);
                return;
            }

            // One after the other until the gateway is gone in the middle of one.
            for (var step = 0; step < Steps; step++)
            {
                if (await Checkpoint.PutAsync(request, $"s{step}", "1") != HttpStatusCode.Created) break;
                Interlocked.Increment(ref answered);
                if (step == 20) first.TrySetResult();
            }

            context.Abort();
        });
        await using var gateway = await StartGatewayAsync(service.Url);

        var live = gateway.Client.GetAsync("/many");
        await first.Task;
        await gateway.KillAsync();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => live);
        await gateway.StartAgainAsync();

        var replay = await replayed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        var stored = int.Parse(replay["Durable-Step-Count"]!, System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(stored, answered, answered + 1);
    }

    [Fact]
    public async Task Terminated_HandsTheRunBackAndExitsWithZero()
    {
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var replayed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count == 1)
            {
                started.SetResult();
                await context.HangAsync();
            }

            replayed.TrySetResult();
        });
        await using var gateway = await StartGatewayAsync(service.Url, "Durable:ShutdownTimeout=00:00:00.300", "Durable:Lease=00:01:00");

        var live = gateway.Client.GetAsync("/slow");
        await started.Task;
        Assert.Equal(0, await gateway.TerminateAsync());
        using var redirect = await live;
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        await gateway.StartAgainAsync();

        await replayed.Task.WaitAsync(TimeSpan.FromSeconds(60));
        using var result = await gateway.Follower.GetAsync(redirect.Headers.Location);
        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
    }
}
