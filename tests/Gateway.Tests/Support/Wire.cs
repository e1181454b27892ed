using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace DurableGateway.Tests.Support;

/// <summary>The head of an HTTP/1 message: its bytes on the wire, read as Latin-1.</summary>
internal sealed record WireHead(string StartLine, IReadOnlyList<string> Lines)
{
    public string Method => StartLine.Split(' ')[0];
    public string Target => StartLine.Split(' ')[1];
    public int Status => int.Parse(StartLine.Split(' ')[1], CultureInfo.InvariantCulture);
    public bool IsResponse => StartLine.StartsWith("HTTP/", StringComparison.Ordinal);

    /// <summary>All values of the header, in order of their lines.</summary>
    public IEnumerable<string> Values(string name) =>
        Lines.Where(line => Name(line).Equals(name, StringComparison.OrdinalIgnoreCase)).Select(line =>
            line[(line.IndexOf(':') + 1)..].Trim(' '));

    public string? this[string name] => Values(name).FirstOrDefault();

    public static string Name(string line) => line[..line.IndexOf(':')];
}

/// <summary>A whole HTTP/1 message.</summary>
internal sealed record WireMessage(WireHead Head, byte[] Body, IReadOnlyList<string> Trailers)
{
    public string Text => Encoding.Latin1.GetString(Body);
}

/// <summary>One end of a raw connection.</summary>
internal sealed class Wire(Stream stream) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;

    /// <summary>Whether this end was closed intentionally, so that no further request is read.</summary>
    public bool IsClosed { get; private set; }

    public static async Task<Wire> ConnectAsync(Uri address)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, address.Port);
        return new Wire(client.GetStream());
    }

    public Task WriteAsync(string latin1) => WriteAsync(Encoding.Latin1.GetBytes(latin1));

    public Task WriteAsync(ReadOnlyMemory<byte> bytes) => stream.WriteAsync(bytes).AsTask().WaitAsync(Patience);

    /// <returns><see langword="null"/> at the end of the connection.</returns>
    public async Task<WireHead?> ReadHeadAsync()
    {
        if (await ReadLineAsync() is not { } start) return null;
        var lines = new List<string>();
        while (await ReadLineAsync() is { Length: > 0 } line) lines.Add(line);
        return new WireHead(start, lines);
    }

    /// <param name="head">The head that precedes the body.</param>
    /// <param name="request">The request, if the message is a response.</param>
    public async Task<WireMessage> ReadRestAsync(WireHead head, string? request = null)
    {
        var trailers = new List<string>();
        using var body = new MemoryStream();
        if (request == "HEAD" || (head.IsResponse && head.Status is < 200 or 204 or 304)) return new WireMessage(head, [], trailers);
        if (head["Transfer-Encoding"] is not null)
        {
            while (await ReadChunkAsync() is { Length: > 0 } chunk) body.Write(chunk);
            trailers = await ReadTrailersAsync();
        }
        else if (head["Content-Length"] is { } length)
        {
            body.Write(await ReadExactlyAsync(int.Parse(length, CultureInfo.InvariantCulture)));
        }
        else if (head.IsResponse)
        {
            while (await ReadSomeAsync() is { Length: > 0 } some) body.Write(some);
        }

        return new WireMessage(head, body.ToArray(), trailers);
    }

    /// <summary>One chunk's data, without its extensions; empty for the last.</summary>
    public async Task<byte[]> ReadChunkAsync()
    {
        var line = await ReadLineAsync() ?? throw new IOException("The connection ended within a chunked body.");
        var data = await ReadExactlyAsync(int.Parse(line.Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        if (data.Length > 0) Assert.Equal("", await ReadLineAsync());
        return data;
    }

    /// <summary>Reads the trailers after the last chunk.</summary>
    public async Task<List<string>> ReadTrailersAsync()
    {
        var trailers = new List<string>();
        while (await ReadLineAsync() is { Length: > 0 } line) trailers.Add(line);
        return trailers;
    }

    public async Task<byte[]> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        for (var read = 0; read < count;)
        {
            if (!await FillAsync()) throw new IOException($"The connection ended {count - read} bytes early.");
            var some = Math.Min(count - read, _end - _start);
            _buffer.AsSpan(_start, some).CopyTo(bytes.AsSpan(read));
            (_start, read) = (_start + some, read + some);
        }

        return bytes;
    }

    /// <summary>Reads the available bytes; empty at the end of the connection.</summary>
    public async Task<byte[]> ReadSomeAsync()
    {
        if (!await FillAsync()) return [];
        var some = _buffer[_start.._end];
        _start = _end;
        return some;
    }

    public void Close()
    {
        IsClosed = true;
        stream.Close();
    }

    public void Dispose() => stream.Dispose();

    private async Task<string?> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (await FillAsync())
        {
            var c = (char)_buffer[_start++];
            if (c == '\n') return line.ToString().TrimEnd('\r');
            line.Append(c);
        }

        return line.Length == 0 ? null : throw new IOException($"The connection ended within the line '{line}'.");
    }

    private async ValueTask<bool> FillAsync()
    {
        if (_start < _end) return true;
        (_start, _end) = (0, await stream.ReadAsync(_buffer).AsTask().WaitAsync(Patience));
        return _end > 0;
    }
}
