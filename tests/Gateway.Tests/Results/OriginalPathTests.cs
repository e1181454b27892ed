using System.Collections.Concurrent;
using System.Net;
using System.Text;
using DurableGateway.Admin;
using DurableGateway.Protocol;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Results;

/// <summary>Results at the path of their request (<c>ResultUrl</c>), so that references in a page lead to the same targets.</summary>
public sealed class OriginalPathTests
{
    private const string Page = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    private const string Target = "/shop/orders/new?x=1";
    private const string Near = "./new?x=1&durable-result=";
    private const string Reserved = "/_durable/v1/results/";
    private const string Always = "Durable:Policies:default:ResultUrl=OriginalPath";

    [Theory]
    [InlineData("Auto", "Accept", Page, true)]
    [InlineData("Auto", "Accept", "text/vnd.turbo-stream.html, text/html, application/xhtml+xml", true)]
    [InlineData("Auto", "Accept", "text/css,*/*;q=0.1", true)]
    [InlineData("Auto", "Sec-Fetch-Dest", "script", true)]
    [InlineData("Auto", "Sec-Fetch-Dest", "empty", false)]
    [InlineData("Auto", "Accept", "*/*", false)]
    [InlineData("Auto", "Accept", "application/json", false)]
    [InlineData("Auto", "Accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", false)]
    [InlineData("Auto", "X-None", "x", false)]
    [InlineData("ReservedPath", "Accept", Page, false)]
    [InlineData("OriginalPath", "Accept", "*/*", true)]
    public async Task Redirect_LeadsToThePathOfTheRequest_WhereTheResultIsADocument(
        string setting, string header, string value, bool isNear)
    {
        await using var shop = await Shop.StartAsync($"Durable:Policies:default:ResultUrl={setting}", World.RetryMuchLater);
        using var redirect = await shop.SendAsync("POST", Target, "item=lamp", (header, value));
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        var location = redirect.Headers.Location!.OriginalString;
        Assert.StartsWith(isNear ? Near : Reserved, location, StringComparison.Ordinal);
        Assert.Equal(isNear, redirect.Headers.TryGetValues("Durable-Result", out var named)
            && named.Single().StartsWith(Reserved, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Result_IsAsTheServiceSentIt_AndItsUrlIsKeptFromOthers()
    {
        await using var shop = await Shop.StartAsync();
        var url = await shop.OrderAsync();

        // A browser gets a page that shows the progress if the run takes longer than a moment.
        await Eventually.TrueAsync(async () =>
        {
            using var state = await shop.SendAsync("GET", url, null, ("Prefer", "wait=0"));
            return Header(state, "Durable-Status") == "completed";
        }, "the run has ended");
        using var result = await shop.SendAsync("GET", url, null, ("Accept", Page));
        Assert.Equal((HttpStatusCode.OK, "order taken"), (result.StatusCode, await result.Content.ReadAsStringAsync()));
        Assert.Equal(("receipt", "seen=1"), (Header(result, "Content-Location"), Header(result, "Set-Cookie")));
        Assert.Equal(("same-origin", "no-store", "completed"),
            (Header(result, "Referrer-Policy"), Header(result, "Cache-Control"), Header(result, "Durable-Status")));

        // The result can be read again, with any method.
        using var head = await shop.SendAsync("HEAD", url);
        Assert.Equal((HttpStatusCode.OK, "receipt"), (head.StatusCode, Header(head, "Content-Location")));
        Assert.Equal(["POST", "POST"], shop.Seen.Select(request => request.Method));
        shop.AssertNoMember();
    }

    [Fact]
    public async Task WhoWaits_IsRedirectedToTheSamePath_WithTheNextHop()
    {
        await using var shop = await Shop.StartAsync(Always, World.RetryMuchLater, "Durable:Results:Wait=00:00:01");
        var url = await shop.OrderAsync("*/*");
        for (var hop = 1; hop <= 2; hop++)
        {
            using var wait = await shop.SendAsync("GET", hop == 1 ? url : $"{url}.{hop - 1}");
            Assert.Equal(HttpStatusCode.SeeOther, wait.StatusCode);
            Assert.Equal($"{url}.{hop}", new Uri(new Uri(shop.Url, Target), wait.Headers.Location!).PathAndQuery);
        }

        using var last = await shop.SendAsync("GET", $"{url}.15");
        Assert.Equal((HttpStatusCode.Accepted, "waiting"), (last.StatusCode, Header(last, "Durable-Status")));
        using var page = await shop.SendAsync("GET", url, null, ("Accept", Page));
        Assert.Equal((HttpStatusCode.OK, "text/html"), (page.StatusCode, page.Content.Headers.ContentType!.MediaType));
        using var events = await shop.SendAsync("GET", url, null, ("Accept", "text/event-stream"));
        Assert.Equal("text/event-stream", events.Content.Headers.ContentType!.MediaType);
    }

    /// <summary>The run of a client that is redirected has not ended.</summary>
    [Fact]
    public async Task RedirectToTheOriginalPath_IsNoEndOfTheRun_InTheCountsOfItsRoute()
    {
        await using var shop = await Shop.StartAsync(World.RetryMuchLater);
        await shop.OrderAsync();
        var minutes = (await shop.Services.GetRequiredService<RouteCounter>().GetAsync()).SelectMany(route => route).ToArray();
        Assert.Equal((1, 0, 0), (minutes.Sum(minute => minute.Started), minutes.Sum(minute => minute.Completed),
            minutes.Sum(minute => minute.Failed)));
    }

    [Fact]
    public async Task ClientOfHttp2_GetsTheResult()
    {
        await using var shop = await Shop.StartAsync();
        var url = await shop.OrderAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(shop.Url, url))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact
        };
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });
        using var result = await client.SendAsync(request).WaitAsync(World.Patience);
        Assert.Equal((HttpVersion.Version20, "order taken"), (result.Version, await result.Content.ReadAsStringAsync()));
        shop.AssertNoMember();
    }

    [Theory]
    [InlineData("Origin", "http://shop")]
    [InlineData("Sec-Fetch-Mode", "cors")]
    [InlineData("Accept", Page)]
    public async Task FormThatPostsToItsOwnPage_IsANewRequest_WithoutTheMember(string header, string value)
    {
        await using var shop = await Shop.StartAsync(Always);
        var url = await shop.OrderAsync();

        // A page may repeat the request, with the same body or with none.
        foreach (var body in new[] { "item=lamp", "", "note=hello" })
        {
            using var posted = await shop.SendAsync("POST", url, body, (header, value), ("Referer", new Uri(shop.Url, url).ToString()));
            Assert.Equal(HttpStatusCode.SeeOther, posted.StatusCode);
            Assert.NotEqual(url, new Uri(new Uri(shop.Url, Target), posted.Headers.Location!).PathAndQuery);
            Assert.Equal("same-origin", Header(posted, "Referrer-Policy"));
            Assert.Contains(shop.Seen,
                request => request[header] == value && Encoding.UTF8.GetString(request.Body) == body && request.Target == Target
                    && request["Referer"] == new Uri(shop.Url, Target).ToString());
        }

        shop.AssertNoMember();
    }

    [Fact]
    public async Task ClientThatKeepsItsMethod_GetsTheResult_AndNothingIsExecutedTwice()
    {
        await using var shop = await Shop.StartAsync(Always);
        var url = await shop.OrderAsync("*/*");
        foreach (var body in new[] { null, "", "item=lamp" })
        {
            using var kept = await shop.SendAsync("POST", url, body);
            Assert.Equal((HttpStatusCode.OK, "order taken"), (kept.StatusCode, await kept.Content.ReadAsStringAsync()));
        }

        Assert.Equal(2, shop.Seen.Count);
        foreach (var (method, body) in new[] { ("POST", "item=rug!"), ("POST", "other"), ("PUT", "item=lamp"), ("DELETE", null) })
        {
            using var another = await shop.SendAsync(method, url, body);
            Assert.Equal(HttpStatusCode.SeeOther, another.StatusCode);
            Assert.Contains(shop.Seen,
                request => request.Method == method && Encoding.UTF8.GetString(request.Body) == (body ?? "") && request.Target == Target);
        }

        shop.AssertNoMember();
    }

    /// <summary>Scripts append to <c>location.search</c>, or use it for another path.</summary>
    [Fact]
    public async Task OtherTarget_IsANewRequest_WithoutTheMember()
    {
        await using var shop = await Shop.StartAsync(Always);
        var url = await shop.OrderAsync();
        var member = url[url.IndexOf("durable-result=", StringComparison.Ordinal)..];
        foreach (var (asked, seen) in new[]
        {
            ($"{url}&page=2", $"{Target}&page=2"), ($"/shop/ok?{member}", "/shop/ok"), ($"/shop/orders/new?{member}", "/shop/orders/new"),
            ($"{url[..^1]}!", Target), ($"{Target}&durable-result=mine", $"{Target}&durable-result=mine"),
        })
        {
            using var answer = await shop.SendAsync("GET", asked);
            Assert.Contains(shop.Seen, request => request.Method == "GET" && request.Target == seen);
        }
    }

    [Fact]
    public async Task TokenOfAnotherKind_RunOrTarget_IsNone()
    {
        await using var shop = await Shop.StartAsync();
        using var redirect = await shop.SendAsync("POST", Target, "item=lamp", ("Accept", Page));
        var near = new Uri(new Uri(shop.Url, Target), redirect.Headers.Location!).PathAndQuery;
        var (run, token) = (Header(redirect, "Durable-Run-Id")!, near.Split("durable-result=")[1].Split('.')[1]);
        var reserved = Header(redirect, "Durable-Result")!.Split("token=")[1];
        using var atReserved = await shop.SendAsync("GET", $"{Reserved}{run}?token={token}");
        Assert.Equal(HttpStatusCode.NotFound, atReserved.StatusCode);
        foreach (var forged in new[] { $"{run}.{reserved}", $"{Make.RunId()}.{token}",
            $"{run}.{(token[0] == 'B' ? 'C' : 'B')}{token[1..]}" })
        {
            var before = shop.Seen.Count(request => request.Method == "GET");
            using var answer = await shop.SendAsync("GET", $"{Target}&durable-result={forged}");
            Assert.NotEqual("order taken", await answer.Content.ReadAsStringAsync());
            Assert.True(shop.Seen.Count(request => request.Method == "GET") > before);
        }

        shop.AssertNoMember();
    }

    [Fact]
    public async Task ResultThatIsGone_IsSaid_WithAWayBackToThePage()
    {
        await using var shop = await Shop.StartAsync();
        var (tokens, run) = (shop.Services.GetRequiredService<Tokens>(), Make.RunId());
        var now = shop.Services.GetRequiredService<TimeProvider>().GetUtcNow();
        foreach (var (end, status) in new[] { (now.AddMinutes(-1), HttpStatusCode.Gone), (now.AddHours(9), HttpStatusCode.NotFound) })
        {
            var url = $"{Target}&durable-result={run}.{tokens.ForResultAt(run, Target, end)}";
            using var problem = await shop.SendAsync("GET", url);
            Assert.Equal((status, "application/problem+json"), (problem.StatusCode, problem.Content.Headers.ContentType!.MediaType));
            using var page = await shop.SendAsync("GET", url, null, ("Accept", Page));
            Assert.Equal((status, "text/html"), (page.StatusCode, page.Content.Headers.ContentType!.MediaType));
            Assert.Contains("""<a href="./new?x=1">""", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);

            // A form of a page that was open for a long time still works.
            using var posted = await shop.SendAsync("POST", url, "note=late", ("Origin", "http://shop"));
            Assert.Contains(shop.Seen, request => request.Method == "POST" && request.Target == Target);
        }

        Assert.DoesNotContain(shop.Seen, request => request.Method == "GET");
    }

    [Fact]
    public async Task RepeatedIdempotencyKey_LeadsToTheOriginalPathToo()
    {
        await using var shop = await Shop.StartAsync(World.RetryMuchLater);
        var runs = new HashSet<string?>();
        for (var i = 0; i < 2; i++)
        {
            using var redirect = await shop.SendAsync("POST", Target, "item=lamp", ("Accept", Page), ("Idempotency-Key", "one"));
            runs.Add(Header(redirect, "Durable-Run-Id"));
            Assert.StartsWith(Near + Header(redirect, "Durable-Run-Id"),
                redirect.Headers.Location!.OriginalString, StringComparison.Ordinal);
        }

        Assert.Single(runs);
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) || answer.Content.Headers.TryGetValues(name, out values)
            ? string.Join(", ", values)
            : null;

    /// <summary>A shop whose first attempt at any path under <c>/shop/orders</c> fails.</summary>
    private sealed class Shop(TestService service, GatewayHost gateway) : IAsyncDisposable
    {
        public Uri Url => gateway.Public;
        public IServiceProvider Services => gateway.Services;
        public ConcurrentQueue<SeenRequest> Seen => service.Seen;

        public static async Task<Shop> StartAsync(params string[] settings)
        {
            var service = await TestService.StartAsync(async (context, _) =>
            {
                if (context.Request.Path.StartsWithSegments("/shop/orders", StringComparison.Ordinal)
                    && context.Request.Headers["Durable-Attempt"] == "1")
                {
                    context.Response.StatusCode = 503;
                    return;
                }

                context.Response.Headers.ContentLocation = "receipt";
                context.Response.Headers.SetCookie = "seen=1";
                if (!HttpMethods.IsHead(context.Request.Method))
                    await context.Response.WriteAsync(context.Request.Method == "POST" ? "order taken" : "page");
            });
            return new Shop(service, await GatewayHost.StartAsync(service.Url, settings));
        }

        /// <returns>The result URL, as a client resolves it.</returns>
        public async Task<string> OrderAsync(string accept = Page)
        {
            using var redirect = await SendAsync("POST", Target, "item=lamp", ("Accept", accept));
            return new Uri(new Uri(Url, Target), redirect.Headers.Location!).PathAndQuery;
        }

        public async Task<HttpResponseMessage> SendAsync(
            string method, string target, string? body = null, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), target);
            if (body is not null) request.Content = new StringContent(body, Encoding.UTF8, "application/x-www-form-urlencoded");
            foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
            return await gateway.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(TimeSpan.FromSeconds(60));
        }

        public void AssertNoMember() => Assert.DoesNotContain(Seen,
            request => request.Target.Contains("durable-result", StringComparison.Ordinal)
                || request.Headers.Any(line => line.Value.Contains("durable-result", StringComparison.Ordinal)));

        public async ValueTask DisposeAsync()
        {
            await gateway.DisposeAsync();
            await service.DisposeAsync();
        }
    }
}
