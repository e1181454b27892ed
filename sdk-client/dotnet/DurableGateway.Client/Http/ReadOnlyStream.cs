using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>The base of streams that are only read, from the beginning to the end.</summary>
internal abstract class ReadOnlyStream : Stream
{
    public sealed override bool CanRead => true;
    public sealed override bool CanSeek => false;
    public sealed override bool CanWrite => false;
    public sealed override long Length => throw new NotSupportedException();

    public sealed override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public sealed override int Read(byte[] buffer, int offset, int count) =>
        ReadPartAsync(buffer, offset, count, CancellationToken.None).GetAwaiter().GetResult();

    public sealed override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadPartAsync(buffer, offset, count, cancellationToken);

    /// <inheritdoc cref="Stream.ReadAsync(byte[], int, int, CancellationToken)"/>
    protected abstract Task<int> ReadPartAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken);

#if !NETSTANDARD2_0
    public sealed override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (System.Runtime.InteropServices.MemoryMarshal.TryGetArray((ReadOnlyMemory<byte>)buffer, out var array))
            return await ReadPartAsync(array.Array!, array.Offset, array.Count, cancellationToken).ConfigureAwait(false);
        var copy = new byte[Math.Min(buffer.Length, 16 * 1024)];
        var count = await ReadPartAsync(copy, 0, copy.Length, cancellationToken).ConfigureAwait(false);
        copy.AsMemory(0, count).CopyTo(buffer);
        return count;
    }
#endif

    public sealed override void Flush()
    {
    }

    public sealed override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public sealed override void SetLength(long value) => throw new NotSupportedException();

    public sealed override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
