using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DurableGateway.Tests.Support;

/// <summary>HTTP as bytes, for requests that a client library would normalize or refuse.</summary>
internal static class Raw
{
    /// <summary>Sends the bytes and reads until the peer closes. The request should have <c>Connection: close</c>.</summary>
    public static async Task<RawAnswer> SendAsync(Uri host, string head, byte[]? body = null)
    {
        using var client = await ConnectAsync(host, head, body);
        using var all = new MemoryStream();
        try
        {
            await client.GetStream().CopyToAsync(all).WaitAsync(World.Patience);
        }
        catch (IOException)
        {
            // After a reset, use the bytes that arrived.
        }

        return RawAnswer.Parse(all.ToArray());
    }

    /// <summary>Sends the bytes and leaves the connection open.</summary>
    public static async Task<TcpClient> ConnectAsync(Uri host, string head, byte[]? body = null)
    {
        var client = new TcpClient();
        await client.ConnectAsync(host.Host, host.Port);
        await client.GetStream().WriteAsync(Encoding.UTF8.GetBytes(head.ReplaceLineEndings("\r\n")));
        if (body is not null) await client.GetStream().WriteAsync(body);
        return client;
    }
}

/// <summary>A response as on the wire, with chunks not decoded.</summary>
internal sealed record RawAnswer(int Status, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body)
{
    public string? this[string name] =>
        Headers.Where(line => line.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value).FirstOrDefault();

    public static RawAnswer Parse(byte[] bytes)
    {
        var end = bytes.AsSpan().IndexOf("\r\n\r\n"u8);
        if (end < 0) return new RawAnswer(0, [], bytes);
        var lines = Encoding.UTF8.GetString(bytes, 0, end).Split("\r\n");
        var headers = lines.Skip(1).Select(line => line.Split(':', 2)).Select(parts => KeyValuePair.Create(parts[0], parts[1].Trim()));
        return new RawAnswer(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), [.. headers], bytes[(end + 4)..]);
    }
}

/// <summary>A raw service: it reads a request's head and body, and the test then controls the connection.</summary>
internal sealed class SocketService : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Task _loop;
    private int _count;

    public SocketService(Func<int, Socket, Task> handle)
    {
        _listener.Start();
        _loop = LoopAsync(handle);
    }

    public string Url => $"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";
    public int Count => Volatile.Read(ref _count);

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _loop;
    }

    private async Task LoopAsync(Func<int, Socket, Task> handle)
    {
        var open = new List<Task>();
        try
        {
            while (true)
            {
                var socket = await _listener.AcceptSocketAsync();
                open.Add(OneAsync(handle, socket));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            await Task.WhenAll(open).WaitAsync(World.Patience);
        }
    }

    private async Task OneAsync(Func<int, Socket, Task> handle, Socket socket)
    {
        using (socket)
        {
            var buffer = new byte[64 * 1024];
            var read = await socket.ReceiveAsync(buffer);
            if (read > 0) await handle(Interlocked.Increment(ref _count), socket);
        }
    }
}

internal static class Sockets
{
    public static async Task SayAsync(this Socket socket, string text)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\r\n")));
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Resets the connection (RST).</summary>
    public static Task ResetAsync(this Socket socket)
    {
        socket.LingerState = new LingerOption(true, 0);
        socket.Close();
        return Task.CompletedTask;
    }
}
