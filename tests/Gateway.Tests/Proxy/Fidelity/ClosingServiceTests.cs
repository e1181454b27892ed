using System.Collections.Concurrent;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Proxy.Fidelity;

/// <summary>Services that keep no connection open. A gateway of their own: its pool holds no connection of a service that does.</summary>
public sealed class ClosingServiceTests(Lanes lanes) : IClassFixture<Lanes>
{
    /// <summary>
    /// A connection that the service has said to be over (HTTP/1.0 says it by saying nothing) is not used for another request.
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
            // It closes in its own time: at the latest when something more comes, which it does not read.
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
