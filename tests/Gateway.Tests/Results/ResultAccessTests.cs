using System.Net;
using DurableGateway.Protocol;
using DurableGateway.Storage;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

public sealed class ResultAccessOnEmbeddedTests : ResultAccessTests<OnEmbedded>;

public sealed class ResultAccessOnRedisTests : ResultAccessTests<OnRedis>;

/// <summary>Who may read a result besides the token: the caller to which it is bound, and the sites that the policy names.</summary>
public abstract class ResultAccessTests<TStore> where TStore : IStoreChoice
{
    private const string Bound = "Durable:Policies:default:BindResultTo=header:Authorization";
    private const string Cancel = "Durable:Policies:default:AllowCancel=true";
    private const string App = "https://app.example.com";

    [Fact]
    public async Task Referrer_IsNeverToldTheUrl_UnlessTheServiceSaysSo()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater);
        var url = await world.ParkAsync();
        foreach (var (target, accept) in new[] { (url + "&hop=15", "*/*"), (url, "text/html"), (url, "text/event-stream"),
            (url.Split('?')[0], "*/*"), (url + "x", "*/*") })
            Assert.Equal("no-referrer",
                Header(await AskAsync(world, HttpMethod.Get, target, ("Accept", accept), ("Prefer", "wait=0")), "Referrer-Policy"));

        await using var soon = await World.StartAsync<TStore>();
        url = await soon.ParkAsync();
        (await soon.NextAttemptAsync()).Answer(200, "done");
        Assert.Equal("no-referrer", Header(await AskAsync(soon, HttpMethod.Get, url), "Referrer-Policy"));
        url = await soon.ParkAsync();
        (await soon.NextAttemptAsync()).Answer(200, "done", ("Referrer-Policy", "origin"));
        Assert.Equal("origin", Header(await AskAsync(soon, HttpMethod.Get, url), "Referrer-Policy"));
    }

    /// <summary>A person who opens a wrong or an old URL gets a page, and a program problem details.</summary>
    [Theory]
    [InlineData("text/html", "text/html")]
    [InlineData("*/*", "application/problem+json")]
    public async Task WrongToken_AndCancelledRun_ArePagesForBrowsers(string accept, string type)
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, Cancel);
        var url = await ParkAsync(world);
        using var unknown = await AskAsync(world, HttpMethod.Get, url[..^4] + "AAAA", ("Accept", accept));
        Assert.Equal((HttpStatusCode.NotFound, type), (unknown.StatusCode, unknown.Content.Headers.ContentType!.MediaType));
        using var cancel = await AskAsync(world, HttpMethod.Delete, World.RunUrl(url));
        Assert.Equal(HttpStatusCode.NoContent, cancel.StatusCode);

        using var cancelled = await AskAsync(world, HttpMethod.Get, url, ("Accept", accept));

        Assert.Equal((HttpStatusCode.Gone, type), (cancelled.StatusCode, cancelled.Content.Headers.ContentType!.MediaType));
        Assert.Equal("cancelled", cancelled.Headers.GetValues("Durable-Status").Single());
    }

    [Theory]
    [InlineData("GET", "*/*")]
    [InlineData("HEAD", "*/*")]
    [InlineData("GET", "text/html")]
    [InlineData("GET", "text/event-stream")]
    [InlineData("DELETE", "*/*")]
    public async Task BoundResult_IsForTheCallerOfTheRequestAlone(string method, string accept)
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, Bound, Cancel);
        var url = await ParkAsync(world, ("Authorization", "Bearer one"));
        if (method == "DELETE") url = World.RunUrl(url);
        foreach (var other in new[] { null, "Bearer two", "bearer one", "Bearer one,", "" })
        {
            using var refused = await AskAsync(world, new HttpMethod(method), url,
                [("Accept", accept), .. other is null ? [] : new[] { ("Authorization", other) }]);
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            var told = accept == "text/html" ? "The result is for another caller" : "/_durable/problems/result-bound";
            if (method != "HEAD")
                Assert.Contains(told, await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }

        using var answer = await AskAsync(world, new HttpMethod(method), url, ("Accept", accept),
            ("Authorization", "Bearer one"), ("Prefer", "wait=0"));
        Assert.NotEqual(HttpStatusCode.Forbidden, answer.StatusCode);
        if (method == "DELETE") Assert.Equal(HttpStatusCode.NoContent, answer.StatusCode);
    }

    [Fact]
    public async Task BoundResult_KeepsAMacWithTheRun_AndNotTheValue()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, Bound, Cancel);
        var url = await ParkAsync(world, ("Authorization", "Bearer hush"));
        Assert.True(RunId.TryParse(url.Split('/')[^1].Split('?')[0], out var run));
        var connection = world.Gateway.Services.GetRequiredService<StoreConnection>();
        var fields = await connection.ExecuteAsync(db => db.HashGetAllAsync(new StoreKeys(run, connection.Shards).Run));
        Assert.Matches("^Authorization:[0-9a-f]{32}$", fields.Single(field => field.Name == "bound").Value.ToString());
        Assert.DoesNotContain(fields, field => field.Value.ToString().Contains("hush", StringComparison.Ordinal));
    }

    [Fact]
    public async Task BoundResult_OfARequestWithoutTheHeader_IsBoundToNothing()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, Bound, Cancel);
        using var answer = await AskAsync(world, HttpMethod.Get, await world.ParkAsync(), ("Prefer", "wait=0"));
        Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
    }

    [Fact]
    public async Task BoundResult_IsNotGivenByAnIdempotencyKeyEither()
    {
        await using var world = await World.StartAsync<TStore>(Bound, "Durable:Policies:default:IdempotencyScope=X-Tenant");
        var key = Guid.NewGuid().ToString();
        (await world.BeginAsync(("Idempotency-Key", key), ("Authorization", "Bearer one"))).Answer(200, "done");
        using (var first = await world.LiveAnswerAsync()) Assert.Equal("done", await first.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK,
            (await AskAsync(world, HttpMethod.Get, world.Path, ("Idempotency-Key", key), ("Authorization", "Bearer one"))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden,
            (await AskAsync(world, HttpMethod.Get, world.Path, ("Idempotency-Key", key), ("Authorization", "Bearer two"))).StatusCode);
    }

    [Theory]
    [InlineData("https://app.example.com, http://localhost:5173", "true", App, App, "true")]
    [InlineData("https://APP.example.com", "false", App, App, null)]
    [InlineData("https://app.example.com", "true", "https://evil.example", null, null)]
    [InlineData("https://app.example.com", "true", "https://app.example.com.evil.example", null, null)]
    [InlineData("https://app.example.com", "true", "null", null, null)]
    [InlineData("*", "false", "https://anyone.example", "*", null)]
    [InlineData("", "false", App, null, null)]
    public async Task Origins_ThatThePolicyNames_MayFollowTheRedirectAndReadTheResult(
        string origins, string credentials, string origin, string? allowed, string? withCredentials)
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, $"Durable:Policies:default:Cors:Origins={origins}",
            $"Durable:Policies:default:Cors:Credentials={credentials}", Cancel);
        (await world.BeginAsync(("Origin", origin))).Answer(503, "", ("Access-Control-Allow-Origin", "https://of-the-failure.example"));
        using var redirect = await world.LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        var url = redirect.Headers.Location!.OriginalString;
        foreach (var answer in new[]
        {
            redirect,
            await AskAsync(world, HttpMethod.Get, url + "&hop=15", ("Origin", origin), ("Prefer", "wait=0")),
            await AskAsync(world, HttpMethod.Get, url, ("Origin", origin), ("Prefer", "wait=1")),
        })
        {
            Assert.Equal(allowed, Header(answer, "Access-Control-Allow-Origin"));
            Assert.Equal(withCredentials, Header(answer, "Access-Control-Allow-Credentials"));
            Assert.Equal(allowed is not null,
                Header(answer, "Access-Control-Expose-Headers")?.Contains("Durable-Status", StringComparison.Ordinal) ?? false);
            Assert.Equal(origins is not ("*" or ""), Header(answer, "Vary")?.Contains("Origin", StringComparison.Ordinal) ?? false);
        }

        using var preflight = await AskAsync(world, HttpMethod.Options, url, ("Origin", origin),
            ("Access-Control-Request-Method", "DELETE"), ("Access-Control-Request-Headers", "authorization, x-own"));
        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal(allowed, Header(preflight, "Access-Control-Allow-Origin"));
        Assert.Equal(allowed is null ? null : "authorization, x-own", Header(preflight, "Access-Control-Allow-Headers"));
        Assert.Equal(allowed is null ? null : "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            Header(preflight, "Access-Control-Allow-Methods"));
    }

    [Fact]
    public async Task StoredResponse_KeepsWhatTheServiceSaidOfOrigins()
    {
        await using var world = await World.StartAsync<TStore>("Durable:Policies:default:Cors:Origins=*");
        var url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done", ("Access-Control-Allow-Origin", "https://one.example"));
        using var told = await AskAsync(world, HttpMethod.Get, url, ("Origin", App));
        Assert.Equal("https://one.example", Header(told, "Access-Control-Allow-Origin"));
        Assert.Null(Header(told, "Access-Control-Expose-Headers"));

        url = await world.ParkAsync();
        (await world.NextAttemptAsync()).Answer(200, "done");
        Assert.Equal("*", Header(await AskAsync(world, HttpMethod.Get, url, ("Origin", App)), "Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task Problems_TellNoOriginAnything_WithoutAToken()
    {
        await using var world = await World.StartAsync<TStore>(World.RetryMuchLater, "Durable:Policies:default:Cors:Origins=*");
        var url = (await world.ParkAsync()).Split('?')[0];
        foreach (var method in new[] { HttpMethod.Get, HttpMethod.Options })
        {
            using var answer = await AskAsync(world, method, url, ("Origin", App), ("Access-Control-Request-Method", "GET"));
            Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
            Assert.Null(Header(answer, "Access-Control-Allow-Origin"));
        }
    }

    private static async Task<string> ParkAsync(World world, params (string, string)[] headers)
    {
        (await world.BeginAsync(headers)).Answer(503);
        using var redirect = await world.LiveAnswerAsync();
        return redirect.Headers.Location!.OriginalString;
    }

    /// <summary>For a stream, the method waits only for the head of the response.</summary>
    private static Task<HttpResponseMessage> AskAsync(
        World world, HttpMethod method, string url, params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, url);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        return world.Gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(World.Patience);
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(", ", values) : null;
}
