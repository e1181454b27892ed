using System.Net;
using System.Security.Cryptography;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>The transfer of results and requests takes longer than the time-out of a small call.</summary>
public sealed class LargeRecordTests
{
    private const int Results = 40;
    private const int ResultBytes = 512 * 1024;
    private const int Requests = 6;
    private const int RequestBytes = 7 * 512 * 1024;

    /// <summary>All results together take four times as long as the time-out of a small call.</summary>
    [Fact]
    public async Task ManyLargeResultsAtOnce_EachIsSentOnce_AndSmallCallsSucceedMeanwhile()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var link = SlowLink.To(redis, Results * ResultBytes / 8);
        var body = RandomNumberGenerator.GetBytes(ResultBytes);
        var arrived = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            if (context.Request.Path != "/large") return;
            if (Interlocked.Increment(ref arrived) == Results) all.SetResult();
            await all.Task;
            await context.Response.Body.WriteAsync(body);
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={link.ConnectionString}",
            "Durable:Lease=00:00:08", "Durable:Policies:default:Persist=OnStart");
        await ReadyAsync(gateway);

        var large = Enumerable.Range(0, Results).Select(_ => gateway.Client.GetAsync("/large")).ToArray();
        await all.Task;
        var answered = Task.WhenAll(large);
        var left = new Queue<RunId>();
        var refused = new List<HttpStatusCode>();
        await Eventually.TrueAsync(async () =>
        {
            using var small = await gateway.Client.GetAsync("/small");
            if (small.StatusCode != HttpStatusCode.OK) refused.Add(small.StatusCode);
            return answered.IsCompleted;
        }, "all clients have their answers", seconds: 120);
        foreach (var answer in await answered) left.Enqueue(RunIdOf(answer));
        await Eventually.TrueAsync(async () =>
        {
            using var small = await gateway.Client.GetAsync("/small");
            if (small.StatusCode != HttpStatusCode.OK) refused.Add(small.StatusCode);
            while (left.TryPeek(out var run) && await StateAsync(gateway, run) == RunState.Completed) left.Dequeue();
            return left.Count == 0;
        }, "all runs have ended", seconds: 120);

        Assert.Empty(refused);
        Assert.InRange(link.Sent, (long)Results * ResultBytes, Results * ResultBytes * 3L / 2);
    }

    /// <summary>The store receives the requests fast and sends them slowly: each takes almost the time-out of a small call.</summary>
    [Fact]
    public async Task ManyLargeRequestsAreDueAtOnce_EachIsSentOnce_AndSmallCallsSucceedMeanwhile()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var link = SlowLink.To(redis, 1L << 30);
        var body = RandomNumberGenerator.GetBytes(RequestBytes);
        await using var service = await TestService.StartAsync((_, _) => Task.CompletedTask);
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={link.ConnectionString}",
            "Durable:Lease=00:00:08", "Durable:Policies:default:Persist=OnStart");
        await ReadyAsync(gateway);

        link.BytesBackPerSecond = Requests * RequestBytes / 10;
        var left = new Queue<RunId>();
        foreach (var accepted in await Task.WhenAll(Enumerable.Range(0, Requests).Select(_ => SendLaterAsync(gateway, body))))
            left.Enqueue(RunIdOf(accepted, HttpStatusCode.Accepted));
        var refused = new List<HttpStatusCode>();
        await Eventually.TrueAsync(async () =>
        {
            using var small = await gateway.Client.GetAsync("/small");
            if (small.StatusCode != HttpStatusCode.OK) refused.Add(small.StatusCode);
            while (left.TryPeek(out var run) && await StateAsync(gateway, run) == RunState.Completed) left.Dequeue();
            return left.Count == 0;
        }, "all runs have ended", seconds: 120);

        Assert.Empty(refused);
        var seen = service.Seen.Where(request => request.Target == "/large").ToList();
        Assert.Equal(Requests, seen.Count);
        Assert.All(seen, request => Assert.Equal("1", request["Durable-Attempt"]));
    }

    private static async Task<HttpResponseMessage> SendLaterAsync(GatewayHost gateway, byte[] body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/large") { Content = new ByteArrayContent(body) };
        request.Headers.Add("Prefer", "respond-async");
        return await gateway.Client.SendAsync(request);
    }

    private static async Task ReadyAsync(GatewayHost gateway)
    {
        using var control = new HttpClient { BaseAddress = gateway.Control };
        await Eventually.TrueAsync(async () => (await control.GetAsync("/readyz")).StatusCode == HttpStatusCode.OK,
            "the gateway is ready");
    }

    private static async Task<RunState?> StateAsync(GatewayHost gateway, RunId run)
    {
        try
        {
            return (await gateway.Store.GetSnapshotAsync(run))?.State;
        }
        catch (StoreUnavailableException)
        {
            return null;
        }
    }

    private static RunId RunIdOf(HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        using (response)
        {
            Assert.Equal(expected, response.StatusCode);
            return RunId.TryParse(response.Headers.GetValues("Durable-Run-Id").Single(), out var run)
                ? run
                : throw new FormatException("no run id");
        }
    }
}
