using DurableGateway.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Copies the response body, up to a limit, while it streams to the client, if there is one. The last bytes of a body of known length are
/// held back until <see cref="ReleaseAsync"/>, so that no client has a whole response before the run has it.
/// </summary>
/// <param name="client">The client; <see langword="null"/> if there is none.</param>
/// <param name="limit">The maximum size of the copy in bytes.</param>
/// <param name="useless">Called when the body is too large to be stored and no client reads it.</param>
/// <param name="length">The length of the body, if it is known.</param>
internal sealed class ResponseCapture(ClientStream? client, long limit, Action useless, long? length = null) : WriteOnlyStream
{
    private readonly SegmentedBuffer _copy = new();
    private ReadOnlyMemory<byte>? _body;
    private byte[] _held = [];
    private long _received;
    private bool _isReplaced;

    /// <summary>The body exceeds the limit and is not stored.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>The copy. Do not write after reading this property.</summary>
    public ReadOnlyMemory<byte> Body => _body ??= _copy.Take();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_isReplaced)
        {
            if (client is not null) await client.WriteAsync(buffer, cancellationToken);
            return;
        }

        Keep(buffer.Span);
        _received += buffer.Length;
        if (_received >= length) _held = [.. _held, .. buffer.Span];
        else if (client is not null) await client.WriteAsync(buffer, cancellationToken);
        if (Overflowed && client is null or { IsGone: true }) useless();
    }

    /// <summary>
    /// Drops the bytes that are held back: the client gets another response, which passes from now on. The copy stays as it is.
    /// </summary>
    public void Replace()
    {
        _isReplaced = true;
        _held = [];
    }

    /// <summary>Sends the last bytes to the client.</summary>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        var held = _held;
        _held = [];
        if (held.Length > 0 && client is not null) await client.WriteAsync(held, cancellation);
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => client?.FlushAsync(cancellationToken) ?? Task.CompletedTask;

    protected override void Dispose(bool disposing)
    {
        if (disposing) _copy.Clear();
        base.Dispose(disposing);
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (Overflowed) return;
        if (_copy.Length + bytes.Length > limit)
        {
            Overflowed = true;
            _copy.Clear();
            return;
        }

        _copy.Write(bytes);
    }
}
