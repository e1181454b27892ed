using System.Net;
using System.Text.Json;
using DurableGateway.Protocol;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

public sealed class EmbeddedDamagedStreamTests : DamagedStreamTests<OnEmbedded>;

public sealed class RedisDamagedStreamTests : DamagedStreamTests<OnRedis>;

/// <summary>If a stored event cannot be read, the stream cannot become the result.</summary>
public abstract class DamagedStreamTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task RunEnds_AndIsNotRepeatedForEver()
    {
        var dies = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var attempts = 0;
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers["Durable-Stream"] = "resume";
            if (Interlocked.Increment(ref attempts) > 1)
            {
                context.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }

            await context.Response.WriteAsync("id: 1\ndata: one\n\n");
            await context.Response.Body.FlushAsync();
            await dies.Task;
            context.Abort();
        });
        string[] wanted = ["Durable:Lease=00:00:01"];
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            [.. wanted, .. await TStore.SettingsAsync([.. wanted, Guid.NewGuid().ToString()])]);
        using var live = await gateway.Client.GetAsync("/ticker", HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
        await using var stream = await live.Content.ReadAsStreamAsync();
        await stream.ReadExactlyAsync(new byte["id: 1\ndata: one\n\n".Length]).AsTask().WaitAsync(World.Patience);
        var connection = gateway.Services.GetRequiredService<StoreConnection>();
        Assert.True(RunId.TryParse(live.Headers.GetValues("Durable-Run-Id").Single(), out var run));
        await connection.ExecuteAsync(async db =>
        {
            await db.ListSetByIndexAsync(new StoreKeys(run, connection.Shards).Stream, 0, "damaged");
            return true;
        });
        dies.SetResult();

        using var result = await gateway.Follower.GetAsync(live.Headers.GetValues("Durable-Result").Single())
            .WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(HttpStatusCode.BadGateway, result.StatusCode);
        using var problem = JsonDocument.Parse(await result.Content.ReadAsStringAsync());
        Assert.Equal("/_durable/problems/record-unreadable", problem.RootElement.GetProperty("type").GetString());
        Assert.Equal(2, attempts);
    }
}
