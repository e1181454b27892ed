using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DurableGateway.Services;

/// <summary>
/// Adds a header to each HTTP/1.1 request of a client that cannot add it itself, and changes no other byte. It stands for a service that
/// hands on the header of its own request.
/// </summary>
internal sealed class Relay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _ended = new();
    private readonly int _port;
    private readonly byte[] _field;
    private readonly Task _accepting;

    /// <param name="port">The port of the loopback interface that requests are sent to.</param>
    /// <param name="field">The line of the header.</param>
    public Relay(int port, string field)
    {
        _port = port;
        _field = Encoding.Latin1.GetBytes(field + "\r\n");
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public Uri Url => new($"http://{_listener.LocalEndpoint}");

    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _ended.Dispose();
    }

    private async Task AcceptAsync()
    {
        var connections = new List<Task>();
        try
        {
            while (true) connections.Add(ServeAsync(await _listener.AcceptSocketAsync(_ended.Token)));
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        using (client)
        {
            try
            {
                client.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, _port, _ended.Token);
                var answers = CopyAsync(server, client);
                await SendRequestsAsync(client, server);
                server.Shutdown(SocketShutdown.Send);
                await answers;
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException or EndOfStreamException or ObjectDisposedException)
            {
                // One of the two has gone. The other one sees its connection end.
            }
        }
    }

    private async Task CopyAsync(Socket from, Socket to)
    {
        var buffer = new byte[64 * 1024];
        for (int read; (read = await from.ReceiveAsync(buffer, _ended.Token)) > 0;)
            await to.SendAsync(buffer.AsMemory(0, read), _ended.Token);
        to.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Sends one request after the other; after a request that upgrades the connection, whatever comes.</summary>
    private async Task SendRequestsAsync(Socket client, Socket server)
    {
        var reader = new Reader(client, server, _ended.Token);
        while (await reader.ReadHeadAsync() is { } head)
        {
            var line = head.IndexOf("\r\n", StringComparison.Ordinal) + 2;
            await reader.WriteAsync(Encoding.Latin1.GetBytes(head[..line]));
            await reader.WriteAsync(_field);
            await reader.WriteAsync(Encoding.Latin1.GetBytes(head[line..]));
            if (ValueOf(head, "Upgrade") is not null) await reader.PassAllAsync();
            else if (ValueOf(head, "Transfer-Encoding") is not null) await reader.PassChunksAsync();
            else await reader.PassAsync(long.Parse(ValueOf(head, "Content-Length") ?? "0", CultureInfo.InvariantCulture));
        }
    }

    private static string? ValueOf(string head, string name) => head.Split("\r\n")
        .Where(line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase)).Select(line => line[(name.Length + 1)..].Trim())
        .FirstOrDefault();

    /// <summary>Reads a client's bytes, and passes them on as they come.</summary>
    private sealed class Reader(Socket client, Socket server, CancellationToken ended)
    {
        private readonly byte[] _buffer = new byte[64 * 1024];
        private int _start;
        private int _end;

        private ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

        /// <returns>The request line and headers with the empty line, or <see langword="null"/> at the end of the connection.</returns>
        public async Task<string?> ReadHeadAsync()
        {
            int length;
            while ((length = Unread.IndexOf("\r\n\r\n"u8)) < 0)
            {
                if (!await FillAsync()) return null;
            }

            return Take(length + 4);
        }

        public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            while (bytes.Length > 0) bytes = bytes[await server.SendAsync(bytes, ended)..];
        }

        public async Task PassAsync(long bytes)
        {
            while (bytes > 0)
            {
                if (_start == _end && !await FillAsync()) throw new EndOfStreamException();
                var part = (int)Math.Min(bytes, _end - _start);
                await WriteAsync(_buffer.AsMemory(_start, part));
                _start += part;
                bytes -= part;
            }
        }

        public async Task PassAllAsync()
        {
            do
            {
                await PassAsync(_end - _start);
            }
            while (await FillAsync());
        }

        public async Task PassChunksAsync()
        {
            while (true)
            {
                var line = await PassLineAsync();
                var size = long.Parse(line.Split(';')[0].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
                if (size == 0) break;
                await PassAsync(size + 2);
            }

            while (await PassLineAsync() != "\r\n")
            {
                // A trailer.
            }
        }

        private async Task<string> PassLineAsync()
        {
            int length;
            while ((length = Unread.IndexOf("\r\n"u8)) < 0)
            {
                if (!await FillAsync()) throw new EndOfStreamException();
            }

            var line = Take(length + 2);
            await WriteAsync(Encoding.Latin1.GetBytes(line));
            return line;
        }

        private string Take(int length)
        {
            var text = Encoding.Latin1.GetString(_buffer, _start, length);
            _start += length;
            return text;
        }

        private async Task<bool> FillAsync()
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
            var read = await client.ReceiveAsync(_buffer.AsMemory(_end), ended);
            _end += read;
            return read > 0;
        }
    }
}
