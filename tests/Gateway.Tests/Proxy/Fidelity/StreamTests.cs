using System.Globalization;
using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Listeners;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Content that is forwarded while it is produced: bodies in both directions, events, upgrades, interim responses.</summary>
/// <remarks>
/// .NET's client sends the whole request to an HTTP/1.1 service before it reads the response. So two simultaneous directions
/// need HTTP/2 (see <see cref="Http2Tests"/>) or an upgrade.
/// </remarks>
public sealed class StreamTests(Lanes lanes) : IClassFixture<Lanes>
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static TheoryData<string> Kinds { get; } = [Lanes.Plain, Lanes.Disabled, Lanes.Durable];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Upload_FirstBytesArriveBeforeTheLastAreSent(string lane)
    {
        var first = Signal();
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.ReadExactlyAsync(32_768);
            first.SetResult("");
            await wire.ReadExactlyAsync(5_000_000 - 32_768);
            await wire.WriteAsync(RawService.Ok());
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "PUT", "Content-Length: 5000000") + new string('f', 65_536));
        await first.Task.WaitAsync(Patience);
        await client.WriteAsync(new string('x', 5_000_000 - 65_536));

        Assert.Equal(200, (await client.ReadHeadAsync())!.Status);
    }

    /// <summary>Even a few bytes are forwarded at once: a client may wait until the service has reacted to them.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Upload_InSmallPieces_FlowsAsItComes(string lane)
    {
        var first = Signal();
        lanes.Service.Handler = async (wire, _) =>
        {
            first.SetResult(Encoding.Latin1.GetString(await wire.ReadExactlyAsync(5)));
            await wire.WriteAsync(RawService.Ok(Encoding.Latin1.GetString(await wire.ReadExactlyAsync(4))));
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "PUT", "Content-Length: 9") + "first");
        Assert.Equal("first", await first.Task.WaitAsync(Patience));
        await client.WriteAsync("last");

        Assert.Equal("last", (await client.ReadRestAsync((await client.ReadHeadAsync())!)).Text);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Download_FirstBytesArriveBeforeTheServiceHasFinished(string lane)
    {
        var arrived = Signal();
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 5000005\r\n\r\nfirst");
            await arrived.Task.WaitAsync(Patience);
            await wire.WriteAsync(new string('x', 5_000_000));
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "GET"));
        Assert.Equal(200, (await client.ReadHeadAsync())!.Status);
        Assert.Equal("first"u8.ToArray(), await client.ReadExactlyAsync(5));
        arrived.SetResult("");

        Assert.Equal(5_000_000, (await client.ReadExactlyAsync(5_000_000)).Length);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Events_HeadArrivesBeforeTheFirst(string lane)
    {
        var arrived = Signal();
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await arrived.Task.WaitAsync(Patience);
            await wire.WriteAsync("2\r\nok\r\n0\r\n\r\n");
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "GET"));
        var head = await client.ReadHeadAsync();
        arrived.SetResult("");

        Assert.Equal("ok", (await client.ReadRestAsync(head!)).Text);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Events_ArriveOneByOne(string lane)
    {
        using var taken = new SemaphoreSlim(0);
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n");
            for (var i = 0; i < 5; i++)
            {
                await wire.WriteAsync($"9\r\ndata: {i}\n\n\r\n");
                Assert.True(await taken.WaitAsync(Patience));
            }

            await wire.WriteAsync("0\r\n\r\n");
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "GET", "Accept: text/event-stream"));
        Assert.Equal("text/event-stream", (await client.ReadHeadAsync())!["Content-Type"]);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"data: {i}\n\n"),
                Encoding.Latin1.GetString(await client.ReadChunkAsync()));
            taken.Release();
        }

        Assert.Empty(await client.ReadChunkAsync());
    }

    /// <summary>
    /// A subscription ends with its client, and is not repeated, even if it is stored because its first event took long.
    /// </summary>
    [Theory]
    [InlineData(Lanes.Plain, "")]
    [InlineData(Lanes.Durable, "")]
    [InlineData(Lanes.Durable, "Idempotency-Key: \"a\"")]
    public async Task Events_EndWhenTheClientLeaves(string lane, string header)
    {
        var requests = 0;
        var left = Signal();
        lanes.Service.Handler = async (wire, _) =>
        {
            Interlocked.Increment(ref requests);
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n");
            await wire.WriteAsync("9\r\ndata: 1\n\n\r\n");
            if ((await wire.ReadSomeAsync()).Length == 0) left.SetResult("");
        };
        string? run;
        using (var client = await Wire.ConnectAsync(lanes.Gateway.Public))
        {
            await client.WriteAsync(header.Length > 0 ? Head(lane, "GET", header) : Head(lane, "GET"));
            var head = await client.ReadHeadAsync();
            run = head!["Durable-Run-Id"];
            Assert.Equal(9, (await client.ReadChunkAsync()).Length);
        }

        await left.Task.WaitAsync(Patience);

        Assert.Equal(1, requests);
        if (!RunId.TryParse(run, out var id)) return;
        await Eventually.TrueAsync(async () => await lanes.Gateway.Store.GetSnapshotAsync(id) is var snapshot
            && (header.Length > 0 ? snapshot is { State: RunState.Cancelled } : snapshot is null or { State: RunState.Cancelled }),
            "a run that was stored has ended");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task WebSocket_IsUpgradedAndEchoes(string lane)
    {
        lanes.Service.Handler = async (wire, head) =>
        {
            Assert.Equal("Upgrade", head["Connection"], ignoreCase: true);
            Assert.Equal("websocket", head["Upgrade"]);
            Assert.Equal("dGhlIHNhbXBsZSBub25jZQ==", head["Sec-WebSocket-Key"]);
            await wire.WriteAsync("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                + "Sec-WebSocket-Protocol: chat\r\n"
                + "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
            while (await wire.ReadSomeAsync() is { Length: > 0 } some) await wire.WriteAsync(some);
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "GET", "Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: chat", "Origin: http://o"));
        var head = await client.ReadHeadAsync();
        Assert.Equal(101, head!.Status);
        Assert.Equal("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", head["Sec-WebSocket-Accept"]);
        Assert.Equal("chat", head["Sec-WebSocket-Protocol"]);
        for (var i = 0; i < 3; i++)
        {
            byte[] frame = [0x81, 0x82, 1, 2, 3, 4, (byte)i, 0xff];
            await client.WriteAsync(frame);
            Assert.Equal(frame, await client.ReadExactlyAsync(frame.Length));
        }
    }

    [Fact]
    public async Task Expect_100Continue_ReachesTheService_AndItsAnswerTheClient()
    {
        lanes.Service.Reply(RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Head("PUT", "/e", "Expect: 100-continue", "Content-Length: 4") + "\r\nbody");

        Lanes.AssertAsSent(exchange);
        Assert.Equal("100-continue", exchange.Seen!.Head["Expect"]);
        Assert.Equal(200, exchange.Received.Head.Status);
    }

    /// <summary>The client waits for <c>100 Continue</c>. A service that refuses the body says so before the client sends it.</summary>
    /// <remarks>.NET's client sends a body of up to 1 KiB anyway, to keep the connection.</remarks>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Expect_100Continue_IsTheServicesToRefuse(string lane)
    {
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
            wire.Close();
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "PUT", "Expect: 100-continue", "Content-Length: 4096"));

        Assert.Equal(417, (await client.ReadHeadAsync())!.Status);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Expect_100Continue_IsTheServicesToGrant(string lane)
    {
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
            await wire.WriteAsync(RawService.Ok(Encoding.Latin1.GetString(await wire.ReadExactlyAsync(4))));
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "PUT", "Expect: 100-continue", "Content-Length: 4"));
        Assert.Equal(100, (await client.ReadHeadAsync())!.Status);
        await client.WriteAsync("body");

        Assert.Equal("body", (await client.ReadRestAsync((await client.ReadHeadAsync())!)).Text);
    }

    /// <summary>ASP.NET Core cannot send interim responses other than 100 and 101. They must not be taken for the final response.</summary>
    [Theory]
    [InlineData("HTTP/1.1 102 Processing\r\n\r\n")]
    [InlineData("HTTP/1.1 103 Early Hints\r\nLink: </s.css>; rel=preload\r\n\r\n")]
    [InlineData("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n")]
    public async Task Interim_ResponsesAreNotTheAnswer(string interim)
    {
        lanes.Service.Reply(interim + RawService.Ok());

        var exchange = await lanes.SameAsync(Lanes.Get("/i"));

        Assert.Equal("ok", exchange.Received.Text);
        Assert.Null(exchange.Received.Head["Link"]);
    }

    /// <summary>A truncated response does not look complete to the client.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Response_CutShort_CutsTheClientsConnection(string lane)
    {
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
            wire.Close();
            lanes.Service.Reply(RawService.Ok());
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Head(lane, "GET"));

        await Assert.ThrowsAnyAsync<IOException>(async () => await client.ReadRestAsync((await client.ReadHeadAsync())!));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Requests_OnOneConnection_AreAnsweredInTurn(string lane)
    {
        lanes.Service.Handler = async (wire, head) => await wire.WriteAsync(RawService.Ok(head.Target));
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);
        var host = Lanes.HostOf(lane);

        await client.WriteAsync(string.Concat(Enumerable.Range(0, 5).Select(i => $"GET /{i} HTTP/1.1\r\nHost: {host}\r\n\r\n")));

        for (var i = 0; i < 5; i++)
            Assert.Equal($"/{i}", (await client.ReadRestAsync((await client.ReadHeadAsync())!)).Text);
    }

    private static string Head(string lane, string method, params string[] headers) =>
        (Lanes.Head(method, "/s", headers) + "\r\n").Replace(Lanes.Host, Lanes.HostOf(lane), StringComparison.Ordinal);

    private static TaskCompletionSource<string> Signal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
