using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Events;

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
    public async Task Get_IsAPageWhoseFormCompletesTheStep_AndChangesNothingItself()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var url = await UrlAsync(attempt, "signed");
        attempt.Suspend();
        using var redirect = await world.LiveAnswerAsync();

        // Scanners and previews: any number of times.
        for (var i = 0; i < 3; i++)
        {
            using var head = await OpenAsync(world, HttpMethod.Head, url);
            Assert.Equal((HttpStatusCode.OK, ""), (head.StatusCode, await head.Content.ReadAsStringAsync()));
            using var page = await OpenAsync(world, HttpMethod.Get, url);
            Assert.Equal(HttpStatusCode.OK, page.StatusCode);
            AssertProtected(page);
            var html = await page.Content.ReadAsStringAsync();
            Assert.Contains("""<form method="post" action="?confirm">""", html, StringComparison.Ordinal);
            Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("{{", html, StringComparison.Ordinal);
            var state = await attempt.GetAsync();
            Assert.Equal(("waiting", 0, 1), (state.Json.GetProperty("state").GetString(),
                state.Json.GetProperty("steps").GetProperty("completed").GetInt32(),
                state.Json.GetProperty("steps").GetProperty("pending").GetInt32()));
        }

        using var confirmed = await SubmitAsync(world, url);
        Assert.Equal(HttpStatusCode.OK, confirmed.StatusCode);
        AssertProtected(confirmed);
        Assert.Contains("Confirmed", await confirmed.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var next = await world.NextAttemptAsync();
        var over = await next.PutTypeAsync("callback", "signed");
        Assert.Equal((HttpStatusCode.OK, """{"confirmed":true}""", "application/json"), (over.Status, over.Text, over["Content-Type"]));

        using var twice = await SubmitAsync(world, url);
        await AssertRefusedAsync(twice, HttpStatusCode.Conflict, "Already used");
        using var used = await OpenAsync(world, HttpMethod.Get, url);
        await AssertRefusedAsync(used, HttpStatusCode.Conflict, "Already used");
        next.Answer(200, "done");
        Assert.Equal("done", await world.Gateway.Follower.GetStringAsync(redirect.Headers.Location));
        using var ended = await OpenAsync(world, HttpMethod.Get, url);
        await AssertRefusedAsync(ended, HttpStatusCode.Gone, "Too late");
    }

    [Fact]
    public async Task Get_OfAnUnknownOrExpiredCallback_SaysSo_AndToProgramsAsAProblem()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var attempt = await world.BeginAsync();
        var url = await UrlAsync(attempt, "signed", ("Durable-Step-Timeout", "0.2"));
        using var unknown = await OpenAsync(world, HttpMethod.Get, new Uri(url.ToString()[..^5]));
        await AssertRefusedAsync(unknown, HttpStatusCode.NotFound, "Unknown link");
        using var problem = await world.Gateway.Client.GetAsync(url.ToString()[..^5]);
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"),
            (problem.StatusCode, problem.Content.Headers.ContentType!.MediaType));
        Assert.Contains("callback-unknown", await problem.Content.ReadAsStringAsync(), StringComparison.Ordinal);

        await Eventually.TrueAsync(async () =>
        {
            using var late = await OpenAsync(world, HttpMethod.Get, url);
            return late.StatusCode is HttpStatusCode.Gone or HttpStatusCode.Conflict;
        }, "the callback has expired");
    }

    [Fact]
    public async Task PublicBaseUrl_IsWhatTheUrlBeginsWith()
    {
        await using var world = await World.StartAsync<TStore>("Durable:PublicBaseUrl=https://api.example.com/base/");
        var attempt = await world.BeginAsync();
        Assert.StartsWith("https://api.example.com/base/_durable/v1/callbacks/",
            (await UrlAsync(attempt, "a")).ToString(), StringComparison.Ordinal);
    }

    private static void AssertProtected(HttpResponseMessage answer)
    {
        Assert.Equal("text/html", answer.Content.Headers.ContentType!.MediaType);
        Assert.Equal(("no-store", "no-referrer"),
            (answer.Headers.CacheControl!.ToString(), answer.Headers.GetValues("Referrer-Policy").Single()));
        var policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        foreach (var rule in new[] { "default-src 'none'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'" })
            Assert.Contains(rule, policy, StringComparison.Ordinal);
    }

    private static async Task AssertRefusedAsync(HttpResponseMessage answer, HttpStatusCode status, string title)
    {
        Assert.Equal(status, answer.StatusCode);
        AssertProtected(answer);
        var html = await answer.Content.ReadAsStringAsync();
        Assert.Contains($"<h1>{title}</h1>", html, StringComparison.Ordinal);
        Assert.DoesNotContain("<form", html, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>As a browser does who follows a link.</summary>
    private static async Task<HttpResponseMessage> OpenAsync(World world, HttpMethod method, Uri url)
    {
        using var request = new HttpRequestMessage(method, url);
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        return await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
    }

    /// <summary>As a browser sends the form of the page.</summary>
    private static async Task<HttpResponseMessage> SubmitAsync(World world, Uri url)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(url, "?confirm")) { Content = new FormUrlEncodedContent([]) };
        request.Headers.TryAddWithoutValidation("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
        return await world.Gateway.Client.SendAsync(request).WaitAsync(World.Patience);
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
