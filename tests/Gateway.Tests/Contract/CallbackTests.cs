using System.Net;
using System.Text;

namespace DurableGateway.Tests.Contract;

public sealed class EmbeddedCallbackTests : CallbackTests<OnEmbedded>;

public sealed class RedisCallbackTests : CallbackTests<OnRedis>;

/// <summary>Steps of type <c>callback</c> (§3) and the URLs that complete them (§6).</summary>
public abstract class CallbackTests<TStore> where TStore : IStoreChoice
{
    [Fact]
    public async Task Callback_IsCompletedByAPostToItsUrl_Once()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var url = await UrlAsync(attempt, "signed");
        Assert.StartsWith(world.Gateway.Public.ToString(), url.ToString(), StringComparison.Ordinal);
        Assert.Equal(url, await UrlAsync(attempt, "signed"));
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        using var posted = await PostAsync(world, url, "by Ann", "text/plain");
        Assert.Equal(HttpStatusCode.NoContent, posted.StatusCode);
        var next = await world.NextAttemptAsync();
        var over = await next.PutTypeAsync("callback", "signed");
        Assert.Equal((HttpStatusCode.OK, "by Ann", "text/plain; charset=utf-8"), (over.Status, over.Text, over["Content-Type"]));
        using var again = await PostAsync(world, url, "by Bob", "text/plain");
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);

        next.Answer(200, "done");
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
        using var late = await PostAsync(world, url, "by Eve", "text/plain");
        Assert.Equal(HttpStatusCode.Gone, late.StatusCode);
    }

    [Fact]
    public async Task Url_OfAnotherStepOrRun_IsUnknown()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var first = await world.BeginAsync();
        var second = await world.BeginAsync();
        var url = await UrlAsync(first, "a");
        await UrlAsync(second, "a");
        await UrlAsync(first, "b");
        foreach (var forged in new[]
        {
            url.ToString().Replace(first.RunId, second.RunId, StringComparison.Ordinal),
            url.ToString().Replace("/YQ/", "/Yg/", StringComparison.Ordinal),
            url.ToString()[..^1] + (url.ToString()[^1] == 'A' ? 'B' : 'A'),
            url.ToString()[..^5],
        })
        {
            using var answer = await PostAsync(world, new Uri(forged), "x", "text/plain");
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        }
    }

    [Fact]
    public async Task Callback_ThatTimesOut_Fails_AndItsUrlIsGone()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var url = await UrlAsync(attempt, "signed", ("Durable-Step-Timeout", "0.2"));
        attempt.Suspend();
        var next = await world.NextAttemptAsync();
        var over = await next.PutTypeAsync("callback", "signed", ("Durable-Step-Timeout", "0.2"));
        Assert.Equal((HttpStatusCode.OK, "failed"), (over.Status, over["Durable-Step-Outcome"]));
        using var late = await PostAsync(world, url, "x", "text/plain");
        Assert.Equal(HttpStatusCode.Conflict, late.StatusCode);
    }

    [Fact]
    public async Task Body_TooLarge_Is413_AndTheStepGoesOnWaiting()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:MaxStepBytes=10");
        var attempt = await world.BeginAsync();
        var url = await UrlAsync(attempt, "signed");
        using var large = await PostAsync(world, url, "eleven bytes", "text/plain");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using var small = await PostAsync(world, url, "ten bytes", "text/plain");
        Assert.Equal(HttpStatusCode.NoContent, small.StatusCode);
    }

    [Fact]
    public async Task PublicBaseUrl_IsWhatTheUrlBeginsWith()
    {
        await using var world = await World.StartAsync<TStore>("Durable:PublicBaseUrl=https://api.example.com/base/");
        var attempt = await world.BeginAsync();
        Assert.StartsWith("https://api.example.com/base/_durable/v1/callbacks/", (await UrlAsync(attempt, "a")).ToString(), StringComparison.Ordinal);
    }

    private static async Task<Uri> UrlAsync(HeldAttempt attempt, string step, params (string Name, string Value)[] headers)
    {
        var answer = await attempt.PutTypeAsync("callback", step, headers);
        Assert.Equal(HttpStatusCode.Accepted, answer.Status);
        return new Uri(answer["Durable-Callback-Url"]!);
    }

    private static Task<HttpResponseMessage> PostAsync(World world, Uri url, string body, string type) =>
        world.Gateway.Client.PostAsync(url, new StringContent(body, Encoding.UTF8, type));
}
