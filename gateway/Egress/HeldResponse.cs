using DurableGateway.Http;

namespace DurableGateway.Egress;

/// <summary>
/// Copies the body of a response while it streams to the service. The last bytes, or the head of a response without a body, are held back
/// until <see cref="ReleaseAsync"/>, so that no service has a whole response that is not remembered.
/// </summary>
/// <param name="service">The service that made the call.</param>
/// <param name="limit">The maximum size of the copy in bytes.</param>
/// <param name="length">The length of the body, if it is known.</param>
internal sealed class HeldResponse(Stream service, long limit, long? length) : WriteOnlyStream
{
    private readonly MemoryStream _copy = new();
    private byte[] _held = [];
    private bool _isReleased;
    private bool _hasBegun;

    /// <summary>The body exceeds the limit and is not remembered.</summary>
    public bool Overflowed { get; private set; }

    public ReadOnlyMemory<byte> Body => _copy.GetBuffer().AsMemory(0, (int)_copy.Length);

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!Overflowed && !_isReleased)
        {
            if (_copy.Length + buffer.Length > limit) await OverflowAsync(cancellationToken);
            else
            {
                _copy.Write(buffer.Span);
                if (_copy.Length >= length)
                {
                    _held = [.. _held, .. buffer.Span];
                    return;
                }
            }
        }

        _hasBegun |= buffer.Length > 0;
        await service.WriteAsync(buffer, cancellationToken);
    }

    /// <summary>Does nothing before the body has begun, because the head may be all that there is.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) =>
        _hasBegun || _isReleased ? service.FlushAsync(cancellationToken) : Task.CompletedTask;

    /// <summary>Sends what is held back.</summary>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        _isReleased = true;
        var held = _held;
        _held = [];
        if (held.Length > 0) await service.WriteAsync(held, cancellation);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _copy.Dispose();
        base.Dispose(disposing);
    }

    private async Task OverflowAsync(CancellationToken cancellation)
    {
        Overflowed = true;
        _copy.SetLength(0);
        await ReleaseAsync(cancellation);
    }
}
