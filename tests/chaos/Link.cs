using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace DurableGateway.Chaos;

/// <summary>
/// The network between two processes. It can be cut or frozen while both processes run. Data that is sent through a frozen network arrives
/// late.
/// </summary>
internal sealed class Link : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, byte> _open = new();
    private readonly int _target;
    private volatile TaskCompletionSource _flows = new();
    private volatile bool _isCut;

    private Link(int target)
    {
        _target = target;
        _flows.SetResult();
        _listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public static Link To(int port) => new(port);

    /// <summary>Resets connections, including new ones.</summary>
    public async Task CutAsync(TimeSpan time)
    {
        _isCut = true;
        foreach (var connection in _open.Keys) Reset(connection);
        await Task.Delay(time);
        _isCut = false;
    }

    /// <summary>Keeps connections open, and forwards nothing.</summary>
    public async Task FreezeAsync(TimeSpan time)
    {
        _flows = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Task.Delay(time);
        _flows.SetResult();
    }

    public ValueTask DisposeAsync()
    {
        _listener.Dispose();
        foreach (var connection in _open.Keys) Reset(connection);
        return ValueTask.CompletedTask;
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = RelayAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The link is closed.
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var server = new TcpClient();
        _open[client] = _open[server] = 0;
        try
        {
            await _flows.Task;
            if (_isCut) return;
            await server.ConnectAsync(IPAddress.Loopback, _target);
            client.NoDelay = server.NoDelay = true;
            await Task.WhenAll(PassAsync(client, server), PassAsync(server, client));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // One of the two processes has closed its connection, or the link was cut.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            Reset(client);
        }
    }

    private async Task PassAsync(TcpClient from, TcpClient to)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer) is > 0 and var count)
            {
                await _flows.Task;
                await to.GetStream().WriteAsync(buffer.AsMemory(0, count));
            }

            to.Client.Shutdown(SocketShutdown.Send);
        }
        catch
        {
            // Both ends are closed, as when a process dies.
            Reset(from);
            Reset(to);
            throw;
        }
    }

    private static void Reset(TcpClient connection)
    {
        try
        {
            connection.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or NullReferenceException)
        {
            // It is already closed.
        }

        connection.Dispose();
    }
}
