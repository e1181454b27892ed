using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>A result is always complete, whatever the client does while the response is sent.</summary>
public sealed class FailingClientTests
{
    /// <summary>More than all buffers between the gateway and a client hold, and less than <c>MaxResponseBytes</c>.</summary>
    private const int Size = 15_000_000;

    private const string ShortPatience = "ReverseProxy:Clusters:upstream:HttpRequest:ActivityTimeout=00:00:01";

    private static readonly byte[] Block = RandomNumberGenerator.GetBytes(100_000);
    private static readonly string Expected = Hash(Enumerable.Repeat(Block, Size / Block.Length).SelectMany(block => block).ToArray());

    [Theory]
    [InlineData(false, ShortPatience)]
    [InlineData(true, ShortPatience)]
    [InlineData(false, "Durable:Limits:MinResponseDataRate=1 MiB", "Durable:Limits:DataRateGracePeriod=00:00:02")]
    [InlineData(true, "Durable:Limits:MinResponseDataRate=1 MiB", "Durable:Limits:DataRateGracePeriod=00:00:02")]
    public async Task ClientThatStopsReading_LeavesTheWholeResult(bool withLength, params string[] settings)
    {
        await using var service = await StartServiceAsync(withLength);
        await using var gateway = await GatewayHost.StartAsync(service.Url, ["Durable:Policies:default:Persist=OnStart", .. settings]);
        using var client = await OpenAsync(gateway);

        await AssertWholeAsync(gateway, await ReadResultUrlAsync(client));

        Assert.Single(service.Seen);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ClientThatLeaves_LeavesTheWholeResult(bool withLength)
    {
        await using var service = await StartServiceAsync(withLength);
        await using var gateway = await GatewayHost.StartAsync(service.Url, "Durable:Policies:default:Persist=OnStart");
        string result;
        using (var client = await OpenAsync(gateway)) result = await ReadResultUrlAsync(client);

        await AssertWholeAsync(gateway, result);

        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task ClientOfHttp2ThatStopsReading_LeavesTheWholeResult_AndIsCutOff()
    {
        await using var service = await StartServiceAsync(withLength: false);
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortPatience);
        using var client = new HttpClient(new SocketsHttpHandler { UseCookies = false }) { BaseAddress = gateway.Public };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/big")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);

        await AssertWholeAsync(gateway, response.Headers.GetValues("Durable-Result").Single());

        // The client does not take a part for the whole response.
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => response.Content.ReadAsByteArrayAsync());
        Assert.Single(service.Seen);
    }

    [Fact]
    public async Task ResponseTooLargeToKeep_OfAClientThatStopsReading_EndsTheRun_AndLetsTheServiceGo()
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var service = await StartServiceAsync(withLength: false, onCut: cut.SetResult);
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortPatience,
            "Durable:Policies:default:MaxResponseBytes=1 MiB");
        using var client = await OpenAsync(gateway);

        using var result = await gateway.Follower.GetAsync(await ReadResultUrlAsync(client));

        await AssertProblemAsync(result, HttpStatusCode.BadGateway, "response-too-large");
        await cut.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Single(service.Seen);
    }

    /// <summary>YARP may report a failure of the request's body instead of the response. Only HTTP/2 services answer so early.</summary>
    [Fact]
    public async Task ReplayCutOff_WhileTheRequestIsStillSent_IsNoResult()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            if (count != 2) await context.Request.Body.CopyToAsync(Stream.Null);
            if (count == 1) context.Response.StatusCode = 503;
            await context.Response.WriteAsync(count == 2 ? "part" : "whole");
            if (count != 2) return;

            // The buffers do not hold most of the request.
            await context.Response.Body.FlushAsync();
            context.Abort();
        }, readBody: false, protocols: HttpProtocols.Http2);
        await using var gateway = await GatewayHost.StartAsync(service.Url,
            "ReverseProxy:Clusters:upstream:HttpRequest:Version=2",
            "ReverseProxy:Clusters:upstream:HttpRequest:VersionPolicy=RequestVersionExact");

        using var answer = await gateway.Follower.PostAsync("/p", new ByteArrayContent(new byte[3_000_000]));

        Assert.Equal("whole", await answer.Content.ReadAsStringAsync());
        Assert.Equal(3, service.Seen.Count);
    }

    /// <summary>Silence is a failure of the service, in the first attempt and in a replay.</summary>
    [Fact]
    public async Task ServiceThatFallsSilentInTheMiddle_IsTriedAgain()
    {
        await using var service = await TestService.StartAsync(async (context, count) =>
        {
            await context.Response.WriteAsync(count > 2 ? "whole" : "part");
            await context.Response.Body.FlushAsync();
            if (count <= 2) await context.HangAsync();
        });
        await using var gateway = await GatewayHost.StartAsync(service.Url, ShortPatience);
        using var response = await gateway.Client.GetAsync("/silent", HttpCompletionOption.ResponseHeadersRead);

        Assert.Equal("whole", await gateway.Follower.GetStringAsync(response.Headers.GetValues("Durable-Result").Single()));

        Assert.Equal(3, service.Seen.Count);
        await Assert.ThrowsAnyAsync<Exception>(() => response.Content.ReadAsStringAsync());
    }

    private static Task<TestService> StartServiceAsync(bool withLength, Action? onCut = null) =>
        TestService.StartAsync(async (context, _) =>
        {
            if (withLength) context.Response.ContentLength = Size;
            if (onCut is not null) context.RequestAborted.Register(onCut);
            for (var sent = 0; sent < Size && !context.RequestAborted.IsCancellationRequested; sent += Block.Length)
                await context.Response.Body.WriteAsync(Block);
        });

    /// <summary>A client that reads little more than the head of its response.</summary>
    private static async Task<Wire> OpenAsync(GatewayHost gateway)
    {
        var socket = new TcpClient { NoDelay = true, ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, gateway.Public.Port);
        var wire = new Wire(socket.GetStream());
        await wire.WriteAsync("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
        return wire;
    }

    private static async Task<string> ReadResultUrlAsync(Wire client)
    {
        var head = await client.ReadHeadAsync();
        Assert.Equal(200, head!.Status);
        return head["Durable-Result"]!;
    }

    private static async Task AssertWholeAsync(GatewayHost gateway, string result)
    {
        using var response = await gateway.Follower.GetAsync(result);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("completed", response.Headers.GetValues("Durable-Status").Single());
        var body = await response.Content.ReadAsByteArrayAsync();
        Assert.Equal((Size, Expected), (body.Length, Hash(body)));
    }

    internal static async Task AssertProblemAsync(HttpResponseMessage response, HttpStatusCode status, string name)
    {
        Assert.Equal(status, response.StatusCode);
        var problem = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync()).RootElement;
        Assert.Equal(("/_durable/problems/" + name, "service"),
            (problem.GetProperty("type").GetString(), problem.GetProperty("source").GetString()));
    }

    private static string Hash(byte[] bytes) => Convert.ToHexString(SHA256.HashData(bytes));
}
