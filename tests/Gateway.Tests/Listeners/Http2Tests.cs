using System.Buffers.Binary;
using System.Net;
using DurableGateway.Tests.Support;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DurableGateway.Tests.Listeners;

/// <summary>HTTP/2 by TLS, as browsers and most clients want it.</summary>
public sealed class Http2WithTlsTests() : Http2Tests("https");

/// <summary>HTTP/2 without TLS, on the port of HTTP/1.1: gRPC within a network.</summary>
public sealed class Http2WithoutTlsTests() : Http2Tests("http");

/// <summary>HTTP/2 at the client's end, and at either end.</summary>
public abstract class Http2Tests(string scheme) : IAsyncLifetime
{
    private readonly RawService _raw = new();
    private WebApplication _service = null!;
    private GatewayHost _gateway = null!;
    private HttpClient _client = null!;

    public static TheoryData<string> Kinds { get; } = [Lanes.Plain, Lanes.Disabled, Lanes.Durable];

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        _service = builder.Build();
        _service.Run(EchoAsync);
        await _service.StartAsync();

        string[] settings =
        [
            $"Durable:Listeners:Public={scheme}://127.0.0.1:0",
            .. Lanes.Routes("upstream"),
            "ReverseProxy:Routes:h2:ClusterId=h2",
            "ReverseProxy:Routes:h2:Match:Path=/h2/{**path}",
            $"ReverseProxy:Routes:h2:Match:Hosts:0={Lanes.HostOf(Lanes.Plain)}",
            "ReverseProxy:Routes:h2durable:ClusterId=h2",
            "ReverseProxy:Routes:h2durable:Match:Path=/h2/{**path}",
            $"ReverseProxy:Routes:h2durable:Match:Hosts:0={Lanes.HostOf(Lanes.Durable)}",
            "ReverseProxy:Routes:h2durable:Metadata:Durable.Policy=default",
            $"ReverseProxy:Clusters:h2:Destinations:a:Address={_service.Urls.First()}",
            "ReverseProxy:Clusters:h2:HttpRequest:Version=2",
            "ReverseProxy:Clusters:h2:HttpRequest:VersionPolicy=RequestVersionExact",
        ];
        var certificate = Make.Certificate("gateway");
        _gateway = await GatewayHost.StartAsync(_raw.Url,
            gateway => gateway.Services.Configure<KestrelServerOptions>(kestrel =>
                kestrel.ConfigureHttpsDefaults(https => https.ServerCertificate = certificate)), settings);
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            SslOptions = { RemoteCertificateValidationCallback = (_, shown, _, _) => shown?.GetCertHashString() == certificate.Thumbprint },
        })
        {
            BaseAddress = _gateway.Public,
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        _client.Dispose();
        await _gateway.DisposeAsync();
        await _service.DisposeAsync();
        await _raw.DisposeAsync();
    }

    [Fact]
    public async Task Request_ReachesAnHttp1Service_AlikeOnEveryRoute()
    {
        _raw.Reply(RawService.Ok("ok", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Empty:"));
        var seen = new List<string?>();
        var received = new List<string>();
        foreach (var lane in new[] { Lanes.Plain, Lanes.Disabled, Lanes.Durable })
        {
            using var request = Request(lane, HttpMethod.Put, "/a%2Fb/%7E?x=%2f");
            request.Content = new ByteArrayContent([0, 1, 0xff]);
            request.Headers.TryAddWithoutValidation("X-Dup", ["1", "2"]);
            request.Headers.TryAddWithoutValidation("Cookie", "a=1; b=2");
            using var response = await _client.SendAsync(request);

            Assert.Equal(HttpVersion.Version20, response.Version);
            Assert.True(_raw.Seen.TryDequeue(out var message));
            Assert.Equal([0, 1, 0xff], message.Body);
            Assert.Equal("1, 2", string.Join(", ", message.Head.Values("X-Dup")));
            Assert.Equal("a=1; b=2", message.Head["Cookie"]);
            Assert.Equal("/a%2Fb/%7E?x=%2f", message.Head.Target);
            seen.Add(Lanes.Text(message, lane));
            received.Add(string.Join('\n', response.Headers.Concat(response.Content.Headers)
                .Where(header => header.Key is not "Date" && !header.Key.StartsWith("durable-", StringComparison.OrdinalIgnoreCase))
                .Select(header => $"{header.Key}: {string.Join('|', header.Value)}")));
        }

        Assert.Equal(seen[0], seen[1]);
        Assert.Equal(seen[0], seen[2]);
        Assert.Equal(received[0], received[1]);
        Assert.Equal(received[0], received[2]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Trailers_OfAnHttp1Service_ReachTheClient(string lane)
    {
        _raw.Reply("HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n");

        using var request = Request(lane, HttpMethod.Get, "/t");
        request.Headers.TE.ParseAdd("trailers");
        using var response = await _client.SendAsync(request);

        Assert.Equal("abc", await response.Content.ReadAsStringAsync());
        Assert.Equal("1", response.TrailingHeaders.GetValues("X-Sum").Single());
        Assert.Equal("2", response.TrailingHeaders.GetValues("X-More").Single());
    }

    /// <summary>The status of a gRPC call comes in its trailers, and both sides talk at once.</summary>
    [Theory]
    [InlineData(Lanes.Plain, "application/grpc")]
    [InlineData(Lanes.Durable, "application/grpc")]
    [InlineData(Lanes.Plain, "application/grpc+proto")]
    [InlineData(Lanes.Durable, "application/grpc+proto")]
    [InlineData(Lanes.Plain, "application/x-duplex")]
    [InlineData(Lanes.Durable, "application/x-duplex")]
    public async Task Call_LikeGrpc_TalksBothWays_AndEndsWithTrailers(string lane, string contentType)
    {
        using var content = new DuplexContent();
        content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        using var request = Request(lane, HttpMethod.Post, "/h2/orders.Orders/Watch");
        request.Content = content;
        request.Headers.TE.ParseAdd("trailers");
        var sending = _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        var upload = await content.Stream.WaitAsync(TimeSpan.FromSeconds(60));

        using var timer = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        byte[] message = [0, 0, 0, 0, 3, 1, 2, 3];
        await upload.WriteAsync(message, timer.Token);
        await upload.FlushAsync(timer.Token);
        using var response = await sending.WaitAsync(timer.Token);
        var download = await response.Content.ReadAsStreamAsync(timer.Token);
        for (var i = 0; i < 3; i++)
        {
            var frame = new byte[8];
            await download.ReadExactlyAsync(frame, timer.Token);
            Assert.Equal(message, frame);
            if (i == 2) break;
            BinaryPrimitives.WriteInt16BigEndian(message.AsSpan(6), (short)i);
            await upload.WriteAsync(message, timer.Token);
            await upload.FlushAsync(timer.Token);
        }

        content.Complete();
        Assert.Equal(0, await download.ReadAsync(new byte[1], timer.Token));
        Assert.Equal(contentType, response.Content.Headers.ContentType!.ToString());
        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("f%C3%BCnf", response.TrailingHeaders.GetValues("grpc-message").Single());
    }

    private static async Task EchoAsync(HttpContext context)
    {
        context.Response.ContentType = context.Request.ContentType;
        var buffer = new byte[1024];
        int read;
        while ((read = await context.Request.Body.ReadAsync(buffer)) > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, read));
            await context.Response.Body.FlushAsync();
        }

        context.Response.AppendTrailer("grpc-status", "0");
        context.Response.AppendTrailer("grpc-message", "f%C3%BCnf");
    }

    private HttpRequestMessage Request(string lane, HttpMethod method, string target) => new(method,
        new Uri(_gateway.Public.GetLeftPart(UriPartial.Authority) + target,
            new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }))
    {
        Version = HttpVersion.Version20,
        VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Headers = { Host = Lanes.HostOf(lane) },
    };

    /// <summary>A body that the test writes as it goes.</summary>
    private sealed class DuplexContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> _stream = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<Stream> Stream => _stream.Task;

        public void Complete() => _complete.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            _stream.TrySetResult(stream);
            await _complete.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
