using System.Collections.Concurrent;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.EndToEnd;

/// <summary>Three nodes, restarted one after the other under load.</summary>
public sealed class RollingRestartTests
{
    private const int Clients = 12;

    [Fact]
    public async Task ClientsSeeNothing()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            // Each request fails once, so that runs are always parked while nodes go.
            var request = SeenRequest.Of(context, []);
            if (request["Durable-Attempt"] == "1") context.Response.StatusCode = 503;
            else await context.Response.WriteAsync(context.Request.Path.Value!);
        }, readBody: false);
        string[] settings = [$"Durable:Store:ConnectionString={redis.ConnectionString}",
            "Durable:ShutdownTimeout=00:00:05", "Durable:Lease=00:00:10"];
        var nodes = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => GatewayProcess.StartAsync(service.Url, settings)));
        var answers = new ConcurrentBag<(string Path, string Answer)>();
        try
        {
            using var stop = new CancellationTokenSource();
            var load = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                for (var i = 0; !stop.IsCancellationRequested; i++)
                {
                    var path = $"/c{client}/{i}";
                    answers.Add((path, await GetAsync(nodes, path)));
                }
            })));
            foreach (var node in nodes)
            {
                var before = answers.Count;
                Assert.Equal(0, await node.TerminateAsync().WaitAsync(TimeSpan.FromSeconds(60)));
                await Eventually.TrueAsync(() => answers.Count > before + 20, "the others go on");
                await node.StartAgainAsync();
            }

            await stop.CancelAsync();
            await load.WaitAsync(TimeSpan.FromSeconds(60));
            Assert.All(answers, answer => Assert.Equal(answer.Path, answer.Answer));
            Assert.True(answers.Count > 100, $"{answers.Count} requests");
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    /// <summary>As through a load balancer: a node that refuses connections is passed over, and nothing else is forgiven.</summary>
    private static async Task<string> GetAsync(GatewayProcess[] nodes, string path)
    {
        var url = path;
        for (var node = Random.Shared.Next(nodes.Length); ; node = (node + 1) % nodes.Length)
        {
            try
            {
                using var answer = await nodes[node].Client.GetAsync(url);
                if ((int)answer.StatusCode == 303) url = answer.Headers.Location!.OriginalString;
                else if ((int)answer.StatusCode == 200) return await answer.Content.ReadAsStringAsync();
                else return $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}";
            }
            catch (HttpRequestException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.ConnectionRefused })
            {
                // The next one.
            }
        }
    }
}
