using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Storage;

/// <summary>If the embedded store fills up, the gateway refuses new runs, reports it, loses nothing, and recovers by itself.</summary>
public sealed class FullStoreTests
{
    private const string Limit = "Durable:Store:MaxBytes=16 MiB";
    private const string ShortWait = "Durable:Results:Wait=00:00:01";
    private const int MiB = 1 << 20;
    private static readonly byte[] Mebibyte = RandomNumberGenerator.GetBytes(MiB);

    [Fact]
    public async Task ResultsUntilItIsFull_NewRunsAreShed_PlainSuccessPasses_AndARestartServesWhatWasPromised()
    {
        await using var service = await TestService.StartAsync(AnswerAsync);
        await using var gateway = await GatewayProcess.StartAsync(service.Url, Limit, ShortWait,
            "Durable:Policies:default:Retry:Delay=00:10:00");
        using var control = new HttpClient { BaseAddress = gateway.Control };

        // This run is parked before the store is full, so the gateway must keep it.
        using var parked = await gateway.Client.PostAsync("/fails", new StringContent("order"));
        Assert.Equal(HttpStatusCode.SeeOther, parked.StatusCode);
        var results = await FillAsync(gateway);
        Assert.InRange(results.Count, 8, 16);

        using (var refused = await StoreFirstAsync(gateway))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal("10", refused.Headers.GetValues("Retry-After").Single());
            Assert.Equal("/_durable/problems/store-full", await TypeAsync(refused));
        }

        // A request that succeeds at once needs no space. A request that fails cannot be stored for a retry, and the response says why.
        Assert.Equal("fine", await gateway.Client.GetStringAsync("/fine"));
        using (var failed = await gateway.Client.GetAsync("/fails"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, failed.StatusCode);
            Assert.Null(failed.Headers.Location);
            Assert.Equal("/_durable/problems/store-full", await TypeAsync(failed));
        }

        // The only node stays in rotation, and reports that the store is full.
        using (var ready = await control.GetAsync("/readyz"))
        {
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
            Assert.Contains("full", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        var metrics = await control.GetStringAsync("/metrics");
        Assert.True(Value(metrics, "durable_store_used_bytes") >= Value(metrics, "durable_store_limit_bytes"));
        Assert.Equal(16 * MiB, Value(metrics, "durable_store_limit_bytes"));
        Assert.Contains("The store is full", await control.GetStringAsync("/"), StringComparison.Ordinal);
        await Eventually.TrueAsync(() => gateway.Output.Contains("The embedded store has been full", StringComparison.Ordinal),
            "the log says so");

        await gateway.KillAsync();
        await gateway.StartAgainAsync();
        foreach (var url in results) Assert.Equal(Mebibyte, await gateway.Follower.GetByteArrayAsync(url));
        await AssertWaitingAsync(gateway, parked.Headers.Location!);
        using var still = await StoreFirstAsync(gateway);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, still.StatusCode);
    }

    [Fact]
    public async Task KilledInTheMidstOfCompactions_NothingIsLost_AndRoomComesBack()
    {
        await using var service = await TestService.StartAsync(AnswerAsync);
        await using var gateway = await GatewayProcess.StartAsync(service.Url, Limit, ShortWait,
            "Durable:Policies:default:Retention=00:00:03",
            "Durable:Policies:default:Retry:Delay=00:10:00", "Logging:LogLevel:DurableGateway=Debug");
        var promised = new List<Uri>();
        for (var i = 0; i < 11; i++)
        {
            using var parked = await gateway.Client.PostAsync("/fails", new ByteArrayContent(Mebibyte));
            Assert.Equal(HttpStatusCode.SeeOther, parked.StatusCode);
            promised.Add(parked.Headers.Location!);
        }

        for (var round = 0; round < 3; round++)
        {
            // Only compaction frees the space of small requests and results.
            var before = Count(gateway.Output, "is being compacted");
            await Eventually.TrueAsync(async () =>
            {
                await Task.WhenAll(Enumerable.Range(0, 50).Select(async _ => (await StoreFirstAsync(gateway, "/small")).Dispose()));
                return Count(gateway.Output, "is being compacted") > before;
            }, "a compaction is under way", seconds: 90);
            await gateway.KillAsync();
            await gateway.StartAgainAsync();
            await Task.WhenAll(promised.Select(url => AssertWaitingAsync(gateway, url)));
        }

        await Eventually.TrueAsync(async () =>
        {
            using var answer = await StoreFirstAsync(gateway, "/small");
            return answer.StatusCode == HttpStatusCode.Accepted;
        }, "new runs are taken again");
    }

    private static Task AnswerAsync(HttpContext context, int count)
    {
        if (context.Request.Path == "/fails")
        {
            context.Response.StatusCode = 503;
            return Task.CompletedTask;
        }

        return context.Request.Path == "/large" ? context.Response.Body.WriteAsync(Mebibyte).AsTask()
            : context.Request.Path == "/small" ? context.Response.WriteAsync(new string('x', 3000))
            : context.Response.WriteAsync("fine");
    }

    /// <returns>The result URLs.</returns>
    private static async Task<List<Uri>> FillAsync(GatewayProcess gateway)
    {
        var results = new List<Uri>();
        for (var i = 0; i < 100; i++)
        {
            using var accepted = await StoreFirstAsync(gateway);
            if (accepted.StatusCode == HttpStatusCode.ServiceUnavailable) return results;
            Assert.Equal(HttpStatusCode.Accepted, accepted.StatusCode);
            var url = accepted.Headers.Location!;
            Assert.Equal(Mebibyte, await gateway.Follower.GetByteArrayAsync(url));
            results.Add(url);
        }

        throw new InvalidOperationException("100 results of 1 MiB fit into 16 MiB.");
    }

    private static Task<HttpResponseMessage> StoreFirstAsync(GatewayProcess gateway, string path = "/large")
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path);
        request.Headers.Add("Prefer", "respond-async");
        return gateway.Client.SendAsync(request);
    }

    /// <summary>The result is not available yet, so the client is redirected to the same URL.</summary>
    private static async Task AssertWaitingAsync(GatewayProcess gateway, Uri url)
    {
        using var answer = await gateway.Client.GetAsync(url);
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
    }

    private static async Task<string?> TypeAsync(HttpResponseMessage response)
    {
        using var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return problem.RootElement.GetProperty("type").GetString();
    }

    private static double Value(string metrics, string name) => double.Parse(
        metrics.Split('\n').Single(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ')[1],
        System.Globalization.CultureInfo.InvariantCulture);

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
