using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Tests.Support;

/// <summary>
/// A network link to a server with limited bandwidth in each direction, which all connections share. It counts the bytes to the server, and
/// can lose the answers of connections that carry much.
/// </summary>
internal sealed class SlowLink : IAsyncDisposable
{
    private const int Chunk = 16 * 1024;

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Connection, byte> _open = new();
    private readonly Lock _lock = new();
    private readonly int _target;
    private TimeSpan _sends;
    private TimeSpan _receives;
    private long _sent;
    private int _broken;

    private SlowLink(int target, long bytesPerSecond)
    {
        (_target, BytesPerSecond) = (target, bytesPerSecond);

        // Small buffers: for the sender, buffered bytes count as sent.
        _listener.Server.ReceiveBufferSize = 4 * Chunk;
        _listener.Start();
        _ = AcceptAsync();
    }

    public string ConnectionString => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>The bytes that have passed to the server.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>The bandwidth to the server.</summary>
    public long BytesPerSecond { get; set; }

    /// <summary>The bandwidth from the server.</summary>
    public long BytesBackPerSecond { get; set; } = 1L << 30;

    /// <summary>The open connections that have carried much.</summary>
    public int Carrying => _open.Keys.Count(connection => connection.Sent >= 4 * Chunk);

    /// <summary>The connections that their sender closed after a lost answer.</summary>
    public int Broken => Volatile.Read(ref _broken);

    /// <summary>Drops the answers of a connection after it has carried more than this many bytes to the server.</summary>
    public long LosesAnswersAfter { get; set; } = long.MaxValue;

    public static SlowLink To(RedisServer server, long bytesPerSecond) => new(server.Port, bytesPerSecond);

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var connection in _open.Keys) connection.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = RelayAsync(new Connection(await _listener.AcceptTcpClientAsync()));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The link is disposed.
        }
    }

    private async Task RelayAsync(Connection connection)
    {
        _open[connection] = 0;
        try
        {
            await connection.Server.ConnectAsync(IPAddress.Loopback, _target);
            connection.Client.NoDelay = connection.Server.NoDelay = true;
            await Task.WhenAny(SendAsync(connection), ReceiveAsync(connection));
        }
        catch (SocketException)
        {
            // The server does not accept connections.
        }
        finally
        {
            if (connection.HasLostAnswers) Interlocked.Increment(ref _broken);
            _open.TryRemove(connection, out _);
            connection.Dispose();
        }
    }

    private async Task SendAsync(Connection connection)
    {
        var buffer = new byte[Chunk];
        while (await connection.Client.GetStream().ReadAsync(buffer) is > 0 and var count)
        {
            await Task.Delay(TakeTurn(ref _sends, count, BytesPerSecond));
            connection.Sent += count;
            Interlocked.Add(ref _sent, count);
            await connection.Server.GetStream().WriteAsync(buffer.AsMemory(0, count));
        }
    }

    private async Task ReceiveAsync(Connection connection)
    {
        var buffer = new byte[Chunk];
        while (await connection.Server.GetStream().ReadAsync(buffer) is > 0 and var count)
        {
            connection.HasLostAnswers |= connection.Sent > LosesAnswersAfter;
            await Task.Delay(TakeTurn(ref _receives, count, BytesBackPerSecond));
            if (!connection.HasLostAnswers) await connection.Client.GetStream().WriteAsync(buffer.AsMemory(0, count));
        }
    }

    /// <summary>The time until the link has carried these bytes and all earlier ones.</summary>
    private TimeSpan TakeTurn(ref TimeSpan busyUntil, int count, long bytesPerSecond)
    {
        lock (_lock)
        {
            var now = TimeSpan.FromMilliseconds(Environment.TickCount64);
            if (busyUntil < now) busyUntil = now;
            busyUntil += TimeSpan.FromSeconds((double)count / bytesPerSecond);
            return busyUntil - now;
        }
    }

    private sealed class Connection(TcpClient client) : IDisposable
    {
        public TcpClient Client => client;
        public TcpClient Server { get; } = new();
        public long Sent { get; set; }
        public bool HasLostAnswers { get; set; }

        public void Dispose()
        {
            client.Dispose();
            Server.Dispose();
        }
    }
}
