using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace DurableGateway.Benchmarks;

/// <summary>
/// One connection on a bare socket: an HTTP client would take more of the machine than what is measured. It understands only
/// responses with a length, and short ones in chunks.
/// </summary>
internal sealed class Client : IDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _request;
    private readonly byte[] _status;
    private readonly byte[] _buffer = new byte[64 * 1024];

    private Client(Call call)
    {
        _request = call.ToBytes();
        _status = Encoding.ASCII.GetBytes($"HTTP/1.1 {call.Expected}");
    }

    public static async Task<Client> ConnectAsync(Call call)
    {
        var client = new Client(call);
        await client._socket.ConnectAsync(call.Url.Host, call.Url.Port);
        return client;
    }

    public async Task SendAsync()
    {
        for (var sent = 0; sent < _request.Length;) sent += await _socket.SendAsync(_request.AsMemory(sent));
        int length = 0, end;
        while ((end = _buffer.AsSpan(0, length).IndexOf("\r\n\r\n"u8)) < 0) length += await ReceiveAsync(length);
        if (!_buffer.AsSpan().StartsWith(_status)) throw new IOException($"Not expected: {Encoding.ASCII.GetString(_buffer, 0, length)}");
        if (BodyLength(_buffer.AsSpan(0, end + 2)) is { } bytes)
        {
            for (var left = bytes - (length - end - 4); left > 0;) left -= await ReceiveAsync(0);
        }
        else
        {
            while (!_buffer.AsSpan(0, length).EndsWith("0\r\n\r\n"u8)) length += await ReceiveAsync(length);
        }
    }

    public void Dispose() => _socket.Dispose();

    private async Task<int> ReceiveAsync(int at)
    {
        var read = await _socket.ReceiveAsync(_buffer.AsMemory(at));
        return read > 0 ? read : throw new IOException("The server hung up.");
    }

    /// <summary><see langword="null"/>: in chunks.</summary>
    private static int? BodyLength(ReadOnlySpan<byte> head)
    {
        foreach (var line in head.Split("\r\n"u8))
        {
            var field = head[line];
            if (field.Length > 16 && Ascii.EqualsIgnoreCase(field[..16], "content-length: "u8)
                && Utf8Parser.TryParse(field[16..], out int length, out _)) return length;
        }

        return null;
    }
}
