using System.Collections.Concurrent;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Services that keep no connection open. They have a separate gateway, whose pool has no connections of other services.</summary>
public sealed class ClosingServiceTests(Lanes lanes) : IClassFixture<Lanes>
{
    /// <summary>
    /// The gateway does not reuse a connection that the service has declared closed. HTTP/1.0 does so by default.
    /// </summary>
    [Theory]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold")]
    [InlineData("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nold")]
    [InlineData("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nold")]
    public async Task Service_ThatClosesItsConnections_ServesOneRequestAfterTheOther(string response)
    {
        var served = new ConcurrentDictionary<Wire, bool>();
        lanes.Service.Handler = async (wire, head) =>
        {
            // It closes later: at the latest when more data arrives, which it does not read.
            if (!served.TryAdd(wire, true))
            {
                wire.Close();
                return;
            }

            await lanes.Service.RecordAsync(wire, head);
            await wire.WriteAsync(response);
            if (!response.Contains("Content-Length", StringComparison.Ordinal)) wire.Close();
        };

        for (var i = 0; i < 3; i++)
        {
            var exchange = await lanes.SameAsync(Lanes.Head("POST", "/r", "Content-Length: 4") + "\r\nbody");

            Assert.Equal("HTTP/1.1 200 OK", exchange.Received.Head.StartLine);
            Assert.Equal("old", exchange.Received.Text);
        }
    }
}
