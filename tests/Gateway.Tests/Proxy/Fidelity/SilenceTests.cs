using DurableGateway.Proxy;
using DurableGateway.Tests.Support;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Connections may be silent for any time, unless their cluster sets a limit.</summary>
public sealed class SilenceTests
{
    [Fact]
    public void Cluster_ThatSaysNothing_AllowsSilence_AndIsTheSameOtherwise()
    {
        using var client = new HttpMessageInvoker(new SocketsHttpHandler());
        var cluster = new ClusterModel(new ClusterConfig
        {
            ClusterId = "c",
            HttpRequest = new ForwarderRequestConfig { Version = new Version(2, 0) }
        }, client);

        var patient = LongLivedRequest.WithPatience(cluster);

        Assert.Equal(Timeout.InfiniteTimeSpan, patient.Config.HttpRequest!.ActivityTimeout);
        Assert.Equal((cluster.Config.ClusterId, new Version(2, 0)), (patient.Config.ClusterId, patient.Config.HttpRequest.Version));
        Assert.Same(client, patient.HttpClient);
        Assert.Same(patient, LongLivedRequest.WithPatience(cluster));
        Assert.Null(cluster.Config.HttpRequest!.ActivityTimeout);
    }

    [Theory]
    [InlineData("GET", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")]
    [InlineData("GET", "Accept: text/event-stream")]
    public async Task Cluster_ThatSaysHowLong_IsHeard(string method, string headers)
    {
        await using var lanes = new Lanes(new RawService(), "ReverseProxy:Clusters:upstream:HttpRequest:ActivityTimeout=00:00:01");
        await lanes.InitializeAsync();
        lanes.Service.Handler = async (wire, head) =>
        {
            await wire.WriteAsync(head["Upgrade"] is null
                ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                : "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
                    + "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
            await wire.ReadSomeAsync();
        };
        using var client = await Wire.ConnectAsync(lanes.Gateway.Public);
        await client.WriteAsync($"{method} /s HTTP/1.1\r\nHost: {Lanes.HostOf(Lanes.Durable)}\r\n{headers}\r\n\r\n");
        Assert.True((await client.ReadHeadAsync())!.Status is 101 or 200);

        // The connection ends, with or without an error.
        Assert.True(await Record.ExceptionAsync(async () => Assert.Empty(await client.ReadSomeAsync())) is null or IOException);
    }
}
