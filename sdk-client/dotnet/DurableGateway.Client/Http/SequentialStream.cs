#if !NETSTANDARD2_0
using System;
#endif
using System.IO;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client.Http;

/// <summary>What was read of a stream, and then the rest of it.</summary>
internal sealed class SequentialStream(Stream begin, Stream rest) : ReadOnlyStream
{
    protected override async Task<int> ReadPartAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        var read = begin.Read(buffer, offset, count);
        if (read > 0) return read;
#if NETSTANDARD2_0
        return await rest.ReadAsync(buffer, offset, count, cancellationToken).ConfigureAwait(false);
#else
        return await rest.ReadAsync(buffer.AsMemory(offset, count), cancellationToken).ConfigureAwait(false);
#endif
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) rest.Dispose();
        base.Dispose(disposing);
    }
}
