using System.Globalization;
using System.Net;
using DurableGateway.Runs;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// Many requests leave no more than they must: nothing in memory when they are over, and in the store only what goes away by itself.
/// </summary>
public sealed class FloodTests
{
    private const int Many = 500;

    [Fact]
    public async Task RequestsThatSimplySucceed_LeaveNothing()
    {
        await using var flood = await Flood.StartAsync();
        var before = await flood.KeysAsync();
        await flood.SendAsync(_ => null);
        await flood.AssertForgottenAsync();
        Assert.Equal(before.Order(), (await flood.KeysAsync()).Order());
    }

    /// <summary>
    /// Who sends a key relies on the store: each key costs what its run costs, for as long as the run is kept, and nothing more.
    /// </summary>
    [Fact]
    public async Task DistinctIdempotencyKeys_CostTheirRuns_AndExpireWithThem()
    {
        await using var flood = await Flood.StartAsync();
        await flood.SendAsync(i => $"key-{i}");
        await flood.AssertForgottenAsync();
        var keys = await flood.KeysAsync();
        Assert.Equal(Many, keys.Count(key => key.Contains(":idem:", StringComparison.Ordinal)));

        // Those without an end are of shards, not of runs, and hold no more than the entries of their runs.
        var lasting = await flood.LastingAsync(keys);
        Assert.All(lasting, key => Assert.Matches("^dg3:(meta|ended|\\{s[0-9]+\\}:(due|ix:[asrqxpw].*|barrier|in:.*|queue:.*))$", key));
        Assert.InRange(keys.Count - lasting.Count, Many, 8 * Many);
    }

    /// <summary>Ids, tokens and keys that nobody gave out are told from others without anything being kept.</summary>
    [Fact]
    public async Task MadeUpUrls_LeaveNothing()
    {
        await using var flood = await Flood.StartAsync();
        var before = await flood.KeysAsync();
        for (var i = 0; i < Many; i++)
        {
            using var answer = await flood.Gateway.Client.GetAsync($"/_durable/v1/results/{Make.RunId()}?token={Guid.NewGuid():N}");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }

        await flood.AssertForgottenAsync();
        Assert.Equal(before.Order(), (await flood.KeysAsync()).Order());
    }

    private sealed class Flood(TestService service, GatewayHost gateway) : IAsyncDisposable
    {
        public GatewayHost Gateway => gateway;

        private StoreConnection Connection => gateway.Services.GetRequiredService<StoreConnection>();

        public static async Task<Flood> StartAsync()
        {
            var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"));
            var flood = new Flood(service, await GatewayHost.StartAsync(service.Url, "Durable:Store:Shards=4",
                "Durable:Policies:default:RunTimeout=00:10:00", "Durable:Policies:default:Retention=00:10:00"));
            await flood.Connection.Opened;
            return flood;
        }

        public Task SendAsync(Func<int, string?> key) =>
            Parallel.ForEachAsync(Enumerable.Range(0, Many), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (i, cancellation) =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, string.Create(CultureInfo.InvariantCulture, $"/flood/{i}"))
                {
                    Content = new StringContent("x")
                };
                if (key(i) is { } text) request.Headers.Add("Idempotency-Key", text);
                using var answer = await gateway.Client.SendAsync(request, cancellation);
                Assert.Equal("done", await answer.Content.ReadAsStringAsync(cancellation));
            });

        /// <summary>All keys but the counts of the dashboard, of which there is one a minute.</summary>
        public async Task<List<string>> KeysAsync()
        {
            var keys = new HashSet<string>();
            var cursor = "0";
            do
            {
                var at = cursor;
                var page = (RedisResult[])(await Connection.ExecuteAsync(db => db.ExecuteAsync("SCAN", at, "COUNT", 10_000)))!;
                cursor = page[0].ToString();
                keys.UnionWith(((RedisResult[])page[1]!).Select(key => key.ToString()));
            }
            while (cursor != "0");
            return [.. keys.Where(key => !key.Contains(":ct:", StringComparison.Ordinal))];
        }

        public async Task<List<string>> LastingAsync(IEnumerable<string> keys)
        {
            var lasting = new List<string>();
            foreach (var key in keys)
            {
                if (await Connection.ExecuteAsync(db => db.KeyTimeToLiveAsync(key)) is { } left)
                    Assert.InRange(left, TimeSpan.Zero, TimeSpan.FromMinutes(21));
                else lasting.Add(key);
            }

            return lasting;
        }

        public Task AssertForgottenAsync() => Eventually.TrueAsync(
            () => gateway.Services.GetRequiredService<AttemptRegistry>().IsEmpty
                && gateway.Services.GetRequiredService<RunEndNotifier>().IsEmpty, "no attempt and no waiter is left in memory");

        public async ValueTask DisposeAsync()
        {
            await gateway.DisposeAsync();
            await service.DisposeAsync();
        }
    }
}
