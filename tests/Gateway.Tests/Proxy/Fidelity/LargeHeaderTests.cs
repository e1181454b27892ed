using System.Globalization;
using System.Net;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>
/// Responses with large header sections pass, up to a configurable limit. A larger one is an error, and the request is not retried.
/// </summary>
public sealed class LargeHeaderTests
{
    private const int Size = 100_000;

    private static readonly string Large = RawService.Ok("ok", [.. Enumerable.Range(0, 20).Select(i =>
        string.Create(CultureInfo.InvariantCulture, $"X-Large-{i}: {new string('l', Size / 20)}"))]);

    [Fact]
    public async Task Headers_Of100Kilobytes_ReachTheClient()
    {
        await using var lanes = await StartAsync();
        lanes.Service.Reply(Large);

        await Lanes.AssertAsAnsweredAsync(Large, await lanes.SameAsync(Lanes.Get("/r")));
    }

    [Fact]
    public async Task Headers_Of100Kilobytes_ComeBackWithTheStoredResult()
    {
        await using var lanes = await StartAsync();
        lanes.Service.Reply("HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n", Large);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/r") { Headers = { Host = Lanes.HostOf(Lanes.Durable) } };
        using var redirect = await lanes.Gateway.Client.SendAsync(request);
        using var client = new HttpClient(new SocketsHttpHandler { MaxResponseHeadersLength = 120 });

        using var result = await client.GetAsync(new Uri(lanes.Gateway.Public, redirect.Headers.Location!));

        Assert.Equal("ok", await result.Content.ReadAsStringAsync());
        Assert.Equal(Size, result.Headers.Where(header => header.Key.StartsWith("X-Large-", StringComparison.Ordinal))
            .Sum(header => header.Value.Single().Length));
    }

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Headers_BeyondTheLimit_AreAnError_AndNotTriedAgain(string lane)
    {
        await using var lanes = await StartAsync("Durable:Limits:MaxResponseHeadersTotalSize=8 KiB");
        lanes.Service.Reply(Large);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/r") { Headers = { Host = Lanes.HostOf(lane) } };

        using var answer = await lanes.Gateway.Client.SendAsync(request);

        await FailingClientTests.AssertProblemAsync(answer, HttpStatusCode.BadGateway, "response-headers-too-large");
        if (lane == Lanes.Durable) Assert.Equal("failed", answer.Headers.GetValues("Durable-Status").Single());
        Assert.Single(lanes.Service.Seen);
    }

    [Fact]
    public async Task Headers_BeyondTheLimit_InAReplay_EndTheRun()
    {
        await using var lanes = await StartAsync("Durable:Limits:MaxResponseHeadersTotalSize=8 KiB");
        lanes.Service.Reply("HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n", Large);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/r") { Headers = { Host = Lanes.HostOf(Lanes.Durable) } };

        using var answer = await lanes.Gateway.Follower.SendAsync(request);

        await FailingClientTests.AssertProblemAsync(answer, HttpStatusCode.BadGateway, "response-headers-too-large");
        Assert.Equal(2, lanes.Service.Seen.Count);
    }

    /// <summary>For HTTP/2, another component counts the limit.</summary>
    [Theory]
    [InlineData("1 MiB", HttpStatusCode.OK)]
    [InlineData("8 KiB", HttpStatusCode.BadGateway)]
    public async Task Headers_OfAServiceOfHttp2(string limit, HttpStatusCode status)
    {
        await using var service = await TestService.StartAsync((context, _) =>
        {
            for (var i = 0; i < 20; i++) context.Response.Headers.Append($"X-Large-{i}", new string('l', Size / 20));
            return context.Response.WriteAsync("ok");
        }, protocols: HttpProtocols.Http2);
        await using var gateway = await GatewayHost.StartAsync(service.Url, $"Durable:Limits:MaxResponseHeadersTotalSize={limit}",
            "ReverseProxy:Clusters:upstream:HttpRequest:Version=2",
            "ReverseProxy:Clusters:upstream:HttpRequest:VersionPolicy=RequestVersionExact");
        using var client = new HttpClient(new SocketsHttpHandler { MaxResponseHeadersLength = 120, AllowAutoRedirect = false })
        {
            BaseAddress = gateway.Public
        };

        using var answer = await client.GetAsync("/r");

        Assert.Equal(status, answer.StatusCode);
        if (status != HttpStatusCode.OK) await FailingClientTests.AssertProblemAsync(answer, status, "response-headers-too-large");
        Assert.Single(service.Seen);
    }

    private static async Task<Lanes> StartAsync(params string[] settings)
    {
        var lanes = new Lanes(new RawService(), settings);
        await lanes.InitializeAsync();
        return lanes;
    }
}
