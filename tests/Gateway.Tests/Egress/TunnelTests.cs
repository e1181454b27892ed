using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary><c>CONNECT</c>: bytes pass in both directions, and are never a step.</summary>
public sealed class TunnelTests
{
    private const string Established = "HTTP/1.1 200 Connection Established";

    [Fact]
    public async Task Tunnel_CarriesBytesBothWays_AndTheClientsEnd()
    {
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address);
        using var client = await ConnectAsync(checkout, address, early: "early ");

        await client.SendAsync("late"u8.ToArray());
        var heard = await ReadAsync(client, "early late".Length);
        client.Shutdown(SocketShutdown.Send);
        var rest = await ReadToEndAsync(client);

        Assert.Equal("early late", heard);
        Assert.Equal(" and the end", rest);
    }

    [Fact]
    public async Task LargeTunnel_LosesNothing()
    {
        var sent = new byte[4 << 20];
        new Random(7).NextBytes(sent);
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address);
        using var client = await ConnectAsync(checkout, address);

        var received = ReadBytesToEndAsync(client);
        for (var at = 0; at < sent.Length;) at += await client.SendAsync(sent.AsMemory(at));
        client.Shutdown(SocketShutdown.Send);

        var all = await received;
        byte[] expected = [.. sent, .. Encoding.ASCII.GetBytes(" and the end")];
        Assert.True(all.AsSpan().SequenceEqual(expected), $"{all.Length} of {expected.Length} bytes");
    }

    /// <summary>Java, older .NET clients and others leave the port out of Host.</summary>
    [Theory]
    [InlineData("HTTP/1.1\nHost: 127.0.0.1\n\n")]
    [InlineData("HTTP/1.0\n\n")]
    public async Task HostOfTheRequest_DoesNotMatter(string rest)
    {
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address);
        using var client = await Raw.ConnectAsync(checkout.Gateway.Egress, $"CONNECT {address} {rest}");

        Assert.Equal(Established, await ReadAsync(client.Client, Established.Length));
    }

    [Fact]
    public async Task EndOfTheDestination_EndsTheTunnel()
    {
        await using var service = new SocketService((_, socket) => socket.SayAsync("bye"));
        var address = new Uri(service.Url).Authority;
        await using var checkout = await StartAsync(address);
        using var client = await ConnectAsync(checkout, address, early: "hello");

        Assert.Equal("bye", await ReadToEndAsync(client));
    }

    [Fact]
    public async Task ResetOfTheClient_EndsTheTunnel()
    {
        var ended = new TaskCompletionSource();
        await using var service = new SocketService(async (_, socket) =>
        {
            try
            {
                while (await socket.ReceiveAsync(new byte[10]) > 0)
                {
                }
            }
            catch (SocketException)
            {
            }

            ended.SetResult();
        });
        var address = new Uri(service.Url).Authority;
        await using var checkout = await StartAsync(address);
        var client = await ConnectAsync(checkout, address, early: "hello");

        await client.ResetAsync();

        await ended.Task.WaitAsync(World.Patience);
    }

    [Fact]
    public async Task SilentTunnel_IsClosed()
    {
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address, "Durable:Egress:TunnelIdleTimeout=00:00:01");
        using var client = await ConnectAsync(checkout, address, early: "hello");

        // On a slow machine, even the echo may come too late.
        Assert.Contains(await ReadToEndAsync(client), (string[])["hello", ""]);
    }

    /// <summary>Tunnels may be open for ever, and must not hold up the end of the process.</summary>
    [Fact]
    public async Task OpenTunnel_DoesNotHoldUpTheShutdown()
    {
        await using var echo = Echo(out var address);
        var checkout = await StartAsync(address, "Durable:ShutdownTimeout=00:05:00");
        using var client = await ConnectAsync(checkout, address, early: "hello");
        Assert.Equal("hello", await ReadAsync(client, 5));

        // The server would wait for minutes.
        await checkout.DisposeAsync().AsTask().WaitAsync(World.Patience);

        Assert.Equal("", await ReadToEndAsync(client));
    }

    [Fact]
    public async Task TooManyTunnels_AreRefused_AndAnEndedOneCountsNoMore()
    {
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address, "Durable:Egress:MaxTunnels=1");
        using var first = await ConnectAsync(checkout, address);

        var refused = await AskAsync(checkout, address);
        first.Shutdown(SocketShutdown.Send);
        await ReadToEndAsync(first);
        await Eventually.TrueAsync(async () => (await AskAsync(checkout, address, close: true)).Status == 200, "there is room again");

        Assert.Equal(503, refused.Status);
        Assert.Contains("too-many-tunnels", Encoding.UTF8.GetString(refused.Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tunnel_IsRefused_WhereRoutesAloneAreForwardedTo()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            [.. Forwarding.Route, "Durable:Egress:TunnelPorts:0=443"]);

        // Even to a host that a route names: its calls would be no steps.
        await AssertRefusedAsync(checkout, $"{Forwarding.Host}:443", 403, "destination-refused");
    }

    [Fact]
    public async Task Tunnel_IsRefused_IfThePortIsNotListed()
    {
        await using var echo = Echo(out var address);
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);

        await AssertRefusedAsync(checkout, address, 403, "TunnelPorts");
    }

    [Fact]
    public async Task UnreachableDestination_IsABadGateway()
    {
        var address = $"127.0.0.1:{FreePort.Next()}";
        await using var checkout = await StartAsync(address);

        await AssertRefusedAsync(checkout, address, 502, "service-unreachable");
    }

    /// <summary>With an https:// listener, the request for the tunnel is within TLS.</summary>
    [Fact]
    public async Task Tunnel_OpensWithinTls()
    {
        var directory = Directory.CreateTempSubdirectory("durable-tunnel-").FullName;
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(Make.Start.AddYears(-5), Make.Start.AddYears(50));
        await File.WriteAllTextAsync(Path.Combine(directory, "own.pem"), certificate.ExportCertificatePem());
        await File.WriteAllTextAsync(Path.Combine(directory, "own.key"), key.ExportPkcs8PrivateKeyPem());
        await using var echo = Echo(out var address);
        await using (var checkout = await StartAsync(address, "Durable:Listeners:Egress=https://127.0.0.1:0",
            $"Kestrel:Certificates:Default:Path={Path.Combine(directory, "own.pem")}",
            $"Kestrel:Certificates:Default:KeyPath={Path.Combine(directory, "own.key")}"))
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, checkout.Gateway.Egress.Port);
            using var tls = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, (_, shown, _, _) =>
                shown?.GetCertHashString() == certificate.Thumbprint);
            await tls.AuthenticateAsClientAsync("localhost");
            await tls.WriteAsync(Encoding.ASCII.GetBytes($"CONNECT {address} HTTP/1.1\r\nHost: {address}\r\n\r\nhello"));
            await tls.ShutdownAsync();
            using var reader = new StreamReader(tls);

            Assert.Equal($"{Established}\r\n\r\nhello and the end", await reader.ReadToEndAsync().WaitAsync(World.Patience));
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Tunnel_CountsAsACallOfNoRun()
    {
        var counted = new TaskCompletionSource<string?>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meters) =>
        {
            if (instrument.Name == "durable.egress.unbound") meters.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
        {
            foreach (var (_, value) in tags)
            {
                if (value is "(any)") counted.TrySetResult("(any)");
            }
        });
        listener.Start();
        await using var echo = Echo(out var address);
        await using var checkout = await StartAsync(address);
        using var client = await ConnectAsync(checkout, address);

        Assert.Equal("(any)", await counted.Task.WaitAsync(World.Patience));
    }

    private static Task<Checkout> StartAsync(string address, params string[] settings) => Checkout.StartAsync(
        (_, _, _) => Task.CompletedTask, null, [Forwarding.Any, $"Durable:Egress:TunnelPorts:0={address.Split(':')[1]}", .. settings]);

    private static async Task<Socket> ConnectAsync(Checkout checkout, string address, string early = "")
    {
        var client = await Raw.ConnectAsync(
            checkout.Gateway.Egress, $"CONNECT {address} HTTP/1.1\nHost: {address}\n\n", Encoding.UTF8.GetBytes(early));
        Assert.Equal(Established + "\r\n\r\n", await ReadAsync(client.Client, Established.Length + 4));
        return client.Client;
    }

    /// <summary>Asks for a tunnel, and closes it.</summary>
    private static async Task<RawAnswer> AskAsync(Checkout checkout, string address, bool close = false)
    {
        using var client = await Raw.ConnectAsync(checkout.Gateway.Egress, $"CONNECT {address} HTTP/1.1\nHost: {address}\n\n");
        if (close) client.Client.Shutdown(SocketShutdown.Send);
        return RawAnswer.Parse(await ReadBytesToEndAsync(client.Client));
    }

    private static async Task AssertRefusedAsync(Checkout checkout, string address, int status, string what)
    {
        var answer = await AskAsync(checkout, address);

        Assert.Equal(status, answer.Status);
        Assert.Equal("close", answer["Connection"]);
        Assert.Equal("application/problem+json", answer["Content-Type"]);
        Assert.Contains(what, Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
    }

    private static async Task<string> ReadAsync(Socket socket, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var some = await socket.ReceiveAsync(bytes.AsMemory(read)).AsTask().WaitAsync(World.Patience);
            if (some == 0) return Encoding.UTF8.GetString(bytes, 0, read);
            read += some;
        }

        return Encoding.UTF8.GetString(bytes);
    }

    private static async Task<string> ReadToEndAsync(Socket socket) => Encoding.UTF8.GetString(await ReadBytesToEndAsync(socket));

    private static async Task<byte[]> ReadBytesToEndAsync(Socket socket)
    {
        using var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            while (await socket.ReceiveAsync(buffer).WaitAsync(World.Patience) is var read and > 0) all.Write(buffer, 0, read);
        }
        catch (SocketException)
        {
            // After a reset, use the bytes that arrived.
        }

        return all.ToArray();
    }

    /// <summary>A service that says what it hears, and more when it has heard all.</summary>
    private static EchoService Echo(out string address)
    {
        var echo = new EchoService();
        address = echo.Address;
        return echo;
    }

    private sealed class EchoService : IAsyncDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly Task _loop;

        public EchoService()
        {
            _listener.Start();
            _loop = LoopAsync();
        }

        public string Address => $"{_listener.LocalEndpoint}";

        public async ValueTask DisposeAsync()
        {
            _listener.Stop();
            await _loop;
        }

        private async Task LoopAsync()
        {
            try
            {
                while (true) _ = AnswerAsync(await _listener.AcceptSocketAsync());
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                // The test is over.
            }
        }

        private static async Task AnswerAsync(Socket socket)
        {
            using (socket)
            {
                try
                {
                    var buffer = new byte[16 * 1024];
                    while (await socket.ReceiveAsync(buffer) is var read and > 0)
                    {
                        for (var at = 0; at < read;) at += await socket.SendAsync(buffer.AsMemory(at, read - at));
                    }

                    await socket.SendAsync(" and the end"u8.ToArray());
                    socket.Shutdown(SocketShutdown.Both);
                }
                catch (SocketException)
                {
                    // The tunnel was broken off.
                }
            }
        }
    }
}
