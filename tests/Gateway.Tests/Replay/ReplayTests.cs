using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Replay;

/// <summary>What a replay sends (§2), what the gateway removes, and which requests are not runs.</summary>
public sealed class ReplayTests
{
    private const string Small = "Durable:Policies:default:MaxRequestBytes=1000";
    private const string Refuse = "Durable:Policies:default:OversizedRequests=Refuse";

    private static readonly byte[] Binary = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replay_OfARequest_IsTheRequestByteForByte(bool chunked)
    {
        await using var service = await TestService.StartAsync(FailOnce);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var request = new HttpRequestMessage(HttpMethod.Patch, new Uri(
            gateway.Public.GetLeftPart(UriPartial.Authority) + "/a%2Fb/%C3%A4%20;v=1/x%3F?q=%20&q=2&r=a+b&s=%26",
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }))
        {
            Content = new ByteArrayContent(Binary),
        };
        request.Headers.TransferEncodingChunked = chunked;
        foreach (var (name, value) in new[]
        {
            ("Authorization", "Basic c2VjcmV0"), ("Cookie", "a=1; b=\"2\""), ("X-Twice", "1"), ("X-Twice", "2"),
            ("Accept", "text/x-own;q=0.5, */*"),
            ("Idempotency-Key", "\"k\""), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("Prefer", "wait=5"),
            ("User-Agent", "own/1 (x)"), ("If-None-Match", "\"e\""), ("Range", "bytes=0-1"), ("Origin", "https://x.test"),
        }) request.Headers.TryAddWithoutValidation(name, value);
        request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/x-own; v=\"1\"");
        request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");

        using var redirect = await gateway.Client.SendAsync(request);
        using var response = await gateway.Follower.GetAsync(redirect.Headers.Location);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var (first, second) = (service.Seen.First(), service.Seen.Last());
        Assert.Equal(2, service.Seen.Count);
        Assert.Equal("PATCH", second.Method);
        Assert.Equal(first.Target, second.Target);
        Assert.Equal(Binary, first.Body);
        Assert.Equal(Binary, second.Body);
        Assert.Equal(Comparable(first), Comparable(second));
        Assert.Equal("Basic c2VjcmV0", second["Authorization"]);
        Assert.Equal("a=1; b=\"2\"", second["Cookie"]);
        Assert.Equal("bytes=0-1", second["Range"]);
        Assert.Equal(first["traceparent"]!.Split('-')[1], second["traceparent"]!.Split('-')[1]);
        Assert.Equal("0af7651916cd43dd8448eb211c80319c", second["traceparent"]!.Split('-')[1]);
    }

    [Fact]
    public async Task Replay_OfABodyThatTheFailingServiceDidNotRead_IsWhole()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            context.Response.StatusCode = count == 1 ? 503 : 200;
            if (count == 1) return;
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            await context.Response.Body.WriteAsync(body.ToArray());
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        byte[] large = [.. Enumerable.Repeat(Binary, 20).SelectMany(part => part)];

        using var response = await gateway.Follower.PostAsync("/orders", new ByteArrayContent(large));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(large, await response.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("GET")]
    [InlineData("DELETE")]
    [InlineData("OPTIONS")]
    [InlineData("HEAD")]
    [InlineData("PROPFIND")]
    public async Task Replay_OfAnyMethod_KeepsIt(string method)
    {
        await using var service = await TestService.StartAsync(FailOnce);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var request = new HttpRequestMessage(new HttpMethod(method), "/orders");
        using var redirect = await gateway.Client.SendAsync(request);
        using var result = await gateway.Client.GetAsync(redirect.Headers.Location);

        Assert.Equal(HttpStatusCode.OK, result.StatusCode);
        Assert.Equal([method, method], service.Seen.Select(seen => seen.Method));
        Assert.All(service.Seen, seen => Assert.Null(seen["Transfer-Encoding"]));
    }

    [Fact]
    public async Task HopHeaders_AreNotReplayed()
    {
        await using var service = await TestService.StartAsync(FailOnce);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/orders");

        // Do not combine this with "close" or "keep-alive": Kestrel then makes either of them the whole value of the field.
        foreach (var (name, value) in new[] { ("Connection", "X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"),
            ("TE", "trailers"), ("X-Kept", "1") })
            request.Headers.TryAddWithoutValidation(name, value);
        using var result = await gateway.Follower.SendAsync(request);

        var replay = service.Seen.Last();
        Assert.Equal("1", replay["X-Kept"]);
        Assert.Null(replay["X-Hop"]);
        Assert.Null(replay["Keep-Alive"]);
        Assert.DoesNotContain("X-Hop", replay["Connection"] ?? "", StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task DurableHeaders_OfTheClientAndOfTheService_AreRemoved()
    {
        await using var world = await World.StartAsync();
        var attempt = await world.BeginAsync(("Durable-Token", "mine"), ("Durable-Steps", "\"x\";ok=:MQ==:"),
            ("durable-anything", "1"), ("Durable-Attempt", "7"));
        attempt.Answer(200, "done", ("Durable-Retry", "?0"), ("durable-anything", "1"), ("Durable-Run-Id", "forged"),
            ("Durable-Result", "forged"), ("Content-Length", "4"));
        using var response = await world.LiveAnswerAsync();

        var sent = attempt.Request.Headers.Where(line => line.Key.StartsWith("durable-", StringComparison.OrdinalIgnoreCase))
            .Select(line => line.Key);
        Assert.Equal(["Durable-Attempt", "Durable-Callback", "Durable-Protocol", "Durable-Run-Id", "Durable-Token"], sent.Order());
        Assert.Equal("1", attempt.Request["Durable-Attempt"]);
        Assert.NotEqual("mine", attempt.Token);
        Assert.Equal([attempt.RunId], response.Headers.GetValues("Durable-Run-Id"));
        Assert.Equal(["Durable-Run-Id"],
            response.Headers.Select(header => header.Key).Where(name => name.StartsWith("durable", StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public async Task ClientThatGoesAway_DoesNotEndTheRun()
    {
        await using var world = await World.StartAsync();
        using var gone = await Raw.ConnectAsync(world.Gateway.Public, $"GET {world.Path} HTTP/1.1\nHost: x\n\n");
        var first = await world.NextAttemptAsync();
        await first.PutAsync("charge");
        gone.Client.LingerState = new LingerOption(true, 0);
        gone.Close();
        first.Answer(503);

        var second = await world.NextAttemptAsync();
        second.Answer(200, "done");

        await Eventually.TrueAsync(async () => (await second.GetAsync()).Json.GetProperty("state").GetString() == "completed",
            "the run completes");
    }

    [Fact]
    public async Task RequestThatNeverArrivedWhole_IsNoRun()
    {
        var calls = 0;
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var broken = new TaskCompletionSource<SeenRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await TestService.StartAsync(async (context, _) =>
        {
            Interlocked.Increment(ref calls);
            begun.TrySetResult();
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            catch (Exception e) when (e is IOException or BadHttpRequestException or OperationCanceledException)
            {
                broken.TrySetResult(SeenRequest.Of(context, []));
                throw;
            }
        }, readBody: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        using var gone = await Raw.ConnectAsync(gateway.Public, "POST /orders HTTP/1.1\nHost: x\nContent-Length: 100\n\n", new byte[50]);
        await begun.Task.WaitAsync(World.Patience);
        gone.Client.LingerState = new LingerOption(true, 0);
        gone.Close();

        var request = await broken.Task.WaitAsync(World.Patience);

        var attempt = new HeldAttempt(request);
        await Eventually.TrueAsync(async () => (await attempt.GetAsync()).Status == HttpStatusCode.NotFound, "there is no run");
        Assert.Equal(1, calls);
    }

    [Theory]
    [InlineData(false, 1000, true)]
    [InlineData(true, 1000, true)]
    [InlineData(false, 1001, false)]
    [InlineData(true, 1001, false)]
    public async Task OversizedRequest_IsProxiedAndSaysSo(bool chunked, int bytes, bool durable)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, Small);

        using var response = await PostAsync(gateway, bytes, chunked);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("done", await response.Content.ReadAsStringAsync());
        Assert.Equal(bytes, service.Seen.Single().Body.Length);
        if (durable) Assert.False(response.Headers.Contains("Durable-Status"));
        else Assert.Equal(["not-durable"], response.Headers.GetValues("Durable-Status"));
    }

    [Fact]
    public async Task OversizedRequest_ThatIsProxied_GivesTheServicesFailureAndKeepsDurableHeadersBack()
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            context.Response.StatusCode = 503;
            context.Response.Headers["Durable-Status"] = "forged";
            context.Response.Headers["Durable-Retry"] = "?0";
            return context.Response.WriteAsync("sorry");
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, Small);

        using var response = await PostAsync(gateway, 1001, chunked: false);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal("sorry", await response.Content.ReadAsStringAsync());
        Assert.Single(service.Seen);
        Assert.Equal(["not-durable"], response.Headers.GetValues("Durable-Status"));
        Assert.False(response.Headers.Contains("Durable-Retry"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OversizedRequest_WhereThePolicyRefuses_Gets413(bool chunked)
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, Small, Refuse);

        using var response = await PostAsync(gateway, 100_000, chunked);

        await AssertProblemAsync(response, HttpStatusCode.RequestEntityTooLarge, "request-too-large", "gateway");
    }

    [Fact]
    public async Task FailureOfTheService_ToldToTheClient_NamesTheService()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", "Durable:Policies:default:Retry:MaxAttempts=1");

        using var response = await gateway.Client.GetAsync("/orders");

        await AssertProblemAsync(response, HttpStatusCode.BadGateway, "service-unreachable", "service");
        Assert.True(response.Headers.Contains("Durable-Run-Id"));
    }

    [Fact]
    public async Task OversizedRequest_ToAServiceThatIsNotThere_Gets502ThatNamesTheService()
    {
        await using var gateway = await GatewayHost.StartAsync("http://127.0.0.1:1", Small);

        using var response = await PostAsync(gateway, 1001, chunked: false);

        await AssertProblemAsync(response, HttpStatusCode.BadGateway, "service-unreachable", "service");
        Assert.Equal(["not-durable"], response.Headers.GetValues("Durable-Status"));
    }

    [Fact]
    public async Task EmptyHeaderOfTheService_SurvivesStoringAsItSurvivesProxying()
    {
        await using var service = new SocketService((count, socket) => socket.SayAsync(count == 2
            ? "HTTP/1.1 503 No\nContent-Length: 0\nConnection: close\n\n"
            : "HTTP/1.1 200 OK\nX-Empty:\nContent-Length: 2\nConnection: close\n\nok"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        var proxied = await Raw.SendAsync(gateway.Public, "GET / HTTP/1.1\nHost: x\nConnection: close\n\n");
        var redirect = await Raw.SendAsync(gateway.Public, "GET / HTTP/1.1\nHost: x\nConnection: close\n\n");
        var stored = await Raw.SendAsync(gateway.Public, $"GET {redirect["Location"]} HTTP/1.1\nHost: x\nConnection: close\n\n");

        Assert.Equal((200, 200), (proxied.Status, stored.Status));
        Assert.Equal(proxied["X-Empty"], stored["X-Empty"]);
    }

    [Fact]
    public async Task Replay_OfAnEmptyHeader_KeepsIt()
    {
        await using var service = await TestService.StartAsync(FailOnce);
        await using var gateway = await GatewayHost.StartAsync(service.Url);
        var answer = await Raw.SendAsync(gateway.Public, "GET /orders HTTP/1.1\nHost: x\nX-Empty:\nConnection: close\n\n");
        using var result = await gateway.Follower.GetAsync(answer["Location"]);

        Assert.Equal(["", ""], service.Seen.Select(seen => seen["X-Empty"]));
    }

    [Fact]
    public async Task HeaderOfTheServiceBeyondAscii_DoesNotLoseTheResult()
    {
        await using var service = new SocketService((count, socket) => socket.SayAsync(count == 1
            ? "HTTP/1.1 503 No\nContent-Length: 0\nConnection: close\n\n"
            : "HTTP/1.1 200 OK\nX-Name: \u00e4\nContent-Length: 2\nConnection: close\n\nok"));
        await using var gateway = await GatewayHost.StartAsync(service.Url);

        using var redirect = await gateway.Client.GetAsync("/");
        using var result = await gateway.Client.GetAsync(redirect.Headers.Location);

        Assert.Equal((HttpStatusCode.OK, "ok"), (result.StatusCode, await result.Content.ReadAsStringAsync()));
    }

    [Fact]
    public async Task HeaderOfTheServiceBeyondAscii_DoesNotMakeASuccessAFailure()
    {
        await using var service = new SocketService((_, socket) => socket.SayAsync(
            "HTTP/1.1 200 OK\nX-Name: \u00e4\nContent-Length: 2\nConnection: close\n\nok"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, World.RetryMuchLater);

        using var response = await gateway.Client.GetAsync("/");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task HeaderOfTheClientBeyondAscii_IsPassedOnOrRefusedButNotRetried()
    {
        await using var service = await TestService.StartAsync((context, _) => context.Response.WriteAsync("done"));
        await using var gateway = await GatewayHost.StartAsync(service.Url, World.RetryMuchLater);

        var answer = await Raw.SendAsync(gateway.Public, "GET /orders HTTP/1.1\nHost: x\nX-Name: \u00e4\nConnection: close\n\n");

        Assert.Contains(answer.Status, new[] { 200, 400, 502 });
    }

    private static async Task FailOnce(HttpContext context, int count)
    {
        context.Response.StatusCode = count == 1 ? 503 : 200;
        await context.Response.CompleteAsync();
    }

    private static string[] Comparable(SeenRequest seen) =>
    [
        .. seen.Headers.Where(line => !line.Key.StartsWith("Durable-", StringComparison.Ordinal) && line.Key is not "traceparent")
            .Select(line => $"{line.Key}: {line.Value}").Order(StringComparer.Ordinal),
    ];

    private static Task<HttpResponseMessage> PostAsync(GatewayHost gateway, int bytes, bool chunked)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/orders") { Content = new ByteArrayContent(new byte[bytes]) };
        request.Headers.TransferEncodingChunked = chunked;
        return gateway.Client.SendAsync(request);
    }

    private static async Task AssertProblemAsync(HttpResponseMessage response, HttpStatusCode status, string name, string source)
    {
        Assert.Equal(status, response.StatusCode);
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType!.MediaType);
        using var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        Assert.Equal("/_durable/problems/" + name, problem.RootElement.GetProperty("type").GetString());
        Assert.Equal(source, problem.RootElement.GetProperty("source").GetString());
    }
}
