using System.Net;
using System.Net.Sockets;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

/// <summary>A gateway that pushes no traces takes no part in them. It is a process of its own: other tests listen in this one.</summary>
public sealed class UntracedTests
{
    private const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Fact]
    public async Task TraceOfTheClient_ReachesTheServiceAsItIs_AndWithoutOneThereIsNone()
    {
        await using var service = await TestService.StartAsync((_, _) => Task.CompletedTask);
        await using var gateway = await GatewayProcess.StartAsync(service.Url);

        await GetAsync(gateway, $"traceparent: {Trace}\r\ntracestate: v=1\r\n");
        await GetAsync(gateway, "");

        Assert.Equal([(Trace, "v=1"), (null, null)], service.Seen.Select(seen => (seen["traceparent"], seen["tracestate"])));
    }

    /// <summary>.NET's client would send a trace of its own, if anything in this process listens.</summary>
    private static async Task GetAsync(GatewayProcess gateway, string headers)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, gateway.Public.Port);
        using var wire = new Wire(socket.GetStream());
        await wire.WriteAsync($"GET /traced HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
        Assert.Equal(200, (await wire.ReadHeadAsync())!.Status);
    }
}
