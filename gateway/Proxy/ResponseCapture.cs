using DurableGateway.Http;

namespace DurableGateway.Proxy;

/// <summary>
/// Keeps a copy of the response body, up to a limit, while it streams on to the client, if there still is one. The last bytes of a
/// body of known length are held back until <see cref="ReleaseAsync"/>, so that no client has a whole response that the run has not.
/// </summary>
/// <param name="client">The client; <see langword="null"/> where there is none.</param>
/// <param name="limit">The most bytes that are kept.</param>
/// <param name="useless">Called when the body is too large to be kept and nobody takes it either.</param>
/// <param name="length">The length of the body, where it is known.</param>
internal sealed class ResponseCapture(ClientStream? client, long limit, Action useless, long? length = null) : WriteOnlyStream
{
    private readonly SegmentedBuffer _copy = new();
    private ReadOnlyMemory<byte>? _body;
    private byte[] _held = [];
    private long _received;

    /// <summary>The body is larger than the limit: it is not kept.</summary>
    public bool Overflowed { get; private set; }

    /// <summary>The copy. Nothing can be written after it has been asked for.</summary>
    public ReadOnlyMemory<byte> Body => _body ??= _copy.Take();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Keep(buffer.Span);
        _received += buffer.Length;
        if (_received >= length) _held = [.. _held, .. buffer.Span];
        else if (client is not null) await client.WriteAsync(buffer, cancellationToken);
        if (Overflowed && client is null or { IsGone: true }) useless();
    }

    /// <summary>Gives the client the last bytes.</summary>
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
