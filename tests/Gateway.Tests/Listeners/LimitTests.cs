using System.Globalization;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Listeners;

/// <summary><c>Durable:Limits</c> bite where they are set, on plain and durable routes; services are not held to them.</summary>
public sealed class LimitTests
{
    [Theory]
    [InlineData(Lanes.Plain, "Content-Length: 2000", 413)]
    [InlineData(Lanes.Durable, "Content-Length: 2000", 413)]
    [InlineData(Lanes.Plain, "Content-Length: 1000", 200)]
    [InlineData(Lanes.Durable, "Content-Length: 1000", 200)]
    public async Task Body(string lane, string length, int status)
    {
        await using var lanes = await StartAsync("MaxRequestBodySize=1 KiB");
        var size = int.Parse(length.Split(' ')[1], CultureInfo.InvariantCulture);

        Assert.Equal(status, await StatusAsync(lanes, lane, Lanes.Head("POST", "/l", length) + "\r\n" + new string('x', size)));
    }

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Body_OfUnknownLength(string lane)
    {
        await using var lanes = await StartAsync("MaxRequestBodySize=1 KiB");

        Assert.Equal(413, await StatusAsync(lanes, lane,
            Lanes.Head("POST", "/l", "Transfer-Encoding: chunked") + "\r\n400\r\n" + new string('x', 1024) + "\r\n400\r\n"));
    }

    [Theory]
    [InlineData("MaxRequestHeaderCount=10", "X-{0}: 1", 12, 431)]
    [InlineData("MaxRequestHeadersTotalSize=1 KiB",
        "X-{0}: 0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", 12, 431)]
    [InlineData("MaxRequestHeaderCount=10", "X-{0}: 1", 5, 200)]
    public async Task Headers(string limit, string header, int count, int status)
    {
        await using var lanes = await StartAsync(limit);

        Assert.Equal(status, await StatusAsync(lanes, Lanes.Plain,
            Lanes.Get("/l", [.. Enumerable.Range(0, count).Select(i => string.Format(CultureInfo.InvariantCulture, header, i))])));
    }

    [Theory]
    [InlineData(600, 414)]
    [InlineData(400, 200)]
    public async Task RequestLine(int length, int status)
    {
        await using var lanes = await StartAsync("MaxRequestLineSize=512");

        Assert.Equal(status, await StatusAsync(lanes, Lanes.Plain, Lanes.Get("/" + new string('x', length))));
    }

    [Fact]
    public async Task Connections_AreCountedOnThePublicListenerOnly()
    {
        await using var lanes = await StartAsync("MaxConcurrentConnections=2");
        lanes.Service.Reply(RawService.Ok());
        var first = await OpenAsync(lanes);
        using var second = await OpenAsync(lanes);
        Assert.False(await IsTakenAsync(lanes));
        using var http = new HttpClient();
        Assert.True((await http.GetAsync(new Uri(lanes.Gateway.Control, "/readyz"))).IsSuccessStatusCode);

        first.Dispose();

        await Eventually.TrueAsync(() => IsTakenAsync(lanes), "another connection is taken when one has gone");
    }

    /// <summary>The server looks at its clocks once a second.</summary>
    [Theory]
    [InlineData("KeepAliveTimeout=00:00:01", "")]
    [InlineData("RequestHeadersTimeout=00:00:01", "GET / HT")]
    [InlineData("RequestHeadersTimeout=00:00:01", "PRI *")]
    public async Task Silence_EndsTheConnection(string limit, string said)
    {
        await using var lanes = await StartAsync(limit);
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(said);

        if (await client.ReadHeadAsync() is { } head) Assert.Equal(408, head.Status);
        Assert.Null(await client.ReadHeadAsync());
    }

    [Theory]
    [InlineData(Lanes.Plain)]
    [InlineData(Lanes.Durable)]
    public async Task Upload_ThatIsTooSlow_IsGivenUp(string lane)
    {
        await using var lanes = await StartAsync("MinRequestBodyDataRate=100 KiB", "DataRateGracePeriod=00:00:02");

        Assert.Equal(408, await StatusAsync(lanes, lane, Lanes.Head("POST", "/l", "Content-Length: 1000") + "\r\nslow"));
    }

    /// <summary>What is in transit fits no buffer, and the client takes none of it.</summary>
    [Fact]
    public async Task Download_ThatIsTooSlow_IsGivenUp()
    {
        var cut = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var lanes = await StartAsync("MinResponseDataRate=100 KiB", "DataRateGracePeriod=00:00:02");
        lanes.Service.Handler = async (wire, _) =>
        {
            await wire.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
            try
            {
                var megabyte = new byte[1_000_000];
                for (var i = 0; i < 1000; i++) await wire.WriteAsync(megabyte);
            }
            catch (Exception e) when (e is IOException or TimeoutException)
            {
                cut.SetResult();
                throw;
            }
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);

        await client.WriteAsync(Lanes.Get("/l").Replace(Lanes.Host, Lanes.HostOf(Lanes.Plain), StringComparison.Ordinal));

        await cut.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static async Task<Lanes> StartAsync(params string[] limits)
    {
        var lanes = new Lanes(new RawService(), [.. limits.Select(limit => "Durable:Limits:" + limit)]);
        await lanes.InitializeAsync();
        return lanes;
    }

    private static async Task<int> StatusAsync(Lanes lanes, string lane, string request)
    {
        lanes.Service.Reply(RawService.Ok());
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);
        await client.WriteAsync(request.Replace(Lanes.Host, Lanes.HostOf(lane), StringComparison.Ordinal));
        return (await client.ReadHeadAsync())!.Status;
    }

    private static async Task<Wire> OpenAsync(Lanes lanes)
    {
        var client = await Wire.ConnectAsync(lanes.Gateway.Public);
        Assert.True(await AnswersAsync(client));
        return client;
    }

    private static async Task<bool> IsTakenAsync(Lanes lanes)
    {
        try
        {
            using var client = await Wire.ConnectAsync(lanes.Gateway.Public);
            return await AnswersAsync(client);
        }
        catch (SocketException)
        {
            // Closed before it was open.
            return false;
        }
    }

    private static async Task<bool> AnswersAsync(Wire client)
    {
        try
        {
            await client.WriteAsync(Lanes.Get("/l").Replace(Lanes.Host, Lanes.HostOf(Lanes.Plain), StringComparison.Ordinal));
            return await client.ReadHeadAsync() is { } head && (await client.ReadRestAsync(head)).Text == "ok";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
