using System.Net;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Tests.Egress;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Attacks;

/// <summary>
/// What can be done with the egress listener as a forward proxy: by a service that was tricked into calling a URL of an attacker (SSRF),
/// and by who finds a way to it from outside.
/// </summary>
public sealed class ForwardProxyTests
{
    /// <summary>Addresses that are refused where they are connected to, in whatever notation.</summary>
    private static readonly string[] Metadata =
    [
        "169.254.169.254", "169.254.170.2", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]",
        "100.100.100.200", "168.63.129.16", "0.0.0.0", "[::]", "255.255.255.255", "224.0.0.1",
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task MetadataOfClouds_IsNotReached(bool byARouteOfAllHosts)
    {
        string[] settings = byARouteOfAllHosts
            ? [.. Forwarding.RequestedHost, "ReverseProxy:Routes:asked:Match:Hosts:0=*"]
            : [Forwarding.Any];
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, settings);

        foreach (var host in Metadata)
        {
            var answer = await Raw.SendAsync(checkout.Gateway.Egress,
                $"GET http://{host}/latest/meta-data/ HTTP/1.1\nHost: {host}\nConnection: close\n\n");

            // The server itself refuses some spellings.
            Assert.True(answer.Status is 400 or 403, $"{host}: {answer.Status}");
            if (answer.Status == 403)
                Assert.Contains("destination-refused", Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task MetadataOfClouds_IsNotReachedByATunnel()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);

        foreach (var host in Metadata)
        {
            var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"CONNECT {host}:443 HTTP/1.1\nHost: {host}:443\n\n");

            Assert.True(answer.Status == 403, $"{host}: {answer.Status}");
        }
    }

    /// <summary>The control listener asks services for no key where they are on its machine.</summary>
    [Fact]
    public async Task GatewayItself_IsNotReached()
    {
        await using var checkout = await Checkout.StartAsync(
            (_, _, _) => Task.CompletedTask, null, [Forwarding.Any, .. Forwarding.RequestedHost]);
        var gateway = checkout.Gateway;

        foreach (var port in new[] { gateway.Public.Port, gateway.Control.Port, gateway.Egress.Port })
        {
            foreach (var host in new[] { "127.0.0.1", "localhost", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", Dns.GetHostName() })
            {
                var answer = await Raw.SendAsync(gateway.Egress,
                    $"GET http://{host}:{port}/metrics HTTP/1.1\nHost: {host}:{port}\nConnection: close\n\n");

                Assert.True(answer.Status == 403, $"{host}:{port}: {answer.Status}");
            }
        }
    }

    [Fact]
    public async Task GatewayItself_IsNotReachedByATunnel()
    {
        var egress = FreePort.Next();
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            Forwarding.Any, $"Durable:Listeners:Egress=http://127.0.0.1:{egress}", $"Durable:Egress:TunnelPorts:0={egress}");

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"CONNECT localhost:{egress} HTTP/1.1\nHost: a\n\n");

        Assert.Equal(403, answer.Status);
        Assert.Contains("the gateway itself", Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
    }

    /// <summary>What server, resolver and destination may read in different ways. {to} is a service that must not be called.</summary>
    [Theory]
    [InlineData("GET https://{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET ftp://{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET file:///etc/passwd HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET gopher://{to}/_x HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET {to} HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://payments.test/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://{to}/ HTTP/1.1\nHost: payments.test\n")]
    [InlineData("GET http://{to}/ HTTP/1.1\nHost: {to}\nHost: payments.test\n")]
    [InlineData("GET http://{to}/ HTTP/1.1\n")]
    [InlineData("GET http://payments.test@{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://payments.test:80@{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://{to}\\@payments.test/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://{to}#@payments.test/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://{to}/a/..%2f..%2fb HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http:{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http:\\\\{to}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://2130706433:{port}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://0x7f.1:{port}/ HTTP/1.1\nHost: {to}\n")]
    [InlineData("GET http://0177.0.0.1:{port}/ HTTP/1.1\nHost: {to}\n")]
    public async Task AmbiguousTarget_IsRefused(string head)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, [Forwarding.Any, .. Forwarding.Route]);
        var to = new Uri(checkout.Payments.Url);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, head.Replace("{to}", to.Authority, StringComparison.Ordinal)
            .Replace("{port}", $"{to.Port}", StringComparison.Ordinal) + "Connection: close\n\n");

        Assert.True(answer.Status is 400 or 405, $"{answer.Status}");
        Assert.Empty(checkout.Ledger);
    }

    /// <summary>The route of the public listener takes every path and host.</summary>
    [Fact]
    public async Task PublicListener_IsNoForwardProxy()
    {
        await using var checkout = await Checkout.StartAsync(
            (_, context, _) => context.Response.WriteAsync("service"), null,
            [Forwarding.Any, .. Forwarding.Route, .. Forwarding.RequestedHost]);
        var to = new Uri(checkout.Payments.Url).Authority;
        var egress = checkout.Gateway.Egress.Authority;
        string[] heads =
        [
            $"GET http://{to}/charges HTTP/1.1\nHost: {to}\n",
            $"GET http://{Forwarding.Host}/charges HTTP/1.1\nHost: {Forwarding.Host}\n",
            $"GET http://{egress}/payments/charges HTTP/1.1\nHost: {egress}\n",
            $"GET /charges HTTP/1.1\nHost: {Forwarding.Host}\n",
            $"GET /charges HTTP/1.1\nHost: {to}\nDurable-Egress-Forwarded: ?1\nDurable-Egress-Target: {to}\n",
            $"POST /x HTTP/1.1\nHost: {to}\nContent-Length: 0\n\nGET http://{to}/charges HTTP/1.1\nHost: {to}\n",
        ];

        foreach (var head in heads)
        {
            var answer = await Raw.SendAsync(checkout.Gateway.Public, head + "Connection: close\n\n");

            Assert.True(answer.Status == 200, $"{head}: {answer.Status}");
            Assert.Contains("service", Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
        }

        Assert.All(checkout.Service.Seen, request => Assert.Null(request["Durable-Egress-Target"]));
        Assert.Empty(checkout.Ledger);
    }

    [Theory]
    [InlineData("HTTP/1.1")]
    [InlineData("HTTP/1.0")]
    public async Task PublicAndControlListener_OpenNoTunnels(string version)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            Forwarding.Any, "Durable:Egress:TunnelPorts:0=443");
        var to = new Uri(checkout.Payments.Url).Authority;

        foreach (var listener in new[] { checkout.Gateway.Public, checkout.Gateway.Control })
        {
            var answer = await Raw.SendAsync(listener, $"CONNECT {to} {version}\nHost: {to}\nConnection: close\n\n");

            Assert.True(answer.Status is >= 400 and < 600, $"{listener}: {answer.Status}");
        }

        Assert.Empty(checkout.Service.Seen);
        Assert.Empty(checkout.Ledger);
    }

    /// <summary>Two servers in a row may see another end of the first request.</summary>
    [Theory]
    [InlineData("Content-Length: 0\nContent-Length: {length}\n", "{hidden}")]
    [InlineData("Transfer-Encoding: xchunked\n", "0\n\n{hidden}")]
    [InlineData("Transfer-Encoding: chunked, identity\n", "0\n\n{hidden}")]
    [InlineData("Transfer-Encoding : chunked\n", "0\n\n{hidden}")]
    [InlineData("X: a\n Transfer-Encoding: chunked\n", "0\n\n{hidden}")]
    public async Task AmbiguousBody_IsRefused(string framing, string body)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);
        var to = new Uri(checkout.Payments.Url).Authority;
        var hidden = $"GET http://{to}/hidden HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n";

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, $"POST http://{to}/charges HTTP/1.1\nHost: {to}\n"
            + framing.Replace("{length}", $"{hidden.Length}", StringComparison.Ordinal) + "\n"
            + body.Replace("{hidden}", hidden, StringComparison.Ordinal));

        Assert.Equal(400, answer.Status);
        Assert.Empty(checkout.Payments.Seen);
    }

    [Theory]
    [InlineData("Content-Length: {length}\nTransfer-Encoding: chunked\n", "0\n\n{hidden}")]
    [InlineData("Content-Length: {length}\n", "{hidden}")]
    [InlineData("Transfer-Encoding: chunked\n", "{hex}\n{hidden}\n0\n\n")]
    public async Task BodyWithARequestInIt_IsOneCall(string framing, string body)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);
        var to = new Uri(checkout.Payments.Url).Authority;
        var hidden = $"GET /hidden HTTP/1.1\r\nHost: {to}\r\n\r\n";

        await Raw.SendAsync(checkout.Gateway.Egress, $"POST http://{to}/charges HTTP/1.1\nHost: {to}\nConnection: close\n"
            + framing.Replace("{length}", $"{hidden.Length}", StringComparison.Ordinal) + "\n"
            + body.Replace("{hidden}", hidden, StringComparison.Ordinal).Replace("{hex}", $"{hidden.Length:x}", StringComparison.Ordinal));

        Assert.Equal("/charges", Assert.Single(checkout.Payments.Seen).Target);
    }

    /// <summary>In HTTP/1.0, so that the connection ends although <c>Connection</c> does not say so.</summary>
    [Theory]
    [InlineData("http://{to}/charges")]
    [InlineData("/payments/charges")]
    public async Task HeaderThatConnectionNames_DoesNotLeave(string target)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);
        var to = new Uri(checkout.Payments.Url).Authority;

        await Raw.SendAsync(checkout.Gateway.Egress, $"GET {target.Replace("{to}", to, StringComparison.Ordinal)} HTTP/1.0\nHost: {to}\n"
            + "Connection: X-Hop\nX-Hop: secret\nX-End: 1\n\n");

        var seen = Assert.Single(checkout.Payments.Seen);
        Assert.Equal("1", seen["X-End"]);
        Assert.Null(seen["X-Hop"]);
    }

    /// <summary>Each request of a connection is matched by itself.</summary>
    [Fact]
    public async Task KeptConnection_KnowsNoHostOfTheRequestBefore()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Route);
        var to = new Uri(checkout.Payments.Url).Authority;
        using var wire = await Wire.ConnectAsync(checkout.Gateway.Egress);

        async Task<int> SendAsync(string target, string host)
        {
            await wire.WriteAsync($"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            var head = (await wire.ReadHeadAsync())!;
            await wire.ReadRestAsync(head);
            return head.Status;
        }

        Assert.Equal(201, await SendAsync($"http://{Forwarding.Host}/one", Forwarding.Host));
        Assert.Equal(403, await SendAsync($"http://{to}/two", to));
        Assert.Equal(404, await SendAsync("/three", to));
        Assert.Equal(201, await SendAsync("/payments/four", "a"));
        Assert.Equal(403, await SendAsync($"http://{to}/payments/five", to));
        Assert.Equal(201, await SendAsync($"http://{Forwarding.Host}/six", Forwarding.Host));
        Assert.Equal(["/one", "/payments/four", "/six"], checkout.Payments.Seen.Select(call => call.Target));
    }

    /// <summary>What follows a request for a tunnel is the tunnel's, and no request of its own if there is no tunnel.</summary>
    [Theory]
    [InlineData("CONNECT payments.test:443 HTTP/1.1\nHost: payments.test:443\n\n")]
    [InlineData("CONNECT payments.test HTTP/1.1\nHost: payments.test\n\n")]
    [InlineData("CONNECT payments.test:443 HTTP/1.1\nHost: payments.test:443\nContent-Length: 5\n\n")]
    [InlineData("GET /payments/first HTTP/1.1\nHost: a\n\nCONNECT payments.test:443 HTTP/1.1\nHost: payments.test:443\n\n")]
    [InlineData("GET http://payments.test\\x/ HTTP/1.1\nHost: payments.test\n\n")]
    public async Task RequestBehindARefusedOne_IsNotRead(string first)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Route);

        await Raw.SendAsync(checkout.Gateway.Egress, first + $"GET http://{Forwarding.Host}/hidden HTTP/1.1\nHost: {Forwarding.Host}\n\n");

        Assert.DoesNotContain(checkout.Payments.Seen, call => call.Target == "/hidden");
    }

    /// <summary>The HTTP of a tunnel's bytes is not looked at, so a head that never ends must not be waited for without end.</summary>
    [Fact]
    public async Task EndlessHead_IsRefused()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);

        // One byte more than the limit, so that none is left unread, which would reset the connection.
        const string Start = "CONNECT payments.test:443 HTTP/1.1\r\nX-Fill: ";
        var large = await Raw.SendAsync(checkout.Gateway.Egress, Start + new string('x', (16 * 1024) + 1 - Start.Length));

        Assert.Equal(431, large.Status);
    }

    [Fact]
    public async Task SlowHead_IsCutOff()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            Forwarding.Any, "Durable:Limits:RequestHeadersTimeout=00:00:01");

        var slow = await Raw.SendAsync(checkout.Gateway.Egress, "CONNECT payments.test:443 HTTP/1.1\nHost: ");

        Assert.Equal(0, slow.Status);
    }

    /// <summary>Names of one node for another. They are taken from no one else for more than a target in absolute form.</summary>
    [Theory]
    [InlineData("169.254.169.254", 403)]
    [InlineData("user@127.0.0.1", 400)]
    [InlineData("127.0.0.1/x?", 400)]
    [InlineData("0x7f.1", 400)]
    public async Task ForgedTargetOfANode_IsCheckedAsAnyOther(string authority, int status)
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null, Forwarding.Any);

        var answer = await Raw.SendAsync(checkout.Gateway.Egress, "GET /charges HTTP/1.1\nHost: a\nDurable-Egress-Forwarded: ?1\n"
            + $"Durable-Egress-Target: {authority}\nConnection: close\n\n");

        Assert.Equal(status, answer.Status);
    }

    /// <summary>Redirects are the service's to follow: its next request passes the checks, too.</summary>
    [Fact]
    public async Task Redirect_IsNotFollowed()
    {
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, (context, _) =>
        {
            context.Response.Redirect("http://169.254.169.254/latest/meta-data/");
            return Task.CompletedTask;
        }, Forwarding.Any);
        using var client = Forwarding.ClientOf(checkout.Gateway);

        using var answer = await client.GetAsync(checkout.Payments.Url);

        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
    }

    /// <summary>A service behind a tunnel cannot be told from any other bytes, so nothing of the gateway's is added or read.</summary>
    [Fact]
    public async Task Tunnel_CarriesNothingOfTheRequestThatOpenedIt()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var address = $"{listener.LocalEndpoint}";
        await using var checkout = await Checkout.StartAsync((_, _, _) => Task.CompletedTask, null,
            Forwarding.Any, $"Durable:Egress:TunnelPorts:0={address.Split(':')[1]}");
        using var client = await Raw.ConnectAsync(checkout.Gateway.Egress,
            $"CONNECT {address} HTTP/1.1\nHost: {address}\nDurable-Egress-Token: x\ntracestate: durable=x\n\nbytes");
        using var service = await listener.AcceptSocketAsync();
        var buffer = new byte[100];

        var read = await service.ReceiveAsync(buffer);

        Assert.Equal("bytes", Encoding.ASCII.GetString(buffer, 0, read));
    }
}
