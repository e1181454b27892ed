using System.Net;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Proxy;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>
/// A connection as .NET's client uses it. The client reads ahead on an idle connection, writes a request,
/// and repeats the request if the connection ends.
/// </summary>
public sealed class ServiceConnectionTests : IAsyncLifetime
{
    private readonly byte[] _buffer = new byte[4096];
    private Socket _client = null!;
    private Socket _service = null!;
    private ServiceConnection _connection = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _client = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await _client.ConnectAsync(listener.LocalEndpoint);
        _service = await listener.AcceptSocketAsync();
        _connection = new ServiceConnection(new NetworkStream(_client, ownsSocket: true), _client);
    }

    public async ValueTask DisposeAsync()
    {
        await _connection.DisposeAsync();
        _service.Dispose();
    }

    [Fact]
    public async Task End_BeforeTheFirstResponse_IsAnError()
    {
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        var read = ReadAsync();
        await ServiceReadsAsync();
        _service.Shutdown(SocketShutdown.Send);

        await Assert.ThrowsAsync<HttpIOException>(() => read);
    }

    [Fact]
    public async Task End_AfterTheSecondRequest_IsAnError()
    {
        await ExchangeAsync();
        var ahead = ReadAsync();
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        await ServiceReadsAsync();
        _service.Shutdown(SocketShutdown.Send);

        await Assert.ThrowsAsync<HttpIOException>(() => ahead);
    }

    /// <summary>The client reads ahead only on idle connections. If a request waits for one, it writes at once.</summary>
    [Fact]
    public async Task End_AfterTheSecondRequest_IsAnError_WithoutAReadAheadOfIt()
    {
        await ExchangeAsync();
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        await ServiceReadsAsync();
        _service.Shutdown(SocketShutdown.Send);

        await Assert.ThrowsAsync<HttpIOException>(ReadAsync);
    }

    /// <summary>.NET's client itself: the second request waits for the only connection, and gets it when the first response ends.</summary>
    [Fact]
    public async Task Request_ThatTakesOverAConnection_IsSentOnce()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 1 };
        ServiceConnection.SendOnce(handler);
        using var client = new HttpClient(handler) { BaseAddress = new Uri($"http://{listener.LocalEndpoint}") };
        var first = client.GetAsync("/first", Cancellation);
        var service = await listener.AcceptSocketAsync(Cancellation);
        Assert.StartsWith("GET /first", await ReceiveAsync(service), StringComparison.Ordinal);
        var second = client.GetAsync("/second", Cancellation);
        await service.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Cancellation);
        Assert.StartsWith("GET /second", await ReceiveAsync(service), StringComparison.Ordinal);
        service.Dispose();

        // The gateway would send a repeated request on another connection, and wait for its response.
        var again = listener.AcceptSocketAsync(Cancellation).AsTask();
        Assert.Same(second, await Task.WhenAny(second, again).WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
        await Assert.ThrowsAsync<HttpRequestException>(() => second);
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
    }

    /// <summary>A service may answer while it still receives the request, and the answer may remain unread meanwhile.</summary>
    [Fact]
    public async Task RestOfARequest_IsSent_WhileItsResponseComes()
    {
        await _connection.WriteAsync("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n"u8.ToArray(), Cancellation);
        await ServiceReadsAsync();
        await _service.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"u8.ToArray(), Cancellation);
        await ReadAsync();
        _ = _connection.ReadAsync(Memory<byte>.Empty, Cancellation).AsTask();
        await _service.SendAsync("echo"u8.ToArray(), Cancellation);
        Assert.True(SpinWait.SpinUntil(() => _client.Poll(0, SelectMode.SelectRead), TimeSpan.FromSeconds(30)));

        await _connection.WriteAsync("echo"u8.ToArray(), Cancellation);

        Assert.Equal("echo", await ReceiveAsync(_service));
        Assert.Equal("echo", await ReadAsync());
    }

    /// <summary>The first line identifies the head of a request, however long the line is.</summary>
    [Fact]
    public async Task Request_WithALongTarget_IsSentOnceToo()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var handler = new SocketsHttpHandler { MaxConnectionsPerServer = 1 };
        ServiceConnection.SendOnce(handler);
        using var client = new HttpClient(handler) { BaseAddress = new Uri($"http://{listener.LocalEndpoint}") };
        var first = client.GetAsync("/", Cancellation);
        var service = await listener.AcceptSocketAsync(Cancellation);
        await ReceiveAsync(service);
        var second = client.GetAsync("/" + new string('x', 20_000), Cancellation);
        await service.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Cancellation);
        for (var text = ""; !text.EndsWith("\r\n\r\n", StringComparison.Ordinal);) text += await ReceiveAsync(service);
        service.Dispose();

        var again = listener.AcceptSocketAsync(Cancellation).AsTask();
        Assert.Same(second, await Task.WhenAny(second, again).WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
        await Assert.ThrowsAsync<HttpRequestException>(() => second);
        Assert.Equal(HttpStatusCode.OK, (await first).StatusCode);
    }

    /// <summary>The client sees the end of the connection, and repeats the request on another one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task End_BeforeTheSecondRequest_KeepsTheRequestHere(bool readsAhead)
    {
        await ExchangeAsync();
        var ahead = readsAhead ? ReadAsync() : null;
        _service.Shutdown(SocketShutdown.Send);
        if (ahead is not null) Assert.Equal("", await ahead);
        else Assert.True(SpinWait.SpinUntil(() => _client.Poll(0, SelectMode.SelectRead), TimeSpan.FromSeconds(30)));
        if (!readsAhead) _ = _connection.ReadAsync(Memory<byte>.Empty, Cancellation).AsTask();

        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);

        Assert.Equal("", await ReadAsync());
        await _connection.DisposeAsync();
        Assert.Equal(0, await _service.ReceiveAsync(_buffer, Cancellation));
    }

    /// <summary>A server that closes an idle connection with <c>408</c> does not answer the next request with it.</summary>
    [Fact]
    public async Task Response_BeforeTheSecondRequest_IsNotTakenForItsResponse()
    {
        await ExchangeAsync();
        await _service.SendAsync("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray(),
            Cancellation);
        Assert.True(SpinWait.SpinUntil(() => _client.Poll(0, SelectMode.SelectRead), TimeSpan.FromSeconds(30)));
        _ = _connection.ReadAsync(Memory<byte>.Empty, Cancellation).AsTask();

        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);

        Assert.Equal("", await ReadAsync());
    }

    [Fact]
    public async Task End_OfAResponseWithoutALength_IsAnEnd()
    {
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        await _service.SendAsync("HTTP/1.1 200 OK\r\n\r\nabc"u8.ToArray(), Cancellation);
        var text = await ReadAsync();
        _service.Shutdown(SocketShutdown.Send);
        for (var some = "?"; some.Length > 0;) text += some = await ReadAsync();

        Assert.Equal("HTTP/1.1 200 OK\r\n\r\nabc", text);
    }

    /// <summary>After an upgrade, both sides write at any time, and either may end the connection.</summary>
    [Theory]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\n\r\n")]
    [InlineData("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n")]
    public async Task End_AfterAnUpgrade_IsAnEnd(string response)
    {
        await _connection.WriteAsync("GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"u8.ToArray(), Cancellation);

        // The status line may arrive in pieces.
        await _service.SendAsync(Encoding.ASCII.GetBytes(response[..9]), Cancellation);
        var head = ReadAsync();
        await _service.SendAsync(Encoding.ASCII.GetBytes(response[9..]), Cancellation);
        var text = await head;
        while (text.Length < response.Length) text += await ReadAsync();
        var read = ReadAsync();
        await _connection.WriteAsync("frame"u8.ToArray(), Cancellation);
        await ServiceReadsAsync();
        _service.Shutdown(SocketShutdown.Send);

        Assert.Equal(response, text);
        Assert.Equal("", await read);
    }

    /// <summary>The HTTP version may differ from one response to the next. HTTP/1.0 is marked each time.</summary>
    [Fact]
    public async Task Http10_IsMarked_AlsoAfterAnotherVersion()
    {
        await ExchangeAsync();
        var ahead = ReadAsync();
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        await _service.SendAsync("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Cancellation);

        Assert.Equal("HTTP/1.0 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", await ahead);
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0,
            await socket.ReceiveAsync(buffer, Cancellation).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancellation));
    }

    private async Task ExchangeAsync()
    {
        await _connection.WriteAsync("GET / HTTP/1.1\r\n\r\n"u8.ToArray(), Cancellation);
        await ServiceReadsAsync();
        await _service.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"u8.ToArray(), Cancellation);
        Assert.StartsWith("HTTP/1.1 200 OK", await ReadAsync(), StringComparison.Ordinal);
    }

    private async Task<string> ReadAsync()
    {
        var buffer = new byte[4096];
        return Encoding.ASCII.GetString(buffer, 0, await _connection.ReadAsync(buffer, Cancellation));
    }

    private async Task ServiceReadsAsync() => Assert.NotEqual(0, await _service.ReceiveAsync(_buffer, Cancellation));
}
