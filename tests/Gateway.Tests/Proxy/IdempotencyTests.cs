using System.Net;
using System.Text;
using DurableGateway.Tests.Support;
using StackExchange.Redis;

namespace DurableGateway.Tests.Proxy;

/// <summary><c>Idempotency-Key</c> of a client (§5): one key, one run.</summary>
public sealed class IdempotencyTests
{
    [Theory]
    [InlineData("\"k-1\"")]
    [InlineData("k-1")]
    public async Task SameKeyAgain_GetsTheSameResult_AndTheServiceIsNotAskedAgain(string key)
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var first = await PostAsync(gateway, key);
        Assert.False(first.Headers.Contains("Idempotent-Replayed"));
        using var again = await PostAsync(gateway, key);
        Assert.Equal("1:order", await again.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.Created, again.StatusCode);
        Assert.Equal("true", again.Headers.GetValues("Idempotent-Replayed").Single());
        Assert.Equal(first.Headers.GetValues("Durable-Run-Id"), again.Headers.GetValues("Durable-Run-Id"));
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task SameKeyWhileTheRunIsUnderWay_IsSentToItsResult()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync(("Idempotency-Key", "under-way"));
        using var request = new HttpRequestMessage(HttpMethod.Get, world.Path);
        request.Headers.Add("Idempotency-Key", "under-way");
        using var again = await world.Gateway.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.SeeOther, again.StatusCode);
        var waiting = world.Gateway.Follower.GetStringAsync(again.Headers.Location);
        attempt.Answer(200, "both");
        using var first = await world.LiveAnswerAsync();
        Assert.Equal("both", await first.Content.ReadAsStringAsync());
        Assert.Equal("both", await waiting);
    }

    [Fact]
    public async Task SameKeyAtTheSameTime_IsOneRun()
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ =>
        {
            using var request = Request("together", "order");
            using var answer = await gateway.Follower.SendAsync(request);
            return await answer.Content.ReadAsStringAsync();
        }));
        Assert.All(answers, answer => Assert.Equal("1:order", answer));
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task SameKeyForAnotherRequest_IsRefused()
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var first = await PostAsync(gateway, "k");
        using var other = await PostAsync(gateway, "k", "another order");
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
        Assert.Contains("/_durable/problems/idempotency-key-reused", await other.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        using var path = Request("k", "order");
        path.RequestUri = new Uri("/elsewhere", UriKind.Relative);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, (await gateway.Client.SendAsync(path)).StatusCode);
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task SameKeyOfAnotherCaller_IsAnotherRun()
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        foreach (var caller in new[] { "Bearer a", "Bearer b" })
        {
            using var request = Request("k", "order");
            request.Headers.Add("Authorization", caller);
            using var answer = await gateway.Client.SendAsync(request);
            Assert.False(answer.Headers.Contains("Idempotent-Replayed"));
        }

        Assert.Equal(2, service.Seen.Count);
    }

    [Fact]
    public async Task FailedRun_ComesHomeUnderItsKey()
    {
        await using var service = await TestService.StartAsync((context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            return context.Response.WriteAsync($"{count}");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var first = await PostAsync(gateway, "k");
        Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);
        Assert.Equal("2", await gateway.Follower.GetStringAsync(first.Headers.Location));
        using var again = await PostAsync(gateway, "k");
        Assert.Equal("2", await again.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task KeyLivesAsLongAsTheRun()
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url, "Durable:Policies:default:Retention=00:00:01");
        using var first = await PostAsync(gateway, "k");
        await Eventually.TrueAsync(async () =>
        {
            using var again = await PostAsync(gateway, "k");
            return await again.Content.ReadAsStringAsync() == "2:order";
        }, "the key is free again");
    }

    [Fact]
    public async Task SameKeyAgain_WhileItsRunCannotBeRead_IsToldThatTheStoreIsAway()
    {
        RedisServer.SkipIfMissing();
        await using var redis = await RedisServer.StartAsync();
        await using var admin = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Store:ConnectionString={redis.ConnectionString}");
        using var first = await PostAsync(gateway, "k");

        // The gateway finds the key, but cannot read the state of its run.
        await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "default", "-hmget");
        using var away = await PostAsync(gateway, "k");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, away.StatusCode);
        var problem = await away.Content.ReadAsStringAsync();
        Assert.Contains("store-unavailable", problem, StringComparison.Ordinal);
        Assert.Contains(first.Headers.GetValues("Durable-Run-Id").Single(), problem, StringComparison.Ordinal);

        await admin.GetDatabase().ExecuteAsync("ACL", "SETUSER", "default", "+hmget");
        using var again = await PostAsync(gateway, "k");
        Assert.Equal("1:order", await again.Content.ReadAsStringAsync());
        Assert.Single(service.Seen);
    }

    [Theory]
    [InlineData("\"unfinished")]
    [InlineData("\"\"")]
    [InlineData("\"a\"b")]
    [InlineData("\"a\\x\"")]
    public async Task MalformedKey_IsRefused(string key)
    {
        await using var service = await CountingAsync();
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var answer = await PostAsync(gateway, key);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("idempotency-key-malformed", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Empty(service.Seen);
    }

    private static Task<TestService> CountingAsync() => TestService.StartAsync((context, count) =>
    {
        context.Response.StatusCode = 201;
        return context.Response.WriteAsync($"{count}:order");
    });

    private static async Task<HttpResponseMessage> PostAsync(GatewayHost gateway, string key, string body = "order")
    {
        using var request = Request(key, body);
        return await gateway.Client.SendAsync(request);
    }

    private static HttpRequestMessage Request(string key, string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/pay") { Content = new StringContent(body, Encoding.ASCII) };
        request.Headers.TryAddWithoutValidation("Idempotency-Key", key);
        return request;
    }
}
