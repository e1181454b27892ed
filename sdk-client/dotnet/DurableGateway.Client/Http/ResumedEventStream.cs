using System;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>
/// A stream of server-sent events that continues after a lost connection, after the last event that arrived whole. It returns whole events
/// only, so that a repeated event is never half of two.
/// </summary>
/// <param name="first">The stream of the first connection.</param>
/// <param name="connect">
/// Connects again, after the failure, behind the event with the id. Returns <see langword="null"/> if the stream is complete, and throws if
/// it cannot be continued.
/// </param>
internal sealed class ResumedEventStream(Stream first, Func<Exception, string?, CancellationToken, Task<Stream?>> connect) : ReadOnlyStream
{
    private static readonly byte[][] BlankLines = ["\n\n"u8.ToArray(), "\r\n\r\n"u8.ToArray(), "\r\r"u8.ToArray()];

    private readonly MemoryStream _part = new();
    private Stream _stream = first;
    private byte[] _ready = [];
    private int _position;
    private string? _lastId;
    private bool _ended;
    private volatile bool _disposed;

    protected override async Task<int> ReadPartAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        var read = new byte[16 * 1024];
        while (_position == _ready.Length)
        {
            if (_ended || count == 0) return 0;
            try
            {
#if NETSTANDARD2_0
                var arrived = await _stream.ReadAsync(read, 0, read.Length, cancellationToken).ConfigureAwait(false);
#else
                var arrived = await _stream.ReadAsync(read.AsMemory(), cancellationToken).ConfigureAwait(false);
#endif
                if (arrived > 0) Take(read, arrived);
                else End(_part.ToArray());
            }
            catch (Exception e) when (e is HttpRequestException or IOException && !_disposed)
            {
                // What has arrived of the next event comes again.
                _part.SetLength(0);
                _stream.Dispose();
                if (await connect(e, _lastId, cancellationToken).ConfigureAwait(false) is { } next) _stream = next;
                else End([]);
            }
        }

        var given = Math.Min(count, _ready.Length - _position);
        Buffer.BlockCopy(_ready, _position, buffer, offset, given);
        _position += given;
        return given;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _disposed = true;
            _stream.Dispose();
            _part.Dispose();
        }

        base.Dispose(disposing);
    }

    private void End(byte[] rest)
    {
        _ended = true;
        (_ready, _position) = (rest, 0);
    }

    /// <summary>Keeps what arrived, and makes the whole events ready.</summary>
    private void Take(byte[] bytes, int count)
    {
        _part.Write(bytes, 0, count);
        var all = _part.ToArray();
        var end = 0;
        while (EndOfEvent(all, end) is var next && next > end)
        {
            foreach (var line in Encoding.UTF8.GetString(all, end, next - end).Split('\r', '\n'))
            {
                if (line.StartsWith("id:", StringComparison.Ordinal)) _lastId = line.Substring("id:".Length).TrimStart(' ');
            }

            end = next;
        }

        if (end == 0) return;
        (_ready, _position) = (all.AsSpan(0, end).ToArray(), 0);
        _part.SetLength(0);
        _part.Write(all, end, all.Length - end);
    }

    /// <summary>The index behind the blank line that ends the event at <paramref name="from"/>; 0 if it has not arrived.</summary>
    private static int EndOfEvent(byte[] text, int from)
    {
        var end = 0;
        foreach (var blank in BlankLines)
        {
            var at = text.AsSpan(from).IndexOf(blank);
            if (at >= 0 && (end == 0 || from + at + blank.Length < end)) end = from + at + blank.Length;
        }

        return end;
    }
}
