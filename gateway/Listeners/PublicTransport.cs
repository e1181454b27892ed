using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace DurableGateway.Listeners;

/// <summary>
/// Kestrel's socket transport, with public sockets that can be closed before the server stops. Services can then checkpoint while their
/// attempts are in flight, although clients cannot start new ones on this node.
/// </summary>
internal sealed class PublicTransport : IConnectionListenerFactory
{
    /// <summary>How long to wait until the last connections in the system's queue are accepted.</summary>
    private static readonly TimeSpan QueueTime = TimeSpan.FromSeconds(2);

    /// <summary>How long a handshake that has begun takes to complete.</summary>
    private static readonly TimeSpan HandshakeTime = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private const int KeepAliveSeconds = 60;

    private readonly SocketTransportFactory _factory;
    private readonly List<IConnectionListener> _listeners = [];
    private readonly List<Socket> _sockets = [];
    private readonly PublicConnectionManager _connections;
    private readonly TimeProvider _time;

    public PublicTransport(
        IOptions<SocketTransportOptions> options, ILoggerFactory loggers, PublicConnectionManager connections, TimeProvider time)
    {
        (_connections, _time) = (connections, time);
        options.Value.CreateBoundListenSocket = endpoint =>
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            if (endpoint is not PublicEndPoint) return socket;

            // Detects clients of silent WebSockets that have disappeared. Accepted connections inherit the option.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveSeconds / 4);
            _sockets.Add(socket);
            return socket;
        };
        _factory = new SocketTransportFactory(options, loggers);
    }

    /// <summary>The end point of a listener that accepts no connections.</summary>
    public static EndPoint Nowhere { get; } = new NoEndPoint();

    /// <summary>The end points of the public listeners.</summary>
    public static IEnumerable<IPEndPoint> EndPoints(BindingAddressParts address) => address switch
    {
        { Address: { } ip } => [new PublicEndPoint(ip, address.Port)],
        { IsLocalhost: true } => Socket.OSSupportsIPv6
            ? [new PublicEndPoint(IPAddress.Loopback, address.Port), new PublicEndPoint(IPAddress.IPv6Loopback, address.Port)]
            : [new PublicEndPoint(IPAddress.Loopback, address.Port)],
        _ => [new PublicEndPoint(Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any, address.Port)],
    };

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is NoEndPoint) return new NoListener(endpoint);
        var listener = await _factory.BindAsync(endpoint, cancellationToken);
        if (endpoint is not PublicEndPoint) return listener;
        _listeners.Add(listener);
        return new PublicListener(listener, _connections);
    }

    /// <summary>
    /// Closes the public sockets. Open connections stay open. Closing a socket resets connections that the system has accepted and this
    /// process has not. So new connections are dropped first, and the system's queue is emptied.
    /// </summary>
    public async Task StopListeningAsync(CancellationToken cancellation)
    {
        foreach (var socket in _sockets) ListenSocketDrain.StopAccepting(socket);
        await Task.Delay(HandshakeTime, _time, cancellation);
        var began = _time.GetTimestamp();
        while (_sockets.Any(ListenSocketDrain.HasPending) && _time.GetElapsedTime(began) < QueueTime)
            await Task.Delay(Look, _time, cancellation);
        foreach (var listener in _listeners) await listener.UnbindAsync(cancellation);
    }

    private sealed class PublicEndPoint(IPAddress address, int port) : IPEndPoint(address, port);

    /// <summary>Records each connection before anything else handles it.</summary>
    private sealed class PublicListener(IConnectionListener listener, PublicConnectionManager connections) : IConnectionListener
    {
        public EndPoint EndPoint => listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            var connection = await listener.AcceptAsync(cancellationToken);
            if (connection is not null) connections.Arrived(connection);
            return connection;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => listener.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => listener.DisposeAsync();
    }

    private sealed class NoEndPoint : EndPoint
    {
        public override string ToString() => "public-http2";
    }

    private sealed class NoListener(EndPoint endPoint) : IConnectionListener
    {
        private readonly TaskCompletionSource<ConnectionContext?> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint => endPoint;

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => new(_end.Task);

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => DisposeAsync();

        public ValueTask DisposeAsync()
        {
            _end.TrySetResult(null);
            return default;
        }
    }
}
